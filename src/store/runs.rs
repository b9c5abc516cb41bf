//! The times at which this store was in use, by which it notices that it is an older copy.
//!
//! A daemon leaves its time in the store every minute, and at its end. What lies between the last such time before a start
//! and that start is a gap: a follower of this registry read another history then than the one that the store has, if the
//! store was put back from a copy, and nothing at all if the daemon was only stopped.

use redb::ReadableTable;
use serde::{Deserialize, Serialize};

use super::tables::META;
use super::{Snapshot, Store, StoreError, codec};
use crate::model::Timestamp;

const ALIVE_KEY: &str = "alive";
const GAPS_KEY: &str = "gaps";
/// The newest gaps that are kept.
const MAX_GAPS: usize = 64;

/// A time in which no daemon used the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The last time at which the store was in use before.
    pub from: Timestamp,
    /// The start of the next daemon.
    pub to: Timestamp,
}

impl Gap {
    /// Returns true if changes since this time are those of another history.
    #[must_use]
    pub fn contains(&self, since: Timestamp) -> bool {
        self.from < since && since <= self.to
    }
}

impl Store {
    /// Records the start of a daemon.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn record_start(&self, now: Timestamp) -> Result<(), StoreError> {
        self.write(now, |transaction| {
            let mut meta = transaction.open_table(META)?;
            let alive = meta.get(ALIVE_KEY)?.and_then(|value| read(value.value()));
            let mut gaps: Vec<Gap> =
                meta.get(GAPS_KEY)?.and_then(|value| read(value.value())).unwrap_or_default();
            gaps.extend(alive.filter(|alive| *alive < now).map(|from| Gap { from, to: now }));
            gaps.drain(..gaps.len().saturating_sub(MAX_GAPS));
            meta.insert(GAPS_KEY, codec::json(&gaps)?.as_slice())?;
            meta.insert(ALIVE_KEY, codec::json(&now)?.as_slice())?;
            Ok(())
        })
    }

    /// Records that a daemon uses the store.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn record_use(&self, now: Timestamp) -> Result<(), StoreError> {
        self.write(now, |transaction| {
            transaction.open_table(META)?.insert(ALIVE_KEY, codec::json(&now)?.as_slice())?;
            Ok(())
        })
    }
}

impl Snapshot {
    /// Returns the times in which no daemon used the store, the oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn gaps(&self) -> Result<Vec<Gap>, StoreError> {
        let gaps = self.tables.meta()?.get(GAPS_KEY)?;
        Ok(gaps.and_then(|value| read(value.value())).unwrap_or_default())
    }
}

/// Reads a value; one that does not decode says nothing.
fn read<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_micros(minute * 60_000_000)
    }

    #[test]
    fn gap_lies_between_the_last_use_and_the_next_start() {
        let store = Store::ephemeral(at(0)).expect("a store");
        let gaps = || store.snapshot().and_then(|snapshot| snapshot.gaps()).expect("read");
        store.record_start(at(1)).expect("recorded");
        assert_eq!(gaps(), [], "a new store has none");
        store.record_use(at(5)).expect("recorded");
        store.record_start(at(9)).expect("recorded");
        assert_eq!(gaps(), [Gap { from: at(5), to: at(9) }]);
        let inside = [4, 5, 6, 9, 10].map(|minute| gaps()[0].contains(at(minute)));
        assert_eq!(inside, [false, false, true, true, false]);
        for start in 0..100 {
            store.record_start(at(10 + start)).expect("recorded");
        }
        assert_eq!((gaps().len(), gaps()[63].to), (MAX_GAPS, at(109)));
    }
}
