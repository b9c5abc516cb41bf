use std::collections::BTreeSet;

use redb::{ReadableTable, WriteTransaction};

use super::staged::clear_run;
use super::state::{decided, put_state, state_of};
use crate::model::{Name, Status, Timestamp};
use crate::store::dirty::{mark_everything, mark_names};
use crate::store::entries::{Live, owe_facts};
use crate::store::tables::{DISCARDED, ON_HOLD, SEEN, STAGED};
use crate::store::{Store, StoreError, codec};
use crate::sync::{Row, SyncRun, UpstreamState};

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
    pub now: Timestamp,
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
    /// Commits a batch. On a full disk the new content of a staged one is left out, and its run says so.
    ///
    /// # Errors
    /// When the file cannot be written; then nothing of the batch is stored.
    pub fn commit(&self, batch: &Batch<'_>) -> Result<(), StoreError> {
        let write = |transaction: &WriteTransaction| self.write_batch(transaction, batch, false);
        let written = match batch.rows.iter().map(content_bytes).sum() {
            0 => self.write(batch.now, write),
            bytes => self.write_content(bytes, batch.now, write),
        };
        if !matches!(written, Err(StoreError::NoReserve))
            || batch.destination != Destination::Staged
        {
            return written;
        }
        let hides = |row: &&Row| content_bytes(row) == 0;
        let rows: Vec<Row> = batch.rows.iter().filter(hides).cloned().collect();
        let batch = Batch { rows: &rows, ..batch.clone() };
        self.write(batch.now, |transaction| self.write_batch(transaction, &batch, true))
    }

    fn write_batch(
        &self,
        transaction: &WriteTransaction,
        batch: &Batch<'_>,
        left_out: bool,
    ) -> Result<(), StoreError> {
        match batch.destination {
            Destination::Staged => self.stage(transaction, batch)?,
            Destination::Live => self.put_first(transaction, batch)?,
            Destination::LiveUnlessPresent => self.put_absent(transaction, batch)?,
        }
        if let Some(seen) = batch.seen {
            let (seq, value) = (seen.seq, codec::seen(seen.keys));
            transaction.open_table(SEEN)?.insert((batch.upstream, seq), value.as_slice())?;
        }
        // Rows are looked up in the known upstreams, so rows from before the first run need a state
        // too. A person's decision about a change set on hold in the meantime stays.
        let stored = state_of(transaction, batch.upstream)?;
        let mut state = match batch.state {
            Some(state) => decided(transaction, batch.upstream, &stored, state)?,
            None => stored.clone(),
        };
        if let Some(run) = &mut state.run {
            let is_same = |before: &&SyncRun| before.begun == run.begun;
            run.left_out |=
                left_out || stored.run.as_ref().filter(is_same).is_some_and(|run| run.left_out);
        }
        put_state(transaction, batch.upstream, &state)
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
            clear_run(transaction, upstream)?;
            let stored = state_of(transaction, upstream)?;
            put_state(transaction, upstream, &decided(transaction, upstream, &stored, state)?)
        })
    }

    /// Writes rows of a first sync. Work for single rows is left for later where possible: every name is
    /// evaluated after the first sync anyway.
    fn put_first(
        &self,
        transaction: &WriteTransaction,
        batch: &Batch<'_>,
    ) -> Result<(), StoreError> {
        let live = Live::open(self, transaction, batch.upstream, batch.now)?;
        let mut live = live.owing_facts();
        for row in batch.rows {
            live.put(row)?;
        }
        if !batch.rows.is_empty() {
            owe_facts(transaction)?;
            mark_everything(transaction)?;
        }
        Ok(())
    }

    fn put_absent(
        &self,
        transaction: &WriteTransaction,
        batch: &Batch<'_>,
    ) -> Result<(), StoreError> {
        let mut live = Live::open(self, transaction, batch.upstream, batch.now)?;
        let (on_hold, discarded) =
            (transaction.open_table(ON_HOLD)?, transaction.open_table(DISCARDED)?);
        let mut taken = BTreeSet::new();
        for row in batch.rows {
            let (name, version) = row.key();
            let key = (batch.upstream, name.as_str(), version.as_str());
            // A person decides about those, or has decided.
            let is_judged = on_hold.get(key)?.is_some() || discarded.get(key)?.is_some();
            if !is_judged && live.may_take(row)? {
                live.put(row)?;
                taken.extend(Name::parse(&row.key().0));
            }
        }
        mark_names(transaction, &taken)
    }

    fn stage(&self, transaction: &WriteTransaction, batch: &Batch<'_>) -> Result<(), StoreError> {
        let mut staged = transaction.open_table(STAGED)?;
        let mut packer = self.packer();
        for row in batch.rows {
            let (name, version) = row.key();
            let value = packer.staged(row)?;
            staged.insert((batch.upstream, &*name, &*version), value.as_slice())?;
        }
        Ok(())
    }
}

/// Returns the size of the content that a row brings: none in a deletion or a deprecation.
fn content_bytes(row: &Row) -> u64 {
    match row {
        Row::Entry(entry) if entry.head.status == Status::Active => entry.server.len() as u64,
        Row::Quarantined(quarantined) => quarantined.item.len() as u64,
        Row::Entry(_) | Row::Deleted(_) | Row::Settled { .. } => 0,
    }
}
