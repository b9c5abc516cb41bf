use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::kind::AlertKind;
use super::notice::{Change, Format, Notice};
use super::record::Alert;
use crate::model::Instant;

/// A receiver of notices, as it is configured; its address and secret show as fingerprints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receiver {
    pub name: String,
    pub format: Format,
    pub url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Kinds of alert that it wants; all, when there are none.
    #[serde(default)]
    pub kinds: Vec<AlertKind>,
    /// For how long a notice is tried.
    pub give_up_after_seconds: u64,
}

/// Alerts about receivers come from there; a receiver is not told that it does not listen.
pub const RECEIVERS: &str = "webhooks";

impl Receiver {
    /// Whether it is to be told of an alert.
    #[must_use]
    pub fn wants(&self, alert: &Alert) -> bool {
        let is_itself = alert.source == RECEIVERS && alert.identity.subject == self.name;
        // What a flood counts may be of any kind.
        let kind = alert.kind();
        let is_kind =
            self.kinds.is_empty() || self.kinds.contains(&kind) || kind == AlertKind::Flood;
        is_kind && !is_itself
    }
}

/// A notice on its way to one receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Letter {
    pub notice: Notice,
    pub queued: Instant,
    pub attempts: u32,
    /// It is not tried before this.
    pub not_before: Instant,
    /// Why the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// Why a receiver did not take a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub why: String,
    pub whose: Whose,
    /// How long it wants to be left alone.
    pub retry_after: Option<Duration>,
}

/// Whose fault it is that a letter was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// It says that it will never take one again.
    Gone,
    /// It would take another one.
    Letter,
    /// It takes none for now.
    Receiver,
}

/// What becomes of a letter that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    Retry(Letter),
    GiveUp(Letter),
}

/// However old a letter is, this often it is tried.
const LEAST_ATTEMPTS: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_mins(15);
/// A receiver cannot put a letter off for longer than this.
const LONGEST_REQUEST: Duration = Duration::from_hours(1);

impl Letter {
    #[must_use]
    pub const fn new(notice: Notice, now: Instant) -> Self {
        Self { notice, queued: now, attempts: 0, not_before: now, failure: None }
    }

    /// The letter that goes in place of one that was not taken yet: an alert is a condition, so the newest news of
    /// it says it all. Whoever has not heard of it hears that it was raised.
    #[must_use]
    pub fn instead_of(self, waiting: Option<Self>) -> Self {
        let Some(waiting) = waiting else { return self };
        let change = match (waiting.notice.change, self.notice.change) {
            (Change::Raised, Change::Changed) => Change::Raised,
            (_, change) => change,
        };
        let alert = &self.notice.alert;
        // In the lane of what is served nothing waits for what was said to the other one.
        let is_urgent = alert.served && !waiting.notice.alert.served;
        let not_before = if is_urgent { self.not_before } else { waiting.not_before };
        Self {
            notice: Notice { change, ..self.notice },
            not_before,
            queued: self.queued,
            ..waiting
        }
    }

    /// What becomes of it after a receiver did not take it.
    #[must_use]
    pub fn refused(self, refusal: Refusal, receiver: &Receiver, now: Instant) -> Fate {
        let Refusal { why, whose, retry_after } = refusal;
        let attempts = self.attempts.saturating_add(1);
        let doubled = FIRST_WAIT * 2_u32.saturating_pow(self.attempts.min(16));
        let wait = match retry_after {
            Some(asked) => asked.min(LONGEST_REQUEST).max(FIRST_WAIT),
            None => doubled.min(LONGEST_WAIT),
        };
        let is_old = now.since(self.queued).as_secs() >= receiver.give_up_after_seconds
            && attempts >= LEAST_ATTEMPTS;
        let letter = Self { attempts, not_before: now.plus(wait), failure: Some(why), ..self };
        match whose == Whose::Gone || is_old {
            true => Fate::GiveUp(letter),
            false => Fate::Retry(letter),
        }
    }
}

/// How it stands with one receiver.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reception {
    pub last_taken: Option<Instant>,
    /// Since when nothing was taken although it was tried.
    pub failing_since: Option<Instant>,
    pub last_failure: Option<String>,
}

impl Reception {
    #[must_use]
    pub fn after(self, outcome: &Result<(), Refusal>, now: Instant) -> Self {
        match outcome {
            Ok(()) => Self { last_taken: Some(now), failing_since: None, last_failure: None },
            Err(refusal) => Self {
                failing_since: self.failing_since.or(Some(now)),
                last_failure: Some(refusal.why.clone()),
                ..self
            },
        }
    }
}
