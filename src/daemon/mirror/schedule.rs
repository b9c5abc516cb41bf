//! Decides when a sync run of one upstream starts, and which requests it answers.

use std::time::Duration;

use tokio::time::Instant as Moment;

/// The wait after a failed run; doubled with each further one, up to the interval of the upstream.
const FIRST_RETRY: Duration = Duration::from_secs(15);

/// Requests that wait for a run; further senders wait for their place.
const MAX_WAITING: usize = 16;

/// A request for a run, or for the result of the one under way.
#[derive(Debug)]
pub(super) struct Request<R> {
    pub(super) full: bool,
    pub(super) dry_run: bool,
    pub(super) reply: R,
}

/// A run to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) full: bool,
    pub(super) dry_run: bool,
}

#[derive(Debug)]
pub(super) enum Event<R> {
    Requested(Request<R>),
    /// The run under way ended; `full` if it was a full sync, also a failed one.
    Ended {
        succeeded: bool,
        full: bool,
        /// The next run is due within this time.
        within: Option<Duration>,
        /// The share of the longest extra wait to add, from 0 to 255.
        jitter: u8,
    },
    Tick,
}

/// The actions of the loop after an event, in this order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Effects<R> {
    /// The wait until the next run, if the ended run moved it.
    pub(super) scheduled: Option<Duration>,
    /// The requests that the ended run answers.
    pub(super) answer: Vec<R>,
    pub(super) next: Next,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Start(Run),
    SleepUntil(Moment),
    /// A run is under way.
    AwaitEnd,
}

/// The schedule of one upstream: a run now, then one after each interval and for each request.
#[derive(Debug)]
pub(super) struct FollowState<R> {
    interval: Duration,
    failures: u32,
    due: Moment,
    waiting: Vec<Request<R>>,
    running: Option<Run>,
}

impl<R> FollowState<R> {
    pub(super) fn new(interval: Duration, now: Moment) -> Self {
        Self { interval, failures: 0, due: now, waiting: Vec::new(), running: None }
    }

    /// Returns true if another request may wait for the run under way.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < MAX_WAITING
    }

    pub(super) fn step(&mut self, event: Event<R>, now: Moment) -> Effects<R> {
        let (mut scheduled, mut answer) = (None, Vec::new());
        match event {
            // Requests that come during a run wait beside the earlier ones.
            Event::Requested(request) => self.waiting.push(request),
            Event::Ended { succeeded, full, within, jitter } => {
                if let Some(run) = self.running.take() {
                    if !run.dry_run {
                        let wait = self.wait_after(succeeded, jitter);
                        let wait = within.map_or(wait, |within| wait.min(within));
                        self.due = now + wait;
                        scheduled = Some(wait);
                    }
                    answer = self.answered(run, full || run.full);
                }
            }
            Event::Tick => {}
        }
        Effects { scheduled, answer, next: self.next(now) }
    }

    fn wait_after(&mut self, succeeded: bool, jitter: u8) -> Duration {
        if succeeded {
            self.failures = 0;
            return jittered(self.interval, jitter);
        }
        let doubled = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(self.failures.min(16)));
        self.failures = self.failures.saturating_add(1);
        jittered(doubled.min(self.interval), jitter)
    }

    /// Removes and returns the requests that a run answers; the others need another run.
    fn answered(&mut self, run: Run, full: bool) -> Vec<R> {
        let is_answered =
            |request: &Request<R>| request.dry_run == run.dry_run && (!request.full || full);
        let (answered, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(is_answered);
        self.waiting = others;
        answered.into_iter().map(|request| request.reply).collect()
    }

    fn next(&mut self, now: Moment) -> Next {
        if self.running.is_some() {
            return Next::AwaitEnd;
        }
        let Some(first) = self.waiting.first() else {
            if now < self.due {
                return Next::SleepUntil(self.due);
            }
            return self.start(Run { full: false, dry_run: false });
        };
        let dry_run = first.dry_run;
        let mut alike = self.waiting.iter().filter(|request| request.dry_run == dry_run);
        let full = alike.any(|request| request.full);
        self.start(Run { full, dry_run })
    }

    fn start(&mut self, run: Run) -> Next {
        self.running = Some(run);
        Next::Start(run)
    }
}

/// Returns a wait that is up to a tenth longer, so that upstreams of one interval do not run in step.
fn jittered(wait: Duration, jitter: u8) -> Duration {
    wait + wait * u32::from(jitter) / 2560
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);
    const PLAIN: Run = Run { full: false, dry_run: false };

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn ended(succeeded: bool) -> Event<&'static str> {
        Event::Ended { succeeded, full: false, within: None, jitter: 0 }
    }

    fn asked(reply: &'static str, full: bool, dry_run: bool) -> Event<&'static str> {
        Event::Requested(Request { full, dry_run, reply })
    }

    fn started(now: Moment) -> FollowState<&'static str> {
        let mut state = FollowState::new(HOUR, now);
        assert_eq!(state.step(Event::Tick, now).next, Next::Start(PLAIN), "the first run is due");
        state
    }

    #[tokio::test]
    async fn next_run_starts_after_the_interval_and_not_before() {
        let now = Moment::now();
        let mut state = started(now);
        let effects = state.step(ended(true), now);
        assert_eq!(effects.scheduled, Some(HOUR));
        assert_eq!(effects.next, Next::SleepUntil(now + HOUR));
        let early = now + seconds(3599);
        assert_eq!(state.step(Event::Tick, early).next, Next::SleepUntil(now + HOUR));
        assert_eq!(state.step(Event::Tick, now + HOUR).next, Next::Start(PLAIN));
    }

    #[tokio::test]
    async fn requests_during_a_long_run_are_bounded() {
        let now = Moment::now();
        let mut state = started(now);
        for _ in 0..MAX_WAITING {
            assert!(state.has_room());
            state.step(asked("one", false, false), now);
        }
        assert!(!state.has_room());
        assert_eq!(state.step(ended(true), now).answer.len(), MAX_WAITING);
        assert!(state.has_room());
    }

    #[tokio::test]
    async fn retry_wait_doubles_up_to_the_interval() {
        let now = Moment::now();
        let mut state = started(now);
        for wait in [15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600] {
            let effects = state.step(ended(false), now);
            assert_eq!(effects.scheduled, Some(seconds(wait)));
            state.step(Event::Tick, now + seconds(wait));
        }
        state.step(ended(true), now);
        state.step(Event::Tick, now + HOUR);
        assert_eq!(state.step(ended(false), now).scheduled, Some(seconds(15)), "as at first");
    }

    #[tokio::test]
    async fn second_full_sync_after_another_epoch_does_not_wait_for_the_interval() {
        let now = Moment::now();
        let mut state = started(now);
        let within = Some(seconds(600));
        let ended = Event::Ended { succeeded: true, full: true, within, jitter: 255 };
        assert_eq!(state.step(ended, now).scheduled, within);
        state.step(Event::Tick, now + seconds(600));
        let later = Some(seconds(9_000));
        let ended = Event::Ended { succeeded: true, full: true, within: later, jitter: 0 };
        assert_eq!(state.step(ended, now).scheduled, Some(HOUR));
    }

    #[test]
    fn jitter_adds_less_than_a_tenth() {
        assert_eq!(jittered(HOUR, 0), HOUR);
        let most = jittered(HOUR, u8::MAX);
        assert!(most > HOUR && most < HOUR + seconds(360), "{most:?}");
    }

    #[tokio::test]
    async fn request_starts_a_run_at_once_and_gets_its_result() {
        let now = Moment::now();
        let mut state = started(now);
        state.step(ended(true), now);
        let effects = state.step(asked("a", true, false), now + seconds(1));
        assert_eq!(effects.next, Next::Start(Run { full: true, dry_run: false }));
        let effects = state.step(ended(true), now + seconds(2));
        assert_eq!(effects.answer, ["a"]);
        assert_eq!(effects.next, Next::SleepUntil(now + seconds(2) + HOUR));
    }

    #[tokio::test]
    async fn request_joins_the_run_under_way_unless_a_full_sync_is_needed() {
        let now = Moment::now();
        let mut state = started(now);
        assert_eq!(state.step(asked("any", false, false), now).next, Next::AwaitEnd);
        state.step(asked("full", true, false), now);
        let effects = state.step(ended(true), now);
        assert_eq!(effects.answer, ["any"]);
        assert_eq!(effects.next, Next::Start(Run { full: true, dry_run: false }));
        assert_eq!(state.step(ended(false), now).answer, ["full"], "a failure is an answer");
    }

    #[tokio::test]
    async fn incremental_run_that_became_full_answers_full_requests() {
        let now = Moment::now();
        let mut state = started(now);
        state.step(asked("full", true, false), now);
        let event = Event::Ended { succeeded: true, full: true, within: None, jitter: 0 };
        assert_eq!(state.step(event, now).answer, ["full"]);
    }

    #[tokio::test]
    async fn dry_run_answers_only_its_own_requests_and_keeps_the_schedule() {
        let now = Moment::now();
        let mut state = started(now);
        state.step(asked("dry", false, true), now);
        state.step(asked("wet", true, false), now);
        let effects = state.step(ended(true), now);
        assert_eq!(effects.answer, <[&str; 0]>::default());
        assert_eq!(effects.next, Next::Start(Run { full: false, dry_run: true }));
        let effects = state.step(ended(true), now);
        assert_eq!((effects.scheduled, effects.answer), (None, vec!["dry"]));
        assert_eq!(effects.next, Next::Start(Run { full: true, dry_run: false }));
    }
}
