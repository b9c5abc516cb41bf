use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::fields::WEBHOOK;
use super::upstream::is_id;
use crate::alert::{AlertKind, Format};
use crate::files::read_regular_text;
use crate::lint::{Fields, Finding, Node, Reader, Source, duration};
use crate::model::Secret;

/// No address or secret has as many bytes.
const MAX_HIDDEN_BYTES: u64 = 64 * 1024;

/// A recipient of alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub name: String,
    pub url: Hidden,
    /// The key that signs bodies.
    pub secret: Option<Hidden>,
    pub format: Format,
    /// The kinds of alert to deliver; all, when empty.
    pub kinds: Vec<AlertKind>,
    pub timeout: Duration,
    /// The time after which a delivery is not retried.
    pub give_up_after: Duration,
    pub allow_http: bool,
}

/// The location of a value that must not be in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hidden {
    File(PathBuf),
    Variable(String),
}

/// The reason why a hidden value cannot be read.
#[derive(Debug, Error)]
pub enum HiddenError {
    #[error("the file {path} cannot be read")]
    File { path: PathBuf, source: std::io::Error },
    #[error("the environment variable {name} is not set")]
    Variable { name: String },
    #[error("{place} must have exactly one line of visible characters without blanks")]
    Empty { place: String },
}

impl Hidden {
    /// Reads the value.
    ///
    /// # Errors
    /// When it does not exist, or is not one line of visible characters; the error never contains it.
    pub fn read(&self) -> Result<Secret, HiddenError> {
        let (text, place) = match self {
            Self::File(path) => {
                let text = read_regular_text(path, MAX_HIDDEN_BYTES)
                    .map_err(|source| HiddenError::File { path: path.clone(), source })?;
                (text, path.display().to_string())
            }
            Self::Variable(name) => {
                let text = std::env::var(name);
                let text = text.map_err(|_| HiddenError::Variable { name: name.clone() })?;
                (text, format!("the environment variable {name}"))
            }
        };
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Secret::new(text.to_owned()))
        } else {
            Err(HiddenError::Empty { place })
        }
    }
}

const TIMEOUT: Duration = Duration::from_secs(15);
const GIVE_UP_AFTER: Duration = Duration::from_hours(24);

/// Reads the webhooks of the configuration.
pub(super) fn read_webhooks(reader: &mut Reader, node: Option<&Node>) -> Vec<Webhook> {
    let mut webhooks: Vec<Webhook> = Vec::new();
    let mut names = BTreeSet::new();
    for item in node.map(|node| reader.list(node)).unwrap_or_default() {
        let Some(webhook) = webhook(reader, item) else { continue };
        if !names.insert(webhook.name.clone()) {
            let found = format!("the webhook `{}` appears twice", webhook.name);
            reader.error(item, found, "give each webhook a unique name");
        }
        webhooks.push(webhook);
    }
    webhooks
}

fn webhook(reader: &mut Reader, node: &Node) -> Option<Webhook> {
    let fields = reader.mapping(node, &WEBHOOK)?;
    for key in ["url", "secret"] {
        if let Some(node) = fields.get(key) {
            let found = format!("a webhook with its `{key}` in the configuration");
            let allowed = format!(
                "set `{key}_file` or `{key}_variable`, and replace the value that was here"
            );
            discreet_error(reader, node, found, allowed);
        }
    }
    let name = if let Some(node) = fields.get("name") {
        reader.parsed(node, webhook_name)
    } else {
        reader.error(node, "a webhook without a `name`", "give it a name");
        None
    };
    let url = hidden(reader, &fields, ("url_file", "url_variable"));
    if url.is_none() && fields.get("url").is_none() {
        reader.error(node, "a webhook without a URL", "set `url_file` or `url_variable`");
    }
    let format = fields.get("format").and_then(|node| reader.word(node, &Format::WORDS));
    let format = format.unwrap_or(Format::Json);
    let secret = hidden(reader, &fields, ("secret_file", "secret_variable"));
    if format == Format::Json && secret.is_none() && fields.get("secret").is_none() {
        let found = "a webhook without a secret: the recipient cannot verify the sender";
        reader.error(node, found, "set `secret_file` or `secret_variable`");
    }
    let kinds = fields.get("kinds").map(|node| {
        let words: Vec<(&str, AlertKind)> =
            AlertKind::all().map(|kind| (kind.as_str(), kind)).collect();
        let items = reader.list(node).iter();
        items.filter_map(|item| reader.word(item, &words)).collect()
    });
    let mut span = |key: &str| fields.get(key).and_then(|node| reader.parsed(node, duration));
    let (timeout, give_up_after) = (span("timeout"), span("give_up_after"));
    let allow_http = fields.get("allow_http").and_then(|node| reader.boolean(node));
    Some(Webhook {
        name: name?,
        url: url?,
        secret,
        format,
        kinds: kinds.unwrap_or_default(),
        timeout: timeout.unwrap_or(TIMEOUT),
        give_up_after: give_up_after.unwrap_or(GIVE_UP_AFTER),
        allow_http: allow_http.unwrap_or(false),
    })
}

fn hidden(reader: &mut Reader, fields: &Fields<'_>, keys: (&str, &str)) -> Option<Hidden> {
    let (file, variable) = (fields.get(keys.0), fields.get(keys.1));
    if let (Some(_), Some(second)) = (file, variable) {
        reader.error(second, format!("both `{}` and `{}`", keys.0, keys.1), "set only one of them");
    }
    let file = file.and_then(|node| reader.text(node)).map(|text| Hidden::File(text.into()));
    let variable = variable.and_then(|node| variable_name(reader, node));
    file.or(variable)
}

/// Reads the name of a variable; a secret written there by mistake is not repeated in the error.
fn variable_name(reader: &mut Reader, node: &Node) -> Option<Hidden> {
    let text = reader.text(node)?;
    let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if text.len() <= 100 && text.bytes().all(is_name) {
        return Some(Hidden::Variable(text.to_owned()));
    }
    let found = "an invalid name of a webhook's variable";
    discreet_error(reader, node, found, "capital letters, digits and '_'");
    None
}

/// Adds an error without the text of its place, so that printing it reveals no secret.
fn discreet_error(
    reader: &mut Reader,
    node: &Node,
    found: impl Into<String>,
    allowed: impl Into<String>,
) {
    let place = Source::new(node.place.source.file.clone(), "").start();
    reader.findings.push(Finding::error(&place, found, allowed));
}

fn webhook_name(text: &str) -> Result<String, &'static str> {
    is_id(text).then(|| text.to_owned()).ok_or("lower-case letters, digits and '-', 64 at most")
}
