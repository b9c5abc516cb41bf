use redb::{ReadableTable, ReadableTableMetadata};

use super::tables::ARTEFACTS;
use super::{Snapshot, Store, StoreError, codec};
use crate::artefact::{PackageKey, PackageRecord};
use crate::curation::{Dossier, PolicySnapshot};
use crate::model::Timestamp;

impl Store {
    /// Stores the record of a package.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn store_artefacts(
        &self,
        key: &PackageKey,
        record: &PackageRecord,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let value = codec::json(record)?;
        self.write(now, |transaction| {
            let mut artefacts = transaction.open_table(ARTEFACTS)?;
            artefacts.insert(key.to_string().as_str(), value.as_slice())?;
            Ok(())
        })
    }

    /// Removes the records of packages for which `is_named` is false and that were last looked at before a time.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn prune_artefacts(
        &self,
        is_named: impl Fn(&PackageKey) -> bool,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let is_old = |(key, record): &(PackageKey, PackageRecord)| {
            record.looked_at.is_none_or(|at| at < before) && !is_named(key)
        };
        let old: Vec<_> = self.snapshot()?.artefacts()?.into_iter().filter(is_old).collect();
        if old.is_empty() {
            return Ok(());
        }
        self.write(now, |transaction| {
            let mut artefacts = transaction.open_table(ARTEFACTS)?;
            for (key, _) in &old {
                artefacts.remove(key.to_string().as_str())?;
            }
            Ok(())
        })
    }
}

impl Snapshot {
    /// Returns the record of a package.
    ///
    /// # Errors
    /// When the file cannot be read. A record that does not decode counts as absent: the package is looked at again.
    pub fn artefacts_of(&self, key: &PackageKey) -> Result<Option<PackageRecord>, StoreError> {
        let value = self.tables.artefacts()?.get(key.to_string().as_str())?;
        Ok(value.and_then(|value| read(value.value())))
    }

    /// Returns the records of all packages, in the order of their keys.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn artefacts(&self) -> Result<Vec<(PackageKey, PackageRecord)>, StoreError> {
        let mut records = Vec::new();
        for row in self.tables.artefacts()?.iter()? {
            let (key, value) = row?;
            let record = read(value.value());
            records.extend(PackageKey::parse(key.value()).zip(record));
        }
        Ok(records)
    }

    /// Adds the records of the packages that the contents of a dossier name.
    pub(super) fn add_artefacts(
        &self,
        dossier: &mut Dossier,
        policy: &PolicySnapshot,
    ) -> Result<(), StoreError> {
        // Most stores have none, and a key costs more than the question.
        if self.tables.artefacts()?.is_empty()? {
            return Ok(());
        }
        let contents = dossier.rows.iter().flat_map(|row| row.others.iter().chain([&row.content]));
        let facts = contents.flat_map(|content| &content.facts);
        for key in facts.flat_map(|facts| &facts.packages).filter_map(|package| package.key(policy))
        {
            if dossier.artefacts.contains_key(&key) {
                continue;
            }
            if let Some(record) = self.artefacts_of(&key)? {
                dossier.artefacts.insert(key, record);
            }
        }
        Ok(())
    }
}

fn read(bytes: &[u8]) -> Option<PackageRecord> {
    serde_json::from_slice(bytes).ok()
}
