use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant as Deadline, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::handle::Publication;
use super::publisher::Publisher;
use super::state::{Event, Moment, State, Step, Wake, Work};
use crate::curation::Screening;
use crate::daemon::mirror::Settling;
use crate::daemon::policy::CurrentPolicy;
use crate::daemon::runtime::blocking;
use crate::model::Name;
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
    /// The upstreams that may still claim names for the first time.
    pub(in crate::daemon) settling: watch::Receiver<Settling>,
}

/// Publishes generations until `stop`.
///
/// # Errors
/// When the store cannot be read or written; then the published generation stays. It is unknown what was
/// committed, so the next start evaluates everything.
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
    let moment = || Moment { now: publication.clock.now(), elapsed: begun.elapsed() };
    let mut looking = tokio::time::interval(LOOK_EVERY);
    looking.set_missed_tick_behavior(MissedTickBehavior::Delay);
    inputs.ready.mark_changed();
    let is_settling = inputs.settling.borrow_and_update().any;
    let mut step = state.step(Event::Settling(is_settling), moment());
    loop {
        let event = match step {
            Step::Publish(work) => {
                let Some(taken) = publisher.take() else { return Ok(()) };
                let (next, event) = publish_once(taken, work).await?;
                publisher = Some(next);
                event
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
                    Event::Settling(inputs.settling.borrow_and_update().any)
                }
                Ok(()) = inputs.ready.changed() => {
                    if *inputs.ready.borrow_and_update() { Event::Ready } else { Event::Tick }
                }
                names = publication.touched.take() => Event::Touched(names),
                _ = looking.tick() => {
                    let marked = Arc::clone(&publication);
                    Event::Touched(blocking(move || marked_names(&marked)).await?)
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

/// Publishes on a thread that may block.
async fn publish_once(
    mut publisher: Publisher,
    work: Work,
) -> Result<(Publisher, Event), StoreError> {
    blocking(move || {
        let committed = publisher.publish(&work)?;
        Ok((publisher, Event::Committed(committed)))
    })
    .await
}

async fn until(wake: Option<Wake>, begun: Deadline, publication: &Publication) {
    match wake {
        None => std::future::pending().await,
        Some(Wake::Elapsed(elapsed)) => tokio::time::sleep_until(begun + elapsed).await,
        Some(Wake::Clock(at)) => {
            let wait = at.since(publication.clock.now()).max(Duration::from_micros(1));
            tokio::time::sleep(wait.min(LONGEST_SLEEP)).await;
        }
    }
}
