use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::time::Instant as Moment;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::activity::Activity;
use super::handle::{Mirror, SyncRequest};
use super::known::Heard;
use super::pass::run_pass;
use super::plan::{Observer, PassFailure, PassPlan};
use super::schedule::{Effects, Event, FollowState, Next, Run};
use crate::config::{Origin, Upstream};
use crate::daemon::runtime::blocking;
use crate::model::{Escaped, Instant, Name, reason};
use crate::sync::{PageSource, PassKind, PassReport, PassState};

/// A run may wait for a slow upstream for hours, and its alerts should not.
const LOOK_EVERY: Duration = Duration::from_mins(5);

/// A policy that changed is published within this time; alerts say what is served by then.
const AFTER_POLICY: Duration = Duration::from_secs(2);

type Outcome = Result<PassReport, PassFailure>;
type State = FollowState<tokio::sync::oneshot::Sender<super::SyncOutcome>>;

/// Requests for runs of one upstream; they outlive a loop that is started again.
pub(super) type Requests = Arc<Mutex<mpsc::Receiver<SyncRequest>>>;

/// The loop that follows one upstream: makes the runs that the schedule decides on.
pub(super) struct Follower<S> {
    pub(super) mirror: Arc<Mirror>,
    pub(super) upstream: Upstream,
    pub(super) source: Arc<S>,
    pub(super) stop: CancellationToken,
}

impl<S: PageSource> Follower<S> {
    pub(super) async fn follow(self, requests: Requests) {
        let mut requests = requests.lock().await;
        let mut policy = self.mirror.policy.clone();
        let mut look_at: Option<Moment> = None;
        let mut state = State::new(self.upstream.sync.interval, Moment::now());
        let mut next = state.step(Event::Tick, Moment::now()).next;
        while !self.stop.is_cancelled() {
            next = match next {
                Next::Start(run) => {
                    tokio::select! {
                        () = self.mirror.turn() => {}
                        () = self.stop.cancelled() => return,
                    }
                    self.run(run, &mut state, &mut requests).await
                }
                Next::SleepUntil(due) => tokio::select! {
                    () = tokio::time::sleep_until(due) => state.step(Event::Tick, Moment::now()).next,
                    () = self.stop.cancelled() => return,
                    Some(request) = requests.recv() => {
                        state.step(Event::Requested(request), Moment::now()).next
                    }
                    // An approval may pin what upstream has now, or serve what drifted.
                    Ok(()) = policy.changed() => {
                        look_at = Some(Moment::now() + AFTER_POLICY);
                        state.step(Event::Tick, Moment::now()).next
                    }
                    () = until(look_at) => {
                        look_at = None;
                        self.observe().await;
                        state.step(Event::Tick, Moment::now()).next
                    }
                },
                Next::AwaitEnd => return,
            };
        }
    }

    /// Makes a run, and what follows from its end. Requests that come meanwhile wait for it.
    async fn run(
        &self,
        run: Run,
        state: &mut State,
        requests: &mut mpsc::Receiver<SyncRequest>,
    ) -> Next {
        let Self { mirror, upstream, .. } = self;
        let plan = PassPlan::of(upstream, &mirror.settings.views, run.full, run.dry_run);
        let outcome = self.read(&plan, state, requests).await;
        mirror.update(&upstream.id, |runtime| runtime.activity = None);
        let is_complete = matches!(&outcome, Ok(report) if report.kind == PassKind::Complete);
        let (succeeded, full) = (outcome.is_ok(), plan.full || is_complete);
        let event = Event::Ended { succeeded, full, jitter: jitter() };
        let Effects { scheduled, answer, next } = state.step(event, Moment::now());
        if let Some(wait) = scheduled {
            self.settle(&outcome, wait).await;
        }
        for reply in answer {
            let told = match &outcome {
                Ok(report) => Ok(report.clone()),
                Err(failure) => Err(reason(failure)),
            };
            // The client may have gone away; nothing is lost by that.
            let _ = reply.send(told);
        }
        next
    }

    async fn read(
        &self,
        plan: &PassPlan,
        state: &mut State,
        requests: &mut mpsc::Receiver<SyncRequest>,
    ) -> Outcome {
        let Self { mirror, source, .. } = self;
        let observer = Watcher { mirror: Arc::clone(mirror), upstream: plan.upstream.clone() };
        let pass = run_pass(&mirror.store, &mirror.clock, source, plan, &self.stop, observer);
        tokio::pin!(pass);
        let mut looking = tokio::time::interval(LOOK_EVERY);
        looking.tick().await;
        loop {
            tokio::select! {
                outcome = &mut pass => return outcome,
                _ = looking.tick() => self.observe().await,
                Some(request) = requests.recv() => {
                    state.step(Event::Requested(request), Moment::now());
                }
            }
        }
    }

    /// Publishes what a run means before its requests are answered: its alerts are raised by then.
    async fn settle(&self, outcome: &Outcome, wait: Duration) {
        let Self { mirror, upstream, .. } = self;
        let next = mirror.clock.now().plus(wait);
        mirror.update(&upstream.id, |runtime| runtime.next_attempt = Some(next));
        log(&upstream.id, outcome, next);
        self.observe().await;
        match outcome {
            Ok(_) => mirror.hear(&upstream.id, Heard::WholeWalk),
            // A folder that is not there has had its attempt; it is not asked for single names.
            Err(_) if matches!(upstream.origin, Origin::Files(_)) => {
                mirror.hear(&upstream.id, Heard::NamesAttempted);
            }
            Err(_) => {}
        }
    }

    async fn observe(&self) {
        let (mirror, upstream) = (Arc::clone(&self.mirror), self.upstream.clone());
        let observed = blocking(move || {
            mirror.refresh_settling();
            mirror.observe(&upstream)
        });
        if let Err(failure) = observed.await {
            warn!(reason = %reason(&failure), "an upstream could not be looked at");
        }
    }
}

async fn until(moment: Option<Moment>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn jitter() -> u8 {
    let mut random = [0];
    // Without randomness upstreams go in step, which is no harm.
    let _ = aws_lc_rs::rand::fill(&mut random);
    random[0]
}

fn log(upstream: &str, outcome: &Outcome, next: Instant) {
    match outcome {
        Ok(report) => {
            let PassReport { kind, pages, tally, .. } = report;
            let kind = match kind {
                PassKind::Complete => "complete walk",
                PassKind::Increment { .. } => "increment",
            };
            info!(
                upstream,
                kind,
                pages,
                added = tally.added,
                updated = tally.updated,
                deleted = tally.deleted,
                unchanged = tally.unchanged,
                quarantined = tally.quarantined,
                %next,
                "a pass was accepted"
            );
        }
        Err(PassFailure::Stopped) => info!(upstream, "the pass stopped at its cursor"),
        Err(failure) => {
            let reason = reason(failure);
            warn!(upstream, reason = %Escaped(&reason), %next, "a pass failed; what was there is served on");
        }
    }
}

struct Watcher {
    mirror: Arc<Mirror>,
    upstream: String,
}

impl Observer for Watcher {
    fn touched(&self, names: BTreeSet<Name>) {
        // What upstream said counts once it is stored.
        self.mirror.hear(&self.upstream, Heard::Answer);
        self.mirror.ports.touched(names);
    }

    fn progress(&self, pass: &PassState) {
        let activity = Activity::of(pass);
        self.mirror.update(&self.upstream, |runtime| runtime.activity = Some(activity));
    }
}
