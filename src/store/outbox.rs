//! The queue of deliveries to recipients.
//!
//! A delivery is stored with its alert in one transaction, so no crash separates them. It is removed only when the
//! recipient has accepted it, so it is delivered at least once. A recipient has at most one delivery for an alert: an
//! update of the alert replaces it, which bounds the queue of an unreachable recipient.

use std::time::Duration;

use redb::{ReadableTable, WriteTransaction};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::rows::after;
use super::tables::{Bytes, DEAD_LETTERS, DELIVERIES, Pair, RECIPIENTS, Word, WriteTable};
use super::{Rows, Snapshot, Store, StoreError, codec};
use crate::alert::{
    Change, Delivery, DeliveryHistory, Fate, Notice, Recipient, Refusal, RefusalScope,
};
use crate::model::{Actor, Timestamp};

/// Time for which resolved alerts and dead letters are kept.
pub(super) const KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// Deliveries returned at a time: reading all of them again for each one would cost more than sending it.
const MAX_DUE: usize = 200;

/// A recipient and its delivery history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecipientStatus {
    #[serde(flatten)]
    pub recipient: Recipient,
    #[serde(flatten)]
    pub history: DeliveryHistory,
}

/// A delivery that failed for good, and its recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    pub recipient: String,
    #[serde(flatten)]
    pub delivery: Delivery,
}

impl Store {
    /// Stores the configured recipients. Deliveries to all others become dead letters.
    ///
    /// # Errors
    /// When the file cannot be read or written, as for every function here.
    pub fn enlist(&self, recipients: &[Recipient], now: Timestamp) -> Result<(), StoreError> {
        let known = self.snapshot()?.recipients()?;
        if known.iter().map(|status| &status.recipient).eq(recipients) {
            return Ok(());
        }
        self.write(now, |transaction| {
            let mut table = transaction.open_table(RECIPIENTS)?;
            table.retain(|_, _| false)?;
            for recipient in recipients {
                let before = known.iter().find(|status| status.recipient.name == recipient.name);
                let history = before.map(|status| status.history.clone()).unwrap_or_default();
                let status = RecipientStatus { recipient: recipient.clone(), history };
                table.insert(recipient.name.as_str(), codec::json(&status)?.as_slice())?;
            }
            let is_known = |name: &str| recipients.iter().any(|recipient| recipient.name == name);
            let mut deliveries = transaction.open_table(DELIVERIES)?;
            let mut dead_letters = transaction.open_table(DEAD_LETTERS)?;
            for row in deliveries.extract_if(|(name, _), _| !is_known(name))? {
                let (key, value) = row?;
                let Some(delivery) = get::<Delivery>(Some(value)) else { continue };
                let failure = Some("its webhook is not configured any more".to_owned());
                put(&mut dead_letters, key.value(), &Delivery { failure, ..delivery })?;
            }
            Ok(())
        })
    }

    /// Records the outcome of a delivery; returns the time of the next attempt.
    pub fn record_delivery(
        &self,
        recipient: &Recipient,
        delivery: &Delivery,
        outcome: Result<(), Refusal>,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.write(now, |transaction| {
            let mut recipients = transaction.open_table(RECIPIENTS)?;
            let Some(status) = get::<RecipientStatus>(recipients.get(recipient.name.as_str())?)
            else {
                return Ok(None);
            };
            let is_gone =
                outcome.as_ref().is_err_and(|refusal| refusal.scope == RefusalScope::Gone);
            let history = status.history.after(&outcome, now);
            let status = RecipientStatus { history, ..status };
            recipients.insert(recipient.name.as_str(), codec::json(&status)?.as_slice())?;
            let alert = delivery.notice.alert.identity.key();
            let key = (recipient.name.as_str(), alert.as_str());
            let mut deliveries = transaction.open_table(DELIVERIES)?;
            let mut dead_letters = transaction.open_table(DEAD_LETTERS)?;
            let Some(waiting) = get::<Delivery>(deliveries.get(key)?) else { return Ok(None) };
            match outcome {
                Ok(()) => {
                    // A dead letter for the same alert is older.
                    dead_letters.remove(key)?;
                    if waiting == *delivery {
                        deliveries.remove(key)?;
                    } else {
                        // The alert was updated during the delivery.
                        put(&mut deliveries, key, &Delivery::new(waiting.notice, now))?;
                    }
                    Ok(None)
                }
                Err(refusal) => match waiting.refused(refusal, recipient, now) {
                    Fate::Retry(delivery) => {
                        put(&mut deliveries, key, &delivery)?;
                        Ok(Some(delivery.not_before))
                    }
                    Fate::GiveUp(delivery) => {
                        deliveries.remove(key)?;
                        put(&mut dead_letters, key, &delivery)?;
                        if is_gone {
                            give_up_all(&mut deliveries, &mut dead_letters, key.0, &delivery)?;
                        }
                        Ok(None)
                    }
                },
            }
        })
    }

    /// Enqueues the dead letters of one recipient or all again; returns their number, or `None` if the recipient is
    /// unknown.
    pub fn redeliver(
        &self,
        recipient: Option<&str>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Option<usize>, StoreError> {
        self.write(now, |transaction| {
            let mut selected = recipients(&transaction.open_table(RECIPIENTS)?)?;
            selected.retain(|status| recipient.is_none_or(|name| name == status.recipient.name));
            if recipient.is_some() && selected.is_empty() {
                return Ok(None);
            }
            let mut deliveries = transaction.open_table(DELIVERIES)?;
            let mut dead_letters = transaction.open_table(DEAD_LETTERS)?;
            let is_selected =
                |name: &str| selected.iter().any(|status| status.recipient.name == name);
            let mut count = 0;
            for row in dead_letters.extract_if(|(name, _), _| is_selected(name))? {
                let (key, value) = row?;
                let Some(delivery) = get::<Delivery>(Some(value)) else { continue };
                count += 1;
                if deliveries.get(key.value())?.is_none() {
                    let redelivered_by = Some(actor.clone());
                    let again = Delivery { redelivered_by, ..Delivery::new(delivery.notice, now) };
                    put(&mut deliveries, key.value(), &again)?;
                }
            }
            Ok(Some(count))
        })
    }
}

/// Turns all deliveries to a recipient that is gone into dead letters, without another attempt.
fn give_up_all(
    deliveries: &mut Table<'_>,
    dead_letters: &mut Table<'_>,
    recipient: &str,
    last: &Delivery,
) -> Result<(), StoreError> {
    for row in deliveries.extract_if(|(name, _), _| name == recipient)? {
        let (key, value) = row?;
        let Some(delivery) = get::<Delivery>(Some(value)) else { continue };
        let delivery = Delivery { failure: last.failure.clone(), ..delivery };
        put(dead_letters, key.value(), &delivery)?;
    }
    Ok(())
}

/// Enqueues deliveries about changed alerts, for every recipient that wants them.
pub(super) fn enqueue(
    transaction: &WriteTransaction,
    notices: impl IntoIterator<Item = Notice>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let recipients = recipients(&transaction.open_table(RECIPIENTS)?)?;
    let mut deliveries = transaction.open_table(DELIVERIES)?;
    for notice in notices {
        let alert = notice.alert.identity.key();
        for RecipientStatus { recipient, .. } in &recipients {
            if recipient.wants(&notice.alert) {
                let key = (recipient.name.as_str(), alert.as_str());
                let waiting = get::<Delivery>(deliveries.get(key)?);
                let delivery = Delivery::new(notice.clone(), now).instead_of(waiting);
                put(&mut deliveries, key, &delivery)?;
            }
        }
    }
    Ok(())
}

/// Removes old dead letters.
pub(super) fn forget(transaction: &WriteTransaction, now: Timestamp) -> Result<(), StoreError> {
    let mut dead_letters = transaction.open_table(DEAD_LETTERS)?;
    dead_letters.retain(|_, value| {
        let delivery = serde_json::from_slice::<Delivery>(value);
        delivery.is_ok_and(|delivery| now.since(delivery.queued) < KEPT)
    })?;
    Ok(())
}

type Table<'t> = WriteTable<'t, Pair>;
type Value<'v> = redb::AccessGuard<'v, Bytes>;

fn put(table: &mut Table<'_>, key: (&str, &str), delivery: &Delivery) -> Result<(), StoreError> {
    table.insert(key, codec::json(delivery)?.as_slice())?;
    Ok(())
}

fn recipients(table: &impl ReadableTable<Word, Bytes>) -> Result<Vec<RecipientStatus>, StoreError> {
    let rows = table.iter()?.map(|row| {
        let (name, value) = row?;
        codec::read_json(value.value(), "a recipient", name.value())
    });
    Rows::new(rows).collect()
}

fn delivery((recipient, alert): (&str, &str), value: &[u8]) -> Result<Delivery, StoreError> {
    let key = || format!("{recipient}, alert {alert}");
    serde_json::from_slice(value).map_err(|_| StoreError::damaged("a delivery", key()))
}

/// Decodes a value. One that does not decode counts as absent; `verify` reports it.
fn get<T: DeserializeOwned>(value: Option<Value<'_>>) -> Option<T> {
    serde_json::from_slice(value?.value()).ok()
}

impl Snapshot {
    /// Returns the recipients, by name.
    ///
    /// # Errors
    /// When the file cannot be read, as for every function here.
    pub fn recipients(&self) -> Result<Vec<RecipientStatus>, StoreError> {
        recipients(self.tables.recipients()?)
    }

    /// Returns the due deliveries of a recipient's lane in their order, 200 at most.
    pub fn due_deliveries(
        &self,
        recipient: &str,
        served: bool,
        now: Timestamp,
    ) -> Result<Vec<Delivery>, StoreError> {
        let mut due = self.deliveries_of(recipient)?;
        // One event may resolve an alert and raise a worse one: the worse news about a namespace goes first, also when it
        // has to be tried again.
        let is_recovery = |delivery: &Delivery| delivery.notice.change == Change::Resolved;
        let of = |delivery: &Delivery| delivery.notice.alert.identity.suspect.clone();
        let worse: Vec<(String, Timestamp)> = due
            .iter()
            .filter(|delivery| !is_recovery(delivery) && !of(delivery).is_empty())
            .map(|delivery| (of(delivery), delivery.queued))
            .collect();
        let comes_later = |delivery: &Delivery| {
            let namespace = of(delivery);
            worse.iter().any(|(other, queued)| *other == namespace && *queued <= delivery.queued)
        };
        due.retain(|delivery| delivery.notice.alert.served == served && delivery.not_before <= now);
        due.retain(|delivery| !is_recovery(delivery) || !comes_later(delivery));
        due.sort_by_key(|delivery| (delivery.not_before, is_recovery(delivery), delivery.queued));
        due.truncate(MAX_DUE);
        Ok(due)
    }

    /// Returns the queued deliveries of a recipient.
    pub fn deliveries_of(&self, recipient: &str) -> Result<Vec<Delivery>, StoreError> {
        let end = after(recipient);
        let range = self.tables.deliveries()?.range((recipient, "")..(end.as_str(), ""))?;
        let deliveries = range.map(|row| {
            let (key, value) = row?;
            delivery(key.value(), value.value())
        });
        Rows::new(deliveries).collect()
    }

    /// Returns the dead letters.
    pub fn dead_letters(&self) -> Result<Vec<DeadLetter>, StoreError> {
        let rows = self.tables.dead_letters()?.iter()?.map(|row| {
            let (key, value) = row?;
            let delivery = delivery(key.value(), value.value())?;
            Ok(DeadLetter { recipient: key.value().0.to_owned(), delivery })
        });
        Rows::new(rows).collect()
    }
}
