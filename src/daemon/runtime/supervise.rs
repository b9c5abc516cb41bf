use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant as Moment;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::alerts::report_alerts;
use super::backoff::{Backoff, Outcome, Step};
use super::blocking::blocking;
use super::clock::Clock;
use crate::alert::{AlertKind, Figure, ReportedAlert};
use crate::model::reason;
use crate::store::{Store, StoreError};

/// The interval at which a running loop is checked.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Restarts loops that ended by an error or a panic, each by itself: the others go on.
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

    /// Runs a loop until it ends after `stop`. A loop that ends earlier restarts after a wait, with
    /// an alert that lasts until the loop has recovered.
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
            error!(name, reason = why, "a loop ended unexpectedly; it restarts after a wait");
            let restarted = ReportedAlert::new(AlertKind::LoopRestarted, name.as_str(), []);
            let figures = vec![Figure::Reason { text: why }];
            let seen = vec![ReportedAlert { figures, ..restarted }];
            unreported = self.report(&name, seen).await;
            if let Step::Restart { after } = backoff.step(Outcome::Failed, begun.elapsed()) {
                tokio::select! {
                    () = tokio::time::sleep(after) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
    }

    /// Raises or resolves the alert about a loop; returns the alerts that could not be stored.
    async fn report(&self, name: &str, seen: Vec<ReportedAlert>) -> Option<Vec<ReportedAlert>> {
        let (this, source) = (self.clone(), loop_source(name));
        let task = move || {
            let is_stored = report_alerts(&this.store, &this.clock, &source, seen.clone());
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::alert::AlertIdentity;

    #[tokio::test(start_paused = true)]
    async fn failed_loop_restarts_and_its_alert_resolves_after_recovery() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Arc::new(Store::create(folder.path(), Clock::system()).expect("a store"));
        let clock = Arc::new(Clock::starting_at(Clock::system()));
        let (starts, stop) = (Arc::new(AtomicU32::new(0)), CancellationToken::new());
        let (count, token) = (Arc::clone(&starts), stop.clone());
        let start = move || {
            let (start, token) = (count.fetch_add(1, Ordering::SeqCst), token.clone());
            async move {
                match start {
                    0 => {}
                    1 => panic!("the second run panics"),
                    _ => token.cancelled().await,
                }
                Ok(())
            }
        };
        let supervisor = Supervisor::new(&store, &clock);
        let running = tokio::spawn(supervisor.keep_running("x".to_owned(), stop.clone(), start));
        let lasting = || {
            let alerts = store.snapshot().and_then(|snapshot| snapshot.alerts()).expect("alerts");
            let lasting = alerts.into_iter().filter(|alert| !alert.is_resolved());
            lasting.map(|alert| alert.identity).collect::<Vec<_>>()
        };
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(starts.load(Ordering::SeqCst), 3);
        assert_eq!(lasting(), [AlertIdentity::new(AlertKind::LoopRestarted, "x", "")]);
        tokio::time::sleep(Duration::from_secs(120)).await;
        assert_eq!(lasting(), []);
        stop.cancel();
        running.await.expect("the loop ends after the stop");
        assert_eq!(starts.load(Ordering::SeqCst), 3, "a stopped loop does not restart");
    }
}
