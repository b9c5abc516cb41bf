use std::collections::BTreeSet;
use std::sync::Arc;

use redb::ReadableTable;

use super::history::{NewEvents, append};
use super::tables::{DENYING, ENDED_APPROVALS, OVERLAYS};
use super::{Snapshot, Store, StoreError};
use crate::history::{Change, Event, PolicyLoad};
use crate::lint::Source;
use crate::model::{Digest, Timestamp};

/// The overlays that a refused folder, and a restart, fall back to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LastGood {
    /// The last valid set; empty if there never was one.
    pub sources: Vec<Arc<Source>>,
    /// Its approvals that ended since, by file and offset.
    pub ended: BTreeSet<(String, u64)>,
    /// Files of refused folders since, with texts whose denials stay effective while the files are broken or gone.
    pub denying: Vec<Arc<Source>>,
}

impl Store {
    /// Stores the last valid set, and what refused ones changed of it, in place of the previous one.
    ///
    /// # Errors
    /// When the file cannot be written; then the previous set stays.
    pub fn keep_overlays(&self, last_good: &LastGood, now: Timestamp) -> Result<(), StoreError> {
        let LastGood { sources, ended, denying } = last_good;
        self.write(now, |transaction| {
            let mut table = transaction.open_table(OVERLAYS)?;
            table.retain(|_, _| false)?;
            for source in sources {
                table.insert(source.file.as_str(), source.text.as_bytes())?;
            }
            let mut table = transaction.open_table(ENDED_APPROVALS)?;
            table.retain(|_, _| false)?;
            for (file, offset) in ended {
                table.insert((file.as_str(), *offset), [].as_slice())?;
            }
            let mut table = transaction.open_table(DENYING)?;
            table.retain(|_, _| false)?;
            for (number, source) in (0..).zip(denying) {
                table.insert((source.file.as_str(), number), source.text.as_bytes())?;
            }
            let event = Event { at: now, change: Change::Policy(loaded(last_good)) };
            append(transaction, NewEvents { events: &[event], rules: &[] }, now)
        })
    }
}

fn loaded(last_good: &LastGood) -> PolicyLoad {
    let LastGood { sources, ended, denying } = last_good;
    let texts = sources.iter().flat_map(|source| [source.file.as_bytes(), source.text.as_bytes()]);
    PolicyLoad {
        files: sources.len() as u64,
        overlays: Digest::of_parts(texts),
        ended: ended.len() as u64,
        denying: denying.len() as u64,
    }
}

impl Snapshot {
    /// Returns the last valid set, and what refused ones changed of it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn overlays(&self) -> Result<LastGood, StoreError> {
        let read = |file: &str, text: &[u8]| match std::str::from_utf8(text) {
            Ok(text) => Ok(Source::new(file, text)),
            Err(_) => Err(StoreError::damaged("an overlay", file.to_owned())),
        };
        let sources = self.tables.overlays()?.iter()?.map(|row| {
            let (file, text) = row?;
            read(file.value(), text.value())
        });
        let ended = self.tables.ended_approvals()?.iter()?.map(|row| {
            let (key, _) = row?;
            let (file, offset) = key.value();
            Ok((file.to_owned(), offset))
        });
        let denying = self.tables.denying()?.iter()?.map(|row| {
            let (key, text) = row?;
            read(key.value().0, text.value())
        });
        Ok(LastGood {
            sources: sources.collect::<Result<_, StoreError>>()?,
            ended: ended.collect::<Result<_, StoreError>>()?,
            denying: denying.collect::<Result<_, StoreError>>()?,
        })
    }
}
