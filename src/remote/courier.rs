use std::path::PathBuf;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use url::Url;

use super::http::{AccessError, client_builder, date, retry_after};
use crate::alert::{Refusal, Whose};
use crate::model::{Instant, Secret, is_loopback};

/// Where notices go, and how.
#[derive(Debug, Clone)]
pub struct Address {
    pub url: Secret,
    /// What bodies are signed with.
    pub secret: Option<Secret>,
    /// How long one attempt may take.
    pub timeout: Duration,
    pub allow_http: bool,
    pub proxy: Option<Url>,
    pub ca_files: Vec<PathBuf>,
}

/// Takes notices to one receiver: signed as Standard Webhooks says, and over no redirect.
#[derive(Debug)]
pub struct Courier {
    client: Client,
    /// Whoever knows it may post.
    url: Hidden,
    key: Option<hmac::Key>,
}

/// A URL that shows nowhere.
struct Hidden(Url);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a hidden URL")
    }
}

impl Courier {
    /// # Errors
    /// When the URL cannot be posted to, or the client cannot be made.
    pub fn new(address: &Address) -> Result<Self, AccessError> {
        let client = client_builder(address.proxy.as_ref(), &address.ca_files)?
            .redirect(Policy::none())
            .connect_timeout(address.timeout)
            .timeout(address.timeout)
            .build()
            .map_err(|source| AccessError::Client { source })?;
        let url = target(address.url.reveal(), address.allow_http)?;
        let key = address.secret.as_ref().map(key).transpose()?;
        Ok(Self { client, url: Hidden(url), key })
    }

    /// Takes one body there, under an id that stays the same however often it is sent.
    ///
    /// # Errors
    /// Why it was not taken; nothing in it says where that was.
    pub async fn deliver(&self, id: &str, body: String, now: Instant) -> Result<(), Refusal> {
        let seconds = (now.as_micros() / 1_000_000).to_string();
        let mut request = self
            .client
            .post(self.url.0.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", &seconds);
        if let Some(key) = &self.key {
            let signed = format!("{id}.{seconds}.{body}");
            let signature = STANDARD.encode(hmac::sign(key, signed.as_bytes()));
            request = request.header("webhook-signature", format!("v1,{signature}"));
        }
        let response = request.body(body).send().await.map_err(|error| failure(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let why = match status {
            StatusCode::GONE => "it says that it is gone for good (410)".to_owned(),
            status if status.is_redirection() => {
                format!("it redirects ({}), which is not followed", status.as_u16())
            }
            status => format!("it answered {}", status.as_u16()),
        };
        let retry_after = retry_after(response.headers(), date(response.headers()));
        let whose = match status {
            StatusCode::GONE => Whose::Gone,
            // Others may say something else of another one.
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNPROCESSABLE_ENTITY => Whose::Letter,
            _ => Whose::Receiver,
        };
        Err(Refusal { why, whose, retry_after })
    }
}

fn failure(error: &reqwest::Error) -> Refusal {
    let why = match () {
        () if error.is_timeout() => "it did not answer in time",
        () if error.is_connect() => "it could not be reached",
        () => "the connection broke off",
    };
    Refusal { why: why.to_owned(), whose: Whose::Receiver, retry_after: None }
}

fn target(text: &str, allow_http: bool) -> Result<Url, AccessError> {
    let url = Url::parse(text).ok().filter(Url::has_host);
    let url = url.ok_or(AccessError::Receiver { why: "it is no URL" })?;
    let is_local = url.host().is_some_and(|host| is_loopback(&host));
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_local || allow_http => Ok(url),
        "http" => Err(AccessError::Receiver {
            why: "http lets anybody on the way read it; use https, or set `allow_http = true`",
        }),
        _ => Err(AccessError::Receiver { why: "it is no https URL" }),
    }
}

const LEAST_SECRET: usize = 16;

/// Secrets are bytes in Base64 behind `whsec_`, as Standard Webhooks writes them, or a text as it stands.
fn key(secret: &Secret) -> Result<hmac::Key, AccessError> {
    let text = secret.reveal();
    let bytes = match text.strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).map_err(|_| AccessError::Receiver {
            why: "what stands behind `whsec_` in its secret is no Base64",
        })?,
        None => text.as_bytes().to_vec(),
    };
    if bytes.len() < LEAST_SECRET {
        // Its fingerprint is shown, and a short one could be guessed by it.
        return Err(AccessError::Receiver { why: "its secret has less than 16 bytes" });
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}
