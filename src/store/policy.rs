use std::collections::BTreeSet;
use std::sync::Arc;

use redb::ReadableTable;

use super::tables::{ENDED_APPROVALS, OVERLAYS};
use super::{Snapshot, Store, StoreError};
use crate::lint::Source;
use crate::model::Timestamp;

impl Store {
    /// Stores a valid set in place of the previous one, and the approvals of it that ended since, by
    /// file and offset.
    ///
    /// # Errors
    /// When the file cannot be written; then the previous set stays.
    pub fn keep_overlays(
        &self,
        sources: &[Arc<Source>],
        ended: &BTreeSet<(String, u64)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
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
            Ok(())
        })
    }
}

impl Snapshot {
    /// Returns the last valid set; empty if there never was one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn overlays(&self) -> Result<Vec<Arc<Source>>, StoreError> {
        self.tables
            .overlays()?
            .iter()?
            .map(|row| {
                let (file, text) = row?;
                let file = file.value().to_owned();
                match std::str::from_utf8(text.value()) {
                    Ok(text) => Ok(Source::new(file, text)),
                    Err(_) => Err(StoreError::damaged("an overlay", file)),
                }
            })
            .collect()
    }

    /// Returns the approvals of the last valid set that ended, by file and offset.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn ended_approvals(&self) -> Result<BTreeSet<(String, u64)>, StoreError> {
        let rows = self.tables.ended_approvals()?.iter()?;
        rows.map(|row| {
            let (key, _) = row?;
            let (file, offset) = key.value();
            Ok((file.to_owned(), offset))
        })
        .collect()
    }
}
