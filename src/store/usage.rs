//! The bytes of the rows of each upstream, and the room that is left for more.
//!
//! Every change of a counted table goes through [`Counted`], and the state of the upstream has the sum: it is written in
//! the same transaction, so it is never another one than that of the rows. A state of an earlier release has no sum; its
//! rows are counted once, when the store is opened.

use std::cell::Cell;
use std::ops::{Deref, RangeBounds};

use redb::{AccessGuard, ReadableTable, WriteTransaction};
use serde::Deserialize;

use super::rows::{after, all_of};
use super::tables::{
    BODIES, Bytes, Definition, FACTS, HEADS, ON_HOLD, QUARANTINE, REWRITTEN, ReadTable, Row,
    STAGED, UPSTREAMS, WriteTable,
};
use super::{Snapshot, Store, StoreError, codec};
use crate::sync::UpstreamState;

/// The tables with content of upstreams. Those with a few bytes for each row are left out.
const COUNTED: [Definition<Row>; 7] =
    [HEADS, BODIES, REWRITTEN, FACTS, QUARANTINE, STAGED, ON_HOLD];

/// The size of a page of the file.
const PAGE: usize = 4096;

/// The key of a row.
pub(super) type Key<'k> = (&'k str, &'k str, &'k str);

/// The growth of the rows of one upstream within a transaction.
#[derive(Debug, Default)]
pub(super) struct Growth(Cell<i64>);

/// A table of which every change is counted.
pub(super) struct Counted<'t> {
    table: WriteTable<'t, Row>,
    growth: &'t Growth,
}

/// Returns the bytes that a row takes. One that is larger than a page gets pages of its own, the next power of two of
/// them.
pub(super) fn bytes_of((first, second, third): Key<'_>, value: usize) -> u64 {
    let bytes = first.len() + second.len() + third.len() + value;
    let taken = if bytes > PAGE { bytes.next_power_of_two() } else { bytes };
    taken as u64
}

impl Growth {
    /// Returns the bytes by which the rows have grown; none if they have shrunk.
    pub(super) fn grown(&self) -> u64 {
        u64::try_from(self.0.get()).unwrap_or(0)
    }

    fn add(&self, bytes: u64) {
        self.0.set(self.0.get().saturating_add_unsigned(bytes));
    }

    fn remove(&self, bytes: u64) {
        self.0.set(self.0.get().saturating_sub_unsigned(bytes));
    }

    /// Inserts a row of the upstream into a table that holds those of others too.
    pub(super) fn insert(
        &self,
        table: &mut WriteTable<'_, Row>,
        key: Key<'_>,
        value: &[u8],
    ) -> Result<(), StoreError> {
        let before = table.insert(key, value)?;
        self.remove(before.map_or(0, |before| bytes_of(key, before.value().len())));
        self.add(bytes_of(key, value.len()));
        Ok(())
    }
}

impl<'t> Counted<'t> {
    pub(super) fn open(
        transaction: &'t WriteTransaction,
        definition: Definition<Row>,
        growth: &'t Growth,
    ) -> Result<Self, StoreError> {
        Ok(Self { table: transaction.open_table(definition)?, growth })
    }

    pub(super) fn insert(&mut self, key: Key<'_>, value: &[u8]) -> Result<(), StoreError> {
        self.growth.insert(&mut self.table, key, value)
    }

    pub(super) fn remove(
        &mut self,
        key: Key<'_>,
    ) -> Result<Option<AccessGuard<'_, Bytes>>, StoreError> {
        let removed = self.table.remove(key)?;
        self.growth.remove(removed.as_ref().map_or(0, |value| bytes_of(key, value.value().len())));
        Ok(removed)
    }

    /// Removes the rows of a range that are not to be kept.
    pub(super) fn retain_in<'k>(
        &mut self,
        range: impl RangeBounds<Key<'k>> + 'k,
        mut is_kept: impl FnMut(Key<'_>) -> bool,
    ) -> Result<(), StoreError> {
        let growth = self.growth;
        self.table.retain_in(range, |key, value| {
            let stays = is_kept(key);
            if !stays {
                growth.remove(bytes_of(key, value.len()));
            }
            stays
        })?;
        Ok(())
    }

    /// Removes the rows of an upstream, and calls `take` with each.
    pub(super) fn take_all(
        &mut self,
        upstream: &str,
        mut take: impl FnMut(Key<'_>, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let (growth, end) = (self.growth, after(upstream));
        let range = (upstream, "", "")..(end.as_str(), "", "");
        for row in self.table.extract_from_if(range, |_, _| true)? {
            let (key, value) = row?;
            growth.remove(bytes_of(key.value(), value.value().len()));
            take(key.value(), value.value())?;
        }
        Ok(())
    }
}

impl<'t> Deref for Counted<'t> {
    type Target = WriteTable<'t, Row>;

    fn deref(&self) -> &Self::Target {
        &self.table
    }
}

/// Returns the state of an upstream.
pub(super) fn state_of(
    transaction: &WriteTransaction,
    upstream: &str,
) -> Result<UpstreamState, StoreError> {
    match transaction.open_table(UPSTREAMS)?.get(upstream)? {
        None => Ok(UpstreamState::default()),
        Some(json) => codec::read_json(json.value(), "an upstream", upstream),
    }
}

/// Stores the state of an upstream, with the growth of its rows within this transaction. No counted table may be open.
pub(super) fn put_state(
    transaction: &WriteTransaction,
    upstream: &str,
    state: &UpstreamState,
    growth: &Growth,
) -> Result<(), StoreError> {
    let bytes = used(transaction, upstream)?.map(|used| used.saturating_add_signed(growth.0.get()));
    let bytes = bytes.map_or_else(|| count(transaction, upstream), Ok)?;
    let state = UpstreamState { bytes: Some(bytes), ..state.clone() };
    transaction.open_table(UPSTREAMS)?.insert(upstream, codec::json(&state)?.as_slice())?;
    Ok(())
}

/// Returns the sum that the state of an upstream has.
pub(super) fn used(
    transaction: &WriteTransaction,
    upstream: &str,
) -> Result<Option<u64>, StoreError> {
    let upstreams = transaction.open_table(UPSTREAMS)?;
    Ok(upstreams.get(upstream)?.and_then(|state| sum_in(state.value())))
}

/// Returns the sums of all upstreams but one.
pub(super) fn used_by_others(
    transaction: &WriteTransaction,
    upstream: &str,
) -> Result<u64, StoreError> {
    let mut bytes: u64 = 0;
    for row in transaction.open_table(UPSTREAMS)?.iter()? {
        let (id, state) = row?;
        let is_other = id.value() != upstream;
        bytes = bytes.saturating_add(sum_in(state.value()).filter(|_| is_other).unwrap_or(0));
    }
    Ok(bytes)
}

/// Counts the bytes of the rows of an upstream. No counted table may be open.
pub(super) fn count(transaction: &WriteTransaction, upstream: &str) -> Result<u64, StoreError> {
    let (mut bytes, end) = (0, after(upstream));
    for definition in COUNTED {
        let table = transaction.open_table(definition)?;
        for row in table.range((upstream, "", "")..(end.as_str(), "", ""))? {
            let (key, value) = row?;
            bytes += bytes_of(key.value(), value.value().len());
        }
    }
    Ok(bytes)
}

/// Writes the growth of rows into the state of their upstream. A damaged state keeps no sum.
pub(super) fn grow(
    transaction: &WriteTransaction,
    upstream: &str,
    growth: &Growth,
) -> Result<(), StoreError> {
    match state_of(transaction, upstream) {
        Ok(state) => put_state(transaction, upstream, &state, growth),
        Err(StoreError::Damaged(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

impl Store {
    /// Counts the rows of upstreams with a state of an earlier release.
    pub(super) fn count_once(&self) -> Result<(), StoreError> {
        let snapshot = self.snapshot()?;
        // No upstream has said yet how late it is.
        let now = snapshot.newest_timestamp()?;
        for upstream in snapshot.known_upstreams()? {
            if matches!(snapshot.upstream(upstream), Ok(state) if state.bytes.is_none()) {
                self.write(now, |transaction| grow(transaction, upstream, &Growth::default()))?;
            }
        }
        Ok(())
    }
}

/// Reads the sum in the state of an upstream; a damaged one has none.
fn sum_in(state: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Sum {
        bytes: Option<u64>,
    }
    serde_json::from_slice(state).ok().and_then(|sum: Sum| sum.bytes)
}

impl Snapshot {
    /// Returns the bytes of the rows of all upstreams, as their states have them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn bytes_of_upstreams(&self) -> Result<u64, StoreError> {
        let rows = self.tables.upstreams()?.iter()?;
        rows.map(|row| Ok(sum_in(row?.1.value()).unwrap_or(0))).sum()
    }

    /// Counts the bytes of the rows of an upstream.
    pub(super) fn count_bytes(&self, upstream: &str) -> Result<u64, StoreError> {
        let tables: [&ReadTable<Row>; COUNTED.len()] = [
            self.tables.heads()?,
            self.tables.bodies()?,
            self.tables.rewritten()?,
            self.tables.facts()?,
            self.tables.quarantine()?,
            self.tables.staged()?,
            self.tables.on_hold()?,
        ];
        let mut bytes = 0;
        for table in tables {
            for row in all_of(table, upstream)? {
                let (key, value) = row?;
                bytes += bytes_of(key.value(), value.value().len());
            }
        }
        Ok(bytes)
    }
}
