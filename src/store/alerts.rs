use std::collections::BTreeMap;

use redb::{ReadableTable, WriteTransaction};

use super::outbox::{KEPT, forget as forget_letters, post};
use super::tables::{ALERTS, Bytes, Word};
use super::{Rows, Snapshot, Store, StoreError, codec};
use crate::alert::{
    Alert, AlertIdentity, Change, NotAcknowledged, Notice, Observation, UnresolvedId, reconcile,
    resolve,
};
use crate::model::{Digest, Instant};

impl Store {
    /// Takes note of all that a source sees now; returns the alerts that are new, changed or over.
    /// Without any nothing is written.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn observe(
        &self,
        source: &str,
        seen: Vec<Observation>,
        now: Instant,
    ) -> Result<Vec<Alert>, StoreError> {
        if reconcile(source, &self.snapshot()?.alerts()?, seen.clone(), now).is_empty() {
            return Ok(Vec::new());
        }
        self.write(now, |transaction| {
            // Somebody may have acknowledged one in the meantime.
            let stored = alerts(&transaction.open_table(ALERTS)?)?;
            let changed = reconcile(source, &stored, seen, now);
            put(transaction, &changed)?;
            post(transaction, notices(&stored, &changed), now)?;
            forget(transaction, now)?;
            Ok(changed)
        })
    }

    /// Acknowledges the lasting alert whose key begins with `id`, if `seen` is the digest of what it shows now. Both are
    /// checked and the alert is written in one transaction, so that nothing comes between.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn acknowledge(
        &self,
        id: &str,
        seen: Digest,
        by: &str,
        reason: &str,
        now: Instant,
    ) -> Result<Result<Alert, NotAcknowledged>, StoreError> {
        self.write(now, |transaction| {
            let stored = alerts(&transaction.open_table(ALERTS)?)?.into_iter();
            let mut lasting: BTreeMap<String, Alert> = stored
                .filter(|alert| !alert.is_over())
                .map(|alert| (alert.identity.key(), alert))
                .collect();
            let found = resolve(id, lasting.keys().map(String::as_str)).map(str::to_owned);
            let alert = match found.map(|key| lasting.remove(&key)) {
                Ok(Some(alert)) => alert,
                Ok(None) => return Ok(Err(NotAcknowledged::Unresolved(UnresolvedId::Unknown))),
                Err(unresolved) => return Ok(Err(NotAcknowledged::Unresolved(unresolved))),
            };
            if alert.shown() != seen {
                let id = alert.identity.short_id();
                let difference = alert.difference_since(seen);
                return Ok(Err(NotAcknowledged::MovedOn { id, difference }));
            }
            let alert = alert.acknowledge(by, reason, now);
            put(transaction, std::slice::from_ref(&alert))?;
            Ok(Ok(alert))
        })
    }
}

/// What there is to tell of alerts that were stored.
fn notices(before: &[Alert], after: &[Alert]) -> Vec<Notice> {
    let before: BTreeMap<&AlertIdentity, &Alert> =
        before.iter().map(|alert| (&alert.identity, alert)).collect();
    let of = |alert: &Alert| {
        let change = Change::between(before.get(&alert.identity).copied(), alert)?;
        // Receivers are not told what it rested on before.
        Some(Notice { change, alert: Alert { earlier: Vec::new(), ..alert.clone() } })
    };
    after.iter().filter_map(of).collect()
}

fn put(transaction: &WriteTransaction, alerts: &[Alert]) -> Result<(), StoreError> {
    let mut table = transaction.open_table(ALERTS)?;
    for alert in alerts {
        table.insert(alert.identity.key().as_str(), codec::json(alert)?.as_slice())?;
    }
    Ok(())
}

fn forget(transaction: &WriteTransaction, now: Instant) -> Result<(), StoreError> {
    let mut table = transaction.open_table(ALERTS)?;
    table.retain(|_, value| match serde_json::from_slice(value) {
        Ok(Alert { closed: Some(at), .. }) => now.since(at) < KEPT,
        _ => true,
    })?;
    forget_letters(transaction, now)
}

fn alerts(table: &impl ReadableTable<Word, Bytes>) -> Result<Vec<Alert>, StoreError> {
    let rows = table.iter()?.map(|row| {
        let (id, value) = row?;
        codec::read_json(value.value(), "an alert", id.value())
    });
    Rows::new(rows).collect()
}

impl Snapshot {
    /// Returns the alert of this identity; nothing where there is none that can be read.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn alert(&self, identity: &AlertIdentity) -> Result<Option<Alert>, StoreError> {
        let row = self.tables.alerts()?.get(identity.key().as_str())?;
        Ok(row.and_then(|row| serde_json::from_slice(row.value()).ok()))
    }

    /// Whether every alert can be read.
    pub(super) fn alerts_are_sound(&self) -> Result<bool, StoreError> {
        for row in self.tables.alerts()?.iter()? {
            if serde_json::from_slice::<Alert>(row?.1.value()).is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Every alert there is, those that are over included.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn alerts(&self) -> Result<Vec<Alert>, StoreError> {
        alerts(self.tables.alerts()?)
    }
}
