use std::collections::BTreeSet;

use redb::{ReadableTable, WriteTransaction};

use super::room::{LeftOut, Room};
use super::staged::clear_run;
use super::state::decided;
use crate::model::{Head, Name, Timestamp};
use crate::store::codec::StagedParts;
use crate::store::dirty::{mark_everything, mark_names};
use crate::store::entries::{Live, owe_facts};
use crate::store::tables::{DISCARDED, HEADS, ON_HOLD, SEEN, STAGED};
use crate::store::usage::{Counted, Growth, put_state, state_of};
use crate::store::{Store, StoreError, codec};
use crate::sync::{OutOfRoom, Row, SyncRun, UpstreamState};

/// Rows of one upstream and the state that covers them, committed together or not at all.
#[derive(Debug, Clone)]
pub struct Batch<'a> {
    pub upstream: &'a str,
    pub rows: &'a [Row],
    pub destination: Destination,
    /// Includes the cursor behind the rows; `None` does not change the upstream's state.
    pub state: Option<&'a UpstreamState>,
    /// In a full sync: the rows that it saw since the previous batch.
    pub seen: Option<Seen<'a>>,
    /// The bytes that the content of the upstream may take.
    pub max_size: u64,
    pub now: Timestamp,
}

impl<'a> Batch<'a> {
    /// Returns rows without a state, with all the room that they need.
    #[must_use]
    pub const fn of(
        upstream: &'a str,
        rows: &'a [Row],
        destination: Destination,
        now: Timestamp,
    ) -> Self {
        Self { upstream, rows, destination, state: None, seen: None, max_size: u64::MAX, now }
    }
}

/// Rows that a full sync saw, by name and version.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Grows with each batch of a run.
    pub seq: u64,
    pub keys: &'a [(String, String)],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// Into the tables that the catalogue is built from.
    Live,
    /// The same, but an existing entry is replaced only by its own deletion, and nothing that was put on hold or discarded
    /// is accepted.
    LiveUnlessPresent,
    /// Kept separate until the run is accepted.
    Staged,
}

impl Store {
    /// Commits a batch. New content without room is left out, and its run says so.
    ///
    /// # Errors
    /// When the file cannot be written; then nothing of the batch is stored. Also when content of single names was left
    /// out: no run says so.
    pub fn commit(&self, batch: &Batch<'_>) -> Result<(), StoreError> {
        let write = |transaction: &WriteTransaction| {
            let room = self.room(transaction, batch.upstream, batch.max_size)?;
            self.write_batch(transaction, batch, room)
        };
        let written = match batch.rows.iter().map(content_bytes).sum() {
            0 => self.write(batch.now, write),
            bytes => self.write_content(bytes, batch.now, write),
        };
        let left_out = match written {
            Err(StoreError::NoReserve) if batch.destination == Destination::Staged => self
                .write(batch.now, |transaction| self.write_batch(transaction, batch, Room::NONE))?,
            written => written?,
        };
        match left_out {
            Some(limit) if batch.destination == Destination::LiveUnlessPresent => {
                Err(StoreError::NoRoom(limit))
            }
            _ => Ok(()),
        }
    }

    /// Writes a batch; returns the limit that left content out.
    fn write_batch(
        &self,
        transaction: &WriteTransaction,
        batch: &Batch<'_>,
        room: Room,
    ) -> Result<Option<OutOfRoom>, StoreError> {
        let growth = Growth::default();
        let left_out = match batch.destination {
            Destination::Staged => self.stage(transaction, batch, room, &growth)?,
            Destination::Live => self.put_first(transaction, batch, room, &growth)?,
            Destination::LiveUnlessPresent => self.put_absent(transaction, batch, room, &growth)?,
        };
        if let Some(seen) = batch.seen {
            let (seq, value) = (seen.seq, codec::seen(seen.keys));
            transaction.open_table(SEEN)?.insert((batch.upstream, seq), value.as_slice())?;
        }
        // Rows are looked up in the known upstreams, so rows from before the first run need a state
        // too. A person's decision about a change set on hold in the meantime stays.
        let stored = state_of(transaction, batch.upstream)?;
        let mut state = match batch.state {
            Some(state) => decided(transaction, batch.upstream, &stored, state, &growth)?,
            None => stored.clone(),
        };
        let mut was_left_out = false;
        if let Some(run) = &mut state.run {
            let is_same = |before: &&SyncRun| before.begun == run.begun;
            was_left_out = stored.run.as_ref().filter(is_same).is_some_and(|run| run.left_out);
            run.left_out |= left_out.rows > 0 || was_left_out;
        }
        let LeftOut { rows: count, needed } = left_out;
        let limit = if count > 0 { room.left_out(stored.out_of_room, batch.now) } else { None };
        let before = stored.out_of_room.filter(|_| was_left_out || batch.state.is_none());
        let rows = match (batch.state, before) {
            (_, None) => count,
            (Some(_), Some(before)) => before.rows + count,
            // Single names are no run.
            (None, Some(before)) => before.rows.max(count),
        };
        let needed = before.and_then(|before| before.needed).into_iter().chain(needed).min();
        let limit = limit.map(|limit| OutOfRoom { rows, needed, ..limit });
        state.out_of_room = limit.or(stored.out_of_room).or(state.out_of_room);
        put_state(transaction, batch.upstream, &state, &growth)?;
        Ok(limit)
    }

    /// Drops the staged rows of an upstream, and sets its state.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn discard_staged(
        &self,
        upstream: &str,
        state: &UpstreamState,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(now, |transaction| {
            let growth = Growth::default();
            clear_run(transaction, upstream, &growth)?;
            let stored = state_of(transaction, upstream)?;
            let state = decided(transaction, upstream, &stored, state, &growth)?;
            put_state(transaction, upstream, &state, &growth)
        })
    }

    /// Writes rows of a first sync. Work for single rows is left for later where possible: every name is
    /// evaluated after the first sync anyway. Returns the number of rows that were left out, as the others below.
    fn put_first(
        &self,
        transaction: &WriteTransaction,
        batch: &Batch<'_>,
        room: Room,
        growth: &Growth,
    ) -> Result<LeftOut, StoreError> {
        let live = Live::open(self, transaction, batch.upstream, batch.now, growth)?;
        let mut live = live.owing_facts();
        let mut left_out = LeftOut::default();
        for row in batch.rows {
            match room.admit(row, growth, || live.head_of(row))? {
                Some(row) => live.put(&row)?,
                None => left_out.add(row),
            }
        }
        if !batch.rows.is_empty() {
            owe_facts(transaction)?;
            mark_everything(transaction)?;
        }
        Ok(left_out)
    }

    fn put_absent(
        &self,
        transaction: &WriteTransaction,
        batch: &Batch<'_>,
        room: Room,
        growth: &Growth,
    ) -> Result<LeftOut, StoreError> {
        let mut live = Live::open(self, transaction, batch.upstream, batch.now, growth)?;
        let (on_hold, discarded) =
            (transaction.open_table(ON_HOLD)?, transaction.open_table(DISCARDED)?);
        let (mut taken, mut left_out) = (BTreeSet::new(), LeftOut::default());
        for row in batch.rows {
            let (name, version) = row.key();
            let key = (batch.upstream, name.as_str(), version.as_str());
            // A person decides about those, or has decided.
            let is_judged = on_hold.get(key)?.is_some() || discarded.get(key)?.is_some();
            if is_judged || !live.may_take(row)? {
                continue;
            }
            match room.admit(row, growth, || live.head_of(row))? {
                Some(row) => {
                    live.put(&row)?;
                    taken.extend(Name::parse(&name));
                }
                None => left_out.add(row),
            }
        }
        mark_names(transaction, &taken)?;
        Ok(left_out)
    }

    fn stage(
        &self,
        transaction: &WriteTransaction,
        batch: &Batch<'_>,
        room: Room,
        growth: &Growth,
    ) -> Result<LeftOut, StoreError> {
        let mut staged = Counted::open(transaction, STAGED, growth)?;
        let heads = transaction.open_table(HEADS)?;
        let mut packer = self.packer();
        let mut left_out = LeftOut::default();
        for row in batch.rows {
            let (name, version) = row.key();
            let key = (batch.upstream, name.as_str(), version.as_str());
            // What the run brought before is stored too when the upstream deletes it.
            let stored = || {
                let stored = heads.get(key)?.and_then(|head| codec::read_head(head.value()));
                let sent =
                    || Ok::<_, StoreError>(staged.get(key)?.and_then(|row| head_of(row.value())));
                stored.map_or_else(sent, |head| Ok(Some(head)))
            };
            let admitted = room.admit(row, growth, stored)?;
            match admitted {
                Some(row) => staged.insert(key, &packer.staged(&row)?)?,
                None => left_out.add(row),
            }
        }
        Ok(left_out)
    }
}

/// Returns the head in a staged row that is an entry.
fn head_of(staged: &[u8]) -> Option<Head> {
    match codec::staged_parts(staged)? {
        StagedParts::Entry { head, .. } => codec::read_head(head),
        _ => None,
    }
}

/// Returns the size of the content that a row comes with. That of a deletion or a deprecation too: without room they are
/// stored without it.
fn content_bytes(row: &Row) -> u64 {
    match row {
        Row::Entry(entry) => (entry.server.len() + entry.meta.len()) as u64,
        Row::Quarantined(row) | Row::Deleted(row) => row.item.len() as u64,
        Row::Settled { .. } => 0,
    }
}
