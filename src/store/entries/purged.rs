//! The heads of purged entries, while anything else is known of their names.
//!
//! A head says if an entry that comes back has the content that it had. It is needed while the name is listed, while a
//! view showed it within the time of tombstones, and while a rule could serve it. After that a name that comes back is a
//! new one: its content counts from its acceptance, so that no earlier review covers it.

use std::collections::BTreeSet;

use redb::ReadableTable;

use crate::model::{Name, Timestamp};
use crate::store::rows::after;
use crate::store::tables::{HEADS, ON_HOLD, PURGED, STAGED};
use crate::store::{Snapshot, Store, StoreError};

/// Heads removed in one transaction.
const BATCH: usize = 2_000;

impl Store {
    /// Removes a batch of heads of purged entries whose names have no row, no record in the ledger of a view, and no rule.
    /// Returns their number.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn prune_purged(
        &self,
        has_rule: impl Fn(&Name) -> bool,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let forgotten = self.snapshot()?.forgotten_purged(has_rule)?;
        if forgotten.is_empty() {
            return Ok(0);
        }
        self.write(now, |transaction| {
            let mut purged = transaction.open_table(PURGED)?;
            let mut removed = 0;
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
                    removed += 1;
                }
            }
            Ok(removed)
        })
    }
}

impl Snapshot {
    /// Returns the keys of purged entries of which nothing else is known, up to a batch of them.
    fn forgotten_purged(
        &self,
        has_rule: impl Fn(&Name) -> bool,
    ) -> Result<Vec<(String, String, String)>, StoreError> {
        let mut forgotten = Vec::new();
        if self.tables.purged()?.iter()?.next().is_none() {
            return Ok(forgotten);
        }
        let shown = self.names_in_ledgers()?;
        for row in self.tables.purged()?.iter()? {
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
        store.prune_purged(has_rule, NOW).expect("pruned");
        assert_eq!(kept(&store), names[1..]);
        assert_eq!(store.prune_purged(has_rule, NOW).expect("pruned"), 0);
        store.prune_purged(|_| false, NOW).expect("pruned");
        assert_eq!(kept(&store), ["a.b/listed", "a.b/shown", "a.b/staged"]);
    }
}
