use std::collections::BTreeSet;
#[cfg(test)]
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::watch;

use crate::model::{Actor, Timestamp};
use crate::sync::{AcceptedClock, Agreement, ClockRecord, Clocks, MAX_SKEW, exceeds};

/// The only clock. It never runs backwards, and is never below the newest stored timestamp: a clock
/// that was set back must not revive an expired approval. While the system's clock differs from those of all upstreams it
/// goes on from the time that was agreed last: see [`Clocks`]. It goes back only when a person accepts the system's clock.
#[derive(Debug)]
pub struct Clock {
    floor: AtomicI64,
    clocks: Mutex<Clocks>,
    /// True while a time far beyond the last use waits for an upstream that confirms it.
    awaits_date: watch::Sender<bool>,
    /// True if it did so at the start.
    is_doubtful: bool,
    shift: Shift,
    /// The time in microseconds that a test sets; it replaces the system's.
    #[cfg(test)]
    manual: Option<Arc<AtomicI64>>,
}

/// The difference of a clock from the system's. The demo has one of its own; no setting and no variable gives one.
#[derive(Debug, Clone, Copy)]
pub struct Shift(i64);

impl Shift {
    pub const NONE: Self = Self(0);

    /// Returns the difference of a clock that shows `start` now.
    #[must_use]
    pub fn to(start: Timestamp) -> Self {
        Self(start.as_micros().saturating_sub(Clock::system().as_micros()))
    }

    /// Returns the shifted system time, for use before a store is open.
    #[must_use]
    pub fn now(self) -> Timestamp {
        Timestamp::from_micros(Clock::system().as_micros().saturating_add(self.0))
    }
}

/// The state of the clock, as `status` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClockReport {
    pub agreement: Agreement,
    /// True if it is not used, where a time was agreed before, and an operator should look at it.
    pub distrusted: bool,
    /// The system's clock.
    pub system: Timestamp,
    /// Seconds by which it is ahead of the nearest other clock, or of the newest stored time.
    pub ahead_seconds: i64,
    /// The seconds that passed by this clock alone: reviews dated ahead and cooldowns wait for so much longer.
    #[serde(default)]
    pub unconfirmed_seconds: u64,
    /// The acceptance by an operator that is in effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<AcceptedClock>,
}

impl ClockReport {
    /// Returns true if an upstream or a person confirms the clock.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        matches!(self.agreement, Agreement::Agreed | Agreement::Accepted)
    }
}

/// The reason why a clock was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ClockNotAccepted {
    #[error("the clock of this machine is trusted; there is nothing to accept")]
    Trusted,
    #[error(
        "the clock of this machine shows {system}, and not the time that was given; nothing is accepted"
    )]
    Other { system: Timestamp },
}

impl Clock {
    #[must_use]
    pub fn starting_at(floor: Timestamp) -> Self {
        Self::resuming(floor, None)
    }

    /// Returns the clock of a store that was in use before.
    #[must_use]
    pub fn resuming(floor: Timestamp, record: Option<ClockRecord>) -> Self {
        let clocks = record.map(|record| Clocks::resumed(record, elapsed())).unwrap_or_default();
        Self {
            floor: AtomicI64::new(floor.as_micros()),
            clocks: Mutex::new(clocks),
            awaits_date: watch::Sender::new(false),
            is_doubtful: false,
            shift: Shift::NONE,
            #[cfg(test)]
            manual: None,
        }
    }

    /// Returns a clock that reads `micros` in place of the system's time.
    #[cfg(test)]
    pub(in crate::daemon) fn manual(floor: Timestamp, micros: Arc<AtomicI64>) -> Self {
        Self { manual: Some(micros), ..Self::starting_at(floor) }
    }

    /// Returns this clock with another difference from the system's.
    #[must_use]
    pub fn shifted(self, shift: Shift) -> Self {
        Self { shift, ..self }
    }

    /// Returns this clock for a daemon that will hear from an upstream soon: until then, and until
    /// `stop_waiting`, it uses no time far beyond the last use of the store.
    #[must_use]
    pub fn awaiting_a_date(self) -> Self {
        let clocks = std::mem::take(&mut *self.clocks()).awaiting_a_date();
        *self.clocks() = clocks;
        let (system, moment) = self.sources();
        let ahead = self.clocks().read(system, moment).ahead;
        let is_doubtful = exceeds(ahead);
        self.awaits_date.send_replace(is_doubtful);
        Self { is_doubtful, ..self }
    }

    /// Returns this clock as a daemon has it that starts now, waits for an upstream, and hears from none.
    #[must_use]
    pub fn without_a_date(self) -> Self {
        let clock = self.awaiting_a_date();
        clock.stop_waiting();
        clock
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        let (system, moment) = self.sources();
        // Until the floor is raised: a person may accept an earlier time meanwhile.
        let clocks = self.clocks();
        let time = clocks.read(system, moment).time.as_micros();
        let earlier = self.floor.fetch_max(time, Ordering::Relaxed);
        Timestamp::from_micros(earlier.max(time))
    }

    /// Returns the time that decides what has ended: that of [`Clock::now`], or a later one after a stop whose end is in
    /// doubt.
    #[must_use]
    pub fn latest(&self) -> Timestamp {
        let (system, moment) = self.sources();
        let latest = self.clocks().read(system, moment).latest;
        self.now().max(latest)
    }

    /// Returns the part of that time that neither an upstream nor a person has confirmed, such as a stop whose length our
    /// clock alone knows, and the time when that was first found: nothing begins by it. Differences that clocks have
    /// anyway count as none.
    pub(in crate::daemon) fn unconfirmed(&self) -> (Duration, Timestamp) {
        let ((system, moment), latest) = (self.sources(), self.latest());
        let clocks = self.clocks();
        let length = latest.since(clocks.earliest(system, moment));
        let length = if length > MAX_SKEW { length } else { Duration::ZERO };
        (length, clocks.doubted().unwrap_or(latest))
    }

    /// Records the time that an upstream states in an answer that it makes now.
    pub(in crate::daemon) fn hear(&self, upstream: &str, date: Timestamp) {
        let (system, moment) = self.sources();
        self.clocks().stated(upstream, date, system, moment);
        self.awaits_date.send_replace(false);
    }

    /// Returns true while a time far beyond the last use of the store is not used yet.
    pub(in crate::daemon) fn awaits_date(&self) -> bool {
        *self.awaits_date.borrow()
    }

    /// Returns true if it was not known at the start how late it is.
    pub(in crate::daemon) fn was_doubtful(&self) -> bool {
        self.is_doubtful
    }

    /// Forgets what other upstreams stated.
    pub(in crate::daemon) fn hear_only(&self, upstreams: &BTreeSet<String>) {
        let (system, moment) = self.sources();
        self.clocks().keep_only(upstreams, system, moment);
    }

    /// Waits until an upstream stated its time, if that decides which time is used; for at most `longest`. Returns false if
    /// the time was known already.
    pub(in crate::daemon) async fn wait_for_a_date(&self, longest: Duration) -> bool {
        if !self.is_doubtful {
            // A clock that is set later, where no upstream states a time, must not wait for one either.
            self.stop_waiting();
            return false;
        }
        let mut awaits_date = self.awaits_date.subscribe();
        // The sender is a field of `self`, so it is not dropped meanwhile.
        let heard = awaits_date.wait_for(|awaits_date| !awaits_date);
        let _ = tokio::time::timeout(longest, heard).await;
        self.stop_waiting();
        true
    }

    /// Uses the system's time from now on, until an upstream contradicts it.
    pub(in crate::daemon) fn stop_waiting(&self) {
        let (system, moment) = self.sources();
        let mut clocks = self.clocks();
        clocks.stop_waiting();
        clocks.settle(system, moment);
        self.awaits_date.send_replace(false);
    }

    /// Remembers that the clocks agree, if they do; returns what the store has to keep.
    #[must_use]
    pub fn settle(&self) -> Option<ClockRecord> {
        let (system, moment) = self.sources();
        let mut clocks = self.clocks();
        clocks.settle(system, moment);
        clocks.record(system, moment)
    }

    /// Returns the state of the clock.
    #[must_use]
    pub fn report(&self) -> ClockReport {
        let ((system, moment), (unconfirmed, _)) = (self.sources(), self.unconfirmed());
        let report = self.report_of(&self.clocks(), system, moment);
        ClockReport { unconfirmed_seconds: unconfirmed.as_secs(), ..report }
    }

    fn report_of(&self, clocks: &Clocks, system: Timestamp, moment: Duration) -> ClockReport {
        let reading = clocks.read(system, moment);
        let now = self.floor.load(Ordering::Relaxed).max(reading.time.as_micros());
        let ahead_of_stored = system.as_micros().saturating_sub(now);
        let is_behind_stored = ahead_of_stored < 0 && exceeds(ahead_of_stored);
        let is_skewed = reading.agreement == Agreement::Skewed;
        let ahead = if is_behind_stored && !is_skewed { ahead_of_stored } else { reading.ahead };
        let accepted = clocks.accepted().filter(|_| reading.agreement == Agreement::Accepted);
        ClockReport {
            agreement: reading.agreement,
            distrusted: is_skewed || is_behind_stored,
            system,
            ahead_seconds: ahead / 1_000_000,
            unconfirmed_seconds: 0,
            accepted: accepted.cloned(),
        }
    }

    /// Accepts the system's clock as right if it shows the time that a person saw, also if that moves time back; returns
    /// what the store has to keep.
    ///
    /// # Errors
    /// When the clock is trusted already, or shows another time; then nothing changes.
    pub fn accept(
        &self,
        seen: Timestamp,
        by: &str,
        reason: &str,
        actor: Actor,
    ) -> Result<(AcceptedClock, ClockRecord), ClockNotAccepted> {
        let ((system, moment), (unconfirmed, _)) = (self.sources(), self.unconfirmed());
        let mut clocks = self.clocks();
        let ClockReport { distrusted, ahead_seconds: ahead, .. } =
            self.report_of(&clocks, system, moment);
        if !distrusted && unconfirmed.is_zero() {
            return Err(ClockNotAccepted::Trusted);
        }
        if exceeds(system.as_micros().saturating_sub(seen.as_micros())) {
            return Err(ClockNotAccepted::Other { system });
        }
        let (by, reason) = (by.to_owned(), reason.to_owned());
        let accepted = AcceptedClock { ahead, at: system, by, reason, actor };
        clocks.accept(accepted.clone(), system, moment);
        self.floor.store(system.as_micros(), Ordering::Relaxed);
        let record = clocks.record(system, moment).ok_or(ClockNotAccepted::Trusted)?;
        Ok((accepted, record))
    }

    fn clocks(&self) -> MutexGuard<'_, Clocks> {
        self.clocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the system's time, and a time that only ever grows as a second passes.
    fn sources(&self) -> (Timestamp, Duration) {
        #[cfg(test)]
        if let Some(micros) = &self.manual {
            let micros = micros.load(Ordering::Relaxed);
            return (Timestamp::from_micros(micros), Duration::from_micros(micros.unsigned_abs()));
        }
        (self.shift.now(), elapsed())
    }

    /// Returns the system time, for use before a store is open.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads a clock")]
    pub fn system() -> Timestamp {
        #[cfg(debug_assertions)]
        if let Some(now) = test_time() {
            return now;
        }
        Timestamp::from_micros(jiff::Timestamp::now().as_microsecond())
    }
}

/// Returns the time since the machine started, which cannot be set, and which goes on while the machine sleeps.
#[cfg(target_os = "linux")]
fn elapsed() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::try_from(time).unwrap_or_default()
}

/// Returns the time since the first call, which cannot be set.
#[cfg(not(target_os = "linux"))]
fn elapsed() -> Duration {
    static START: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed()
}

/// Returns the time that a test sets in `VIDIMUS_TEST_NOW` (RFC 3339): a test cannot wait for the
/// microsecond at which an approval ends. Release builds do not have this: an environment variable
/// must not revive an expired approval.
///
/// # Panics
/// When the variable is not a time, since the test would go on with another one.
#[cfg(debug_assertions)]
#[expect(clippy::expect_used, reason = "only tests set the variable")]
fn test_time() -> Option<Timestamp> {
    let text = std::env::var("VIDIMUS_TEST_NOW").ok()?;
    Some(Timestamp::parse(&text).expect("VIDIMUS_TEST_NOW is an RFC 3339 time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn years_from_now(years: i64) -> Timestamp {
        let year = 365 * 24 * 3_600 * 1_000_000;
        Timestamp::from_micros(Clock::system().as_micros() + years * year)
    }

    #[test]
    fn now_is_at_least_the_newest_stored_timestamp() {
        let future = Clock::system().plus(std::time::Duration::from_secs(1000));
        let clock = Clock::starting_at(future);
        assert_eq!(clock.now(), future);
        let past = Clock::starting_at(Timestamp::MIN);
        assert!(past.now() > Timestamp::MIN);
    }

    /// P100.
    #[test]
    fn clock_that_left_all_upstreams_goes_on_from_the_agreed_time_until_a_person_accepts_it() {
        let clock = Clock::starting_at(Timestamp::MIN);
        clock.hear("a", Clock::system());
        let agreed = clock.now();
        let ahead = clock.shifted(Shift::to(years_from_now(1)));
        assert!(ahead.now() >= agreed && ahead.now() < agreed.plus(HOUR));
        assert!(ahead.report().distrusted);
        let (accepted, record) = ahead
            .accept(years_from_now(1), "alice", "checked", Actor::DataFolder)
            .expect("it was skewed");
        assert!(accepted.ahead > 300 * 86_400 && !record.skewed);
        assert!(ahead.now() > agreed.plus(HOUR) && !ahead.report().distrusted);
        let again = ahead.accept(years_from_now(1), "alice", "again", Actor::DataFolder);
        assert_eq!(again.err(), Some(ClockNotAccepted::Trusted));
        // It was set back: what ended does not begin again by itself.
        let back = ahead.shifted(Shift::NONE);
        let before = back.now();
        assert!(before > agreed.plus(HOUR));
        back.hear("a", Clock::system());
        assert!(back.now() >= before && back.report().distrusted, "the store has later times");
        // A person who saw the clock before it was set back accepted another one.
        let other = back.accept(years_from_now(1), "alice", "checked", Actor::DataFolder);
        assert!(matches!(other, Err(ClockNotAccepted::Other { .. })) && back.now() >= before);
        back.accept(Clock::system(), "alice", "the store was wrong", Actor::DataFolder)
            .expect("accepted");
        assert!(back.now() < agreed.plus(HOUR));
    }
}
