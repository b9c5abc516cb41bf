//! Facts about the store itself: its format, its epoch, and the newest stored time of ours.

use std::path::Path;

use aws_lc_rs::rand;
use redb::{Database, ReadTransaction, ReadableTable, TableError, WriteTransaction};

use super::tables::{META, make_all, make_later_table};
use super::{Snapshot, StoreError};
use crate::model::Timestamp;

/// The format that this release reads and writes.
pub(super) const FORMAT: u64 = 9;

const FORMAT_KEY: &str = "format";
const EPOCH_KEY: &str = "epoch";
const NEWEST_KEY: &str = "newest";
/// The time since which the history is complete.
pub(super) const HISTORY_KEY: &str = "history";
/// Set once ownership checks were enabled; entries served before that are exempted.
pub(super) const OWNERSHIP_KEY: &str = "ownership";

/// Lays out a new store, or checks that this release reads the existing one.
pub(super) fn initialise(
    database: &Database,
    path: &Path,
    now: Timestamp,
) -> Result<(), StoreError> {
    let transaction = begin(database)?;
    let format = transaction.open_table(META)?.get(FORMAT_KEY)?.map(|value| number(value.value()));
    match format {
        None => lay_out(&transaction, now)?,
        Some(FORMAT) if make_later_table(&transaction)? => {}
        Some(FORMAT) => return Ok(transaction.abort()?),
        Some(found) if found < FORMAT => {
            return Err(StoreError::OlderFormat { path: path.into(), found, known: FORMAT });
        }
        Some(found) => {
            return Err(StoreError::NewerFormat { path: path.into(), found, known: FORMAT });
        }
    }
    Ok(transaction.commit()?)
}

/// Returns true if this release reads and writes the format, or there is none yet.
pub(super) fn is_of_this_format(transaction: &ReadTransaction) -> Result<bool, StoreError> {
    let meta = match transaction.open_table(META) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(true),
        meta => meta?,
    };
    Ok(meta.get(FORMAT_KEY)?.is_none_or(|format| number(format.value()) == FORMAT))
}

fn lay_out(transaction: &WriteTransaction, now: Timestamp) -> Result<(), StoreError> {
    let mut meta = transaction.open_table(META)?;
    meta.insert(FORMAT_KEY, FORMAT.to_le_bytes().as_slice())?;
    meta.insert(EPOCH_KEY, epoch().as_slice())?;
    for key in [NEWEST_KEY, HISTORY_KEY] {
        meta.insert(key, now.as_micros().to_le_bytes().as_slice())?;
    }
    drop(meta);
    make_all(transaction)
}

/// Gives the store another epoch: its followers saw what it does not have.
pub(super) fn renew_epoch(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(META)?.insert(EPOCH_KEY, epoch().as_slice())?;
    Ok(())
}

/// Begins a write transaction. Each one also writes the allocator's state, so that reopening is
/// immediate.
pub(super) fn begin(database: &Database) -> Result<WriteTransaction, StoreError> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that begins to write")]
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    Ok(transaction)
}

/// Raises the newest stored time of ours; `now` never falls below it.
pub(super) fn raise_newest_timestamp(
    transaction: &WriteTransaction,
    at: Timestamp,
) -> Result<(), StoreError> {
    let mut meta = transaction.open_table(META)?;
    let newest = meta.get(NEWEST_KEY)?.map(|value| timestamp(value.value()));
    if newest.is_none_or(|newest| at > newest) {
        meta.insert(NEWEST_KEY, at.as_micros().to_le_bytes().as_slice())?;
    }
    Ok(())
}

/// Returns the newest stored time of ours.
pub(super) fn newest_timestamp(transaction: &WriteTransaction) -> Result<Timestamp, StoreError> {
    let newest =
        transaction.open_table(META)?.get(NEWEST_KEY)?.map(|value| timestamp(value.value()));
    Ok(newest.unwrap_or(Timestamp::MIN))
}

/// Lowers the newest stored time of ours to that of a clock that a person accepted.
pub(super) fn lower_newest_timestamp(
    transaction: &WriteTransaction,
    at: Timestamp,
) -> Result<(), StoreError> {
    let mut meta = transaction.open_table(META)?;
    meta.insert(NEWEST_KEY, at.as_micros().to_le_bytes().as_slice())?;
    Ok(())
}

fn timestamp(bytes: &[u8]) -> Timestamp {
    Timestamp::from_micros(i64::from_le_bytes(bytes.try_into().unwrap_or_default()))
}

fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(u64::MAX, u64::from_le_bytes)
}

/// Returns 16 random bytes: two stores never share an epoch, so a client notices a new store.
fn epoch() -> [u8; 16] {
    let mut epoch = [0; 16];
    // Without randomness of the system nothing else of the process works either; an epoch of zeros
    // would still do.
    let _ = rand::fill(&mut epoch);
    epoch
}

impl Snapshot {
    /// Returns the random word that distinguishes this store from every other.
    ///
    /// # Errors
    /// When the file cannot be read, as for every method here.
    pub fn epoch(&self) -> Result<String, StoreError> {
        let epoch = self.tables.meta()?.get(EPOCH_KEY)?;
        let bytes = epoch.as_ref().map_or([].as_slice(), |value| value.value());
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Returns the newest time of ours that was stored.
    pub fn newest_timestamp(&self) -> Result<Timestamp, StoreError> {
        let newest = self.tables.meta()?.get(NEWEST_KEY)?;
        Ok(newest.map_or(Timestamp::MIN, |value| timestamp(value.value())))
    }
}
