use std::collections::BTreeSet;

use redb::{ReadableTable, Table, WriteTransaction};

use super::codec::{self, StagedParts};
use super::tables::{
    BODIES, HEADS, Key, LEDGER, QUARANTINE, STAGED, UPSTREAMS, begin, note_instant,
};
use super::{QuarantinedRow, Store, StoreError};
use crate::catalog::LedgerEntry;
use crate::model::{Entry, Head, Instant, Name, Status};
use crate::sync::{Row, UpstreamState};

type WriteTable<'t> = Table<'t, Key, &'static [u8]>;

/// Rows of one upstream and the state that covers them, committed together or not at all.
#[derive(Debug)]
pub struct Batch<'a> {
    pub upstream: &'a str,
    pub rows: &'a [Row],
    pub destination: Destination,
    /// The cursor behind the rows is in here; `None` leaves the upstream's state as it is.
    pub state: Option<&'a UpstreamState>,
    pub now: Instant,
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
                    let mut live = Live::open(transaction, batch.upstream)?;
                    for row in batch.rows {
                        if batch.destination == Destination::Live || live.may_take(row)? {
                            self.put(&mut live, row)?;
                        }
                    }
                }
            }
            match batch.state {
                Some(state) => put_state(transaction, batch.upstream, state),
                None => Ok(()),
            }
        })
    }

    /// Accepts the staged pass of an upstream: moves its rows and sets its state. Returns the
    /// names that were touched.
    ///
    /// # Errors
    /// When the file cannot be written; then the pass stays staged.
    pub fn accept(
        &self,
        upstream: &str,
        state: &UpstreamState,
        now: Instant,
    ) -> Result<BTreeSet<Name>, StoreError> {
        self.write(now, |transaction| {
            let mut touched = BTreeSet::new();
            let mut staged = transaction.open_table(STAGED)?;
            let mut live = Live::open(transaction, upstream)?;
            for row in staged.extract_from_if(
                (upstream, "", "")..(after(upstream).as_str(), "", ""),
                |_, _| true,
            )? {
                let (key, value) = row?;
                let (_, name, version) = key.value();
                match codec::staged_parts(value.value()) {
                    Some(StagedParts::Entry { head, body }) => {
                        live.entry(name, version, head, body)?;
                    }
                    Some(StagedParts::Quarantined { value }) => {
                        live.quarantined(name, version, value)?;
                    }
                    Some(StagedParts::Deleted { value }) => live.deleted(name, version, value)?,
                    Some(StagedParts::Settled) => live.settled(name, version)?,
                    None => {
                        return Err(StoreError::damaged(
                            "a staged row",
                            format!("{name}@{version}"),
                        ));
                    }
                }
                touched.extend(Name::parse(name));
            }
            drop((staged, live));
            put_state(transaction, upstream, state)?;
            Ok(touched)
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
            let mut staged = transaction.open_table(STAGED)?;
            staged
                .retain_in((upstream, "", "")..(after(upstream).as_str(), "", ""), |_, _| false)?;
            drop(staged);
            put_state(transaction, upstream, state)
        })
    }

    /// Commits what a generation changes in the ledger of a view.
    ///
    /// # Errors
    /// When the file cannot be written; then the generation must not be published.
    pub fn commit_ledger(
        &self,
        view: &str,
        changes: &[LedgerEntry],
        now: Instant,
    ) -> Result<(), StoreError> {
        self.write(now, |transaction| {
            let mut ledger = transaction.open_table(LEDGER)?;
            for ((name, version), record) in changes {
                let key = (view, name.as_str(), version.as_str());
                ledger.insert(key, codec::ledger(record).as_slice())?;
            }
            Ok(())
        })
    }

    fn put(&self, live: &mut Live<'_>, row: &Row) -> Result<(), StoreError> {
        let (name, version) = row.key();
        let mut packer = self.packer();
        match row {
            Row::Entry(entry) => {
                live.entry(&name, &version, &codec::head(&entry.head), &packer.body(entry)?)
            }
            Row::Quarantined(row) => live.quarantined(&name, &version, &packer.quarantined(row)?),
            Row::Deleted(row) => live.deleted(&name, &version, &packer.quarantined(row)?),
            Row::Settled { .. } => live.settled(&name, &version),
        }
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
                let mut live = Live::open(transaction, upstream)?;
                let row_of_entry = Row::Entry(entry.clone());
                if live.may_take(&row_of_entry)? {
                    self.put(&mut live, &row_of_entry)?;
                }
                live.settled(&row.name, &row.version)?;
            }
            Ok(())
        })
    }

    fn packer(&self) -> std::sync::MutexGuard<'_, codec::Packer> {
        // A panic while packing leaves a compressor that the next frame resets anyway.
        self.packer.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn write<T>(
        &self,
        now: Instant,
        change: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let transaction = begin(&self.database)?;
        let value = change(&transaction)?;
        note_instant(&transaction, now)?;
        transaction.commit()?;
        Ok(value)
    }
}

/// The live tables of one upstream.
struct Live<'t> {
    upstream: &'t str,
    heads: WriteTable<'t>,
    bodies: WriteTable<'t>,
    quarantine: WriteTable<'t>,
}

impl<'t> Live<'t> {
    fn open(transaction: &'t WriteTransaction, upstream: &'t str) -> Result<Self, StoreError> {
        Ok(Self {
            upstream,
            heads: transaction.open_table(HEADS)?,
            bodies: transaction.open_table(BODIES)?,
            quarantine: transaction.open_table(QUARANTINE)?,
        })
    }

    /// Whether the row replaces nothing, or an entry with its own deletion.
    fn may_take(&self, row: &Row) -> Result<bool, StoreError> {
        let Row::Entry(entry) = row else { return Ok(false) };
        let key = (self.upstream, entry.name.as_str(), entry.version.as_str());
        let stored = self.heads.get(key)?.and_then(|value| codec::read_head(value.value()));
        let deletes = entry.head.status == Status::Deleted;
        Ok(stored.is_none_or(|head| deletes && head.status != Status::Deleted))
    }

    /// Stores an entry; a row of it that was in quarantine has been overtaken.
    fn entry(
        &mut self,
        name: &str,
        version: &str,
        head: &[u8],
        body: &[u8],
    ) -> Result<(), StoreError> {
        let key = (self.upstream, name, version);
        self.heads.insert(key, head)?;
        self.bodies.insert(key, body)?;
        self.quarantine.remove(key)?;
        Ok(())
    }

    /// Stores a row in quarantine. An entry that upstream replaced with it stays as it was.
    fn quarantined(&mut self, name: &str, version: &str, value: &[u8]) -> Result<(), StoreError> {
        self.quarantine.insert((self.upstream, name, version), value)?;
        Ok(())
    }
}

impl Live<'_> {
    /// Marks a stored entry as deleted by a row that is no entry itself.
    fn deleted(&mut self, name: &str, version: &str, value: &[u8]) -> Result<(), StoreError> {
        let key = (self.upstream, name, version);
        let stored = self.heads.get(key)?.and_then(|head| codec::read_head(head.value()));
        if let Some(head) = stored {
            let head = Head { status: Status::Deleted, sent: codec::NEVER_SENT, ..head };
            self.heads.insert(key, codec::head(&head).as_slice())?;
        }
        self.quarantined(name, version, value)
    }

    /// Ends the quarantine of a row whose entry is as upstream has it.
    fn settled(&mut self, name: &str, version: &str) -> Result<(), StoreError> {
        self.quarantine.remove((self.upstream, name, version))?;
        Ok(())
    }
}

fn put_state(
    transaction: &WriteTransaction,
    upstream: &str,
    state: &UpstreamState,
) -> Result<(), StoreError> {
    let json = serde_json::to_vec(state)
        .map_err(|_| StoreError::damaged("a state that is no JSON", upstream))?;
    transaction.open_table(UPSTREAMS)?.insert(upstream, json.as_slice())?;
    Ok(())
}

/// The first key behind all keys that begin with this one.
pub(super) fn after(key: &str) -> String {
    format!("{key}\0")
}
