use super::{Digest, Name, Timestamp, Version};

/// A record with the entry it describes.
pub type LedgerEntry = ((Name, Version), LedgerRecord);

/// The state of one entry in the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerRecord {
    pub shown: Shown,
    /// The generation in which it last changed.
    pub changed_at: Timestamp,
    /// Digest over everything that is served of it, except its timestamps.
    pub digest: Digest,
    pub published_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    Visible,
    Tombstone,
}
