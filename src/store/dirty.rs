//! Names whose rows changed since they were evaluated last, and until when evaluations hold.
//!
//! Ingest marks the names in the transaction that changes their rows, and the transaction that commits
//! a generation removes those it evaluated, so a restart knows what is still to be evaluated. Rows may
//! change while a generation is made: each mark carries a number that grows, and a generation removes
//! the marks that its own snapshot could see.

use std::collections::BTreeSet;

use redb::{ReadableTable, WriteTransaction};

use super::tables::{DIRTY, HOLDS_UNTIL, META};
use super::{Rows, Snapshot, StoreError};
use crate::model::{Instant, Name};

const INGEST_KEY: &str = "ingest";
/// Stands for every name: a first sync does not mark each of them. No name is empty.
const EVERYTHING: &str = "";

/// How far ingest had come: each transaction that marks names is one further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct IngestMark(u64);

/// The names that are to be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DirtyNames {
    /// Every name there is.
    pub everything: bool,
    pub names: BTreeSet<Name>,
}

/// What a generation evaluated.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evaluated<'a> {
    /// Of the snapshot that it read.
    pub as_of: IngestMark,
    /// Whether that was every name; those that are not listed hold for good.
    pub everything: bool,
    /// Names, and the earliest time at which a gate could answer differently.
    pub names: &'a [(Name, Option<Instant>)],
}

/// Marks names whose rows change in this transaction.
pub(super) fn mark_names<'n>(
    transaction: &WriteTransaction,
    names: impl IntoIterator<Item = &'n Name>,
) -> Result<(), StoreError> {
    mark(transaction, names.into_iter().map(Name::as_str))
}

/// Marks every name.
pub(super) fn mark_everything(transaction: &WriteTransaction) -> Result<(), StoreError> {
    mark(transaction, [EVERYTHING])
}

fn mark<'n>(
    transaction: &WriteTransaction,
    names: impl IntoIterator<Item = &'n str>,
) -> Result<(), StoreError> {
    let mut names = names.into_iter().peekable();
    if names.peek().is_none() {
        return Ok(());
    }
    let mut meta = transaction.open_table(META)?;
    let before = meta.get(INGEST_KEY)?.map_or(0, |value| number(value.value()));
    let mark = before.saturating_add(1).to_le_bytes();
    meta.insert(INGEST_KEY, mark.as_slice())?;
    let mut dirty = transaction.open_table(DIRTY)?;
    for name in names {
        dirty.insert(name, mark.as_slice())?;
    }
    Ok(())
}

/// Removes the marks of names that were evaluated, and keeps until when that holds.
pub(super) fn settle(
    transaction: &WriteTransaction,
    evaluated: &Evaluated<'_>,
) -> Result<(), StoreError> {
    let mut dirty = transaction.open_table(DIRTY)?;
    let mut holds_until = transaction.open_table(HOLDS_UNTIL)?;
    let is_seen = |mark: &[u8]| number(mark) <= evaluated.as_of.0;
    if evaluated.everything {
        dirty.retain(|_, mark| !is_seen(mark))?;
        holds_until.retain(|_, _| false)?;
    }
    for (name, until) in evaluated.names {
        let name = name.as_str();
        if dirty.get(name)?.is_some_and(|mark| is_seen(mark.value())) {
            dirty.remove(name)?;
        }
        let until = until.map(|until| until.as_micros().to_le_bytes());
        let kept = holds_until.get(name)?.map(|kept| kept.value().to_vec());
        // Most ends stay as they are, and reading is cheaper than writing the same again.
        if kept.as_deref() == until.as_ref().map(<[u8; 8]>::as_slice) {
            continue;
        }
        match until {
            Some(until) => drop(holds_until.insert(name, until.as_slice())?),
            None => drop(holds_until.remove(name)?),
        }
    }
    Ok(())
}

fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(u64::MAX, u64::from_le_bytes)
}

impl Snapshot {
    /// Returns how far ingest had come.
    ///
    /// # Errors
    /// When the file cannot be read, as for every method here.
    pub fn ingest_mark(&self) -> Result<IngestMark, StoreError> {
        let mark = self.tables.meta()?.get(INGEST_KEY)?;
        Ok(mark.map(|mark| IngestMark(number(mark.value()))).unwrap_or_default())
    }

    /// Returns the names whose rows changed since they were evaluated last.
    pub fn dirty_names(&self) -> Result<DirtyNames, StoreError> {
        let mut dirty = DirtyNames::default();
        for row in self.tables.dirty()?.iter()? {
            let (name, _) = row?;
            match name.value() {
                EVERYTHING => dirty.everything = true,
                name => dirty.names.extend(Name::parse(name)),
            }
        }
        Ok(dirty)
    }

    /// Returns until when the evaluation of each selected name holds, where time alone can change it.
    pub fn holds_until(&self) -> Result<Rows<'_, (Name, Instant)>, StoreError> {
        Ok(Rows::new(self.tables.holds_until()?.iter()?.map(|row| {
            let (name, until) = row?;
            let until = until.value().try_into().map(i64::from_le_bytes);
            // One that is damaged holds no longer: nothing may be served beyond its end.
            let until = until.map_or(Instant::MIN, Instant::from_micros);
            let name = Name::parse(name.value())
                .map_err(|_| StoreError::damaged("the end of an evaluation", name.value()))?;
            Ok((name, until))
        })))
    }
}
