use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::time::Instant as Moment;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::activity::Activity;
use super::handle::{Mirror, SyncRequest};
use super::options::{Observer, RunOptions, SyncFailure};
use super::readiness::Reported;
use super::run::run_sync;
use super::schedule::{Effects, Event, FollowState, Next, Run};
use crate::config::{Origin, Upstream};
use crate::daemon::runtime::blocking;
use crate::model::{Escaped, FailureClass, Name, Timestamp, reason};
use crate::sync::{PageSource, RunReport, SyncKind, SyncRun};

/// A run may wait for a slow upstream for hours; its alerts must not.
const LOOK_EVERY: Duration = Duration::from_mins(5);

/// A changed policy is published within this time; alerts are evaluated after it.
const AFTER_POLICY: Duration = Duration::from_secs(2);

type Outcome = Result<RunReport, SyncFailure>;
type State = FollowState<tokio::sync::oneshot::Sender<super::SyncOutcome>>;

/// Requests for runs of one upstream; they outlive a restarted loop.
pub(super) type Requests = Arc<Mutex<mpsc::Receiver<SyncRequest>>>;

/// The loop that syncs one upstream: performs the runs of its schedule.
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
                    // An approval may pin the upstream's current content, or serve drifted content.
                    Ok(()) = policy.changed() => {
                        look_at = Some(Moment::now() + AFTER_POLICY);
                        state.step(Event::Tick, Moment::now()).next
                    }
                    () = until(look_at) => {
                        look_at = None;
                        self.report().await;
                        state.step(Event::Tick, Moment::now()).next
                    }
                },
                Next::AwaitEnd => return,
            };
        }
    }

    /// Performs a run, and answers its requests. Requests that come meanwhile wait for its end.
    async fn run(
        &self,
        run: Run,
        state: &mut State,
        requests: &mut mpsc::Receiver<SyncRequest>,
    ) -> Next {
        let Self { mirror, upstream, .. } = self;
        let options = RunOptions::of(upstream, &mirror.settings.views, run.full, run.dry_run);
        let outcome = self.read(&options, state, requests).await;
        mirror.update(&upstream.id, |runtime| runtime.activity = None);
        let is_complete = matches!(&outcome, Ok(report) if report.kind == SyncKind::Full);
        let (succeeded, full) = (outcome.is_ok(), options.full || is_complete);
        let full_sync_at = outcome.as_ref().ok().and_then(|report| report.full_sync_at);
        let within = full_sync_at.map(|at| at.since(mirror.clock.now()));
        let event = Event::Ended { succeeded, full, within, jitter: jitter() };
        let Effects { scheduled, answer, next } = state.step(event, Moment::now());
        if let Some(wait) = scheduled {
            self.settle(&outcome, wait).await;
        }
        for reply in answer {
            let result = match &outcome {
                Ok(report) => Ok(report.clone()),
                Err(failure) => Err(reason(failure)),
            };
            // The client may have disconnected.
            let _ = reply.send(result);
        }
        next
    }

    async fn read(
        &self,
        options: &RunOptions,
        state: &mut State,
        requests: &mut mpsc::Receiver<SyncRequest>,
    ) -> Outcome {
        let Self { mirror, source, .. } = self;
        let observer = Watcher { mirror: Arc::clone(mirror), upstream: options.upstream.clone() };
        let run = run_sync(&mirror.store, &mirror.clock, source, options, &self.stop, observer);
        tokio::pin!(run);
        let mut looking = tokio::time::interval(LOOK_EVERY);
        looking.tick().await;
        loop {
            tokio::select! {
                outcome = &mut run => return outcome,
                _ = looking.tick() => self.report().await,
                Some(request) = requests.recv(), if state.has_room() => {
                    state.step(Event::Requested(request), Moment::now());
                }
            }
        }
    }

    /// Reports the outcome of a run before its requests are answered, so that its alerts are raised.
    async fn settle(&self, outcome: &Outcome, wait: Duration) {
        let Self { mirror, upstream, .. } = self;
        let next = mirror.clock.now().plus(wait);
        mirror.update(&upstream.id, |runtime| runtime.next_attempt = Some(next));
        log(&upstream.id, outcome, next);
        self.report().await;
        if let Err(failure) = outcome
            && !matches!(failure, SyncFailure::Stopped)
        {
            mirror.suggest(failure);
        }
        match outcome {
            Ok(_) => mirror.receive(&upstream.id, Reported::FullSync),
            // A missing folder counts as attempted: files are not asked for single names.
            Err(_) if matches!(upstream.origin, Origin::Files(_)) => {
                mirror.receive(&upstream.id, Reported::NamesAttempted);
            }
            Err(_) => {}
        }
    }

    async fn report(&self) {
        let (mirror, upstream) = (Arc::clone(&self.mirror), self.upstream.clone());
        let reported = blocking(move || {
            mirror.refresh_settling();
            mirror.report_upstream(&upstream)
        });
        if let Err(failure) = reported.await {
            warn!(reason = %reason(&failure), "the alerts of an upstream could not be evaluated");
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
    // Without randomness upstreams run in step, which is harmless.
    let _ = aws_lc_rs::rand::fill(&mut random);
    random[0]
}

fn log(upstream: &str, outcome: &Outcome, next: Timestamp) {
    match outcome {
        Ok(report) => {
            let RunReport { kind, pages, tally, not_applied, .. } = report;
            let kind = kind.words();
            info!(
                upstream,
                kind,
                pages,
                added = tally.added,
                updated = tally.updated,
                deleted = tally.deleted,
                unchanged = tally.unchanged,
                quarantined = tally.quarantined,
                on_hold = not_applied.waiting,
                discarded = not_applied.discarded,
                left_out = not_applied.out_of_room.map_or(0, |limit| limit.rows),
                %next,
                "a sync run was accepted"
            );
        }
        Err(SyncFailure::Stopped) => {
            info!(upstream, "the sync run stopped; the next one resumes at its cursor");
        }
        Err(failure) if failure.class() == FailureClass::Room => {
            let reason = reason(failure);
            warn!(upstream, reason = %Escaped(&reason), %next, "a sync run stored what had room, and left the rest out");
        }
        Err(failure) => {
            let reason = reason(failure);
            warn!(upstream, reason = %Escaped(&reason), %next, "a sync run failed; stored entries stay served");
        }
    }
}

struct Watcher {
    mirror: Arc<Mirror>,
    upstream: String,
}

impl Observer for Watcher {
    fn touched(&self, names: BTreeSet<Name>) {
        // An answer counts once it is stored.
        self.mirror.receive(&self.upstream, Reported::Answer);
        self.mirror.ports.touched(names);
    }

    fn progress(&self, run: &SyncRun) {
        let activity = Activity::of(run);
        self.mirror.update(&self.upstream, |runtime| runtime.activity = Some(activity));
    }
}
