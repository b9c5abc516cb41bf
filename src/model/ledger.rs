use super::{Digest, Instant, Name, Version};

/// A record and the entry it is about.
pub type LedgerEntry = ((Name, Version), LedgerRecord);

/// The state of one entry in the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerRecord {
    pub shown: Shown,
    /// The generation in which it last changed.
    pub changed_at: Instant,
    /// Digest over all that is served of it but its instants.
    pub digest: Digest,
    pub published_at: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    Visible,
    Tombstone,
}
