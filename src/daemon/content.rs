use crate::curation::Sanitized;
use crate::model::{Entry, Head, Malformed};
use crate::overlay::{Standing, State};
use crate::store::{Snapshot, StoreError, StoredHead};

/// The content of an entry that decisions are about.
///
/// What was first received stays in force when upstream rewrites a published version. Another
/// content takes its place only when a person has pinned its digest: a date alone cannot say which
/// of the two was looked at.
pub(super) struct Content {
    pub(super) head: Head,
    /// The other content, when it is the one in force.
    pub(super) adopted: Option<Entry>,
}

impl Content {
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn of(
        snapshot: &Snapshot,
        stored: &StoredHead,
        standing: &Standing<'_>,
    ) -> Result<Self, StoreError> {
        let first = Self { head: stored.head, adopted: None };
        if !stored.head.rewritten {
            return Ok(first);
        }
        let pinned = standing.ruling.filter(|(_, approval)| approval.state == State::Approved);
        let pinned = pinned.and_then(|(_, approval)| approval.digest);
        // A digest that both have says nothing about which bytes were meant: the first ones stay.
        let Some(pin) = pinned.filter(|pin| *pin != stored.head.received) else {
            return Ok(first);
        };
        let mut others = snapshot.others(stored)?.into_iter();
        let Some(other) = others.rfind(|other| other.head.received == pin) else {
            return Ok(first);
        };
        let Head { status, missing, .. } = stored.head;
        let head = Head { status, missing, ..other.head };
        Ok(Self { head, adopted: Some(Entry { head, ..other }) })
    }

    /// What a strict client would refuse of it; nothing when it cannot be read at all, which other
    /// places tell.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn flaw(
        &self,
        snapshot: &Snapshot,
        stored: &StoredHead,
    ) -> Result<Option<Malformed>, StoreError> {
        match self.entry(snapshot, stored) {
            Err(StoreError::Damaged { .. }) => Ok(None),
            entry => Ok(Sanitized::of(&entry?.server).err()),
        }
    }

    /// The entry itself.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn entry(
        &self,
        snapshot: &Snapshot,
        stored: &StoredHead,
    ) -> Result<Entry, StoreError> {
        match &self.adopted {
            Some(entry) => Ok(entry.clone()),
            None => snapshot.entry(stored),
        }
    }
}
