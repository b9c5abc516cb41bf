use std::collections::BTreeMap;

use crate::model::{LedgerEntry, LedgerRecord, Name, Timestamp, Version};

/// The record of every entry that was ever served, and since when. Upstream could not restore it.
///
/// A record is never removed. Without it, a reader that follows `updated_since` would not learn that an
/// entry is not served any more.
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
