use serde::{Deserialize, Serialize};

use super::{Digest, Name, Timestamp, Version};

/// A record with the entry it describes.
pub type LedgerEntry = ((Name, Version), LedgerRecord);

/// The received digest of the content that is served, and the digest of the rule that approves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Approved {
    pub received: Digest,
    pub rule: Digest,
}

#[cfg(test)]
impl Approved {
    /// Any approval, for tests that do not look at it.
    pub(crate) fn any() -> Self {
        Self { received: Digest::of(b"received"), rule: Digest::of(b"rule") }
    }
}

/// The state of one entry in the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerRecord {
    pub shown: Shown,
    /// The generation in which it last changed.
    pub changed_at: Timestamp,
    /// Digest over everything that is served of it, except its timestamps.
    pub digest: Digest,
    pub published_at: Timestamp,
    /// Of a tombstone: as it was when the entry was visible.
    pub approved: Approved,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    Visible,
    Tombstone,
}
