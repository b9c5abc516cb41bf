//! Looks again, while the daemon runs, at what may change outside of it: the content of files that the settings name, and
//! what the system gives.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::runtime::{Bounded, Clock, blocking, late, report_alerts};
use crate::alert::{AlertKind, Evidence, ReportedAlert};
use crate::model::Escaped;
use crate::store::{Store, StoreError};

/// The interval at which files are read. A change is taken up at the second look that finds it.
const FILES_EVERY: Duration = Duration::from_secs(3);
/// The interval at which the system is asked again for what it refused.
const SYSTEM_EVERY: Duration = Duration::from_secs(10);
/// The looks in a row that must fail before an alert is raised: a file may be missing while it is replaced.
const PATIENCE: u32 = 3;

/// Looks once, and returns the reasons why something cannot be used.
pub type Look = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// Something that is looked at again at intervals, with the alert that lasting failures raise.
#[derive(Clone)]
pub struct Watch {
    kind: AlertKind,
    subject: &'static str,
    every: Duration,
    look: Look,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watch").field(&self.name()).finish()
    }
}

impl Watch {
    /// Watches the files of one user.
    #[must_use]
    pub fn files(user: &'static str, look: Look) -> Self {
        let (kind, every) = (AlertKind::FilesUnread, FILES_EVERY);
        Self { kind, subject: user, every, look }
    }

    /// Watches something that the daemon asks the system for, and can go on without.
    #[must_use]
    pub fn system(subject: &'static str, look: Look) -> Self {
        let (kind, every) = (AlertKind::SystemRefused, SYSTEM_EVERY);
        Self { kind, subject, every, look }
    }

    /// Returns the name of its loop, and of the source of its alert.
    pub(super) fn name(&self) -> String {
        let group = if self.kind == AlertKind::FilesUnread { "files" } else { "system" };
        format!("{group}:{}", self.subject)
    }

    /// Looks until `stop`.
    ///
    /// # Errors
    /// None: a failing look is logged, raises an alert when it lasts, and is repeated.
    pub(super) async fn run(
        self,
        (store, clock): (Arc<Store>, Arc<Clock>),
        stop: CancellationToken,
    ) -> Result<(), StoreError> {
        let mut failures = Failures::default();
        // An earlier process may have left an alert: it stays until looks show if its cause lasts.
        let mut reported = None;
        let mut looking = Bounded::default();
        while !stop.is_cancelled() {
            let (look, before) = (Arc::clone(&self.look), failures.reasons.clone());
            let found = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                found = looking.run(|| blocking(move || look())) => {
                    found.unwrap_or_else(|| vec![late(&format!("the files for {}", self.subject))])
                }
            };
            let lasting = failures.lasting(found);
            if failures.reasons != before {
                self.log(&failures.reasons);
            }
            if let Some(reasons) = lasting.filter(|reasons| reported.as_ref() != Some(reasons)) {
                let (store, clock) = (Arc::clone(&store), Arc::clone(&clock));
                let (source, seen) = (self.name(), self.alerts(&reasons));
                let stored = blocking(move || report_alerts(&store, &clock, &source, seen));
                reported = stored.await.then_some(reasons);
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(self.every) => {}
            }
        }
        Ok(())
    }

    fn log(&self, reasons: &[String]) {
        let subject = self.subject;
        if reasons.is_empty() {
            info!(subject, "it can be used again");
        }
        for reason in reasons {
            let reason = Escaped(reason);
            if self.kind == AlertKind::FilesUnread {
                warn!(files = subject, %reason, "what was read before stays in use");
            } else {
                warn!(subject, %reason, "the daemon goes on without it");
            }
        }
    }

    fn alerts(&self, reasons: &[String]) -> Vec<ReportedAlert> {
        let items = reasons.iter().cloned().map(Evidence::from);
        let alert = ReportedAlert::new(self.kind, self.subject, items);
        if reasons.is_empty() { Vec::new() } else { vec![alert] }
    }
}

/// The failures of looks in a row.
#[derive(Debug, Default)]
pub(super) struct Failures {
    reasons: Vec<String>,
    looks: u32,
}

impl Failures {
    /// Takes the failures of a look, and returns those that last: none after a look without failures, and `None` while
    /// there were some in too few looks in a row.
    pub(super) fn lasting(&mut self, mut reasons: Vec<String>) -> Option<Vec<String>> {
        reasons.sort();
        reasons.dedup();
        self.looks = if reasons.is_empty() { 0 } else { self.looks.saturating_add(1) };
        self.reasons.clone_from(&reasons);
        let is_decided = reasons.is_empty() || self.looks >= PATIENCE;
        is_decided.then_some(reasons)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::alert::AlertIdentity;
    use crate::model::Timestamp;

    #[test]
    fn file_that_is_missing_while_it_is_replaced_raises_no_alert_and_a_lasting_failure_does() {
        let (gone, fine) = (|| vec!["gone".to_owned()], Vec::new);
        let mut failures = Failures::default();
        let table = [
            (gone(), None),
            (gone(), None),
            (fine(), Some(fine())),
            (gone(), None),
            (gone(), None),
            (gone(), Some(gone())),
            (vec!["gone".to_owned(), "gone".to_owned()], Some(gone())),
            (fine(), Some(fine())),
        ];
        for (found, wanted) in table {
            assert_eq!(failures.lasting(found.clone()), wanted, "{found:?}");
        }
    }

    fn raised(store: &Store) -> Vec<(AlertIdentity, bool)> {
        let alerts = store.snapshot().expect("a snapshot").alerts().expect("read");
        alerts.into_iter().map(|alert| (alert.identity.clone(), alert.is_resolved())).collect()
    }

    /// P104.
    #[tokio::test(start_paused = true)]
    async fn what_the_system_refuses_is_one_alert_across_restarts_and_ends_with_its_cause() {
        let store = Arc::new(Store::ephemeral(Timestamp::MIN).expect("a store"));
        let clock = Arc::new(Clock::starting_at(Timestamp::MIN));
        let refused = Arc::new(Mutex::new(true));
        let looks = Arc::new(AtomicU32::new(0));
        let is_open =
            vec![(AlertIdentity::new(AlertKind::SystemRefused, "disk reserve", ""), false)];
        for (is_refused, wanted) in [(true, 3), (true, 1), (false, 1)] {
            *refused.lock().expect("a lock") = is_refused;
            looks.store(0, Ordering::Relaxed);
            let (refusal, counted) = (Arc::clone(&refused), Arc::clone(&looks));
            let look = Arc::new(move || {
                counted.fetch_add(1, Ordering::Relaxed);
                let is_refused = *refusal.lock().expect("a lock");
                is_refused.then(|| "no room".to_owned()).into_iter().collect()
            });
            let (stop, outputs) =
                (CancellationToken::new(), (Arc::clone(&store), Arc::clone(&clock)));
            let watch = Watch::system("disk reserve", look).run(outputs, stop.clone());
            let running = tokio::spawn(watch);
            while looks.load(Ordering::Relaxed) <= wanted {
                tokio::time::sleep(SYSTEM_EVERY).await;
            }
            stop.cancel();
            running.await.expect("it ends").expect("no error");
            let found = raised(&store);
            if is_refused {
                assert_eq!(found, is_open);
            } else {
                assert!(found.iter().all(|(_, is_resolved)| *is_resolved), "{found:?}");
            }
        }
    }
}
