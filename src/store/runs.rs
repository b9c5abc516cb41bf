//! The times at which this store was in use, by which it notices that it is an older copy.
//!
//! A daemon leaves its time in the store every minute, and at its end. What lies between the last such time before a start
//! and that start is a gap: a follower of this registry read another history then than the one that the store has, if the
//! store was put back from a copy, and nothing at all if the daemon was only stopped.

use redb::{ReadableTable, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::history::{NewEvents, append};
use super::meta::{lower_newest_timestamp, newest_timestamp};
use super::tables::META;
use super::{Snapshot, Store, StoreError, codec};
use crate::history::{Change, ClockChange, Event};
use crate::model::Timestamp;
use crate::sync::{AcceptedClock, ClockRecord, MAX_SKEW};

const ALIVE_KEY: &str = "alive";
const GAPS_KEY: &str = "gaps";
const CLOCK_KEY: &str = "clock";
/// The number of gaps that are kept apart; with more, the two oldest are taken as one.
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
            merge_oldest(&mut gaps);
            meta.insert(GAPS_KEY, codec::json(&gaps)?.as_slice())?;
            meta.insert(ALIVE_KEY, codec::json(&now)?.as_slice())?;
            Ok(())
        })
    }

    /// Records that the gap since a time before the start lasted until a time: at the start it was not known how late it is.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn record_gap(&self, from: Timestamp, to: Timestamp) -> Result<(), StoreError> {
        self.write(to, |transaction| {
            let mut meta = transaction.open_table(META)?;
            let mut gaps: Vec<Gap> =
                meta.get(GAPS_KEY)?.and_then(|value| read(value.value())).unwrap_or_default();
            match gaps.iter_mut().find(|gap| gap.from == from) {
                Some(gap) => gap.to = to,
                None => gaps.push(Gap { from, to }),
            }
            merge_oldest(&mut gaps);
            meta.insert(GAPS_KEY, codec::json(&gaps)?.as_slice())?;
            Ok(())
        })
    }

    /// Records the time that our clock agreed on with upstreams, where no daemon runs.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn record_clock(&self, clock: &ClockRecord, now: Timestamp) -> Result<(), StoreError> {
        self.write(now, |transaction| {
            transaction.open_table(META)?.insert(CLOCK_KEY, codec::json(clock)?.as_slice())?;
            Ok(())
        })
    }

    /// Records that a daemon uses the store, and the time that its clock agreed on with upstreams.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn record_use(
        &self,
        clock: Option<&ClockRecord>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(now, |transaction| {
            // Work that was under way while a person moved the clock back stored a time of before.
            if newest_timestamp(transaction)?.since(now) > MAX_SKEW {
                lower_newest_timestamp(transaction, now)?;
            }
            record_use(transaction, clock, now)
        })
    }

    /// Records that a person accepts the clock. The newest stored time is then that of this clock, also if that is
    /// earlier: the time before was wrong.
    ///
    /// # Errors
    /// When the file cannot be written; then nothing changes.
    pub fn accept_clock(
        &self,
        accepted: &AcceptedClock,
        record: &ClockRecord,
    ) -> Result<(), StoreError> {
        let AcceptedClock { ahead, at, by, reason, actor } = accepted.clone();
        let change = Change::Clock(ClockChange { ahead, by, reason, actor });
        self.write(at, |transaction| {
            record_use(transaction, Some(record), at)?;
            lower_newest_timestamp(transaction, at)?;
            let events = [Event { at, change }];
            append(transaction, NewEvents { events: &events, rules: &[] }, at)
        })
    }
}

/// Takes the two oldest gaps as one while there are too many: more readers are asked to read everything again, and none
/// fewer.
fn merge_oldest(gaps: &mut Vec<Gap>) {
    while gaps.len() > MAX_GAPS {
        let oldest = gaps.remove(0);
        let Some(next) = gaps.first_mut() else { return };
        *next = Gap { from: oldest.from.min(next.from), to: oldest.to.max(next.to) };
    }
}

fn record_use(
    transaction: &WriteTransaction,
    clock: Option<&ClockRecord>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut meta = transaction.open_table(META)?;
    meta.insert(ALIVE_KEY, codec::json(&now)?.as_slice())?;
    if let Some(clock) = clock {
        meta.insert(CLOCK_KEY, codec::json(clock)?.as_slice())?;
    }
    Ok(())
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

    /// Returns the last time at which a daemon used the store.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn last_use(&self) -> Result<Option<Timestamp>, StoreError> {
        let alive = self.tables.meta()?.get(ALIVE_KEY)?;
        Ok(alive.and_then(|value| read(value.value())))
    }

    /// Returns the last agreement of our clock with those of upstreams; `None` if there was none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn clock_record(&self) -> Result<Option<ClockRecord>, StoreError> {
        let clock = self.tables.meta()?.get(CLOCK_KEY)?;
        Ok(clock.and_then(|value| read(value.value())))
    }
}

/// Reads a value; one that does not decode says nothing.
fn read<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Actor;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_micros(minute * 60_000_000)
    }

    #[test]
    fn gap_lies_between_the_last_use_and_the_next_start() {
        let store = Store::ephemeral(at(0)).expect("a store");
        let gaps = || store.snapshot().and_then(|snapshot| snapshot.gaps()).expect("read");
        store.record_start(at(1)).expect("recorded");
        assert_eq!(gaps(), [], "a new store has none");
        store.record_use(None, at(5)).expect("recorded");
        store.record_start(at(9)).expect("recorded");
        assert_eq!(gaps(), [Gap { from: at(5), to: at(9) }]);
        store.record_use(None, at(10)).expect("recorded");
        store.record_gap(at(5), at(8)).expect("recorded");
        assert_eq!(gaps(), [Gap { from: at(5), to: at(8) }], "it was not as late");
        store.record_gap(at(5), at(9)).expect("recorded");
        let inside = [4, 5, 6, 9, 10].map(|minute| gaps()[0].contains(at(minute)));
        assert_eq!(inside, [false, false, true, true, false]);
    }

    /// P33.
    #[test]
    fn gap_before_many_starts_is_still_known() {
        let store = Store::ephemeral(at(0)).expect("a store");
        store.record_use(None, at(5)).expect("recorded");
        store.record_start(at(9)).expect("recorded");
        for start in 10..110 {
            store.record_start(at(start)).expect("recorded");
        }
        let gaps = store.snapshot().and_then(|snapshot| snapshot.gaps()).expect("read");
        assert_eq!((gaps.len(), gaps[63].to), (MAX_GAPS, at(109)));
        assert!(gaps.iter().any(|gap| gap.contains(at(7))));
        assert!(gaps.iter().all(|gap| gap.from >= at(5)));
    }

    #[test]
    fn write_under_way_does_not_undo_the_acceptance_of_an_earlier_clock() {
        let store = Store::ephemeral(at(500)).expect("a store");
        let newest =
            || store.snapshot().and_then(|snapshot| snapshot.newest_timestamp()).expect("read");
        store.record_use(None, at(8)).expect("recorded");
        assert_eq!(newest(), at(8), "a time of before is gone within a minute");
        store.record_use(None, at(7)).expect("recorded");
        assert_eq!(newest(), at(8), "a write that waited for another one is no correction");
    }

    #[test]
    fn accepted_clock_moves_the_newest_time_back_and_a_start_does_not() {
        let store = Store::ephemeral(at(500)).expect("a store");
        let newest =
            || store.snapshot().and_then(|snapshot| snapshot.newest_timestamp()).expect("read");
        store.record_start(at(5)).expect("recorded");
        assert_eq!(newest(), at(500));
        let accepted = AcceptedClock {
            ahead: -500,
            at: at(6),
            by: "ada".into(),
            reason: "checked".into(),
            actor: Actor::DataFolder,
        };
        let record = ClockRecord {
            agreed: at(6),
            skewed: false,
            confirmed: Some(at(6)),
            doubted: None,
            latest: None,
            accepted: Some(accepted.clone()),
        };
        store.accept_clock(&accepted, &record).expect("recorded");
        let kept = store.snapshot().and_then(|snapshot| snapshot.clock_record()).expect("read");
        assert_eq!((newest(), kept), (at(6), Some(record)));
    }
}
