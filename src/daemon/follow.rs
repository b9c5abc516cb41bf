use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant as Deadline;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::alerts::{observe, of_upstream, source_of};
use super::pass::{Observer, PassPlan, run_pass};
use super::report::Activity;
use super::runtime::blocking;
use super::shared::Heard;
use super::{PassFailure, Shared, SyncRequest};
use crate::config::{Origin, Upstream};
use crate::model::{Escaped, Instant, Name, reason};
use crate::store::StoreError;
use crate::sync::{PageSource, PassKind, PassReport, PassState};

/// After a failed pass; doubled with each further one, up to the interval of the upstream.
const FIRST_RETRY: Duration = Duration::from_secs(15);

/// A pass may wait for a slow upstream for hours, and somebody should be told.
const LOOK_EVERY: Duration = Duration::from_mins(5);

/// Follows one upstream: a pass now, then one after each interval and whenever one is asked for.
pub(super) async fn follow<S: PageSource>(
    shared: Arc<Shared>,
    upstream: Upstream,
    source: Arc<S>,
    mut requests: mpsc::Receiver<SyncRequest>,
    stop: CancellationToken,
) {
    let mut waiting: Vec<SyncRequest> = Vec::new();
    let mut failures = 0;
    let mut due = Deadline::now();
    while !stop.is_cancelled() {
        tokio::select! {
            () = shared.turn() => {}
            () = stop.cancelled() => return,
        }
        let plan = plan(&upstream, &waiting);
        let outcome =
            pass(&shared, &source, &plan, &upstream, &mut requests, &mut waiting, &stop).await;
        shared.update(&upstream.id, |runtime| runtime.activity = None);
        if !plan.dry_run {
            let wait = match &outcome {
                Ok(_) => jittered(upstream.sync.interval),
                Err(_) => jittered(retry_wait(failures).min(upstream.sync.interval)),
            };
            failures = if outcome.is_ok() { 0 } else { failures + 1 };
            due = Deadline::now() + wait;
            let next = shared.clock.now().plus(wait);
            shared.update(&upstream.id, |runtime| runtime.next_attempt = Some(next));
            tell(&upstream.id, &outcome, next);
            // Whoever asked for the pass finds its alerts raised.
            look(&shared, &upstream).await;
            match &outcome {
                Ok(_) => shared.hear(&upstream.id, Heard::WholeWalk),
                // A folder that is not there has had its attempt; nobody asks it for single names.
                Err(_) if matches!(upstream.origin, Origin::Files(_)) => {
                    shared.hear(&upstream.id, Heard::NamesAttempted);
                }
                Err(_) => {}
            }
        }
        waiting = answer(waiting, &plan, &outcome);
        if waiting.is_empty() {
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                () = stop.cancelled() => {}
                request = requests.recv() => waiting.extend(request),
            }
        }
    }
}

/// Raises and ends alerts about the upstream, where blocking is allowed.
async fn look(shared: &Arc<Shared>, upstream: &Upstream) {
    let (task, upstream) = (Arc::clone(shared), upstream.clone());
    let looked = blocking(move || {
        let snapshot = task.store.snapshot()?;
        let seen = task.with_policy(|policy| of_upstream(&snapshot, &upstream, policy))?;
        observe(&task.store, &task.clock, &source_of(&upstream.id), seen);
        Ok::<(), StoreError>(())
    });
    match looked.await {
        Ok(()) => {}
        Err(failure) => warn!(reason = %reason(&failure), "an upstream could not be looked at"),
    }
}

fn retry_wait(failures: u32) -> Duration {
    FIRST_RETRY.saturating_mul(2_u32.saturating_pow(failures.min(16)))
}

/// Up to a tenth longer, so that upstreams of one interval do not go on in step.
fn jittered(wait: Duration) -> Duration {
    let mut random = [0];
    // Without randomness they go in step, which is no harm.
    let _ = aws_lc_rs::rand::fill(&mut random);
    wait + wait * u32::from(random[0]) / 2560
}

fn plan(upstream: &Upstream, waiting: &[SyncRequest]) -> PassPlan {
    let dry_run = waiting.first().is_some_and(|request| request.dry_run);
    let mut relevant = waiting.iter().filter(|request| request.dry_run == dry_run);
    PassPlan::of(upstream, relevant.any(|request| request.full), dry_run)
}

/// Makes the pass; requests that come in meanwhile wait beside the earlier ones.
async fn pass<S: PageSource>(
    shared: &Arc<Shared>,
    source: &Arc<S>,
    plan: &PassPlan,
    upstream: &Upstream,
    requests: &mut mpsc::Receiver<SyncRequest>,
    waiting: &mut Vec<SyncRequest>,
    stop: &CancellationToken,
) -> Result<PassReport, PassFailure> {
    let observer = Watcher { shared: Arc::clone(shared), upstream: plan.upstream.clone() };
    let pass = run_pass(&shared.store, &shared.clock, source, plan, stop, observer);
    tokio::pin!(pass);
    let mut looking = tokio::time::interval(LOOK_EVERY);
    looking.tick().await;
    loop {
        tokio::select! {
            outcome = &mut pass => return outcome,
            _ = looking.tick() => look(shared, upstream).await,
            request = requests.recv(), if !requests.is_closed() => waiting.extend(request),
        }
    }
}

/// Answers whoever this pass was for; returns those who want another one.
fn answer(
    waiting: Vec<SyncRequest>,
    plan: &PassPlan,
    outcome: &Result<PassReport, PassFailure>,
) -> Vec<SyncRequest> {
    let walked = matches!(outcome, Ok(report) if report.kind == PassKind::Complete);
    let (served, others): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|request| {
        request.dry_run == plan.dry_run && (!request.full || walked || plan.full)
    });
    for request in served {
        let told = match outcome {
            Ok(report) => Ok(report.clone()),
            Err(failure) => Err(reason(failure)),
        };
        // Whoever asked may have gone away; nothing is lost by that.
        let _ = request.reply.send(told);
    }
    others
}

fn tell(upstream: &str, outcome: &Result<PassReport, PassFailure>, next: Instant) {
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
    shared: Arc<Shared>,
    upstream: String,
}

impl Observer for Watcher {
    fn touched(&self, names: std::collections::BTreeSet<Name>) {
        // What upstream said counts once it is stored.
        self.shared.hear(&self.upstream, Heard::Answer);
        self.shared.touch(names);
    }

    fn progress(&self, pass: &PassState) {
        let activity = Activity::of(pass);
        self.shared.update(&self.upstream, |runtime| runtime.activity = Some(activity));
    }
}
