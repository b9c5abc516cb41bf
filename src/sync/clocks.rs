//! Agreement of our clock with the clocks of upstreams.
//!
//! Nothing can say which of two clocks is right. A clock that agreed with an upstream a while ago, and leaves the clocks
//! of all upstreams now, has been set: the time is then that of the last agreement, plus the time that a clock has
//! measured since which cannot be set. An operator ends that by correcting the clock, or by accepting it as right.
//!
//! Each `Date` is a statement about every later moment too, so that a clock that was set is noticed before the next
//! request to an upstream.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Actor, Timestamp};

/// Clocks that differ by more than this do not agree.
pub const MAX_SKEW: Duration = Duration::from_mins(10);

/// A time, and the moment at which it was the present, by a clock that cannot be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Anchor {
    at: Timestamp,
    moment: Duration,
}

impl Anchor {
    fn present(self, moment: Duration) -> Timestamp {
        self.at.plus(moment.saturating_sub(self.moment))
    }
}

/// The clocks of upstreams, and the last time that they agreed with ours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Clocks {
    agreed: Option<Anchor>,
    /// The last time that each upstream stated.
    dates: BTreeMap<String, Anchor>,
    accepted: Option<AcceptedClock>,
    /// True if our clock was not trusted when the store was used last.
    was_skewed: bool,
    /// True while a time far beyond the last use is not used, since an upstream may soon say if it is right.
    awaits_date: bool,
}

/// The relation of our clock to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Agreement {
    /// No upstream has stated its time.
    Unknown,
    /// It agrees with at least one upstream.
    Agreed,
    /// It differs from all upstreams, or is before the last time that was agreed.
    Skewed,
    /// It differs from all upstreams, and an operator accepted that.
    Accepted,
}

/// The present, and how our clock stands to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    pub time: Timestamp,
    pub agreement: Agreement,
    /// Microseconds by which our clock is ahead of the nearest other one.
    pub ahead: i64,
}

/// The acceptance of our clock by an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedClock {
    /// Seconds by which our clock was ahead then.
    pub ahead: i64,
    pub at: Timestamp,
    pub by: String,
    pub reason: String,
    pub actor: Actor,
}

/// The part of [`Clocks`] that a restart keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockRecord {
    /// The last agreed time, with what was measured since then.
    pub agreed: Timestamp,
    pub skewed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<AcceptedClock>,
}

impl Clocks {
    /// Returns the state after a restart. How long nothing ran is unknown, so a time beyond the record is believed, but
    /// not if the clock was wrong before.
    #[must_use]
    pub fn resumed(record: ClockRecord, moment: Duration) -> Self {
        let ClockRecord { agreed, skewed, accepted } = record;
        let agreed = Some(Anchor { at: agreed, moment });
        Self { agreed, accepted, was_skewed: skewed, ..Self::default() }
    }

    /// Returns the state of a daemon that will soon hear from an upstream.
    #[must_use]
    pub fn awaiting_a_date(self) -> Self {
        Self { awaits_date: true, ..self }
    }

    /// Reads the present from our clock, `system`, at a moment.
    #[must_use]
    pub fn read(&self, system: Timestamp, moment: Duration) -> Reading {
        let expected = self.agreed.map(|agreed| agreed.present(moment));
        let ahead_of = |other: Timestamp| system.as_micros().saturating_sub(other.as_micros());
        let nearest = self
            .dates
            .values()
            .map(|date| ahead_of(date.present(moment)))
            .min_by_key(|ahead| ahead.unsigned_abs());
        let (agreement, ahead) = match (nearest, expected) {
            (Some(ahead), _) if !exceeds(ahead) => (Agreement::Agreed, ahead),
            (Some(ahead), _) if self.is_accepted(ahead) => (Agreement::Accepted, ahead),
            (Some(ahead), _) => (Agreement::Skewed, ahead),
            (None, None) => (Agreement::Unknown, 0),
            (None, Some(expected)) => {
                let ahead = ahead_of(expected);
                let is_doubtful = ahead < 0 || self.was_skewed;
                let is_skewed = exceeds(ahead) && is_doubtful;
                (if is_skewed { Agreement::Skewed } else { Agreement::Unknown }, ahead)
            }
        };
        let distrusts = agreement == Agreement::Skewed
            || (agreement == Agreement::Unknown && self.awaits_date && exceeds(ahead));
        let time = expected.filter(|_| distrusts).unwrap_or(system);
        Reading { time, agreement, ahead }
    }

    fn is_accepted(&self, ahead: i64) -> bool {
        let accepted = self.accepted.as_ref();
        accepted.is_some_and(|accepted| {
            !exceeds(ahead.saturating_sub(accepted.ahead.saturating_mul(MICROS)))
        })
    }

    /// Returns true if a time far beyond the last use is not used yet.
    #[must_use]
    pub fn awaits_date(&self) -> bool {
        self.awaits_date
    }

    /// Waits no longer for what an upstream says.
    pub fn stop_waiting(&mut self) {
        self.awaits_date = false;
    }

    /// Records the time that an upstream stated.
    pub fn stated(&mut self, upstream: &str, date: Timestamp, system: Timestamp, moment: Duration) {
        self.dates.insert(upstream.to_owned(), Anchor { at: date, moment });
        self.awaits_date = false;
        self.settle(system, moment);
    }

    /// Forgets the times of all other upstreams.
    pub fn keep_only(&mut self, upstreams: &BTreeSet<String>) {
        self.dates.retain(|upstream, _| upstreams.contains(upstream));
    }

    /// Remembers this moment if the clocks agree, or if ours is accepted.
    pub fn settle(&mut self, system: Timestamp, moment: Duration) {
        let reading = self.read(system, moment);
        match reading.agreement {
            Agreement::Agreed => (self.accepted, self.was_skewed) = (None, false),
            Agreement::Accepted => {}
            Agreement::Unknown | Agreement::Skewed => return,
        }
        self.agreed = Some(Anchor { at: system, moment });
    }

    /// Accepts our clock as right.
    pub fn accept(&mut self, accepted: AcceptedClock, system: Timestamp, moment: Duration) {
        self.agreed = Some(Anchor { at: system, moment });
        self.accepted = Some(accepted);
        (self.was_skewed, self.awaits_date) = (false, false);
    }

    /// Returns the acceptance that is in effect.
    #[must_use]
    pub fn accepted(&self) -> Option<&AcceptedClock> {
        self.accepted.as_ref()
    }

    /// Returns what a restart has to know; `None` if no time was ever agreed.
    #[must_use]
    pub fn record(&self, system: Timestamp, moment: Duration) -> Option<ClockRecord> {
        let Reading { agreement, .. } = self.read(system, moment);
        let agreed = self.agreed?.present(moment);
        let skewed = agreement == Agreement::Skewed;
        Some(ClockRecord { agreed, skewed, accepted: self.accepted.clone() })
    }
}

const MICROS: i64 = 1_000_000;

/// Returns true if a difference in microseconds is that of clocks that do not agree.
pub fn exceeds(micros: i64) -> bool {
    u128::from(micros.unsigned_abs()) > MAX_SKEW.as_micros()
}

#[cfg(test)]
#[path = "clocks_tests.rs"]
mod tests;
