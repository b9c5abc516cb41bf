//! Names with rows that changed since their last evaluation, and the end of each evaluation's validity.
//!
//! Ingest marks the names in the transaction that changes their rows, and the transaction that commits
//! a generation removes those it evaluated, so a restart knows what is still to be evaluated. Rows may
//! change while a generation is built: each mark carries a number that grows, and a generation removes
//! the marks that its own snapshot could see.

use std::collections::BTreeSet;

use redb::{ReadableTable, WriteTransaction};

use super::tables::{DIRTY, HOLDS_UNTIL, META};
use super::{Rows, Snapshot, StoreError};
use crate::model::{Name, Timestamp};

const INGEST_KEY: &str = "ingest";
/// Stands for every name: a first sync does not mark each of them. No name is empty.
const EVERYTHING: &str = "";

/// The progress of ingest: each transaction that marks names increases it by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct IngestMark(u64);

/// The names to evaluate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DirtyNames {
    /// True if every name is to be evaluated.
    pub everything: bool,
    pub names: BTreeSet<Name>,
}

/// The names that a generation evaluated.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evaluated<'a> {
    /// The mark of the snapshot that it read.
    pub as_of: IngestMark,
    /// True if that was every name; the evaluations of unlisted names have no end.
    pub everything: bool,
    /// Names, and the earliest time at which a gate could give another result.
    pub names: &'a [(Name, Option<Timestamp>)],
}

/// Marks names with rows that change in this transaction.
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

/// Removes the marks of evaluated names, and stores until when their evaluations are valid.
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
        // Most ends do not change, and a read is cheaper than a write of the same value.
        if kept.as_deref() == until.as_ref().map(<[u8; 8]>::as_slice) {
            continue;
        }
        match until {
            Some(until) => {
                holds_until.insert(name, until.as_slice())?;
            }
            None => {
                holds_until.remove(name)?;
            }
        }
    }
    Ok(())
}

fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(u64::MAX, u64::from_le_bytes)
}

impl Snapshot {
    /// Returns the progress of ingest.
    ///
    /// # Errors
    /// When the file cannot be read, as for every method here.
    pub fn ingest_mark(&self) -> Result<IngestMark, StoreError> {
        let mark = self.tables.meta()?.get(INGEST_KEY)?;
        Ok(mark.map(|mark| IngestMark(number(mark.value()))).unwrap_or_default())
    }

    /// Returns the names with rows that changed since their last evaluation.
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

    /// Returns until when the evaluation of each name is valid, for names that time alone can change.
    pub fn holds_until(&self) -> Result<Rows<'_, (Name, Timestamp)>, StoreError> {
        Ok(Rows::new(self.tables.holds_until()?.iter()?.map(|row| {
            let (name, until) = row?;
            let until = until.value().try_into().map(i64::from_le_bytes);
            // A damaged end counts as past: nothing may be served beyond its end.
            let until = until.map_or(Timestamp::MIN, Timestamp::from_micros);
            let name = Name::parse(name.value())
                .map_err(|_| StoreError::damaged("the end of an evaluation", name.value()))?;
            Ok((name, until))
        })))
    }
}
