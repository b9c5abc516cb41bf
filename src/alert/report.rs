use serde::{Deserialize, Serialize};

use super::evidence::Evidence;
use super::record::{Alert, ReportedAlert, State};
use crate::model::{Digest, Timestamp};

/// The source of conditions that are not stored as alerts.
const IN_MEMORY: &str = "memory";

/// An alert as people and programs read it, with everything that follows from what is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertReport {
    /// The first digits of the key, enough to type.
    pub id: String,
    pub key: String,
    #[serde(flatten)]
    pub alert: Alert,
    #[serde(flatten)]
    pub state: State,
    /// The evidence in words, bounded.
    pub detail: String,
    /// The digest that `--seen` requires.
    pub shown: Digest,
    /// All items that it rests on; those that were not acknowledged come first.
    pub items: Vec<Item>,
}

/// One item of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub digest: Digest,
    pub text: String,
    /// True if it was acknowledged.
    pub seen: bool,
}

impl AlertReport {
    /// Returns the report of a condition that is not stored as an alert.
    #[must_use]
    pub fn in_memory(seen: ReportedAlert, now: Timestamp) -> Self {
        Alert::raise(IN_MEMORY, seen, now).into()
    }

    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Returns the command that acknowledges exactly what is shown.
    ///
    /// # Errors
    /// The reason why the alert stays open whatever a person acknowledges.
    pub fn command(&self) -> Result<String, &'static str> {
        if self.alert.source == IN_MEMORY {
            return Err("it ends with its condition, and cannot be acknowledged");
        }
        if self.alert.evidence.contains(&Evidence::Unlisted) {
            return Err(
                "it has more items than are listed, so it stays open until its condition ends",
            );
        }
        let Self { id, shown, .. } = self;
        Ok(format!("vidimus alerts ack {id} --seen {shown} --by WHO --reason TEXT"))
    }
}

impl From<Alert> for AlertReport {
    fn from(alert: Alert) -> Self {
        let item = |item: &Evidence| Item {
            digest: item.digest(),
            text: item.to_string(),
            seen: alert.has_seen(item),
        };
        let mut items: Vec<Item> = alert.evidence.iter().map(item).collect();
        items.sort_by_key(|item| item.seen);
        Self {
            id: alert.identity.short_id(),
            key: alert.identity.key(),
            state: alert.state(),
            detail: alert.detail(),
            shown: alert.shown(),
            items,
            // Only the check of an acknowledgement needs it.
            alert: Alert { earlier: Vec::new(), ..alert },
        }
    }
}

/// Reads the digest of what was shown.
///
/// # Errors
/// When the text is not such a digest; the message says what is allowed.
pub fn parse_seen(text: &str) -> Result<Digest, &'static str> {
    let prefixed = if text.starts_with("sha256:") { text } else { &format!("sha256:{text}") };
    prefixed.parse().map_err(|_| {
        "allowed is the digest that was shown: 64 lower-case hexadecimal digits, with or without `sha256:` before them"
    })
}
