use std::time::Duration;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::model::{Actor, Digest, Timestamp};

/// An advisory that would hide fewer names takes effect at once.
const LEAST: usize = 5;
/// So does one that would hide at most this share of the names that are served.
const PERCENT: usize = 20;
/// A hold or release stays for this time after its text is gone: a deployment may remove a file and write it again.
const KEPT_FOR: Duration = Duration::from_hours(24);

/// Returns true if an advisory that alone would hide so many of the served names waits for a person.
#[must_use]
pub const fn must_hold(hidden: usize, served: usize) -> bool {
    hidden >= LEAST && hidden.saturating_mul(100) > served.saturating_mul(PERCENT)
}

/// An own advisory that hides nothing before an operator releases it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The digest of the advisory: another text of it is judged by itself.
    pub digest: Digest,
    pub id: SmolStr,
    /// The names that it would have hidden when it was read, and those that were served.
    pub hidden: usize,
    pub served: usize,
    pub since: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<Release>,
    /// The file with the text of the same id that was in effect before, and stays so while this one is on hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<EarlierText>,
    /// The time since which no file has the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<Timestamp>,
}

/// A file as it was before its advisory was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierText {
    pub file: String,
    pub text: String,
}

impl Hold {
    /// Returns true if it waits for the decision of an operator.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.released.is_none() && self.gone.is_none()
    }

    /// Notes if a file has the text. Returns false if it is gone for so long that the hold is of no use.
    pub fn note(&mut self, is_present: bool, now: Timestamp) -> bool {
        if is_present {
            self.gone = None;
        } else {
            self.gone.get_or_insert(now);
        }
        self.gone.is_none_or(|gone| now.since(gone) < KEPT_FOR)
    }
}

/// The decision of an operator to let an advisory take effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    pub by: String,
    pub actor: Actor,
    pub at: Timestamp,
    pub reason: String,
}

/// A request to release an advisory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseRequest {
    pub id: String,
    /// The digest that was shown.
    pub digest: Digest,
    pub by: String,
    pub reason: String,
}
