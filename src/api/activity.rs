use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The phase of a connection, and the time since which it lasts. Connections note it with every request, so it takes no
/// lock.
#[derive(Debug)]
pub(super) struct Activity(AtomicU64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It sent nothing since the last answer.
    Idle,
    /// It sends the head of a request.
    Head,
    /// A request is worked on.
    Busy,
}

impl Activity {
    /// Returns the activity of a new connection: the time for its first head begins, since it may send nothing at all.
    pub(super) fn begun(now: Duration) -> Self {
        Self(AtomicU64::new(packed(Phase::Head, now)))
    }

    pub(super) fn phase(&self) -> (Phase, Duration) {
        let packed = self.0.load(Ordering::Relaxed);
        let phase = match packed & 3 {
            0 => Phase::Idle,
            1 => Phase::Head,
            _ => Phase::Busy,
        };
        (phase, Duration::from_millis(packed >> 2))
    }

    /// Notes bytes that arrived: the first one begins a head, and no later one prolongs its time.
    pub(super) fn received(&self, now: Duration) {
        if self.phase().0 == Phase::Idle {
            self.note(Phase::Head, now);
        }
    }

    /// Notes bytes of an answer that the client took.
    pub(super) fn sent(&self, now: Duration) {
        if self.phase().0 == Phase::Idle {
            self.note(Phase::Idle, now);
        }
    }

    pub(super) fn note(&self, phase: Phase, now: Duration) {
        self.0.store(packed(phase, now), Ordering::Relaxed);
    }
}

fn packed(phase: Phase, now: Duration) -> u64 {
    let phase = match phase {
        Phase::Idle => 0,
        Phase::Head => 1,
        Phase::Busy => 2,
    };
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX) << 2 | phase
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn only_the_first_byte_of_a_head_begins_its_time() {
        let activity = Activity::begun(seconds(1));
        activity.received(seconds(6));
        assert_eq!(activity.phase(), (Phase::Head, seconds(1)));
        activity.note(Phase::Busy, seconds(7));
        activity.received(seconds(8));
        activity.sent(seconds(9));
        assert_eq!(activity.phase(), (Phase::Busy, seconds(7)), "a body, or the next request");
        activity.note(Phase::Idle, seconds(10));
        activity.sent(seconds(11));
        assert_eq!(activity.phase(), (Phase::Idle, seconds(11)));
        activity.received(seconds(12));
        activity.received(seconds(17));
        assert_eq!(activity.phase(), (Phase::Head, seconds(12)));
    }
}
