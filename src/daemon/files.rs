//! Takes up, while the daemon runs, what the files that the settings name contain now.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::runtime::{Bounded, Clock, LOOK_WITHIN, blocking, report_alerts};
use crate::alert::{AlertKind, Evidence, ReportedAlert};
use crate::model::Escaped;
use crate::store::{Store, StoreError};

/// The interval at which files are read. A change is taken up at the second look that finds it.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(3);
/// The looks in a row that must fail before an alert is raised: a file may be missing while it is replaced.
const PATIENCE: u32 = 3;

/// Files of one user: reads them again, and returns the reasons why some cannot be used.
pub(crate) type Look = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// Looks at the files of one user until `stop`.
///
/// # Errors
/// None: a failing look is logged, raises an alert when it lasts, and is repeated.
pub(crate) async fn watch_files(
    user: &'static str,
    look: Look,
    (store, clock): (Arc<Store>, Arc<Clock>),
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let mut failures = Failures::default();
    // An earlier process may have left an alert.
    let mut reported = None;
    let mut looking = Bounded::default();
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let look = Arc::clone(&look);
        let found = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            found = looking.run(|| blocking(move || look())) => found.unwrap_or_else(|| vec![late(user)]),
        };
        if found != failures.reasons {
            log(user, &found);
        }
        let lasting = failures.lasting(found);
        if reported.as_ref() != Some(&lasting) {
            let (store, clock, seen) =
                (Arc::clone(&store), Arc::clone(&clock), alerts(user, &lasting));
            let source = format!("files:{user}");
            let is_stored = blocking(move || report_alerts(&store, &clock, &source, seen)).await;
            reported = is_stored.then_some(lasting);
        }
    }
}

fn late(user: &str) -> String {
    let seconds = LOOK_WITHIN.as_secs();
    format!(
        "the files for {user} could not be read within {seconds} seconds; a mount may give no answer"
    )
}

fn log(user: &str, reasons: &[String]) {
    if reasons.is_empty() {
        info!(files = user, "the files can be used again");
    }
    for reason in reasons {
        let reason = Escaped(reason);
        warn!(files = user, %reason, "what was read before stays in use");
    }
}

fn alerts(user: &str, reasons: &[String]) -> Vec<ReportedAlert> {
    let items = reasons.iter().cloned().map(Evidence::from);
    let alert = ReportedAlert::new(AlertKind::FilesUnread, user, items);
    if reasons.is_empty() { Vec::new() } else { vec![alert] }
}

/// The failures of looks in a row.
#[derive(Debug, Default)]
pub(super) struct Failures {
    reasons: Vec<String>,
    looks: u32,
}

impl Failures {
    /// Takes the failures of a look, and returns them if there were some in each of the last looks.
    pub(super) fn lasting(&mut self, mut reasons: Vec<String>) -> Vec<String> {
        reasons.sort();
        reasons.dedup();
        self.looks = if reasons.is_empty() { 0 } else { self.looks.saturating_add(1) };
        self.reasons.clone_from(&reasons);
        if self.looks < PATIENCE { Vec::new() } else { reasons }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_is_missing_while_it_is_replaced_raises_no_alert_and_a_lasting_failure_does() {
        let (gone, fine) = (|| vec!["gone".to_owned()], Vec::new);
        let mut failures = Failures::default();
        let table = [
            (gone(), fine()),
            (gone(), fine()),
            (fine(), fine()),
            (gone(), fine()),
            (gone(), fine()),
            (gone(), gone()),
            (vec!["gone".to_owned(), "gone".to_owned()], gone()),
            (fine(), fine()),
        ];
        for (found, wanted) in table {
            assert_eq!(failures.lasting(found.clone()), wanted, "{found:?}");
        }
    }
}
