use std::collections::BTreeSet;

use redb::{ReadableTable, ReadableTableMetadata};
use serde::de::DeserializeOwned;

use super::history::{NewEvents, append};
use super::meta::OWNERSHIP_KEY;
use super::rows::after;
use super::tables::{DECLARATIONS, EXEMPTED, LEDGER, META, VERIFICATIONS};
use super::{Rows, Snapshot, Store, StoreError, codec};
use crate::curation::View;
use crate::history::{Change, Event, VerdictChange};
use crate::model::{Name, Shown, Timestamp, Version};
use crate::ownership::{DeclarationRecord, Pins, Verdict, VerificationRecord};

/// The results of ownership checks.
#[derive(Debug, Default)]
pub struct VerificationRecords {
    /// By namespace, in lower case.
    pub verifications: Vec<(String, VerificationRecord)>,
    pub declarations: Vec<(Name, DeclarationRecord)>,
}

impl Store {
    /// Stores the results of ownership checks.
    ///
    /// # Errors
    /// When the file cannot be written; then none of them is stored.
    pub fn store_verification(
        &self,
        records: &VerificationRecords,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(now, |transaction| {
            let mut verifications = transaction.open_table(VERIFICATIONS)?;
            let mut events = Vec::new();
            for (namespace, record) in &records.verifications {
                let before = verifications.get(namespace.as_str())?;
                let before = before.and_then(|value| read(value.value()));
                events.extend(changed_verdict(namespace, before.as_ref(), record, now));
                verifications.insert(namespace.as_str(), codec::json(record)?.as_slice())?;
            }
            append(transaction, NewEvents { events: &events, rules: &[] }, now)?;
            let mut declarations = transaction.open_table(DECLARATIONS)?;
            for (name, record) in &records.declarations {
                declarations.insert(name.as_str(), codec::json(record)?.as_slice())?;
            }
            Ok(())
        })
    }

    /// Removes the records of namespaces for which `has_names` is false, of which no view showed a name within the time of
    /// tombstones, and that were last looked up before a time; and the declarations of their names.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn prune_verification(
        &self,
        has_names: impl Fn(&str) -> bool,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let is_old = |at: Option<Timestamp>| at.is_none_or(|at| at < before);
        let snapshot = self.snapshot()?;
        let mut old: BTreeSet<String> = BTreeSet::new();
        for (namespace, record) in snapshot.verifications()? {
            if is_old(record.checked_at) && !has_names(&namespace) {
                old.insert(namespace);
            }
        }
        if old.is_empty() {
            return Ok(());
        }
        let namespace_of =
            |name: &str| name.split_once('/').map(|(namespace, _)| namespace.to_ascii_lowercase());
        for name in snapshot.names_in_ledgers()? {
            if let Some(namespace) = namespace_of(&name) {
                old.remove(&namespace);
            }
        }
        self.write(now, |transaction| {
            let mut verifications = transaction.open_table(VERIFICATIONS)?;
            for namespace in &old {
                verifications.remove(namespace.as_str())?;
            }
            let is_kept = |name: &str| namespace_of(name).is_none_or(|found| !old.contains(&found));
            transaction.open_table(DECLARATIONS)?.retain(|name, _| is_kept(name))?;
            Ok(())
        })
    }

    /// Exempts the entries that these views show now, when ownership is first checked: they are served until there is
    /// a verdict. Later calls do nothing.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn begin_ownership_checks(&self, views: &[View], now: Timestamp) -> Result<(), StoreError> {
        if self.snapshot()?.checks_ownership()? {
            return Ok(());
        }
        self.write(now, |transaction| {
            let mut exempted = transaction.open_table(EXEMPTED)?;
            for row in transaction.open_table(LEDGER)?.iter()? {
                let (key, value) = row?;
                let (view, name, version) = key.value();
                let shown = codec::read_ledger(value.value()).map(|record| record.shown);
                if shown == Some(Shown::Visible)
                    && views.iter().any(|configured| configured.name == view)
                {
                    exempted.insert((name, version), [].as_slice())?;
                }
            }
            transaction.open_table(META)?.insert(OWNERSHIP_KEY, [].as_slice())?;
            Ok(())
        })
    }
}

/// Returns the event of another verdict, whatever overlays pin. A first lookup that found nothing out changes none.
fn changed_verdict(
    namespace: &str,
    before: Option<&VerificationRecord>,
    record: &VerificationRecord,
    now: Timestamp,
) -> Option<Event> {
    let verdict = |record: &VerificationRecord| record.verdict(&Pins::default()).0;
    let (before, after) = (before.map(verdict), verdict(record));
    let known = before.unwrap_or(Verdict::Inconclusive);
    let change = VerdictChange { namespace: namespace.into(), before, after };
    (known != after).then_some(Event { at: now, change: Change::Verdict(change) })
}

impl Snapshot {
    /// Returns the verification record of a namespace, regardless of case.
    ///
    /// # Errors
    /// When the file cannot be read. A record that does not decode counts as absent: the namespace is checked again.
    pub fn record(&self, namespace: &str) -> Result<Option<VerificationRecord>, StoreError> {
        let value = self.tables.verifications()?.get(namespace.to_ascii_lowercase().as_str())?;
        Ok(value.and_then(|value| read(value.value())))
    }

    /// Returns the verification records of namespaces below another one, up to a number.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn records_below(
        &self,
        namespace: &str,
        most: usize,
    ) -> Result<Vec<(String, VerificationRecord)>, StoreError> {
        let begin = format!("{}.", namespace.to_ascii_lowercase());
        let mut records = Vec::new();
        for row in self.tables.verifications()?.range(begin.as_str()..)? {
            let (found, value) = row?;
            if !found.value().starts_with(&begin) || records.len() >= most {
                break;
            }
            let namespace = found.value().to_owned();
            records.extend(read(value.value()).map(|record| (namespace, record)));
        }
        Ok(records)
    }

    /// Returns the verification records of all namespaces.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn verifications(&self) -> Result<Vec<(String, VerificationRecord)>, StoreError> {
        let mut verifications = Vec::new();
        for row in self.tables.verifications()?.iter()? {
            let (namespace, value) = row?;
            let record = read(value.value()).unwrap_or_default();
            verifications.push((namespace.value().to_owned(), record));
        }
        Ok(verifications)
    }

    /// Returns the declarations about a name.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn declarations(&self, name: &Name) -> Result<Option<DeclarationRecord>, StoreError> {
        let value = self.tables.declarations()?.get(name.as_str())?;
        Ok(value.and_then(|value| read(value.value())))
    }

    /// Returns the versions of a name that were served before ownership was first checked.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn exempted_versions(&self, name: &Name) -> Result<BTreeSet<Version>, StoreError> {
        let exempted = self.tables.exempted()?;
        if exempted.is_empty()? {
            return Ok(BTreeSet::new());
        }
        let end = after(name.as_str());
        let rows = exempted.range((name.as_str(), "")..(end.as_str(), ""))?.map(|row| {
            let (key, _) = row?;
            let (name, version) = key.value();
            Version::parse(version)
                .map_err(|_| StoreError::damaged("an exemption", format!("{name}@{version}")))
        });
        Rows::new(rows).collect()
    }

    fn checks_ownership(&self) -> Result<bool, StoreError> {
        Ok(self.tables.meta()?.get(OWNERSHIP_KEY)?.is_some())
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}
