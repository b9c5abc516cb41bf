//! The changes of recent runs of an upstream, apart from its state: every batch writes that, and these may be many names.

use redb::{ReadableTable, WriteTransaction};

use crate::model::Timestamp;
use crate::store::tables::{Bytes, RECENT_CHANGES, Word};
use crate::store::{Snapshot, StoreError, codec};
use crate::sync::{ChangeKind, RecentChanges, RunChanges};

impl Snapshot {
    /// Returns the changes of recent runs of an upstream.
    pub fn recent_changes(&self, upstream: &str) -> Result<RecentChanges, StoreError> {
        read(self.tables.recent_changes()?, upstream)
    }
}

/// Adds the changes of a run that is accepted now.
pub(super) fn add_changes(
    transaction: &WriteTransaction,
    upstream: &str,
    now: Timestamp,
    changes: &RunChanges,
) -> Result<(), StoreError> {
    if *changes == RunChanges::default() {
        return Ok(());
    }
    change(transaction, upstream, |recent| {
        recent.add(now, changes.before, changes.changed.iter().cloned());
    })
}

/// Begins the windows of these kinds again.
pub(super) fn clear_changes(
    transaction: &WriteTransaction,
    upstream: &str,
    kinds: impl IntoIterator<Item = ChangeKind>,
) -> Result<(), StoreError> {
    change(transaction, upstream, |recent| recent.clear(kinds))
}

/// Removes the changes of another registry of the same id.
pub(super) fn forget_changes(
    transaction: &WriteTransaction,
    upstream: &str,
) -> Result<(), StoreError> {
    transaction.open_table(RECENT_CHANGES)?.remove(upstream)?;
    Ok(())
}

fn change(
    transaction: &WriteTransaction,
    upstream: &str,
    change: impl FnOnce(&mut RecentChanges),
) -> Result<(), StoreError> {
    let mut table = transaction.open_table(RECENT_CHANGES)?;
    let before = read(&table, upstream)?;
    let mut recent = before.clone();
    change(&mut recent);
    if recent != before {
        table.insert(upstream, codec::json(&recent)?.as_slice())?;
    }
    Ok(())
}

fn read(
    table: &impl ReadableTable<Word, Bytes>,
    upstream: &str,
) -> Result<RecentChanges, StoreError> {
    match table.get(upstream)? {
        None => Ok(RecentChanges::default()),
        Some(json) => codec::read_json(json.value(), "the recent changes", upstream),
    }
}
