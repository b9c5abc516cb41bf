use std::collections::BTreeSet;

use redb::{ReadableTable, ReadableTableMetadata};
use serde::de::DeserializeOwned;

use super::meta::PROVING_KEY;
use super::rows::after;
use super::tables::{HOLDINGS, LEDGER, META, NAMINGS, SPARED};
use super::{Rows, Snapshot, Store, StoreError, codec};
use crate::curation::View;
use crate::model::{Instant, Name, Shown, Version};
use crate::ownership::{Holding, Naming};

/// What was found out about owners.
#[derive(Debug, Default)]
pub struct Proofs {
    /// By namespace, in small letters.
    pub holdings: Vec<(String, Holding)>,
    pub namings: Vec<(Name, Naming)>,
}

impl Store {
    /// Keeps what was found out about owners.
    ///
    /// # Errors
    /// When the file cannot be written; then nothing of it is kept.
    pub fn keep_proofs(&self, proofs: &Proofs, now: Instant) -> Result<(), StoreError> {
        self.write(now, |transaction| {
            let mut holdings = transaction.open_table(HOLDINGS)?;
            for (namespace, holding) in &proofs.holdings {
                holdings.insert(namespace.as_str(), codec::json(holding)?.as_slice())?;
            }
            let mut namings = transaction.open_table(NAMINGS)?;
            for (name, naming) in &proofs.namings {
                namings.insert(name.as_str(), codec::json(naming)?.as_slice())?;
            }
            Ok(())
        })
    }

    /// Marks what these views show by now, the first time that owners are to be proven: it goes on being served
    /// until there is a verdict. Later it does nothing.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn begin_proving(&self, views: &[View], now: Instant) -> Result<(), StoreError> {
        if self.snapshot()?.is_proving()? {
            return Ok(());
        }
        self.write(now, |transaction| {
            let mut spared = transaction.open_table(SPARED)?;
            for row in transaction.open_table(LEDGER)?.iter()? {
                let (key, value) = row?;
                let (view, name, version) = key.value();
                let shown = codec::read_ledger(value.value()).map(|record| record.shown);
                if shown == Some(Shown::Visible) && views.iter().any(|it| it.name == view) {
                    spared.insert((name, version), [].as_slice())?;
                }
            }
            transaction.open_table(META)?.insert(PROVING_KEY, [].as_slice())?;
            Ok(())
        })
    }
}

impl Snapshot {
    /// What is remembered of a namespace, whatever its case.
    ///
    /// # Errors
    /// When the file cannot be read. What does not decode is as if it were not there: it is found out anew.
    pub fn holding(&self, namespace: &str) -> Result<Option<Holding>, StoreError> {
        let value = self.tables.holdings()?.get(namespace.to_ascii_lowercase().as_str())?;
        Ok(value.and_then(|value| read(value.value())))
    }

    /// Everything that is remembered of namespaces.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn holdings(&self) -> Result<Vec<(String, Holding)>, StoreError> {
        let mut holdings = Vec::new();
        for row in self.tables.holdings()?.iter()? {
            let (namespace, value) = row?;
            let holding = read(value.value()).unwrap_or_default();
            holdings.push((namespace.value().to_owned(), holding));
        }
        Ok(holdings)
    }

    /// What is remembered of a name.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn naming(&self, name: &Name) -> Result<Option<Naming>, StoreError> {
        let value = self.tables.namings()?.get(name.as_str())?;
        Ok(value.and_then(|value| read(value.value())))
    }

    /// Returns the versions of a name that were served before owners were first to be proven.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn spared_versions(&self, name: &Name) -> Result<BTreeSet<Version>, StoreError> {
        let spared = self.tables.spared()?;
        if spared.is_empty()? {
            return Ok(BTreeSet::new());
        }
        let end = after(name.as_str());
        let rows = spared.range((name.as_str(), "")..(end.as_str(), ""))?.map(|row| {
            let (key, _) = row?;
            let (name, version) = key.value();
            Version::parse(version)
                .map_err(|_| StoreError::damaged("an exemption", format!("{name}@{version}")))
        });
        Rows::new(rows).collect()
    }

    fn is_proving(&self) -> Result<bool, StoreError> {
        Ok(self.tables.meta()?.get(PROVING_KEY)?.is_some())
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}
