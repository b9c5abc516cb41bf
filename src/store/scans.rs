//! The last valid texts of scan results.

use std::collections::BTreeMap;
use std::sync::Arc;

use redb::ReadableTable;

use super::tables::SCANS;
use super::{Snapshot, Store, StoreError};
use crate::lint::Source;
use crate::model::Timestamp;

impl Store {
    /// Keeps the texts of scan results in place of the previous ones. Only those that differ are written.
    ///
    /// # Errors
    /// When the file cannot be written; then the previous ones stay.
    pub fn keep_scans<'s>(
        &self,
        sources: impl IntoIterator<Item = &'s Arc<Source>>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let before: BTreeMap<String, Arc<Source>> =
            self.snapshot()?.scans()?.into_iter().map(|kept| (kept.file.clone(), kept)).collect();
        let next: BTreeMap<&str, &Arc<Source>> =
            sources.into_iter().map(|source| (source.file.as_str(), source)).collect();
        let is_kept = |source: &&&Arc<Source>| before.get(&source.file) == Some(**source);
        let changed: Vec<&&Arc<Source>> = next.values().filter(|source| !is_kept(source)).collect();
        let gone: Vec<&String> =
            before.keys().filter(|file| !next.contains_key(file.as_str())).collect();
        if changed.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let bytes: usize = changed.iter().map(|source| source.text.len()).sum();
        self.write_content(bytes as u64, now, |transaction| {
            let mut table = transaction.open_table(SCANS)?;
            for file in gone {
                table.remove(file.as_str())?;
            }
            for source in changed {
                table.insert(source.file.as_str(), source.text.as_bytes())?;
            }
            Ok(())
        })
    }
}

impl Snapshot {
    /// Returns the texts of scan results that are kept, by file.
    ///
    /// # Errors
    /// When the file cannot be read, or a text does not decode.
    pub fn scans(&self) -> Result<Vec<Arc<Source>>, StoreError> {
        let mut kept = Vec::new();
        for row in self.tables.scans()?.iter()? {
            let (file, text) = row?;
            let text = std::str::from_utf8(text.value())
                .map_err(|_| StoreError::damaged("a scan result", file.value()))?;
            kept.push(Source::new(file.value(), text));
        }
        Ok(kept)
    }
}
