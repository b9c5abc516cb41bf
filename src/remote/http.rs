use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use jiff::civil::DateTime;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use reqwest::header::{AGE, DATE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Certificate, Client, ClientBuilder, Proxy, Response, StatusCode};
use thiserror::Error;
use tokio::time::timeout;
use url::Url;

use super::budget::Budget;
use super::dns::ResolverError;
use super::paging::paging_headers;
use super::watched::{MAX_BYTES, Watched};
use crate::files::read_regular_file;
use crate::model::{Escaped, Timestamp, is_unseen};
use crate::sync::{Epoch, FetchFailure, FetchedPage};

const CONNECT: Duration = Duration::from_secs(10);
/// The official registry took up to 25 seconds for days; that is slow, not dead.
const FIRST_BYTE: Duration = Duration::from_mins(1);
const IDLE: Duration = Duration::from_secs(30);
const TOTAL: Duration = Duration::from_mins(5);
/// The limit after decompression. A page of a hundred of the largest real entries has 6 MiB.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;
const MAX_REDIRECTS: usize = 3;
/// The part of an error's body that is shown.
const MAX_EXCERPT_BYTES: usize = 200;

/// The settings for access to a registry.
#[derive(Debug, Clone)]
pub struct Access {
    pub proxy: Option<Url>,
    /// PEM files with certificates that are trusted besides the system's.
    pub ca_files: Vec<PathBuf>,
    /// Contains a bearer token.
    pub token_file: Option<PathBuf>,
    pub requests_per_hour: u32,
}

/// The reason why a client cannot be created.
#[derive(Debug, Error)]
pub enum AccessError {
    #[error("the file {path} cannot be read")]
    File { path: PathBuf, source: std::io::Error },
    #[error("{path} contains no PEM certificate")]
    Certificate { path: PathBuf },
    #[error("the token in {path} is not a single line of visible characters")]
    Token { path: PathBuf },
    #[error("the HTTP client cannot be created")]
    Client { source: reqwest::Error },
    /// Never contains the address.
    #[error("notices cannot be delivered: {why}")]
    Recipient { why: &'static str },
    #[error("DNS cannot be queried")]
    Resolver { source: ResolverError },
}

/// An HTTP client with limits on time and size.
#[derive(Debug)]
pub(super) struct Http {
    reached: Watched<Reached>,
    budget: Budget,
}

/// A client with what its files contain.
struct Reached {
    client: Client,
    token: Option<String>,
}

impl Reached {
    fn open(access: &Access) -> Result<Self, AccessError> {
        let builder = client_builder(access.proxy.as_ref(), &access.ca_files)?
            .connect_timeout(CONNECT)
            .read_timeout(IDLE.max(FIRST_BYTE))
            .redirect(Policy::custom(same_origin));
        let token = access.token_file.as_deref().map(token).transpose()?;
        let client = builder.build().map_err(|source| AccessError::Client { source })?;
        Ok(Self { client, token })
    }
}

impl Http {
    pub(super) fn new(access: &Access) -> Result<Self, AccessError> {
        let files = access.ca_files.iter().chain(&access.token_file).cloned().collect();
        let budget = Budget::per_hour(access.requests_per_hour);
        let access = access.clone();
        let reached = Watched::open(files, move |_| Reached::open(&access))?;
        Ok(Self { reached, budget })
    }

    /// Takes the token and the certificates up as they are now.
    pub(super) fn look(&self) -> Result<bool, String> {
        self.reached.look()
    }

    /// Fetches the body behind a URL, with the upstream's date and epoch.
    pub(super) async fn get(&self, url: &Url) -> Result<FetchedPage, FetchFailure> {
        self.budget.spend().await;
        let limit = TOTAL;
        timeout(limit, self.get_in_time(url))
            .await
            .unwrap_or(Err(FetchFailure::Timeout { what: "the whole answer", limit }))
    }

    async fn get_in_time(&self, url: &Url) -> Result<FetchedPage, FetchFailure> {
        let Reached { client, token } = &*self.reached.current();
        let mut request = client.get(url.clone());
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = timeout(FIRST_BYTE, request.send())
            .await
            .map_err(|_| FetchFailure::Timeout { what: "the first byte", limit: FIRST_BYTE })?
            .map_err(|error| failure(url, error))?;
        let date = date(response.headers());
        // A part of a body (206), which was not asked for, is no list.
        if response.status() == StatusCode::OK {
            let (epoch, age) = (epoch(response.headers()), age(response.headers()));
            let resync = response.headers().contains_key("vidimus-resync");
            let paging = paging_headers(response.headers());
            let body = body(response, url).await?;
            let is_partial = false;
            return Ok(FetchedPage { body, date, age, epoch, resync, paging, is_partial });
        }
        let (status, retry_after) =
            (response.status().as_u16(), retry_after(response.headers(), date));
        let excerpt = excerpt(response).await;
        Err(FetchFailure::Status { status, retry_after, excerpt })
    }
}

/// Returns the base of every client: it uses the proxy of `[egress]`, and none from the environment.
pub(super) fn client_builder(
    proxy: Option<&Url>,
    ca_files: &[PathBuf],
) -> Result<ClientBuilder, AccessError> {
    let mut builder =
        Client::builder().user_agent(concat!("vidimus/", env!("CARGO_PKG_VERSION"))).no_proxy();
    if let Some(proxy) = proxy {
        let proxy = Proxy::all(proxy.clone());
        builder = builder.proxy(proxy.map_err(|source| AccessError::Client { source })?);
    }
    for path in ca_files {
        builder = builder.tls_certs_merge(certificates(path)?);
    }
    Ok(builder)
}

/// Follows a redirect only within the same origin: another host, or http, was not configured.
pub(super) fn same_origin(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let first = attempt.previous().first();
    let same = first.is_some_and(|first| first.origin() == attempt.url().origin());
    if same && attempt.previous().len() <= MAX_REDIRECTS {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

async fn body(mut response: Response, url: &Url) -> Result<Bytes, FetchFailure> {
    let mut body = BytesMut::new();
    loop {
        let chunk = timeout(IDLE, response.chunk())
            .await
            .map_err(|_| FetchFailure::Timeout { what: "the next byte", limit: IDLE })?
            .map_err(|error| failure(url, error))?;
        let Some(chunk) = chunk else {
            return Ok(body.freeze());
        };
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(FetchFailure::TooLarge { allowed: MAX_BODY_BYTES });
        }
        body.extend_from_slice(&chunk);
    }
}

/// The reason why a body was not read to its end.
pub(super) enum BodyError {
    TooLarge,
    Broken(reqwest::Error),
}

/// Reads a whole body of at most `limit` bytes.
pub(super) async fn read_at_most(response: Response, limit: usize) -> Result<Bytes, BodyError> {
    match read_beginning(response, limit).await {
        Ok((body, true)) => Ok(body),
        Ok((_, false)) => Err(BodyError::TooLarge),
        Err(error) => Err(BodyError::Broken(error)),
    }
}

/// Reads the first `limit` bytes of a body; returns true beside them if that is all of it.
pub(super) async fn read_beginning(
    mut response: Response,
    limit: usize,
) -> Result<(Bytes, bool), reqwest::Error> {
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(None) => return Ok((body.freeze(), true)),
            Ok(Some(chunk)) if body.len() + chunk.len() <= limit => body.extend_from_slice(&chunk),
            Ok(Some(chunk)) => {
                let left = limit - body.len();
                body.extend_from_slice(&chunk[..left]);
                return Ok((body.freeze(), false));
            }
            Err(error) => return Err(error.without_url()),
        }
    }
}

async fn excerpt(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < MAX_EXCERPT_BYTES {
        match timeout(CONNECT, response.chunk()).await {
            Ok(Ok(Some(chunk))) => bytes.extend_from_slice(&chunk),
            _ => break,
        }
    }
    bytes.truncate(MAX_EXCERPT_BYTES);
    Escaped(String::from_utf8_lossy(&bytes).trim()).to_string()
}

fn failure(url: &Url, error: reqwest::Error) -> FetchFailure {
    let host = url.host_str().unwrap_or_default().to_owned();
    // The URL may contain a name from outside; `host` is enough.
    let error = error.without_url();
    if error.is_connect() {
        FetchFailure::Connect { host, source: Box::new(error) }
    } else if error.is_timeout() {
        FetchFailure::Timeout { what: "the next byte", limit: IDLE }
    } else {
        FetchFailure::Broken { source: Box::new(error) }
    }
}

pub(super) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    http_date(headers.get(DATE)?.to_str().ok()?)
}

/// Reads the seconds that an answer spent in caches (RFC 9111, section 5.1).
fn age(headers: &HeaderMap) -> Duration {
    let age = headers.get(AGE).and_then(|age| age.to_str().ok()?.trim().parse().ok());
    Duration::from_secs(age.unwrap_or(0))
}

/// Reads the epoch of a registry of our kind.
fn epoch(headers: &HeaderMap) -> Option<Epoch> {
    Epoch::parse(headers.get("vidimus-epoch")?.to_str().ok()?)
}

/// Reads a date in each of the three forms that a recipient has to accept (RFC 9110, section 5.6.7).
fn http_date(text: &str) -> Option<Timestamp> {
    let current = rfc2822::DateTimeParser::new().parse_timestamp(text).ok();
    let obsolete = || {
        let forms = ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
        let read = forms.iter().find_map(|form| DateTime::strptime(form, text).ok())?;
        TimeZone::UTC.to_timestamp(read).ok()
    };
    let stamp = current.or_else(obsolete)?;
    Some(Timestamp::from_micros(stamp.as_microsecond()))
}

/// Reads `Retry-After` in both forms (RFC 9110, section 10.2.3); a date counts from the upstream's date.
pub(super) fn retry_after(headers: &HeaderMap, date: Option<Timestamp>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(http_date(text)?.since(date?)),
    }
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, AccessError> {
    let pem = read(path)?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(AccessError::Certificate { path: path.to_owned() }),
    }
}

pub(super) fn token(path: &Path) -> Result<String, AccessError> {
    let text = String::from_utf8(read(path)?).unwrap_or_default();
    // An editor may leave a byte order mark.
    let token = text.trim_matches(|c: char| c.is_whitespace() || is_unseen(c));
    if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(token.to_owned())
    } else {
        Err(AccessError::Token { path: path.to_owned() })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, AccessError> {
    read_regular_file(path, MAX_BYTES)
        .map_err(|source| AccessError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("Sun, 06 Nov 1994 08:49:37 GMT")]
    #[case("Sunday, 06-Nov-94 08:49:37 GMT")]
    #[case("Sun Nov  6 08:49:37 1994")]
    fn date_is_read_in_each_of_its_forms(#[case] text: &str) {
        assert_eq!(http_date(text), Timestamp::parse("1994-11-06T08:49:37Z").ok());
        assert_eq!(http_date(&text.replace("49", "99")), None);
    }

    #[rstest::rstest]
    #[case("7", None, Some(7))]
    #[case(" 120 ", None, Some(120))]
    #[case("Fri, 20 Nov 2026 10:00:30 GMT", Some("Fri, 20 Nov 2026 10:00:00 GMT"), Some(30))]
    #[case("Fri, 20 Nov 2026 09:00:00 GMT", Some("Fri, 20 Nov 2026 10:00:00 GMT"), Some(0))]
    #[case("Fri, 20 Nov 2026 10:00:30 GMT", None, None)]
    #[case("soon", None, None)]
    #[case("-1", None, None)]
    fn retry_after_is_read_in_both_forms(
        #[case] text: &str,
        #[case] date: Option<&str>,
        #[case] seconds: Option<u64>,
    ) {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, text.parse().expect("a header"));
        let wait = retry_after(&headers, date.and_then(http_date));
        assert_eq!(wait, seconds.map(Duration::from_secs));
    }
}
