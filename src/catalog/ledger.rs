use std::collections::BTreeMap;

use crate::model::{LedgerEntry, LedgerRecord, Name, Shown, Timestamp, Version};

/// The record of every entry that was ever served, and since when. Upstream could not restore it.
///
/// The record of an entry that is not served any more is a tombstone, from which a reader that follows `updated_since`
/// learns that. Those that the store removed, since they are too old, leave with [`Ledger::forget`].
#[derive(Debug, Default)]
pub struct Ledger {
    records: BTreeMap<(Name, Version), LedgerRecord>,
    newest: Option<Timestamp>,
}

impl Ledger {
    #[must_use]
    pub fn new(records: impl IntoIterator<Item = LedgerEntry>) -> Self {
        let mut ledger = Self::default();
        for (key, record) in records {
            ledger.set(key, record);
        }
        ledger
    }

    /// Returns the timestamp for a generation built at `now`: later than all earlier ones.
    #[must_use]
    pub fn next_timestamp(&self, now: Timestamp) -> Timestamp {
        self.newest.map_or(now, |newest| now.max(newest.plus(Timestamp::TICK)))
    }

    /// Returns the time of the last change.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    pub fn set(&mut self, key: (Name, Version), record: LedgerRecord) {
        self.newest = self.newest.max(Some(record.changed_at));
        self.records.insert(key, record);
    }

    /// Removes the tombstones up to a time.
    pub fn forget(&mut self, until: Timestamp) {
        self.records
            .retain(|_, record| record.shown != Shown::Tombstone || record.changed_at > until);
    }

    #[must_use]
    pub fn get(&self, name: &Name, version: &Version) -> Option<&LedgerRecord> {
        self.records.get(&(name.clone(), version.clone()))
    }

    /// Returns the names that were ever served.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.records.keys().map(|(name, _)| name)
    }

    pub fn of_name(
        &self,
        name: &Name,
    ) -> impl Iterator<Item = (&(Name, Version), &LedgerRecord)> + use<'_> {
        let name = name.clone();
        let start = (name.clone(), Version::least());
        self.records.range(start..).take_while(move |((found, _), _)| *found == name)
    }
}
