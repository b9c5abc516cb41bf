//! Facts about the store itself: its format, its epoch, the newest time of ours that it holds.

use std::path::Path;

use aws_lc_rs::rand;
use redb::{Database, ReadableTable, WriteTransaction};

use super::tables::{META, make_all};
use super::{Snapshot, StoreError};
use crate::model::Instant;

/// The format this release reads and writes.
pub(super) const FORMAT: u64 = 2;

const FORMAT_KEY: &str = "format";
const EPOCH_KEY: &str = "epoch";
const NEWEST_KEY: &str = "newest";
/// Set once ownership was enabled: what was served before is exempted then.
pub(super) const PROVING_KEY: &str = "proving";

/// Lays out a new store, or checks that this release reads the one that is there.
pub(super) fn initialise(database: &Database, path: &Path, now: Instant) -> Result<(), StoreError> {
    let transaction = begin(database)?;
    let format = transaction.open_table(META)?.get(FORMAT_KEY)?.map(|value| number(value.value()));
    match format {
        None => lay_out(&transaction, now)?,
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

fn lay_out(transaction: &WriteTransaction, now: Instant) -> Result<(), StoreError> {
    let mut meta = transaction.open_table(META)?;
    meta.insert(FORMAT_KEY, FORMAT.to_le_bytes().as_slice())?;
    meta.insert(EPOCH_KEY, epoch().as_slice())?;
    meta.insert(NEWEST_KEY, now.as_micros().to_le_bytes().as_slice())?;
    drop(meta);
    make_all(transaction)
}

/// Begins to write. Every transaction writes the allocator's state with it, so that reopening is
/// instant.
pub(super) fn begin(database: &Database) -> Result<WriteTransaction, StoreError> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that begins to write")]
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    Ok(transaction)
}

/// Notes a time of ours; `now` never falls below the newest one.
pub(super) fn note_instant(transaction: &WriteTransaction, at: Instant) -> Result<(), StoreError> {
    let mut meta = transaction.open_table(META)?;
    let newest = meta.get(NEWEST_KEY)?.map(|value| instant(value.value()));
    if newest.is_none_or(|newest| at > newest) {
        meta.insert(NEWEST_KEY, at.as_micros().to_le_bytes().as_slice())?;
    }
    Ok(())
}

fn instant(bytes: &[u8]) -> Instant {
    Instant::from_micros(i64::from_le_bytes(bytes.try_into().unwrap_or_default()))
}

fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(u64::MAX, u64::from_le_bytes)
}

/// 16 random bytes: two stores never share an epoch, so a reader notices a new or restored one.
fn epoch() -> [u8; 16] {
    let mut epoch = [0; 16];
    // Without randomness of the system nothing else of the process works either; an epoch of
    // zeros would still serve.
    let _ = rand::fill(&mut epoch);
    epoch
}

impl Snapshot {
    /// Returns the random word that tells this store from every other.
    ///
    /// # Errors
    /// When the file cannot be read, as for every method here.
    pub fn epoch(&self) -> Result<String, StoreError> {
        let epoch = self.tables.meta()?.get(EPOCH_KEY)?;
        let bytes = epoch.as_ref().map_or([].as_slice(), |value| value.value());
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Returns the newest time of ours that was stored.
    pub fn newest_instant(&self) -> Result<Instant, StoreError> {
        let newest = self.tables.meta()?.get(NEWEST_KEY)?;
        Ok(newest.map_or(Instant::MIN, |value| instant(value.value())))
    }
}
