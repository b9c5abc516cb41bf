use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::kind::AlertKind;
use super::notice::{Change, Format, Notice};
use super::record::Alert;
use crate::model::{Actor, Timestamp};

/// A recipient of notices, as configured; its address and secret are fingerprints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recipient {
    pub name: String,
    pub format: Format,
    pub url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The kinds of alert that it wants; empty means all.
    #[serde(default)]
    pub kinds: Vec<AlertKind>,
    /// The time after which a delivery is given up, in seconds.
    pub give_up_after_seconds: u64,
}

/// The source of alerts about recipients; a recipient gets no notice that it fails itself.
pub const RECIPIENTS: &str = "webhooks";

impl Recipient {
    /// Returns true if the recipient gets notices of an alert.
    #[must_use]
    pub fn wants(&self, alert: &Alert) -> bool {
        let is_itself = alert.source == RECIPIENTS && alert.identity.subject == self.name;
        // A flood may count alerts of any kind.
        let kind = alert.kind();
        let is_kind =
            self.kinds.is_empty() || self.kinds.contains(&kind) || kind == AlertKind::Flood;
        is_kind && !is_itself
    }
}

/// A notice on its way to one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    pub notice: Notice,
    pub queued: Timestamp,
    pub attempts: u32,
    /// The time before which it is not attempted.
    pub not_before: Timestamp,
    /// The reason for which the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The actor who had it tried again after it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redelivered_by: Option<Actor>,
}

/// A refusal of a delivery by its recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub why: String,
    pub scope: RefusalScope,
    /// The time that the recipient asks to wait.
    pub retry_after: Option<Duration>,
}

/// The deliveries that a refusal concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalScope {
    /// All deliveries from now on: the recipient is gone.
    Gone,
    /// This delivery only.
    Delivery,
    /// All deliveries for now.
    Recipient,
}

/// The next step for a refused delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    Retry(Delivery),
    GiveUp(Delivery),
}

/// Attempts before a delivery is given up, at least; however old it is.
const LEAST_ATTEMPTS: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_mins(15);
/// A recipient cannot delay a delivery for longer than this.
const LONGEST_REQUEST: Duration = Duration::from_hours(1);

impl Delivery {
    #[must_use]
    pub const fn new(notice: Notice, now: Timestamp) -> Self {
        Self {
            notice,
            queued: now,
            attempts: 0,
            not_before: now,
            failure: None,
            redelivered_by: None,
        }
    }

    /// Returns the delivery that replaces a pending one. An alert is a condition, so the newest update contains
    /// everything. A recipient that has no notice of the alert yet still gets that it was raised.
    #[must_use]
    pub fn instead_of(self, waiting: Option<Self>) -> Self {
        let Some(waiting) = waiting else { return self };
        let change = match (waiting.notice.change, self.notice.change) {
            (Change::Raised, Change::Updated) => Change::Raised,
            (_, change) => change,
        };
        let alert = &self.notice.alert;
        // A backoff of the other lane does not delay an alert about what is served.
        let is_urgent = alert.served && !waiting.notice.alert.served;
        let not_before = if is_urgent { self.not_before } else { waiting.not_before };
        Self {
            notice: Notice { change, ..self.notice },
            not_before,
            queued: self.queued,
            ..waiting
        }
    }

    /// Decides whether a refused delivery is retried, and when.
    #[must_use]
    pub fn refused(self, refusal: Refusal, recipient: &Recipient, now: Timestamp) -> Fate {
        let Refusal { why, scope, retry_after } = refusal;
        let attempts = self.attempts.saturating_add(1);
        let doubled = FIRST_WAIT * 2_u32.saturating_pow(self.attempts.min(16));
        let wait = match retry_after {
            Some(asked) => asked.min(LONGEST_REQUEST).max(FIRST_WAIT),
            None => doubled.min(LONGEST_WAIT),
        };
        let is_old = now.since(self.queued).as_secs() >= recipient.give_up_after_seconds
            && attempts >= LEAST_ATTEMPTS;
        let delivery = Self { attempts, not_before: now.plus(wait), failure: Some(why), ..self };
        if scope == RefusalScope::Gone || is_old {
            Fate::GiveUp(delivery)
        } else {
            Fate::Retry(delivery)
        }
    }
}

/// The outcome of the last deliveries to one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryHistory {
    pub last_delivered: Option<Timestamp>,
    /// The time since which every attempt failed.
    pub failing_since: Option<Timestamp>,
    pub last_failure: Option<String>,
}

impl DeliveryHistory {
    #[must_use]
    pub fn after(self, outcome: &Result<(), Refusal>, now: Timestamp) -> Self {
        match outcome {
            Ok(()) => Self { last_delivered: Some(now), failing_since: None, last_failure: None },
            Err(refusal) => Self {
                failing_since: self.failing_since.or(Some(now)),
                last_failure: Some(refusal.why.clone()),
                ..self
            },
        }
    }
}
