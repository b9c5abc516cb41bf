//! The heads of purged entries, while anything else is known of their names.
//!
//! A head says if an entry that comes back has the content that it had. It is needed while the name is listed, while a
//! view showed it within the time of tombstones, and while a rule could serve it. After that a name that comes back is a
//! new one: its content counts from its acceptance, so that no earlier review covers it.

use std::collections::BTreeSet;
use std::ops::Bound;

use redb::ReadableTable;

use crate::model::{Name, Timestamp};
use crate::store::rows::after;
use crate::store::tables::{HEADS, ON_HOLD, PURGED, STAGED};
use crate::store::{RowKey, Snapshot, Store, StoreError};

/// Heads removed in one transaction.
const BATCH: usize = 2_000;

/// The progress of the removal of heads of purged entries.
#[derive(Debug, Default)]
pub struct PurgedPruning {
    /// The key to go on from.
    from: RowKey,
    /// The names in the ledgers of all views, once they are read.
    shown: Option<BTreeSet<String>>,
}

impl Store {
    /// Removes a batch of heads of purged entries whose names have no row, no record in the ledger of a view, and no rule.
    /// Returns the progress; `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn prune_purged(
        &self,
        mut pruning: PurgedPruning,
        has_rule: impl Fn(&Name) -> bool,
        now: Timestamp,
    ) -> Result<Option<PurgedPruning>, StoreError> {
        let forgotten = self.snapshot()?.forgotten_purged(&mut pruning, has_rule)?;
        if forgotten.is_empty() {
            return Ok(None);
        }
        let is_over = forgotten.len() < BATCH;
        self.write(now, |transaction| {
            let mut purged = transaction.open_table(PURGED)?;
            for (upstream, name, version) in &forgotten {
                let end = after(name);
                let range = || (upstream.as_str(), name.as_str(), "")..(upstream, end.as_str(), "");
                // The name may be back in the meantime.
                let mut is_back = false;
                for rows in [HEADS, STAGED, ON_HOLD] {
                    is_back |= transaction.open_table(rows)?.range(range())?.next().is_some();
                }
                if !is_back {
                    purged.remove((upstream.as_str(), name.as_str(), version.as_str()))?;
                }
            }
            Ok(())
        })?;
        Ok((!is_over).then_some(pruning))
    }
}

impl Snapshot {
    /// Returns the next keys of purged entries of which nothing else is known, up to a batch of them.
    fn forgotten_purged(
        &self,
        PurgedPruning { from, shown }: &mut PurgedPruning,
        has_rule: impl Fn(&Name) -> bool,
    ) -> Result<Vec<RowKey>, StoreError> {
        let mut forgotten = Vec::new();
        if self.tables.purged()?.iter()?.next().is_none() {
            return Ok(forgotten);
        }
        let shown = match shown {
            Some(shown) => shown,
            None => shown.insert(self.names_in_ledgers()?),
        };
        let after = (from.0.clone(), from.1.clone(), from.2.clone());
        let after = Bound::Excluded((after.0.as_str(), after.1.as_str(), after.2.as_str()));
        for row in self.tables.purged()?.range::<(&str, &str, &str)>((after, Bound::Unbounded))? {
            let (key, _) = row?;
            let (upstream, text, version) = key.value();
            let is_known = match Name::parse(text) {
                Ok(name) => {
                    shown.contains(text)
                        || has_rule(&name)
                        || self.has_rows_of(&name)?
                        || self.has_quarantined(&name)?
                }
                // Nothing can come back under it.
                Err(_) => false,
            };
            if !is_known {
                forgotten.push((upstream.to_owned(), text.to_owned(), version.to_owned()));
            }
            if forgotten.len() >= BATCH {
                *from = (upstream.to_owned(), text.to_owned(), version.to_owned());
                break;
            }
        }
        Ok(forgotten)
    }

    /// Returns the names that any view shows or showed.
    pub(in crate::store) fn names_in_ledgers(&self) -> Result<BTreeSet<String>, StoreError> {
        let mut names = BTreeSet::new();
        for row in self.tables.ledger()?.iter()? {
            let (key, _) = row?;
            let (_, name, _) = key.value();
            if !names.contains(name) {
                names.insert(name.to_owned());
            }
        }
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Approved, Digest, LedgerRecord, Shown, Version};
    use crate::store::tests::{NOW, commit, entry};
    use crate::store::{Destination, Evaluated, NewEvents, ViewChanges, codec};
    use crate::sync::Row;

    fn kept(store: &Store) -> Vec<String> {
        let snapshot = store.snapshot().expect("a snapshot");
        let rows = snapshot.tables.purged().and_then(|table| Ok(table.iter()?)).expect("rows");
        rows.map(|row| row.expect("a row").0.value().1.to_owned()).collect()
    }

    /// P99.
    #[test]
    fn purged_heads_stay_while_a_row_a_tombstone_or_a_rule_has_their_name() {
        let store = Store::ephemeral(NOW).expect("a store");
        commit(&store, Destination::Live, &[Row::Entry(entry("a.b/listed", "2", "x"))], "1");
        commit(&store, Destination::Staged, &[Row::Entry(entry("a.b/staged", "2", "x"))], "1");
        let names = ["a.b/gone", "a.b/listed", "a.b/ruled", "a.b/shown", "a.b/staged"];
        store
            .write(NOW, |transaction| {
                let mut purged = transaction.open_table(PURGED)?;
                for name in names {
                    let head = codec::head(&entry(name, "1", "x").head);
                    purged.insert(("up", name, "1"), head.as_slice())?;
                }
                Ok(())
            })
            .expect("written");
        let name = |text: &str| Name::parse(text).expect("a name");
        let key = (name("a.b/shown"), Version::parse("1").expect("usable"));
        let (shown, digest, approved) = (Shown::Tombstone, Digest::of(b""), Approved::any());
        let record = LedgerRecord { shown, changed_at: NOW, digest, published_at: NOW, approved };
        let changes = [(key, record)];
        let changes = [ViewChanges { view: "default", changes: &changes }];
        let (evaluated, events) = (Evaluated::default(), NewEvents::default());
        store.commit_ledger(&changes, &[], &evaluated, events, NOW).expect("committed");
        let has_rule = |found: &Name| *found == name("a.b/ruled");
        let begin = PurgedPruning::default;
        assert!(store.prune_purged(begin(), has_rule, NOW).expect("pruned").is_none());
        assert_eq!(kept(&store), names[1..]);
        store.prune_purged(begin(), has_rule, NOW).expect("pruned");
        assert_eq!(kept(&store), names[1..]);
        store.prune_purged(begin(), |_| false, NOW).expect("pruned");
        assert_eq!(kept(&store), ["a.b/listed", "a.b/shown", "a.b/staged"]);
    }

    #[test]
    fn names_that_are_back_in_a_staged_run_do_not_keep_the_others_from_being_removed() {
        let store = Store::ephemeral(NOW).expect("a store");
        let staged: Vec<String> = (0..BATCH).map(|number| format!("a.b/s{number:05}")).collect();
        let rows: Vec<Row> = staged.iter().map(|name| Row::Entry(entry(name, "2", "x"))).collect();
        commit(&store, Destination::Staged, &rows, "1");
        store
            .write(NOW, |transaction| {
                let mut purged = transaction.open_table(PURGED)?;
                let head = codec::head(&entry("a.b/zz", "1", "x").head);
                for name in staged.iter().map(String::as_str).chain(["a.b/zz"]) {
                    purged.insert(("up", name, "1"), head.as_slice())?;
                }
                Ok(())
            })
            .expect("written");
        let mut pruning = Some(PurgedPruning::default());
        while let Some(begun) = pruning.take() {
            pruning = store.prune_purged(begun, |_| false, NOW).expect("pruned");
        }
        assert_eq!(kept(&store), staged);
    }
}
