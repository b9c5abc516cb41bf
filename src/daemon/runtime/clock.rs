use std::sync::atomic::{AtomicI64, Ordering};

use crate::model::Instant;

/// The only clock. It never runs backwards, and never stands below the newest instant that was
/// stored: a clock that was set back must not bring an expired approval to life again.
#[derive(Debug)]
pub struct Clock {
    floor: AtomicI64,
}

impl Clock {
    #[must_use]
    pub const fn starting_at(floor: Instant) -> Self {
        Self { floor: AtomicI64::new(floor.as_micros()) }
    }

    #[must_use]
    pub fn now(&self) -> Instant {
        let system = Self::system().as_micros();
        let earlier = self.floor.fetch_max(system, Ordering::Relaxed);
        Instant::from_micros(earlier.max(system))
    }

    /// What the system says, for the time before a store is open.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads a clock")]
    pub fn system() -> Instant {
        #[cfg(debug_assertions)]
        if let Some(now) = stated() {
            return now;
        }
        Instant::from_micros(jiff::Timestamp::now().as_microsecond())
    }
}

/// Returns the time that a test states in `VIDIMUS_TEST_NOW` (RFC 3339): a test cannot wait for the
/// microsecond at which an approval ends. Release builds do not have this: an environment variable
/// must not bring an expired approval to life again.
///
/// # Panics
/// When the variable holds no time, since the test would go on with another one.
#[cfg(debug_assertions)]
#[expect(clippy::expect_used, reason = "only tests set the variable")]
fn stated() -> Option<Instant> {
    let text = std::env::var("VIDIMUS_TEST_NOW").ok()?;
    Some(Instant::parse(&text).expect("VIDIMUS_TEST_NOW is an RFC 3339 time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn now_is_at_least_the_newest_instant_stored() {
        let future = Clock::system().plus(std::time::Duration::from_secs(1000));
        let clock = Clock::starting_at(future);
        assert_eq!(clock.now(), future);
        let past = Clock::starting_at(Instant::MIN);
        assert!(past.now() > Instant::MIN);
    }
}
