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

    /// Returns the timestamp for a generation built at `now`: later than all earlier ones. It is a counter that the clock
    /// leads and that leads no clock: a reader that remembers the greatest one misses nothing, whatever the clock does.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Approved, Digest, Shown};

    fn key(index: u8) -> (Name, Version) {
        let name = Name::parse(&format!("com.n{index}/x")).expect("a name");
        (name, Version::parse("1.0.0").expect("a version"))
    }

    fn record(content: usize, changed_at: Timestamp) -> LedgerRecord {
        LedgerRecord {
            shown: Shown::Visible,
            changed_at,
            digest: Digest::of(&content.to_le_bytes()),
            published_at: Timestamp::MIN,
            approved: Approved::any(),
        }
    }

    /// The time of a generation, the entries that it changes, and if the reader reads after it.
    type Generation = (i64, Vec<u8>, bool);

    fn generations() -> impl Strategy<Value = Vec<Generation>> {
        let changed = prop::collection::vec(0..6_u8, 0..4);
        prop::collection::vec((-1_000..1_000_i64, changed, any::<bool>()), 1..60)
    }

    proptest! {
        /// P101.
        #[test]
        fn reader_that_remembers_the_greatest_time_misses_nothing_whatever_the_clock_does(
            generations in generations(),
        ) {
            let mut ledger = Ledger::default();
            let mut latest = Timestamp::MIN;
            let (mut mirror, mut since) = (BTreeMap::new(), Timestamp::MIN);
            let count = generations.len();
            for (index, (now, changed, reads)) in generations.into_iter().enumerate() {
                let now = Timestamp::from_micros(now);
                latest = latest.max(now);
                let before = ledger.newest();
                let at = ledger.next_timestamp(now);
                prop_assert!(before.is_none_or(|before| before < at), "dates increase");
                prop_assert!(at.as_micros() <= latest.as_micros() + i64::try_from(index).expect("few"), "no clock said so");
                for entry in changed {
                    ledger.set(key(entry), record(index, at));
                }
                if reads || index + 1 == count {
                    // Strictly newer, as `updated_since` is.
                    let news = ledger.records.iter().filter(|(_, record)| record.changed_at > since);
                    let news: Vec<_> = news.map(|(key, record)| (key.clone(), *record)).collect();
                    since = news.iter().map(|(_, record)| record.changed_at).fold(since, Timestamp::max);
                    mirror.extend(news);
                    prop_assert_eq!(&mirror, &ledger.records);
                }
            }
        }
    }
}
