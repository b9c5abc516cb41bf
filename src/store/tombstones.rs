//! Tombstones of the ledger, and how long they are kept.
//!
//! A reader of changes learns from a tombstone that an entry is not served any more. The commit that removes tombstones
//! also notes the time of the newest of them: a reader that asks for changes since an earlier time may lack one, and is
//! asked to read everything again.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::time::Duration;

use redb::ReadableTable;

use super::tables::{LEDGER, META};
use super::{RowKey, Snapshot, Store, StoreError, codec};
use crate::model::{Name, Shown, Timestamp};

/// The time for which tombstones are kept, and with them the changes that a reader can follow.
const KEPT: Duration = Duration::from_hours(400 * 24);
/// Tombstones removed in one transaction.
const BATCH: usize = 2_000;

/// Key in `meta` of the time up to which tombstones of a view were removed.
fn mark_of(view: &str) -> String {
    format!("pruned {view}")
}

impl Store {
    /// Removes a batch of tombstones that are older than 400 days, of all views, after a key. Returns their names, and the
    /// key to go on from; none at the end.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn prune_tombstones(
        &self,
        from: &RowKey,
        now: Timestamp,
    ) -> Result<(BTreeSet<Name>, Option<RowKey>), StoreError> {
        let old = self.snapshot()?.tombstones_before(now.minus(KEPT), from)?;
        let mut names = BTreeSet::new();
        if old.is_empty() {
            return Ok((names, None));
        }
        self.write(now, |transaction| {
            let mut ledger = transaction.open_table(LEDGER)?;
            let mut meta = transaction.open_table(META)?;
            for (view, name, version) in &old {
                let key = (view.as_str(), name.as_str(), version.as_str());
                let record = ledger.get(key)?.and_then(|value| codec::read_ledger(value.value()));
                // It may be served again in the meantime.
                let Some(record) = record.filter(|record| {
                    record.shown == Shown::Tombstone && record.changed_at < now.minus(KEPT)
                }) else {
                    continue;
                };
                ledger.remove(key)?;
                let mark = mark_of(view);
                let before = meta.get(mark.as_str())?.and_then(|value| timestamp(value.value()));
                let until = before.max(Some(record.changed_at)).unwrap_or(record.changed_at);
                meta.insert(mark.as_str(), until.as_micros().to_le_bytes().as_slice())?;
                names.extend(Name::parse(name));
            }
            Ok(())
        })?;
        let next = old.last().filter(|_| old.len() >= BATCH).cloned();
        Ok((names, next))
    }
}

fn timestamp(bytes: &[u8]) -> Option<Timestamp> {
    bytes.try_into().ok().map(i64::from_le_bytes).map(Timestamp::from_micros)
}

impl Snapshot {
    /// Returns the time up to which tombstones of a view were removed; `None` if it has all of them.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn pruned_until(&self, view: &str) -> Result<Option<Timestamp>, StoreError> {
        let mark = self.tables.meta()?.get(mark_of(view).as_str())?;
        Ok(mark.and_then(|value| timestamp(value.value())))
    }

    /// Returns the keys of tombstones that are older than this, up to a batch of those after a key.
    fn tombstones_before(
        &self,
        oldest: Timestamp,
        (view, name, version): &RowKey,
    ) -> Result<Vec<RowKey>, StoreError> {
        let from = Bound::Excluded((view.as_str(), name.as_str(), version.as_str()));
        let rest = (from, Bound::Unbounded);
        let mut keys = Vec::new();
        for row in self.tables.ledger()?.range::<(&str, &str, &str)>(rest)? {
            let (key, value) = row?;
            let record = codec::read_ledger(value.value());
            if record.is_some_and(|record| {
                record.shown == Shown::Tombstone && record.changed_at < oldest
            }) {
                let (view, name, version) = key.value();
                keys.push((view.to_owned(), name.to_owned(), version.to_owned()));
            }
            if keys.len() >= BATCH {
                break;
            }
        }
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Approved, Digest, LedgerEntry, LedgerRecord, Version};
    use crate::store::{Evaluated, NewEvents, ViewChanges};

    const DAY: Duration = Duration::from_hours(24);

    fn day(days: u32) -> Timestamp {
        Timestamp::from_micros(0).plus(DAY * days)
    }

    fn record(name: &str, shown: Shown, changed_at: Timestamp) -> LedgerEntry {
        let key = (Name::parse(name).expect("a name"), Version::parse("1").expect("usable"));
        let (digest, approved) = (Digest::of(b""), Approved::any());
        (key, LedgerRecord { shown, changed_at, digest, published_at: changed_at, approved })
    }

    fn commit(store: &Store, view: &str, changes: &[LedgerEntry]) {
        let changes = [ViewChanges { view, changes }];
        let (evaluated, events) = (Evaluated::default(), NewEvents::default());
        store.commit_ledger(&changes, &[], &evaluated, events, day(0)).expect("committed");
    }

    fn kept(store: &Store, view: &str) -> (Vec<String>, Option<Timestamp>) {
        let snapshot = store.snapshot().expect("a snapshot");
        let rows = snapshot.ledger(view).expect("read");
        let names = rows.map(|row| row.expect("a row").0.0.to_string()).collect();
        (names, snapshot.pruned_until(view).expect("read"))
    }

    /// P98.
    #[test]
    fn tombstones_go_after_400_days_and_the_newest_of_them_is_noted() {
        let store = Store::ephemeral(day(0)).expect("a store");
        let (gone, here) = (Shown::Tombstone, Shown::Visible);
        let of_one = [
            record("a.b/first", gone, day(10)),
            record("a.b/second", gone, day(12)),
            record("a.b/third", gone, day(30)),
            record("a.b/served", here, day(1)),
        ];
        commit(&store, "one", &of_one);
        commit(&store, "two", &[record("a.b/first", gone, day(11))]);
        assert!(
            store.prune_tombstones(&RowKey::default(), day(410)).expect("pruned").0.is_empty(),
            "on the day"
        );
        let (pruned, _) = store.prune_tombstones(&RowKey::default(), day(413)).expect("pruned");
        assert_eq!(pruned.len(), 2, "{pruned:?}");
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(kept(&store, "one"), (names(&["a.b/served", "a.b/third"]), Some(day(12))));
        assert_eq!(kept(&store, "two"), (Vec::new(), Some(day(11))));
        assert_eq!(kept(&store, "three"), (Vec::new(), None));
        store.prune_tombstones(&RowKey::default(), day(1_000)).expect("pruned");
        assert_eq!(kept(&store, "one"), (names(&["a.b/served"]), Some(day(30))));
    }

    #[test]
    fn tombstones_are_removed_in_batches_of_which_each_notes_its_newest() {
        let store = Store::ephemeral(day(0)).expect("a store");
        let names: Vec<String> = (0..BATCH + 5).map(|number| format!("a.b/n{number:05}")).collect();
        let records: Vec<LedgerEntry> =
            names.iter().map(|name| record(name, Shown::Tombstone, day(1))).collect();
        commit(&store, "one", &records);
        let mut sizes = Vec::new();
        let mut from = Some(RowKey::default());
        while let Some(key) = from.take() {
            let (pruned, next) = store.prune_tombstones(&key, day(500)).expect("pruned");
            sizes.push(pruned.len());
            assert_eq!(kept(&store, "one").1, Some(day(1)));
            from = next;
        }
        assert_eq!(sizes, [BATCH, 5]);
    }
}
