use std::time::Duration;

const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Bounds the wait for decisions of the operator, a denial above all, once the store works again.
const LONGEST_WAIT: Duration = Duration::from_secs(8);
/// A loop that ran for this long has recovered.
const SETTLED_AFTER: Duration = Duration::from_mins(2);

/// Returns the wait after a failure behind so many others: it doubles with each, up to eight seconds.
pub(in crate::daemon) fn wait_after(failures: u32) -> Duration {
    (FIRST_WAIT * 2_u32.pow(failures.min(16))).min(LONGEST_WAIT)
}

/// Decides when a failed loop restarts, and when it has recovered.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    settled: bool,
}

/// The state of a loop, as the supervisor sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Runs,
    Failed,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Wait,
    Restart { after: Duration },
    Resolve,
}

impl Backoff {
    /// Decides the next step for a loop that was started `ran` ago and still runs, or failed. The wait
    /// doubles with each failure, up to eight seconds, until the loop has recovered.
    pub(super) fn step(&mut self, outcome: Outcome, ran: Duration) -> Step {
        let has_recovered = ran >= SETTLED_AFTER;
        if has_recovered {
            self.failures = 0;
        }
        match outcome {
            Outcome::Failed => {
                let after = wait_after(self.failures);
                self.failures = self.failures.saturating_add(1);
                self.settled = false;
                Step::Restart { after }
            }
            Outcome::Runs if has_recovered && !self.settled => {
                self.settled = true;
                Step::Resolve
            }
            Outcome::Runs => Step::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome::{Failed, Runs};
    use super::*;

    fn restart(seconds: u64) -> Step {
        Step::Restart { after: Duration::from_secs(seconds) }
    }

    #[test]
    fn waits_double_until_recovery_is_reported_once() {
        let mut backoff = Backoff::default();
        let table = [
            (Failed, 0, restart(1)),
            (Failed, 1, restart(2)),
            (Runs, 60, Step::Wait),
            (Failed, 119, restart(4)),
            (Runs, 120, Step::Resolve),
            (Runs, 130, Step::Wait),
            (Failed, 140, restart(1)),
            (Failed, 5, restart(2)),
            (Runs, 120, Step::Resolve),
        ];
        for (line, (outcome, ran, step)) in table.into_iter().enumerate() {
            assert_eq!(backoff.step(outcome, Duration::from_secs(ran)), step, "line {line}");
        }
    }

    #[test]
    fn no_wait_is_longer_than_eight_seconds() {
        let mut backoff = Backoff::default();
        let waits = (0..40).map(|_| backoff.step(Failed, Duration::ZERO));
        assert_eq!(waits.last(), Some(restart(8)));
    }

    #[test]
    fn lasting_first_run_resolves_the_alert_of_an_earlier_process() {
        assert_eq!(Backoff::default().step(Runs, SETTLED_AFTER), Step::Resolve);
    }
}
