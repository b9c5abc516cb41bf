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
    /// The last time that an upstream or a person confirmed, with what was measured since then.
    confirmed: Option<Anchor>,
    /// The time by which things ended when it was first found that a part of it is not confirmed.
    doubted: Option<Timestamp>,
    /// The last time that each upstream stated.
    dates: BTreeMap<String, Anchor>,
    accepted: Option<AcceptedClock>,
    /// True if our clock was not trusted when the store was used last.
    was_skewed: bool,
    confirmation: Confirmation,
    /// True if a stop of unknown length lies between the agreed time and now.
    has_stopped: bool,
    /// The latest time that decided what ends, while our clock is not trusted.
    latest: Option<Anchor>,
}

/// The confirmation of the time by upstreams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Confirmation {
    /// No upstream will state a time.
    #[default]
    Impossible,
    /// A time far beyond the last use is not used, since an upstream may soon say if it is right.
    Awaited,
    /// An upstream may state a time.
    Possible,
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
    /// The time that is stored.
    pub time: Timestamp,
    /// The time that decides what has ended. It is later than the stored one where our clock and an upstream, which
    /// do not agree, both say that more time went by during a stop.
    pub latest: Timestamp,
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
    /// The last time that an upstream or a person confirmed, with what was measured since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Timestamp>,
    /// The time by which things ended when it was first found that a part of it is not confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubted: Option<Timestamp>,
    /// The latest time that decided what ends, where that is not the agreed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<AcceptedClock>,
}

impl Clocks {
    /// Returns the state after a restart. How long nothing ran is unknown, so a time beyond the record is believed, but
    /// not if the clock was wrong before.
    #[must_use]
    pub fn resumed(record: ClockRecord, moment: Duration) -> Self {
        let ClockRecord { agreed, skewed, confirmed, doubted, latest, accepted } = record;
        let anchor = |at| Anchor { at, moment };
        Self {
            agreed: Some(anchor(agreed)),
            confirmed: Some(anchor(confirmed.unwrap_or(agreed))),
            doubted,
            accepted,
            was_skewed: skewed,
            has_stopped: true,
            latest: latest.map(anchor),
            ..Self::default()
        }
    }

    /// Returns the state of a daemon that will soon hear from an upstream.
    #[must_use]
    pub fn awaiting_a_date(self) -> Self {
        Self { confirmation: Confirmation::Awaited, ..self }
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
            || (agreement == Agreement::Unknown && self.awaits_date() && exceeds(ahead));
        let time = expected.filter(|_| distrusts).unwrap_or(system);
        let latest =
            if agreement == Agreement::Skewed { self.latest(time, system, moment) } else { time };
        Reading { time, latest, agreement, ahead }
    }

    /// Returns the time by which something may begin: that which an upstream or a person confirmed last, plus what was
    /// measured since then. Where nothing could confirm it, that is the time which is stored.
    #[must_use]
    pub fn earliest(&self, system: Timestamp, moment: Duration) -> Timestamp {
        let Reading { time, agreement, .. } = self.read(system, moment);
        match (agreement, self.confirmed) {
            (Agreement::Unknown | Agreement::Skewed, Some(confirmed))
                if self.confirmation != Confirmation::Impossible =>
            {
                confirmed.present(moment).min(time)
            }
            _ => time,
        }
    }

    /// Returns the time by which things ended when it was first found that a part of it is not confirmed.
    #[must_use]
    pub const fn doubted(&self) -> Option<Timestamp> {
        self.doubted
    }

    /// Returns the latest time that is plausible while our clock is not trusted. Nothing measures a stop: it took the time
    /// that our clock and one of the upstreams both say, or more.
    fn latest(&self, time: Timestamp, system: Timestamp, moment: Duration) -> Timestamp {
        let stated = self.dates.values().map(|date| date.present(moment)).max();
        let after_stop = stated.filter(|_| self.has_stopped).map(|stated| stated.min(system));
        let earlier = self.latest.map(|latest| latest.present(moment));
        after_stop.into_iter().chain(earlier).fold(time, Timestamp::max)
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
        self.confirmation == Confirmation::Awaited
    }

    /// Waits no longer for what an upstream says.
    pub fn stop_waiting(&mut self) {
        if self.awaits_date() {
            self.confirmation = Confirmation::Possible;
        }
    }

    /// Records the time that an upstream stated.
    pub fn stated(&mut self, upstream: &str, date: Timestamp, system: Timestamp, moment: Duration) {
        // The time that was used until now is not lost if this one contradicts it.
        if self.is_used_alone(system, moment) {
            self.agree(system, moment);
        }
        self.dates.insert(upstream.to_owned(), Anchor { at: date, moment });
        self.stop_waiting();
        self.settle(system, moment);
    }

    /// Forgets the times of all other upstreams. A clock that differed from them is not trusted because they are gone.
    pub fn keep_only(&mut self, upstreams: &BTreeSet<String>, system: Timestamp, moment: Duration) {
        self.was_skewed |= self.read(system, moment).agreement == Agreement::Skewed;
        self.dates.retain(|upstream, _| upstreams.contains(upstream));
    }

    /// Remembers this moment if the clocks agree, if ours is accepted, or if nothing contradicts it.
    pub fn settle(&mut self, system: Timestamp, moment: Duration) {
        let reading = self.read(system, moment);
        if reading.latest.since(self.earliest(system, moment)) > MAX_SKEW {
            self.doubted.get_or_insert(reading.latest);
        }
        match reading.agreement {
            Agreement::Agreed => {
                (self.accepted, self.was_skewed) = (None, false);
                self.confirm(system, moment);
            }
            Agreement::Accepted => self.confirm(system, moment),
            Agreement::Unknown if self.is_used_alone(system, moment) => {}
            Agreement::Unknown => return,
            Agreement::Skewed => {
                let latest = Anchor { at: reading.latest, moment };
                self.latest = Some(latest).filter(|latest| latest.at > reading.time);
                return;
            }
        }
        self.agree(system, moment);
    }

    /// Returns true if our clock is used although no upstream states a time now, after one did.
    fn is_used_alone(&self, system: Timestamp, moment: Duration) -> bool {
        let reading = self.read(system, moment);
        let is_later = self.agreed.is_some_and(|agreed| agreed.present(moment) <= system);
        reading.agreement == Agreement::Unknown && reading.time == system && is_later
    }

    fn confirm(&mut self, system: Timestamp, moment: Duration) {
        (self.confirmed, self.doubted) = (Some(Anchor { at: system, moment }), None);
    }

    fn agree(&mut self, system: Timestamp, moment: Duration) {
        self.agreed = Some(Anchor { at: system, moment });
        (self.has_stopped, self.latest) = (false, None);
    }

    /// Accepts our clock as right.
    pub fn accept(&mut self, accepted: AcceptedClock, system: Timestamp, moment: Duration) {
        self.agree(system, moment);
        self.confirm(system, moment);
        self.accepted = Some(accepted);
        self.was_skewed = false;
        self.stop_waiting();
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
        let latest = self.latest.map(|latest| latest.present(moment)).filter(|_| skewed);
        let confirmed = self.confirmed.map(|confirmed| confirmed.present(moment));
        let (doubted, accepted) = (self.doubted, self.accepted.clone());
        Some(ClockRecord { agreed, skewed, confirmed, doubted, latest, accepted })
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
