use std::collections::BTreeSet;

use serde_json::value::RawValue;

use super::committer::Committer;
use crate::model::{Entry, Name, Timestamp};
use crate::store::{Snapshot, StoreError};
use crate::sync::{Change, Kind, Row, change};

pub(super) fn classify_row(
    item: &RawValue,
    now: Timestamp,
    snapshot: &Snapshot,
    upstream: &str,
) -> Result<Change, StoreError> {
    change(item, now, |identity| {
        match snapshot.head(upstream, identity.name.as_str(), identity.version.as_str()) {
            // The upstream's row replaces one that cannot be read.
            Err(StoreError::Damaged(_)) => Ok(None),
            head => head,
        }
    })
}

pub(super) fn names(rows: &[Row]) -> BTreeSet<Name> {
    rows.iter().filter_map(|row| Name::parse(&row.key().0).ok()).collect()
}

/// Turns an unchanged row into a write when another row of its key is under way to the store: the last
/// one in a sync run counts.
pub(super) fn supersede_pending(
    change: Change,
    item: &RawValue,
    committer: &Committer<'_>,
) -> Change {
    let Change::Unchanged(identity, head) = &change else { return change };
    let key = (identity.name.to_string(), identity.version.to_string());
    if !committer.has_under_way(&key) {
        return change;
    }
    match Entry::read(item, head.first_seen) {
        Ok(entry) => Change::Write { row: Row::Entry(entry), kind: Kind::Updated },
        Err(_) => change,
    }
}
