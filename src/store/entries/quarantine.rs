use std::collections::{BTreeMap, BTreeSet};

use redb::{ReadableTable, ReadableTableMetadata};

use super::live::Live;
use crate::curation::QuarantinedFacts;
use crate::model::{Entry, Name, Quarantined, Timestamp};
use crate::store::dirty::mark_names;
use crate::store::rows::{RowRange, all_of, of_name};
use crate::store::usage::{Growth, grow};
use crate::store::{Rows, Snapshot, Store, StoreError, codec};
use crate::sync::Row;

/// A row in quarantine and the upstream that sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantinedRow {
    pub upstream: String,
    pub row: Quarantined,
}

impl Store {
    /// Releases rows from quarantine, each as its entry, unless one exists already.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn release(
        &self,
        released: &[(QuarantinedRow, Entry)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(now, |transaction| {
            let mut grown: BTreeMap<&str, Growth> = BTreeMap::new();
            for (QuarantinedRow { upstream, row }, entry) in released {
                let growth = grown.entry(upstream).or_default();
                let mut live = Live::open(self, transaction, upstream, now, growth)?;
                let row_of_entry = Row::Entry(entry.clone());
                if live.may_take(&row_of_entry)? {
                    live.put(&row_of_entry)?;
                }
                live.settled(&row.name, &row.version)?;
            }
            for (upstream, growth) in &grown {
                grow(transaction, upstream, growth)?;
            }
            let invalid = released.iter().flat_map(|(row, _)| Name::parse(&row.row.name));
            let names: BTreeSet<Name> =
                released.iter().map(|(_, entry)| entry.name.clone()).chain(invalid).collect();
            mark_names(transaction, &names)
        })
    }
}

impl Snapshot {
    /// Returns every row in quarantine, one after another: a row may be as large as a page.
    pub fn quarantined(&self) -> Result<Rows<'_, QuarantinedRow>, StoreError> {
        Ok(Rows::new(self.tables.quarantine()?.iter()?.map(|row| {
            let (key, value) = row?;
            self.quarantined_row(key.value(), value.value())
        })))
    }

    /// Returns the number of rows of an upstream in quarantine, by the name that they state.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn count_quarantined(&self, upstream: &str) -> Result<BTreeMap<String, u64>, StoreError> {
        let mut rows = BTreeMap::new();
        for row in all_of(self.tables.quarantine()?, upstream)? {
            *rows.entry(row?.0.value().1.to_owned()).or_default() += 1;
        }
        Ok(rows)
    }

    /// Returns every name with a row in quarantine.
    pub fn quarantined_names(&self) -> Result<BTreeSet<Name>, StoreError> {
        let mut names = BTreeSet::new();
        for row in self.tables.quarantine()?.iter()? {
            let (key, _) = row?;
            names.extend(Name::parse(key.value().1));
        }
        Ok(names)
    }

    /// Returns true if a row of the name is in quarantine.
    pub fn has_quarantined(&self, name: &Name) -> Result<bool, StoreError> {
        Ok(self.quarantined_facts(name)?.next().is_some())
    }

    /// Returns upstream, version and rule of the rows in quarantine under a name, without the rows.
    pub fn quarantined_facts(&self, name: &Name) -> Result<Rows<'_, QuarantinedFacts>, StoreError> {
        Ok(Rows::new(self.quarantine_ranges(name)?.into_iter().flatten().map(|row| {
            let (key, value) = row?;
            let (upstream, name, version) = key.value();
            let rule = codec::quarantine_reason(value.value()).ok_or_else(|| {
                StoreError::damaged("a row in quarantine", format!("{name}@{version}"))
            })?;
            let (upstream, version) = (upstream.to_owned(), version.to_owned());
            Ok(QuarantinedFacts { upstream, version, rule: rule.to_owned() })
        })))
    }

    /// Returns the received bytes of a row in quarantine.
    pub fn quarantined_item(
        &self,
        name: &Name,
        upstream: &str,
        version: &str,
    ) -> Result<Option<String>, StoreError> {
        let key = (upstream, name.as_str(), version);
        let Some(value) = self.tables.quarantine()?.get(key)? else { return Ok(None) };
        let row = self.quarantined_row(key, value.value())?;
        Ok(Some(row.row.item.into()))
    }

    fn quarantine_ranges(&self, name: &Name) -> Result<Vec<RowRange>, StoreError> {
        let quarantine = self.tables.quarantine()?;
        if quarantine.is_empty()? {
            return Ok(Vec::new());
        }
        let upstreams = self.known_upstreams()?.iter();
        upstreams.map(|upstream| of_name(quarantine, upstream, name)).collect()
    }

    fn quarantined_row(
        &self,
        (upstream, name, version): (&str, &str, &str),
        value: &[u8],
    ) -> Result<QuarantinedRow, StoreError> {
        let reason = codec::quarantine_reason(value);
        let unpacked = reason.zip(codec::quarantine_item(value, &self.unpackers));
        let (reason, item) = unpacked.ok_or_else(|| {
            StoreError::damaged("a row in quarantine", format!("{name}@{version}"))
        })?;
        let (name, version) = (name.to_owned(), version.to_owned());
        let row = Quarantined { name, version, reason: reason.to_owned(), item };
        Ok(QuarantinedRow { upstream: upstream.to_owned(), row })
    }
}
