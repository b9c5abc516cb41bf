use std::collections::BTreeMap;

use redb::{ReadableTable, WriteTransaction};

use super::history::{NewEvents, append};
use super::outbox::{KEPT, enqueue, forget as drop_deliveries};
use super::tables::{ALERTS, Bytes, Word};
use super::{Rows, Snapshot, Store, StoreError, codec};
use crate::alert::{
    Alert, AlertIdentity, Change, NotAcknowledged, Notice, Report, UnresolvedId, reconcile, resolve,
};
use crate::history::{self, AcknowledgementChange, Event};
use crate::model::{Actor, Digest, Timestamp};

impl Store {
    /// Records all that a source reports now; returns the alerts that are new, changed or resolved.
    /// Writes nothing if there are none.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn update_alerts(
        &self,
        source: &str,
        report: impl Into<Report>,
        now: Timestamp,
    ) -> Result<Vec<Alert>, StoreError> {
        let report = report.into();
        if reconcile(source, &self.snapshot()?.alerts()?, report.clone(), now).is_empty() {
            return Ok(Vec::new());
        }
        self.write(now, |transaction| {
            // A person may have acknowledged one in the meantime.
            let stored = alerts(&transaction.open_table(ALERTS)?)?;
            let changed = reconcile(source, &stored, report, now);
            put(transaction, &changed)?;
            enqueue(transaction, notices(&stored, &changed), now)?;
            forget(transaction, now)?;
            Ok(changed)
        })
    }

    /// Acknowledges the unresolved alert with a key that begins with `id`, if `seen` is the digest of what it shows
    /// now. Both checks and the write are one transaction, so that no other change comes between.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn acknowledge(
        &self,
        id: &str,
        seen: Digest,
        by: &str,
        reason: &str,
        actor: Actor,
        now: Timestamp,
    ) -> Result<Result<Alert, NotAcknowledged>, StoreError> {
        self.write(now, |transaction| {
            let alert = match find(transaction, id)? {
                Ok(alert) => alert,
                Err(why) => return Ok(Err(NotAcknowledged::Unresolved(why))),
            };
            if alert.shown() != seen {
                let id = alert.identity.short_id();
                let difference = alert.difference_since(seen);
                return Ok(Err(NotAcknowledged::MovedOn { id, difference }));
            }
            let change = AcknowledgementChange {
                seen: Some(seen),
                by: Some(by.to_owned()),
                reason: Some(reason.to_owned()),
                ..acknowledgement(&alert.identity, actor.clone())
            };
            record(transaction, change, now)?;
            let alert = alert.acknowledge(by, reason, actor, now);
            put(transaction, std::slice::from_ref(&alert))?;
            Ok(Ok(alert))
        })
    }

    /// Takes back every acknowledgement of the unresolved alert with a key that begins with `id`: it is open again,
    /// and recipients are notified as of an update.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn unacknowledge(
        &self,
        id: &str,
        actor: Actor,
        now: Timestamp,
    ) -> Result<Result<Alert, NotAcknowledged>, StoreError> {
        self.write(now, |transaction| {
            let before = match find(transaction, id)? {
                Ok(alert) => alert,
                Err(why) => return Ok(Err(NotAcknowledged::Unresolved(why))),
            };
            let alert = before.clone().reopen(actor.clone(), now);
            if before.acknowledged.is_some() {
                record(transaction, acknowledgement(&alert.identity, actor), now)?;
                let (before, after) = (std::slice::from_ref(&before), std::slice::from_ref(&alert));
                put(transaction, after)?;
                enqueue(transaction, notices(before, after), now)?;
            }
            Ok(Ok(alert))
        })
    }
}

/// Returns the change of an acknowledgement that is taken back.
fn acknowledgement(identity: &AlertIdentity, actor: Actor) -> AcknowledgementChange {
    AcknowledgementChange {
        alert: identity.short_id().into(),
        kind: identity.kind.as_str().into(),
        subject: identity.subject.as_str().into(),
        seen: None,
        by: None,
        reason: None,
        actor,
    }
}

fn record(
    transaction: &WriteTransaction,
    change: AcknowledgementChange,
    now: Timestamp,
) -> Result<(), StoreError> {
    let event = Event { at: now, change: history::Change::Acknowledgement(change) };
    append(transaction, NewEvents { events: &[event], rules: &[] }, now)
}

/// Finds the unresolved alert with a key that begins with `id`.
fn find(
    transaction: &WriteTransaction,
    id: &str,
) -> Result<Result<Alert, UnresolvedId>, StoreError> {
    let stored = alerts(&transaction.open_table(ALERTS)?)?.into_iter();
    let mut unresolved: BTreeMap<String, Alert> = stored
        .filter(|alert| !alert.is_resolved())
        .map(|alert| (alert.identity.key(), alert))
        .collect();
    let found = resolve(id, unresolved.keys().map(String::as_str)).map(str::to_owned);
    Ok(found.and_then(|key| unresolved.remove(&key).ok_or(UnresolvedId::Unknown)))
}

/// Returns the notices about alerts that were stored.
fn notices(before: &[Alert], after: &[Alert]) -> Vec<Notice> {
    let before: BTreeMap<&AlertIdentity, &Alert> =
        before.iter().map(|alert| (&alert.identity, alert)).collect();
    let of = |alert: &Alert| {
        let change = Change::between(before.get(&alert.identity).copied(), alert)?;
        // Recipients do not get earlier evidence.
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

fn forget(transaction: &WriteTransaction, now: Timestamp) -> Result<(), StoreError> {
    let mut table = transaction.open_table(ALERTS)?;
    table.retain(|_, value| match serde_json::from_slice(value) {
        Ok(Alert { closed: Some(at), .. }) => now.since(at) < KEPT,
        _ => true,
    })?;
    drop_deliveries(transaction, now)
}

fn alerts(table: &impl ReadableTable<Word, Bytes>) -> Result<Vec<Alert>, StoreError> {
    let rows = table.iter()?.map(|row| {
        let (id, value) = row?;
        codec::read_json(value.value(), "an alert", id.value())
    });
    Rows::new(rows).collect()
}

impl Snapshot {
    /// Returns the alert of this identity; `None` if there is none that decodes.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn alert(&self, identity: &AlertIdentity) -> Result<Option<Alert>, StoreError> {
        let row = self.tables.alerts()?.get(identity.key().as_str())?;
        Ok(row.and_then(|row| serde_json::from_slice(row.value()).ok()))
    }

    /// Returns every alert, resolved ones included.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn alerts(&self) -> Result<Vec<Alert>, StoreError> {
        alerts(self.tables.alerts()?)
    }
}
