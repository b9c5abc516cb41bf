use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant as Moment;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::alerts::observe;
use super::backoff::{Backoff, Outcome, Step};
use super::blocking::blocking;
use super::clock::Clock;
use crate::alert::Observation;
use crate::model::reason;
use crate::store::{Store, StoreError};

/// How often a loop that runs is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Starts loops again that ended by an error or a panic, each by itself: the others go on.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct Supervisor {
    store: Arc<Store>,
    clock: Arc<Clock>,
}

/// Returns the source of the alerts about one loop.
pub(in crate::daemon) fn loop_source(name: &str) -> String {
    format!("loop:{name}")
}

impl Supervisor {
    pub(in crate::daemon) fn new(store: &Arc<Store>, clock: &Arc<Clock>) -> Self {
        Self { store: Arc::clone(store), clock: Arc::clone(clock) }
    }

    /// Runs a loop until it ends after `stop`. A loop that ends before is started again after a
    /// wait, with an alert that lasts until the loop has run for a while.
    pub(in crate::daemon) async fn keep_running<W>(
        self,
        name: String,
        stop: CancellationToken,
        mut start: impl FnMut() -> W,
    ) where
        W: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        let mut backoff = Backoff::default();
        let mut unreported = None;
        while !stop.is_cancelled() {
            // Dropping the set stops the loop with its supervision.
            let mut running = JoinSet::new();
            running.spawn(start());
            let begun = Moment::now();
            let ended = loop {
                tokio::select! {
                    Some(ended) = running.join_next() => break ended,
                    () = tokio::time::sleep(LOOK_EVERY) => {
                        if backoff.step(Outcome::Runs, begun.elapsed()) == Step::Resolve {
                            self.report(&name, Vec::new()).await;
                        } else if let Some(seen) = unreported.take() {
                            unreported = self.report(&name, seen).await;
                        }
                    }
                }
            };
            if stop.is_cancelled() {
                return;
            }
            let why = describe(ended);
            error!(name, reason = why, "a loop ended by itself; it is started again");
            let seen = vec![Observation::new("loop-restarted", name.as_str(), why)];
            unreported = self.report(&name, seen).await;
            if let Step::Restart { after } = backoff.step(Outcome::Failed, begun.elapsed()) {
                tokio::select! {
                    () = tokio::time::sleep(after) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
    }

    /// Raises or resolves the alert about a loop; returns what could not be stored.
    async fn report(&self, name: &str, seen: Vec<Observation>) -> Option<Vec<Observation>> {
        let (this, source) = (self.clone(), loop_source(name));
        let task = move || {
            let is_stored = observe(&this.store, &this.clock, &source, seen.clone());
            (!is_stored).then_some(seen)
        };
        blocking(task).await
    }
}

fn describe(ended: Result<Result<(), StoreError>, JoinError>) -> String {
    match ended {
        Ok(Ok(())) => "it ended without an error".to_owned(),
        Ok(Err(error)) => reason(&error),
        Err(panicked) => panicked.to_string(),
    }
}
