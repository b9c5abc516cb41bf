use crate::model::{Entry, Head};
use crate::overlay::{Standing, State};
use crate::store::{Snapshot, StoreError, StoredHead};

/// The content of an entry that decisions are about.
///
/// What was first received stays in force when upstream rewrites a published version. The other
/// content takes its place only when a person has seen it: by its pinned digest, or by a review
/// that is later than its arrival.
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
        let Some(other) = snapshot.rewritten(stored)? else { return Ok(first) };
        let reviewed = standing.ruling.is_some_and(|(_, approval)| {
            approval.state == State::Approved
                && match approval.digest {
                    Some(pinned) => pinned == other.head.received,
                    None => approval.reviewed.is_some_and(|at| at >= other.head.first_seen),
                }
        });
        if !reviewed {
            return Ok(first);
        }
        let Head { status, missing, .. } = stored.head;
        let head = Head { status, missing, ..other.head };
        Ok(Self { head, adopted: Some(Entry { head, ..other }) })
    }

    /// The entry itself.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn entry(
        self,
        snapshot: &Snapshot,
        stored: &StoredHead,
    ) -> Result<Entry, StoreError> {
        match self.adopted {
            Some(entry) => Ok(entry),
            None => snapshot.entry(stored),
        }
    }
}
