use std::path::Path;

use aws_lc_rs::rand;
use redb::{Database, ReadableTable, TableDefinition, WriteTransaction};

use super::{FORMAT, StoreError};
use crate::model::Instant;

/// (upstream, name, version), or (view, name, version).
pub(super) type Key = (&'static str, &'static str, &'static str);
pub(super) type Rows = TableDefinition<'static, Key, &'static [u8]>;

pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
pub(super) const UPSTREAMS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("upstreams");
pub(super) const HEADS: Rows = TableDefinition::new("heads");
pub(super) const BODIES: Rows = TableDefinition::new("bodies");
pub(super) const QUARANTINE: Rows = TableDefinition::new("quarantine");
pub(super) const STAGED: Rows = TableDefinition::new("staged");
pub(super) const LEDGER: Rows = TableDefinition::new("ledger");
pub(super) const REWRITTEN: Rows = TableDefinition::new("rewritten");
pub(super) const ABSENCES: Rows = TableDefinition::new("absences");
/// The heads of what was purged: what comes back may be something else.
pub(super) const PURGED: Rows = TableDefinition::new("purged");
pub(super) const HELD: Rows = TableDefinition::new("held");
pub(super) const SEEN: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("seen");
pub(super) const OWNERS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("owners");
pub(super) const HOLDINGS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("holdings");
pub(super) const NAMINGS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("namings");
pub(super) const SPARED: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("spared");
pub(super) const ALERTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("alerts");
/// By receiver and alert.
pub(super) const LETTERS: TableDefinition<'_, (&str, &str), &[u8]> =
    TableDefinition::new("letters");
pub(super) const UNDELIVERED: TableDefinition<'_, (&str, &str), &[u8]> =
    TableDefinition::new("undelivered");
pub(super) const RECEIVERS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("receivers");
pub(super) const OVERLAYS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("overlays");

/// How many tables there are.
const TABLES: usize = 21;

const FORMAT_KEY: &str = "format";
pub(super) const EPOCH_KEY: &str = "epoch";
/// Set once proofs were asked for: what was served before is marked then.
pub(super) const PROVING_KEY: &str = "proving";
pub(super) const NEWEST_KEY: &str = "newest";

/// Makes all tables, so that every snapshot can open them, or checks that this release knows them.
pub(super) fn initialise(database: &Database, path: &Path, now: Instant) -> Result<(), StoreError> {
    let transaction = begin(database)?;
    let format = transaction.open_table(META)?.get(FORMAT_KEY)?.map(|value| number(value.value()));
    match format {
        None => lay_out(&transaction, now)?,
        Some(FORMAT) if transaction.list_tables()?.count() == TABLES => {
            return Ok(transaction.abort()?);
        }
        // A table that a later build of the same format added.
        Some(FORMAT) => make_tables(&transaction)?,
        Some(found) => return Err(StoreError::Format { path: path.into(), found, known: FORMAT }),
    }
    Ok(transaction.commit()?)
}

fn lay_out(transaction: &WriteTransaction, now: Instant) -> Result<(), StoreError> {
    let mut meta = transaction.open_table(META)?;
    meta.insert(FORMAT_KEY, FORMAT.to_le_bytes().as_slice())?;
    meta.insert(EPOCH_KEY, epoch().as_slice())?;
    meta.insert(NEWEST_KEY, now.as_micros().to_le_bytes().as_slice())?;
    drop(meta);
    make_tables(transaction)
}

fn make_tables(transaction: &WriteTransaction) -> Result<(), StoreError> {
    for words in [UPSTREAMS, OVERLAYS, ALERTS, OWNERS, HOLDINGS, NAMINGS, SPARED, RECEIVERS] {
        transaction.open_table(words)?;
    }
    transaction.open_table(SEEN)?;
    transaction.open_table(LETTERS)?;
    transaction.open_table(UNDELIVERED)?;
    for rows in [HEADS, BODIES, QUARANTINE, STAGED, LEDGER, REWRITTEN, ABSENCES, HELD, PURGED] {
        transaction.open_table(rows)?;
    }
    Ok(())
}

/// Every transaction writes the allocator's state with it, so that reopening is instant.
pub(super) fn begin(database: &Database) -> Result<WriteTransaction, StoreError> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that begins to write")]
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    Ok(transaction)
}

/// Notes an instant of ours; `now` never falls below the newest one.
pub(super) fn note_instant(transaction: &WriteTransaction, at: Instant) -> Result<(), StoreError> {
    let mut meta = transaction.open_table(META)?;
    let newest = meta.get(NEWEST_KEY)?.map(|value| instant(value.value()));
    if newest.is_none_or(|newest| at > newest) {
        meta.insert(NEWEST_KEY, at.as_micros().to_le_bytes().as_slice())?;
    }
    Ok(())
}

pub(super) fn instant(bytes: &[u8]) -> Instant {
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
