use std::collections::BTreeMap;
use std::time::Duration;

use redb::{ReadableTable, WriteTransaction};

use super::letters::{forget as forget_letters, post};
use super::tables::ALERTS;
use super::{Snapshot, Store, StoreError};
use crate::alert::{Alert, Change, Notice, Observation, State, reconcile};
use crate::model::Instant;

/// How long an alert that is over can still be looked at.
pub(super) const KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

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
        let of_source = |alerts: Vec<Alert>| -> Vec<Alert> {
            alerts.into_iter().filter(|alert| alert.source == source).collect()
        };
        let stored = of_source(self.snapshot()?.alerts()?);
        if reconcile(source, &stored, seen.clone(), now).is_empty() {
            return Ok(Vec::new());
        }
        self.write(now, |transaction| {
            // Somebody may have acknowledged one in the meantime.
            let stored = of_source(alerts(&transaction.open_table(ALERTS)?)?);
            let changed = reconcile(source, &stored, seen, now);
            put(transaction, &changed)?;
            post(transaction, notices(&stored, &changed), now)?;
            forget(transaction, now)?;
            Ok(changed)
        })
    }

    /// Marks an alert as seen by somebody; `None` when there is none of this id that lasts.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn acknowledge(
        &self,
        id: &str,
        by: &str,
        reason: &str,
        now: Instant,
    ) -> Result<Option<Alert>, StoreError> {
        self.write(now, |transaction| {
            let stored = alerts(&transaction.open_table(ALERTS)?)?;
            let found = stored.into_iter().find(|alert| alert.id == id && !alert.is_over());
            let found = found.map(|alert| alert.acknowledged(by, reason, now));
            put(transaction, found.as_slice())?;
            Ok(found)
        })
    }
}

/// What there is to tell of alerts that were stored.
fn notices(before: &[Alert], after: &[Alert]) -> Vec<Notice> {
    let before: BTreeMap<&str, &Alert> =
        before.iter().map(|alert| (alert.id.as_str(), alert)).collect();
    let of = |alert: &Alert| {
        let change = Change::between(before.get(alert.id.as_str()).copied(), alert)?;
        Some(Notice { change, alert: alert.clone() })
    };
    after.iter().filter_map(of).collect()
}

fn put(transaction: &WriteTransaction, alerts: &[Alert]) -> Result<(), StoreError> {
    let mut table = transaction.open_table(ALERTS)?;
    for alert in alerts {
        let json = serde_json::to_vec(alert)
            .map_err(|_| StoreError::damaged("an alert that is no JSON", &*alert.id))?;
        table.insert(alert.id.as_str(), json.as_slice())?;
    }
    Ok(())
}

fn forget(transaction: &WriteTransaction, now: Instant) -> Result<(), StoreError> {
    let mut table = transaction.open_table(ALERTS)?;
    table.retain(|_, value| match serde_json::from_slice(value) {
        Ok(Alert { state: State::Closed { at }, .. }) => now.since(at) < KEPT,
        _ => true,
    })?;
    forget_letters(transaction, now)
}

/// Those that can be read; `verify` names the others.
fn alerts(
    table: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<Vec<Alert>, StoreError> {
    let mut alerts = Vec::new();
    for row in table.iter()? {
        alerts.extend(serde_json::from_slice::<Alert>(row?.1.value()).ok());
    }
    Ok(alerts)
}

impl Snapshot {
    /// The alert of this id; `None` where there is none that can be read.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn alert(&self, id: &str) -> Result<Option<Alert>, StoreError> {
        Ok(self.alerts.get(id)?.and_then(|row| serde_json::from_slice(row.value()).ok()))
    }

    /// Whether every alert can be read.
    pub(super) fn alerts_are_sound(&self) -> Result<bool, StoreError> {
        for row in self.alerts.iter()? {
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
        alerts(&self.alerts)
    }
}
