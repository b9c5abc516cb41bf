use std::sync::PoisonError;

use redb::{ReadableTable, WriteTransaction};

use super::accept::clear_pass;
use super::codec;
use super::live::Live;
use super::tables::{LEDGER, OWNERS, SEEN, STAGED, UPSTREAMS, begin, note_instant};
use super::{QuarantinedRow, Store, StoreError};
use crate::catalog::LedgerEntry;
use crate::model::{Entry, Instant, Name};
use crate::sync::{Row, UpstreamState};

/// Rows of one upstream and the state that covers them, committed together or not at all.
#[derive(Debug)]
pub struct Batch<'a> {
    pub upstream: &'a str,
    pub rows: &'a [Row],
    pub destination: Destination,
    /// The cursor behind the rows is in here; `None` leaves the upstream's state as it is.
    pub state: Option<&'a UpstreamState>,
    /// In a complete walk: which rows it saw since the batch before.
    pub seen: Option<Seen<'a>>,
    pub now: Instant,
}

/// Rows that a walk saw, by name and version.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Grows with each batch of a pass.
    pub seq: u64,
    pub keys: &'a [(String, String)],
}

/// What a generation changes in the ledger of one view.
#[derive(Debug, Clone, Copy)]
pub struct ViewChanges<'a> {
    pub view: &'a str,
    pub changes: &'a [LedgerEntry],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// What the catalogue may be built from.
    Live,
    /// The same, but an entry that is there is only overtaken by its own deletion.
    LiveUnlessPresent,
    /// Kept apart until the pass is accepted.
    Staged,
}

impl Store {
    /// Commits a batch.
    ///
    /// # Errors
    /// When the file cannot be written; then nothing of the batch is stored.
    pub fn commit(&self, batch: &Batch<'_>) -> Result<(), StoreError> {
        self.write(batch.now, |transaction| {
            match batch.destination {
                Destination::Staged => self.stage(transaction, batch)?,
                Destination::Live | Destination::LiveUnlessPresent => {
                    let mut live = Live::open(transaction, batch.upstream, batch.now)?;
                    let mut packer = self.packer();
                    for row in batch.rows {
                        if batch.destination == Destination::Live || live.may_take(row)? {
                            live.put(row, &mut packer)?;
                        }
                    }
                }
            }
            if let Some(seen) = batch.seen {
                let (seq, value) = (seen.seq, codec::seen(seen.keys));
                transaction.open_table(SEEN)?.insert((batch.upstream, seq), value.as_slice())?;
            }
            // Rows are looked up in the upstreams that are known, so there is a state even for those
            // that came before the first pass. What a person decided meanwhile about a held set
            // stands.
            let stored = state_of(transaction, batch.upstream)?;
            let state = match batch.state {
                Some(state) => decided(stored, state),
                None => stored,
            };
            put_state(transaction, batch.upstream, &state)
        })
    }

    /// Drops whatever an upstream has staged, and sets its state.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn discard_staged(
        &self,
        upstream: &str,
        state: &UpstreamState,
        now: Instant,
    ) -> Result<(), StoreError> {
        self.write(now, |transaction| {
            clear_pass(transaction, upstream)?;
            let stored = state_of(transaction, upstream)?;
            put_state(transaction, upstream, &decided(stored, state))
        })
    }

    /// Commits what a generation changes in the ledgers of its views, and which upstream names are
    /// served from by now.
    ///
    /// # Errors
    /// When the file cannot be written; then the generation must not be published.
    pub fn commit_ledger(
        &self,
        views: &[ViewChanges<'_>],
        owners: &[(Name, String)],
        now: Instant,
    ) -> Result<(), StoreError> {
        self.write(now, |transaction| {
            let mut table = transaction.open_table(OWNERS)?;
            for (name, upstream) in owners {
                table.insert(name.as_str(), upstream.as_bytes())?;
            }
            let mut ledger = transaction.open_table(LEDGER)?;
            for ViewChanges { view, changes } in views {
                for ((name, version), record) in *changes {
                    let key = (*view, name.as_str(), version.as_str());
                    ledger.insert(key, codec::ledger(record).as_slice())?;
                }
            }
            Ok(())
        })
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

    /// Lets a row out of quarantine: as the entry it is by now, unless there is one already.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn release(
        &self,
        released: &[(QuarantinedRow, Entry)],
        now: Instant,
    ) -> Result<(), StoreError> {
        self.write(now, |transaction| {
            for (QuarantinedRow { upstream, row }, entry) in released {
                let mut live = Live::open(transaction, upstream, now)?;
                let row_of_entry = Row::Entry(entry.clone());
                if live.may_take(&row_of_entry)? {
                    live.put(&row_of_entry, &mut self.packer())?;
                }
                live.settled(&row.name, &row.version)?;
            }
            Ok(())
        })
    }

    fn packer(&self) -> std::sync::MutexGuard<'_, codec::Packer> {
        // A panic while packing leaves a compressor that the next frame resets anyway.
        self.packer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write<T>(
        &self,
        now: Instant,
        change: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let written = self.write_once(now, change);
        if matches!(&written, Err(error) if error.needs_reopening()) {
            self.reopen();
        }
        written
    }

    fn write_once<T>(
        &self,
        now: Instant,
        change: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let transaction = {
            let database = self.lock();
            begin(database.as_ref().ok_or(StoreError::Closed)?)?
        };
        let value = change(&transaction)?;
        note_instant(&transaction, now)?;
        transaction.commit()?;
        Ok(value)
    }
}

/// A state with what a person decided meanwhile about a held set, unless the id stands for another
/// registry by now.
fn decided(stored: UpstreamState, state: &UpstreamState) -> UpstreamState {
    let same = stored.url.is_none() || stored.url == state.url;
    match same {
        true => UpstreamState { held: stored.held, discarded: stored.discarded, ..state.clone() },
        false => state.clone(),
    }
}

pub(super) fn put_state(
    transaction: &WriteTransaction,
    upstream: &str,
    state: &UpstreamState,
) -> Result<(), StoreError> {
    let json = serde_json::to_vec(state)
        .map_err(|_| StoreError::damaged("a state that is no JSON", upstream))?;
    transaction.open_table(UPSTREAMS)?.insert(upstream, json.as_slice())?;
    Ok(())
}

pub(super) fn state_of(
    transaction: &WriteTransaction,
    upstream: &str,
) -> Result<UpstreamState, StoreError> {
    match transaction.open_table(UPSTREAMS)?.get(upstream)? {
        None => Ok(UpstreamState::default()),
        Some(json) => serde_json::from_slice(json.value())
            .map_err(|_| StoreError::damaged("an upstream", upstream)),
    }
}

/// The first key behind all keys that begin with this one.
pub(super) fn after(key: &str) -> String {
    format!("{key}\0")
}
