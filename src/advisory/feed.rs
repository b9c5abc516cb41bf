use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// Unreadable documents that are named; all are counted.
const MAX_EXAMPLES: usize = 10;
const MAX_EXAMPLE: usize = 300;
/// Advisories about one package that one feed may have, and as many again that report malicious code. Real packages
/// have a few hundred.
pub const MAX_PER_PACKAGE: u32 = 1_000;

/// The state of a feed of advisories.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeedState {
    /// The mark of the content that was read last: its `ETag`, or a digest of the listing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
    /// The URL or path that it was read from: the mark says nothing of another one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// The advisories that are kept of it.
    pub advisories: usize,
    pub unreadable: Unread,
    /// The time at which it was read last, also if it had not changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_at: Option<Timestamp>,
    /// The time at which its content was read last. A source that always says that nothing changed is asked for all of it
    /// now and then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_at: Option<Timestamp>,
    /// The time at which it was configured, as far as is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The failure of the last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FeedFailure>,
}

/// A failed attempt to read a feed; what was read before stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedFailure {
    pub at: Timestamp,
    pub reason: String,
    /// True if the feed was read, and had lost more than half of its advisories.
    #[serde(default)]
    pub shrunk: bool,
    /// True if there is no room for what it has, so that advisories are not known.
    #[serde(default)]
    pub no_room: bool,
}

/// The documents of a feed of which nothing, or not everything, can be used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    pub count: usize,
    /// The first of them, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}

impl Unread {
    /// Adds a document and the reason.
    pub fn add(&mut self, document: &str, why: &str) {
        self.count += 1;
        if self.examples.len() < MAX_EXAMPLES {
            let text = format!("{document}: {why}");
            self.examples.push(text.chars().take(MAX_EXAMPLE).collect());
        }
    }
}

/// Returns true if a feed lost more than half of its advisories: rather by a mistake than by withdrawals, which are
/// listed.
#[must_use]
pub const fn is_shrunk(before: usize, now: usize) -> bool {
    now.saturating_mul(2) < before
}
