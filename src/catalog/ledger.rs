use std::collections::BTreeMap;

use crate::model::{Instant, LedgerEntry, LedgerRecord, Name, Version};

/// What was served, and since when: the memory that upstream could not restore.
///
/// An entry that was ever served has a record for good. Without it, a reader that follows
/// `updated_since` would never learn that something is not served any more.
#[derive(Debug, Default)]
pub struct Ledger {
    records: BTreeMap<(Name, Version), LedgerRecord>,
    newest: Option<Instant>,
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

    /// The instant for a generation made at `now`: later than all before it.
    #[must_use]
    pub fn next_instant(&self, now: Instant) -> Instant {
        self.newest.map_or(now, |newest| now.max(newest.plus(Instant::TICK)))
    }

    /// When anything last changed.
    #[must_use]
    pub fn newest(&self) -> Option<Instant> {
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

    /// Names that were ever served.
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
