use std::fmt;

use serde::{Deserialize, Serialize};

use super::kind::AlertKind;
use crate::model::{Digest, Escaped};

/// The identity of an alert, compared as a whole.
///
/// The source is not part of it: two sources never raise the same identity, since a subject names the upstream where
/// several could see the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AlertIdentity {
    pub kind: AlertKind,
    /// The name, upstream or file that the alert is about.
    pub subject: String,
    /// The namespace of the publisher that causes it; empty when no publisher does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub suspect: String,
}

/// Digits of a short id: enough to distinguish the alerts of one daemon, and short enough to type.
pub(super) const SHORT: usize = 12;
/// Fewer digits are refused: they would match by accident.
const LEAST_DIGITS: usize = 8;

impl AlertIdentity {
    #[must_use]
    pub fn new(kind: AlertKind, subject: impl Into<String>, suspect: impl Into<String>) -> Self {
        Self { kind, subject: subject.into(), suspect: suspect.into() }
    }

    /// Returns the name that the subject begins with, if the alert is about one name: the subject of a lookalike is its
    /// target, and a damaged row is known to be damaged.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        let is_about_name = !matches!(self.kind, AlertKind::Lookalike | AlertKind::DamagedRow);
        let name = self.subject.split(['@', ' ']).next();
        name.filter(|name| is_about_name && name.contains('/'))
    }

    /// Returns the digest of the identity: SHA-256 over its three parts, each behind its length in eight bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut bytes = Vec::new();
        for part in [self.kind.as_str(), &self.subject, &self.suspect] {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part.as_bytes());
        }
        Digest::of(&bytes)
    }

    /// Returns the key in the store and the id on the wire: all 64 hexadecimal digits of the digest.
    #[must_use]
    pub fn key(&self) -> String {
        self.digest().short(64)
    }

    /// Returns the first digits of the key, for people to read and type; programs compare keys.
    #[must_use]
    pub fn short_id(&self) -> String {
        self.digest().short(SHORT)
    }
}

impl fmt::Display for AlertIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, Escaped(&self.subject))?;
        if !self.suspect.is_empty() {
            write!(f, " by {}", Escaped(&self.suspect))?;
        }
        Ok(())
    }
}

/// Finds the one key that begins with what a person typed.
///
/// # Errors
/// When the text cannot be the beginning of a key, or when no key or several keys begin with it.
pub fn resolve<'k>(
    text: &str,
    keys: impl IntoIterator<Item = &'k str>,
) -> Result<&'k str, UnresolvedId> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() < LEAST_DIGITS || text.len() > 64 || !text.bytes().all(is_digit) {
        return Err(UnresolvedId::NotAnId);
    }
    let mut found: Vec<&str> = keys.into_iter().filter(|key| key.starts_with(text)).collect();
    match found.as_slice() {
        [] => Err(UnresolvedId::Unknown),
        [key] => Ok(key),
        _ => {
            found.sort_unstable();
            Err(UnresolvedId::Ambiguous(found.into_iter().map(str::to_owned).collect()))
        }
    }
}

/// The reason for which an id does not identify one alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnresolvedId {
    NotAnId,
    Unknown,
    /// The full keys that begin with it.
    Ambiguous(Vec<String>),
}

impl fmt::Display for UnresolvedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnId => write!(
                f,
                "an id is the beginning of the key of an alert: {LEAST_DIGITS} to 64 lower-case hexadecimal digits; \
                 `vidimus alerts` lists them"
            ),
            Self::Unknown => {
                f.write_str("no unresolved alert has this id; `vidimus alerts` lists the ids")
            }
            Self::Ambiguous(keys) => {
                write!(
                    f,
                    "{} alerts have this id; write more digits: {}",
                    keys.len(),
                    keys.join(", ")
                )
            }
        }
    }
}
