#[cfg(test)]
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::model::Timestamp;

/// The only clock. It never runs backwards, and is never below the newest stored timestamp: a clock
/// that was set back must not revive an expired approval.
#[derive(Debug)]
pub struct Clock {
    floor: AtomicI64,
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

impl Clock {
    #[must_use]
    pub const fn starting_at(floor: Timestamp) -> Self {
        Self {
            floor: AtomicI64::new(floor.as_micros()),
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

    #[must_use]
    pub fn now(&self) -> Timestamp {
        let system = self.source().as_micros();
        let earlier = self.floor.fetch_max(system, Ordering::Relaxed);
        Timestamp::from_micros(earlier.max(system))
    }

    fn source(&self) -> Timestamp {
        #[cfg(test)]
        if let Some(micros) = &self.manual {
            return Timestamp::from_micros(micros.load(Ordering::Relaxed));
        }
        self.shift.now()
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

    #[test]
    fn now_is_at_least_the_newest_stored_timestamp() {
        let future = Clock::system().plus(std::time::Duration::from_secs(1000));
        let clock = Clock::starting_at(future);
        assert_eq!(clock.now(), future);
        let past = Clock::starting_at(Timestamp::MIN);
        assert!(past.now() > Timestamp::MIN);
    }
}
