use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant as Deadline, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::handle::Publication;
use super::publisher::Publisher;
use super::state::{Committed, Event, Moment, State, Step, Wake, Work};
use super::waiting::{SOURCE, alerts};
use crate::curation::Screening;
use crate::daemon::mirror::Settling;
use crate::daemon::policy::CurrentPolicy;
use crate::daemon::runtime::{blocking, report_alerts};
use crate::model::{Name, reason};
use crate::store::StoreError;

/// The interval at which marks in the store are read.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A machine that sleeps stops timers but not the clock, so the clock is read at least this often.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// The inputs that a publication follows.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct Inputs {
    pub(in crate::daemon) policy: watch::Receiver<Arc<CurrentPolicy>>,
    pub(in crate::daemon) screening: watch::Receiver<Arc<Screening>>,
    /// True if enough is known for a first generation.
    pub(in crate::daemon) ready: watch::Receiver<bool>,
    /// The progress of first full syncs.
    pub(in crate::daemon) settling: watch::Receiver<Settling>,
}

/// Publishes generations until `stop`.
///
/// A publication that fails is tried again; what it hides is hidden meanwhile.
///
/// # Errors
/// When the store cannot be read at the start.
pub(in crate::daemon) async fn publish(
    publication: Arc<Publication>,
    mut inputs: Inputs,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let begun = Deadline::now();
    let loading = Arc::clone(&publication);
    let mut publisher = Some(blocking(move || Publisher::load(&loading)).await?);
    let policy = Arc::clone(&inputs.policy.borrow_and_update().snapshot);
    let screening = Arc::clone(&inputs.screening.borrow_and_update());
    let mut state = State::new(policy, screening);
    let moment = || Moment { now: publication.clock.latest(), elapsed: begun.elapsed() };
    let mut looking = tokio::time::interval(LOOK_EVERY);
    looking.set_missed_tick_behavior(MissedTickBehavior::Delay);
    inputs.ready.mark_changed();
    let unsynchronised = inputs.settling.borrow_and_update().unsynchronised.clone();
    let mut is_failing = false;
    let mut step = state.step(Event::Unsynchronised(unsynchronised), moment());
    loop {
        let event = match step {
            Step::Publish(work) => {
                let Some(taken) = publisher.take() else { return Ok(()) };
                let (next, published) = publish_once(taken, *work).await;
                publisher = Some(next);
                match published {
                    Ok(committed) => {
                        is_failing = false;
                        Event::Committed(committed)
                    }
                    Err(error) => {
                        if !std::mem::replace(&mut is_failing, true) {
                            error!(reason = %reason(&error), "a generation was not committed; what it hides is hidden, and the daemon tries again");
                        }
                        Event::Failed
                    }
                }
            }
            Step::Wait(wake) => tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Ok(()) = inputs.policy.changed() => {
                    Event::Policy(Arc::clone(&inputs.policy.borrow_and_update().snapshot))
                }
                Ok(()) = inputs.screening.changed() => {
                    Event::Screening(Arc::clone(&inputs.screening.borrow_and_update()))
                }
                Ok(()) = inputs.settling.changed() => {
                    let settling = inputs.settling.borrow_and_update();
                    Event::Unsynchronised(settling.unsynchronised.clone())
                }
                Ok(()) = inputs.ready.changed() => {
                    if *inputs.ready.borrow_and_update() { Event::Ready } else { Event::Tick }
                }
                names = publication.touched.take() => Event::Touched(names),
                _ = looking.tick() => {
                    let marked = Arc::clone(&publication);
                    match blocking(move || look(&marked)).await {
                        Ok(names) => Event::Touched(names),
                        // The next publication fails too, and reports it.
                        Err(_) => Event::Tick,
                    }
                }
                () = until(wake, begun, &publication) => Event::Tick,
            },
        };
        step = state.step(event, moment());
    }
}

/// Returns the names that are marked in the store. A commit may have succeeded although it reported an
/// error, and then nothing else reports them. The mark of all names, which a first sync sets at its
/// end, is ignored.
pub(super) fn marked_names(publication: &Publication) -> Result<BTreeSet<Name>, StoreError> {
    Ok(publication.store.snapshot()?.dirty_names()?.names)
}

/// Reports what waits, and returns the names that are marked in the store.
fn look(publication: &Publication) -> Result<BTreeSet<Name>, StoreError> {
    // Its alerts stay as they are; the next publication fails too if the store cannot be read, and reports it.
    let _ = report_waiting(publication);
    marked_names(publication)
}

/// Raises and resolves the alerts about upstreams that names wait for.
fn report_waiting(publication: &Publication) -> Result<(), StoreError> {
    let Publication { store, clock, .. } = publication;
    let Some(counts) = publication.waiting().counts() else { return Ok(()) };
    let seen = alerts(&store.snapshot()?, counts, clock.now())?;
    if publication.waiting().differ(&seen) {
        let is_stored = report_alerts(store, clock, SOURCE, seen.clone());
        publication.waiting().remember(is_stored.then_some(seen));
    }
    Ok(())
}

/// Publishes on a thread that may block.
async fn publish_once(
    mut publisher: Publisher,
    work: Work,
) -> (Publisher, Result<Committed, StoreError>) {
    blocking(move || {
        let published = publisher.publish(&work);
        (publisher, published)
    })
    .await
}

/// Hides what a new policy denies as soon as it is the current one, until `stop`. A publication under way may take
/// seconds; a denial does not wait for it.
///
/// # Errors
/// Never: it reads the policy and the published generation only.
pub(in crate::daemon) async fn enforce_denials(
    publication: Arc<Publication>,
    mut policy: watch::Receiver<Arc<CurrentPolicy>>,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    policy.mark_changed();
    loop {
        tokio::select! {
            Ok(()) = policy.changed() => {}
            () = stop.cancelled() => return Ok(()),
        }
        let current = Arc::clone(&policy.borrow_and_update().snapshot);
        let publication = Arc::clone(&publication);
        blocking(move || publication.enforce(current)).await;
    }
}

async fn until(wake: Option<Wake>, begun: Deadline, publication: &Publication) {
    match wake {
        None => std::future::pending().await,
        Some(Wake::Elapsed(elapsed)) => tokio::time::sleep_until(begun + elapsed).await,
        Some(Wake::Clock(at)) => {
            let wait = at.since(publication.clock.latest()).max(Duration::from_micros(1));
            tokio::time::sleep(wait.min(LONGEST_SLEEP)).await;
        }
    }
}
