use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Collected, Limited};
use memchr::memmem;
use octocrab::Octocrab;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, LOCATION, RETRY_AFTER};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use url::Url;

use super::http::{AccessError, client_builder, date, retry_after, token};
use crate::model::Instant as Time;
use crate::model::reason;
use crate::ownership::{Account, Forged, Repository};

/// Of an answer; a `server.json` of a real server has less than 64 KiB.
const MAX_BYTES: usize = 1024 * 1024;
const TOTAL: Duration = Duration::from_secs(30);
const MAX_REDIRECTS: usize = 3;
/// Answers that are kept to be asked for conditionally, which costs nothing of the rate limit.
const KEPT: usize = 2_000;
/// A larger answer is not kept.
const KEPT_BYTES: usize = 16 * 1024;
/// When a limit does not say how long it lasts (GitHub asks for a minute at least).
const UNKNOWN_LIMIT: Duration = Duration::from_mins(1);
const LONGEST_LIMIT: Duration = Duration::from_hours(1);
/// A token that is refused is read again after this long.
const REFUSED: Duration = Duration::from_mins(10);
/// Scopes with which a token that leaks changes things. A proof needs none at all.
const READING: [&str; 6] =
    ["read:org", "read:user", "user:email", "read:project", "read:packages", "public_key"];

/// GitHub's own API, asked one question after another.
pub(super) struct GitHub {
    base: Url,
    proxy: Option<Url>,
    ca_files: Vec<PathBuf>,
    token_file: Option<PathBuf>,
    /// Held while a question is asked.
    state: Mutex<State>,
    /// Held for a moment: nobody waits for a question under way to learn this.
    limits: std::sync::Mutex<Limits>,
}

struct State {
    client: Octocrab,
    known: HashMap<String, (HeaderValue, Bytes)>,
}

#[derive(Default)]
struct Limits {
    /// Nothing is asked before.
    blocked: Option<(Instant, String)>,
    trouble: Trouble,
    has_token: bool,
}

/// What a person should do something about.
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
        let (client, has_token) = client(base, token_file.as_ref(), proxy, ca_files)?;
        let state = State { client, known: HashMap::new() };
        Ok(Self {
            base: base.clone(),
            proxy: proxy.cloned(),
            ca_files: ca_files.to_vec(),
            token_file,
            state: Mutex::new(state),
            limits: std::sync::Mutex::new(Limits { has_token, ..Limits::default() }),
        })
    }

    pub(super) fn trouble(&self) -> Trouble {
        self.limits().trouble.clone()
    }

    /// Whether its limits, or a bad token, keep it from being asked now.
    pub(super) fn is_blocked(&self) -> bool {
        self.limits().why_not().is_some()
    }

    fn limits(&self) -> std::sync::MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn account(&self, login: &str) -> Forged<Account> {
        let path = format!("/users/{}", segment(login));
        self.json(&path).await.and_then(|value| {
            Some(Account {
                login: value["login"].as_str()?.to_owned(),
                id: value["id"].as_u64()?,
                created_at: value["created_at"].as_str().and_then(|it| Time::parse(it).ok()),
            })
        })
    }

    /// A public repository, where it is by now.
    pub(super) async fn repository(&self, owner: &str, name: &str) -> Forged<Repository> {
        let path = format!("/repos/{}/{}", segment(owner), segment(name));
        let found = self.json(&path).await;
        if matches!(&found, Forged::Found(value) if value["private"].as_bool() != Some(false)) {
            return Forged::Absent;
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

    /// The `server.json` in a folder of the default branch of a repository.
    pub(super) async fn server_json(&self, full_name: &str, folder: &[String]) -> Forged<String> {
        let Some((owner, name)) = full_name.split_once('/') else { return Forged::Absent };
        let folder: String = folder.iter().map(|it| format!("{}/", segment(it))).collect();
        let (owner, name) = (segment(owner), segment(name));
        let path = format!("/repos/{owner}/{name}/contents/{folder}server.json");
        self.json(&path).await.and_then(|value| {
            let encoded: String =
                value["content"].as_str()?.chars().filter(|it| !it.is_whitespace()).collect();
            let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, encoded);
            String::from_utf8(bytes.ok()?).ok()
        })
    }

    async fn json(&self, path: &str) -> Forged<Value> {
        let mut state = self.state.lock().await;
        let bytes = match timeout(TOTAL, self.get(&mut state, path)).await {
            Ok(answer) => answer,
            Err(_) => Forged::Unclear("no whole answer in 30 seconds".into()),
        };
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok())
    }

    async fn get(&self, state: &mut State, path: &str) -> Forged<Bytes> {
        if let Some(why) = self.limits().why_not() {
            return Forged::Unclear(why);
        }
        if self.trouble().token_refused {
            let (file, proxy) = (self.token_file.as_ref(), self.proxy.as_ref());
            match client(&self.base, file, proxy, &self.ca_files) {
                Ok((client, has_token)) => {
                    state.client = client;
                    self.limits().has_token = has_token;
                }
                Err(error) => return Forged::Unclear(error.to_string()),
            }
        }
        let mut target = self.base.as_str().trim_end_matches('/').to_owned() + path;
        for _ in 0..=MAX_REDIRECTS {
            let known = state.known.get(&target).cloned();
            let asked = known
                .as_ref()
                .map(|(etag, _)| HeaderMap::from_iter([(IF_NONE_MATCH, etag.clone())]));
            let response = match state.client._get_with_headers(target.as_str(), asked).await {
                Ok(response) => response,
                // It may name what it asked; the host is configured.
                Err(error) => return Forged::Unclear(reason(&error)),
            };
            let (parts, body) = response.into_parts();
            self.limits().heed(&parts.headers, parts.status.as_u16());
            match parts.status.as_u16() {
                200 => {
                    let Ok(body) = Limited::new(body, MAX_BYTES).collect().await else {
                        return Forged::Unclear(
                            "the answer breaks off, or has more than 1 MiB".into(),
                        );
                    };
                    let body = body.to_bytes();
                    if let Some(etag) = parts.headers.get(ETAG).filter(|_| body.len() <= KEPT_BYTES)
                    {
                        if state.known.len() >= KEPT {
                            state.known.clear();
                        }
                        state.known.insert(target, (etag.clone(), body.clone()));
                    }
                    return Forged::Found(body);
                }
                304 => match known {
                    Some((_, body)) => return Forged::Found(body),
                    None => return Forged::Unclear("HTTP 304 to no condition".into()),
                },
                404 | 410 | 451 => return Forged::Absent,
                301 | 302 | 307 | 308 => match self.within(parts.headers.get(LOCATION)) {
                    Some(next) => target = next,
                    None => {
                        return Forged::Unclear("a redirect out of its API, not followed".into());
                    }
                },
                401 => {
                    let why = self.limits().why_not();
                    return Forged::Unclear(why.unwrap_or_else(|| "HTTP 401".into()));
                }
                403 | 429 => {
                    // A secondary limit may say so in words only.
                    let said = Limited::new(body, MAX_BYTES).collect().await;
                    let said = said.map(Collected::to_bytes).unwrap_or_default();
                    let mut limits = self.limits();
                    if limits.why_not().is_none() && memmem::find(&said, b"rate limit").is_some() {
                        limits.block(
                            UNKNOWN_LIMIT,
                            "its rate limit is spent, and it is not asked before that ends",
                        );
                    }
                    let why = limits.why_not().unwrap_or_else(|| "HTTP 403".into());
                    return Forged::Unclear(why);
                }
                other => return Forged::Unclear(format!("HTTP {other}")),
            }
        }
        Forged::Unclear("more than three redirects".into())
    }

    /// A redirect's target, when it stays at the configured API.
    fn within(&self, location: Option<&HeaderValue>) -> Option<String> {
        let target = self.base.join(location?.to_str().ok()?).ok()?;
        (target.origin() == self.base.origin()).then(|| target.into())
    }
}

impl Limits {
    /// Why nothing may be asked now.
    fn why_not(&self) -> Option<String> {
        let (until, why) = self.blocked.as_ref()?;
        (Instant::now() < *until).then(|| why.clone())
    }

    fn block(&mut self, wait: Duration, why: &str) {
        self.blocked = Some((Instant::now() + wait, why.to_owned()));
    }

    /// Notes what an answer says of limits and of the token.
    fn heed(&mut self, headers: &HeaderMap, status: u16) {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
        let spent = number("x-ratelimit-remaining") == Some(0);
        let is_limit = status == 429
            || (status == 403 && (spent || headers.contains_key(RETRY_AFTER)))
            || status == 403 && headers.get("x-ratelimit-remaining").is_none();
        if is_limit || spent {
            // By GitHub's own clock: ours may be wrong.
            let now = date(headers);
            let reset = number("x-ratelimit-reset").filter(|_| spent).zip(now).map(|(at, now)| {
                Time::from_micros(i64::try_from(at).unwrap_or_default().saturating_mul(1_000_000))
                    .since(now)
                    + Duration::from_secs(1)
            });
            let wait = retry_after(headers, now).or(reset);
            let wait = wait.unwrap_or(UNKNOWN_LIMIT).min(LONGEST_LIMIT);
            self.block(wait, "its rate limit is spent, and it is not asked before that ends");
        }
        if status == 401 && self.has_token {
            self.trouble.token_refused = true;
            self.block(
                REFUSED,
                "the token is refused; it is read again, and GitHub asked, in ten minutes",
            );
        } else if status != 401 {
            self.trouble.token_refused = false;
        }
        if status < 400 {
            let scopes = headers.get("x-oauth-scopes").and_then(|it| it.to_str().ok());
            let scopes = scopes.unwrap_or_default().split(',').map(str::trim);
            let writing = scopes.filter(|it| !it.is_empty() && !READING.contains(it));
            self.trouble.write_scopes = writing.map(str::to_owned).collect();
        }
    }
}

fn client(
    base: &Url,
    token_file: Option<&PathBuf>,
    proxy: Option<&Url>,
    ca_files: &[PathBuf],
) -> Result<(Octocrab, bool), AccessError> {
    let http = client_builder(proxy, ca_files)?
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(10))
        .build()
        .map_err(|source| AccessError::Client { source })?;
    let variable = || {
        let token = std::env::var("GITHUB_TOKEN").ok()?.trim().to_owned();
        (!token.is_empty() && token.bytes().all(|it| it.is_ascii_graphic())).then_some(token)
    };
    let secret = match token_file {
        Some(file) => Some(token(file)?),
        None => variable(),
    };
    let failed = |error: octocrab::Error| AccessError::GitHub { reason: error.to_string() };
    let mut builder = Octocrab::builder().base_uri(base.as_str()).map_err(failed)?;
    let has_token = secret.is_some();
    if let Some(secret) = secret {
        builder = builder.personal_token(secret.trim().to_owned());
    }
    Ok((builder.build_with_reqwest(http).map_err(failed)?, has_token))
}

/// Everything but what no part of a URL reads as its own (RFC 3986, section 2.3).
const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, &RESERVED).to_string()
}

impl<T> Forged<T> {
    /// What is read out of an answer; one that cannot be read is nothing definite.
    fn and_then<U>(self, read: impl FnOnce(T) -> Option<U>) -> Forged<U> {
        match self {
            Self::Found(value) => match read(value) {
                Some(read) => Forged::Found(read),
                None => Forged::Unclear("an answer of an unknown shape".into()),
            },
            Self::Absent => Forged::Absent,
            Self::Unclear(why) => Forged::Unclear(why),
        }
    }
}
