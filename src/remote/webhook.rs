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
use crate::alert::{Refusal, RefusalScope};
use crate::model::{Secret, Timestamp, is_loopback};

/// The address of a recipient of notices, and its limits.
#[derive(Debug, Clone)]
pub struct Address {
    pub url: Secret,
    /// The secret that signs bodies.
    pub secret: Option<Secret>,
    /// The time limit of one attempt.
    pub timeout: Duration,
    pub allow_http: bool,
    pub proxy: Option<Url>,
    pub ca_files: Vec<PathBuf>,
}

/// A client that delivers notices to one recipient: signed as in Standard Webhooks, without redirects.
#[derive(Debug)]
pub struct WebhookClient {
    client: Client,
    /// A secret: knowing it is enough to post.
    url: Hidden,
    key: Option<hmac::Key>,
}

/// A URL that is never shown.
struct Hidden(Url);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a hidden URL")
    }
}

impl WebhookClient {
    /// Creates the client of one recipient.
    ///
    /// # Errors
    /// When the URL or the secret is not usable, or the client cannot be created.
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

    /// Delivers one body, with an id that stays the same over all attempts.
    ///
    /// # Errors
    /// The reason why the recipient did not accept it; it never contains the address.
    pub async fn deliver(&self, id: &str, body: String, now: Timestamp) -> Result<(), Refusal> {
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
        let scope = match status {
            StatusCode::GONE => RefusalScope::Gone,
            // The recipient may accept another delivery.
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNPROCESSABLE_ENTITY => RefusalScope::Delivery,
            _ => RefusalScope::Recipient,
        };
        Err(Refusal { why, scope, retry_after })
    }
}

fn failure(error: &reqwest::Error) -> Refusal {
    let why = if error.is_timeout() {
        "it did not answer in time"
    } else if error.is_connect() {
        "it could not be reached"
    } else {
        "the connection broke off"
    };
    Refusal { why: why.to_owned(), scope: RefusalScope::Recipient, retry_after: None }
}

fn target(text: &str, allow_http: bool) -> Result<Url, AccessError> {
    let url = Url::parse(text).ok().filter(Url::has_host);
    let url = url.ok_or(AccessError::Recipient { why: "the URL is not valid" })?;
    let is_local = url.host().is_some_and(|host| is_loopback(&host));
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_local || allow_http => Ok(url),
        "http" => Err(AccessError::Recipient {
            why: "http is not encrypted; use https, or set `allow_http = true`",
        }),
        _ => Err(AccessError::Recipient { why: "the URL does not begin with https" }),
    }
}

const LEAST_SECRET: usize = 16;

/// Reads a secret: bytes in Base64 after `whsec_`, as Standard Webhooks writes them, or a text as it is.
fn key(secret: &Secret) -> Result<hmac::Key, AccessError> {
    let text = secret.reveal();
    let bytes = match text.strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).map_err(|_| AccessError::Recipient {
            why: "the part of the secret after `whsec_` is not Base64",
        })?,
        None => text.as_bytes().to_vec(),
    };
    if bytes.len() < LEAST_SECRET {
        // The fingerprint is shown; a short secret could be guessed from it.
        return Err(AccessError::Recipient { why: "the secret has fewer than 16 bytes" });
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}
