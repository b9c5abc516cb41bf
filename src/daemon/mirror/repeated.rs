//! Rows of one key that a run lists twice: pages may come from caches of different age, and the list moves while it is
//! read. The last row counts, but an older one brings back nothing that the run deleted before.

use std::collections::HashMap;

use crate::model::{Head, Status, Timestamp};
use crate::store::{Snapshot, StoreError};
use crate::sync::{Change, Kind, Row};

/// Deletions of one run that are remembered; the official registry lists some ten thousand.
const MAX_DELETIONS: usize = 200_000;

/// The deletions that a run has listed, by name and version, with their `updatedAt` if each has one. A resumed run knows
/// those since a restart only.
#[derive(Debug, Default)]
pub(super) struct ListedDeletions {
    by_name: HashMap<String, HashMap<String, Option<Timestamp>>>,
    count: usize,
}

impl ListedDeletions {
    /// Takes the change of a row; returns true if the run deleted the entry before, and the row is not newer than that.
    pub(super) fn overrule(&mut self, change: &Change) -> bool {
        let ((name, version), status, updated_at) = seen(change);
        let of_name = self.by_name.get_mut(name);
        let known = of_name.and_then(|versions| versions.get_mut(version));
        if status != Some(Status::Deleted) {
            // One without a date is not known to be older than anything.
            return known.is_some_and(|deleted| deleted.is_none() || updated_at <= *deleted);
        }
        if let Some(deleted) = known {
            *deleted = deleted.zip(updated_at).map(|(one, other)| one.max(other));
        } else if self.count < MAX_DELETIONS {
            self.count += 1;
            self.by_name.entry(name.to_owned()).or_default().insert(version.to_owned(), updated_at);
        }
        false
    }
}

/// Returns true if a row is older than the stored deletion of its version, as from a cache that lags behind. A deletion
/// that is newer than all that is `accepted`, from a clock that was ahead or before a released rewind, does not count.
pub(super) fn is_stale(
    change: &Change,
    snapshot: &Snapshot,
    upstream: &str,
    accepted: Option<Timestamp>,
) -> Result<bool, StoreError> {
    let Change::Write { row: Row::Entry(entry), kind: Kind::Updated } = change else {
        return Ok(false);
    };
    let Head { status, updated_at, .. } = entry.head;
    if status == Status::Deleted || accepted.is_none() {
        return Ok(false);
    }
    let stored = snapshot.head(upstream, entry.name.as_str(), entry.version.as_str())?;
    Ok(stored.is_some_and(|stored| {
        let is_deletion = stored.status == Status::Deleted;
        is_deletion && updated_at < stored.updated_at && Some(stored.updated_at) <= accepted
    }))
}

/// Returns the name and version of a row with its status and `updatedAt`, as far as they can be read.
fn seen(change: &Change) -> ((&str, &str), Option<Status>, Option<Timestamp>) {
    match change {
        Change::Unchanged(identity, head) => {
            let updated_at = identity.updated_at.unwrap_or(head.updated_at);
            let key = (identity.name.as_str(), identity.version.as_str());
            (key, Some(head.status), Some(updated_at))
        }
        Change::Write { row, .. } => match row {
            Row::Entry(entry) => {
                let key = (entry.name.as_str(), entry.version.as_str());
                (key, Some(entry.head.status), Some(entry.head.updated_at))
            }
            Row::Deleted(row) => ((&row.name, &row.version), Some(Status::Deleted), None),
            Row::Quarantined(row) => ((&row.name, &row.version), None, None),
            Row::Settled { name, version } => ((name, version), None, None),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::model::{Entry, Quarantined};

    fn entry(version: &str, status: &str, updated_at: &str) -> Change {
        let item = format!(
            r#"{{"server":{{"$schema":"https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json","name":"a.b/c","description":"d","version":"{version}"}},"_meta":{{"io.modelcontextprotocol.registry/official":{{"status":"{status}","publishedAt":"2026-01-01T00:00:00Z","updatedAt":"{updated_at}","isLatest":true}}}}}}"#
        );
        let item: Box<RawValue> = serde_json::from_str(&item).expect("JSON");
        let entry = Entry::read(&item, Timestamp::MIN).expect("an entry");
        Change::Write { row: Row::Entry(entry), kind: Kind::Updated }
    }

    fn unreadable(deleted: bool) -> Change {
        let (name, version) = ("a.b/c".into(), "1".into());
        let row = Quarantined { name, version, reason: String::new(), item: "".into() };
        let row = if deleted { Row::Deleted(row) } else { Row::Quarantined(row) };
        Change::Write { row, kind: Kind::Updated }
    }

    #[test]
    fn older_row_behind_a_deletion_in_one_run_brings_nothing_back() {
        let (older, newer) = ("2026-10-01T00:00:00Z", "2026-12-01T00:00:00Z");
        let mut deletions = ListedDeletions::default();
        assert!(!deletions.overrule(&entry("1", "active", older)), "nothing is deleted yet");
        assert!(!deletions.overrule(&entry("1", "deleted", "2026-11-01T00:00:00Z")));
        assert!(deletions.overrule(&entry("1", "active", older)));
        assert!(deletions.overrule(&entry("1", "deprecated", "2026-11-01T00:00:00Z")));
        assert!(deletions.overrule(&unreadable(false)));
        assert!(!deletions.overrule(&entry("2", "active", older)), "another version");
        assert!(!deletions.overrule(&entry("1", "active", newer)), "it was restored since");
        assert!(!deletions.overrule(&unreadable(true)));
        assert!(deletions.overrule(&entry("1", "active", newer)), "not known to be newer");
    }
}
