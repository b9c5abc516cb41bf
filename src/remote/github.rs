use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use memchr::memmem;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Client;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION,
    RETRY_AFTER,
};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use url::Url;

use super::http::{AccessError, client_builder, date, read_at_most, retry_after, token};
use super::watched::Watched;
use crate::model::Timestamp as Time;
use crate::model::reason;
use crate::ownership::{Account, ForgeAnswer, Repository};

/// The limit of an answer; a real `server.json` has less than 64 KiB.
const MAX_BYTES: usize = 1024 * 1024;
/// The header that pins the shape of the answers.
const API_VERSION: HeaderName = HeaderName::from_static("x-github-api-version");
const TOTAL: Duration = Duration::from_secs(20);
const MAX_REDIRECTS: usize = 3;
/// Answers kept for conditional requests, which do not count against the rate limit.
const KEPT: usize = 2_000;
/// A larger answer is not kept.
const KEPT_BYTES: usize = 16 * 1024;
/// The wait when a limit does not say how long it lasts (GitHub asks for at least a minute).
const UNKNOWN_LIMIT: Duration = Duration::from_mins(1);
const LONGEST_LIMIT: Duration = Duration::from_hours(1);
/// A refused token is tried again after this time, and when its file changes.
const REFUSED: Duration = Duration::from_mins(10);
/// Scopes with which a leaked token changes nothing. Verification needs no scope at all.
const READING: [&str; 6] =
    ["read:org", "read:user", "user:email", "read:project", "read:packages", "public_key"];

/// The GitHub API, with one request at a time.
pub(super) struct GitHub {
    base: Url,
    connection: Watched<Connection>,
    /// Locked during a request.
    state: Mutex<State>,
    /// Locked only for a moment: reading the limits does not wait for a request under way.
    limits: std::sync::Mutex<Limits>,
}

/// Answers by their address, for conditional requests.
#[derive(Default)]
struct State {
    known: HashMap<String, (HeaderValue, Bytes)>,
}

/// A client with the token and the certificates of files.
struct Connection {
    client: Client,
    has_token: bool,
}

#[derive(Default)]
struct Limits {
    /// No request is sent before this time, for this reason.
    blocked: Option<(Instant, String)>,
    trouble: Trouble,
}

/// The problems with GitHub's token that the operator should fix.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trouble {
    pub token_refused: bool,
    /// Scopes of the token that let it write.
    pub write_scopes: Vec<String>,
}

impl GitHub {
    pub(super) fn new(
        base: &Url,
        token_file: Option<PathBuf>,
        proxy: Option<&Url>,
        ca_files: &[PathBuf],
    ) -> Result<Self, AccessError> {
        let files = ca_files.iter().chain(&token_file).cloned().collect();
        let (proxy, ca_files) = (proxy.cloned(), ca_files.to_vec());
        let connect = move |_: Option<&Connection>| {
            Connection::open(token_file.as_ref(), proxy.as_ref(), &ca_files)
        };
        Ok(Self {
            base: base.clone(),
            connection: Watched::open(files, connect)?,
            state: Mutex::default(),
            limits: std::sync::Mutex::default(),
        })
    }

    /// Takes the token and the certificates up as they are now; another token is tried at once.
    pub(super) fn look(&self) -> Result<bool, String> {
        let is_changed = self.connection.look()?;
        if is_changed {
            self.limits().forget_refusal();
        }
        Ok(is_changed)
    }

    pub(super) fn trouble(&self) -> Trouble {
        self.limits().trouble.clone()
    }

    /// Returns true if the rate limit or a refused token blocks requests now.
    pub(super) fn is_blocked(&self) -> bool {
        self.limits().why_not().is_some()
    }

    fn limits(&self) -> std::sync::MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn account(&self, login: &str) -> ForgeAnswer<Account> {
        let path = format!("/users/{}", segment(login));
        let found = self.json(&path).await.and_then(|value| {
            Some(Account {
                login: value["login"].as_str()?.to_owned(),
                id: value["id"].as_u64()?,
                created_at: value["created_at"].as_str().and_then(|text| Time::parse(text).ok()),
            })
        });
        match found {
            ForgeAnswer::Found(account) if !account.login.eq_ignore_ascii_case(login) => {
                ForgeAnswer::Unclear("the answer is about another login".into())
            }
            found => found,
        }
    }

    /// Looks up a public repository, also after it moved.
    pub(super) async fn repository(&self, owner: &str, name: &str) -> ForgeAnswer<Repository> {
        let path = format!("/repos/{}/{}", segment(owner), segment(name));
        let found = self.json(&path).await;
        if matches!(&found, ForgeAnswer::Found(value) if value["private"].as_bool() != Some(false))
        {
            return ForgeAnswer::Absent;
        }
        found.and_then(|value| {
            Some(Repository {
                full_name: value["full_name"].as_str()?.to_owned(),
                id: value["id"].as_u64()?,
                node_id: value["node_id"].as_str().unwrap_or_default().to_owned(),
                owner: value["owner"]["id"].as_u64()?,
            })
        })
    }

    /// Reads the `server.json` in a folder of the default branch of a repository.
    pub(super) async fn server_json(
        &self,
        full_name: &str,
        folder: &[String],
    ) -> ForgeAnswer<String> {
        let Some((owner, name)) = full_name.split_once('/') else { return ForgeAnswer::Absent };
        let folder: String = folder.iter().map(|name| format!("{}/", segment(name))).collect();
        let (owner, name) = (segment(owner), segment(name));
        let path = format!("/repos/{owner}/{name}/contents/{folder}server.json");
        self.json(&path).await.and_then(|value| {
            let encoded: String =
                value["content"].as_str()?.chars().filter(|char| !char.is_whitespace()).collect();
            let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, encoded);
            String::from_utf8(bytes.ok()?).ok()
        })
    }

    async fn json(&self, path: &str) -> ForgeAnswer<Value> {
        let mut state = self.state.lock().await;
        let bytes = match timeout(TOTAL, self.get(&mut state, path)).await {
            Ok(answer) => answer,
            Err(_) => ForgeAnswer::Unclear("no complete answer within 20 seconds".into()),
        };
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok())
    }

    async fn get(&self, state: &mut State, path: &str) -> ForgeAnswer<Bytes> {
        if let Some(why) = self.limits().why_not() {
            return ForgeAnswer::Unclear(why);
        }
        let connection = self.connection.current();
        let mut target = self.base.as_str().trim_end_matches('/').to_owned() + path;
        for _ in 0..=MAX_REDIRECTS {
            let known = state.known.get(&target).cloned();
            let mut request = connection.client.get(target.as_str());
            if let Some((etag, _)) = &known {
                request = request.header(IF_NONE_MATCH, etag.clone());
            }
            let response = match request.send().await {
                Ok(response) => response,
                // The URL may hold a name from outside.
                Err(error) => return ForgeAnswer::Unclear(reason(&error.without_url())),
            };
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            self.limits().update(&headers, status, connection.has_token);
            match status {
                200 => {
                    let Ok(body) = read_at_most(response, MAX_BYTES).await else {
                        return ForgeAnswer::Unclear(
                            "the answer is incomplete, or has more than 1 MiB".into(),
                        );
                    };
                    if let Some(etag) = headers.get(ETAG).filter(|_| body.len() <= KEPT_BYTES) {
                        if state.known.len() >= KEPT {
                            state.known.clear();
                        }
                        state.known.insert(target, (etag.clone(), body.clone()));
                    }
                    return ForgeAnswer::Found(body);
                }
                304 => match known {
                    Some((_, body)) => return ForgeAnswer::Found(body),
                    None => {
                        return ForgeAnswer::Unclear("HTTP 304 to an unconditional request".into());
                    }
                },
                404 | 410 | 451 => return ForgeAnswer::Absent,
                301 | 302 | 307 | 308 => match self.within(headers.get(LOCATION)) {
                    Some(next) => target = next,
                    None => {
                        return ForgeAnswer::Unclear(
                            "a redirect out of its API, not followed".into(),
                        );
                    }
                },
                401 => {
                    let why = self.limits().why_not();
                    return ForgeAnswer::Unclear(why.unwrap_or_else(|| "HTTP 401".into()));
                }
                403 | 429 => {
                    // A secondary limit may be reported in the text only.
                    let text = read_at_most(response, MAX_BYTES).await.unwrap_or_default();
                    let mut limits = self.limits();
                    if limits.why_not().is_none() && memmem::find(&text, b"rate limit").is_some() {
                        limits.block(
                            UNKNOWN_LIMIT,
                            "its rate limit is exhausted; no request is sent before it resets",
                        );
                    }
                    let why = limits.why_not().unwrap_or_else(|| "HTTP 403".into());
                    return ForgeAnswer::Unclear(why);
                }
                other => return ForgeAnswer::Unclear(format!("HTTP {other}")),
            }
        }
        ForgeAnswer::Unclear("more than three redirects".into())
    }

    /// Returns a redirect's target if it stays at the configured API.
    fn within(&self, location: Option<&HeaderValue>) -> Option<String> {
        let target = self.base.join(location?.to_str().ok()?).ok()?;
        (target.origin() == self.base.origin()).then(|| target.into())
    }
}

impl Limits {
    /// Returns the reason why no request may be sent now.
    fn why_not(&self) -> Option<String> {
        let (until, why) = self.blocked.as_ref()?;
        (Instant::now() < *until).then(|| why.clone())
    }

    fn block(&mut self, wait: Duration, why: &str) {
        self.blocked = Some((Instant::now() + wait, why.to_owned()));
    }

    /// Lets requests go on that only a refused token stopped.
    fn forget_refusal(&mut self) {
        if self.trouble.token_refused {
            self.blocked = None;
        }
    }

    /// Updates the limits and the token's problems from an answer.
    fn update(&mut self, headers: &HeaderMap, status: u16, has_token: bool) {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
        let spent = number("x-ratelimit-remaining") == Some(0);
        let is_limit = status == 429
            || (status == 403 && (spent || headers.contains_key(RETRY_AFTER)))
            || status == 403 && headers.get("x-ratelimit-remaining").is_none();
        if is_limit || spent {
            // By GitHub's clock: ours may be wrong.
            let now = date(headers);
            let reset = number("x-ratelimit-reset").filter(|_| spent).zip(now).map(|(at, now)| {
                Time::from_micros(i64::try_from(at).unwrap_or_default().saturating_mul(1_000_000))
                    .since(now)
                    + Duration::from_secs(1)
            });
            let wait = retry_after(headers, now).or(reset);
            let wait = wait.unwrap_or(UNKNOWN_LIMIT).min(LONGEST_LIMIT);
            self.block(wait, "its rate limit is exhausted; no request is sent before it resets");
        }
        if status == 401 && has_token {
            self.trouble.token_refused = true;
            self.block(REFUSED, "GitHub refused the token; it is tried again in ten minutes, or when its file changes");
        } else if status != 401 {
            self.trouble.token_refused = false;
        }
        if status < 400 {
            let scopes = headers.get("x-oauth-scopes").and_then(|value| value.to_str().ok());
            let scopes = scopes.unwrap_or_default().split(',').map(str::trim);
            let writing = scopes.filter(|scope| !scope.is_empty() && !READING.contains(scope));
            self.trouble.write_scopes = writing.map(str::to_owned).collect();
        }
    }
}

impl Connection {
    fn open(
        token_file: Option<&PathBuf>,
        proxy: Option<&Url>,
        ca_files: &[PathBuf],
    ) -> Result<Self, AccessError> {
        let variable = || {
            let token = std::env::var("GITHUB_TOKEN").ok()?.trim().to_owned();
            (!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()))
                .then_some(token)
        };
        let secret = match token_file {
            Some(file) => Some(token(file)?),
            None => variable(),
        };
        let mut headers = HeaderMap::from_iter([
            (ACCEPT, HeaderValue::from_static("application/vnd.github+json")),
            (API_VERSION, HeaderValue::from_static("2022-11-28")),
        ]);
        let has_token = secret.is_some();
        if let Some(value) = secret.and_then(|secret| format!("Bearer {secret}").parse().ok()) {
            let mut value: HeaderValue = value;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let client = client_builder(proxy, ca_files)?
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .default_headers(headers)
            .build()
            .map_err(|source| AccessError::Client { source })?;
        Ok(Self { client, has_token })
    }
}

/// All characters except the unreserved ones (RFC 3986, section 2.3).
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, &RESERVED).to_string()
}

impl<T> ForgeAnswer<T> {
    /// Reads a value from an answer; an answer that cannot be read is not definite.
    fn and_then<U>(self, read: impl FnOnce(T) -> Option<U>) -> ForgeAnswer<U> {
        match self {
            Self::Found(value) => match read(value) {
                Some(read) => ForgeAnswer::Found(read),
                None => ForgeAnswer::Unclear("an answer of an unknown shape".into()),
            },
            Self::Absent => ForgeAnswer::Absent,
            Self::Unclear(why) => ForgeAnswer::Unclear(why),
        }
    }
}
