use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::{error, info, warn};

use super::judge::{JudgedScans, load};
use crate::alert::AlertKind;
use crate::config::{Folder, Settings};
use crate::daemon::policy::Policy;
use crate::daemon::runtime::{Clock, report_alerts, unreadable_files};
use crate::lint::Finding;
use crate::model::reason;
use crate::store::{Store, StoreError};

/// The source of the alerts about the folder.
const SOURCE: &str = "scans";

/// The scan results, with everything that changes them.
pub(in crate::daemon) struct Scans {
    settings: Arc<Settings>,
    store: Arc<Store>,
    clock: Arc<Clock>,
    policy: Arc<Policy>,
    judged: Mutex<JudgedScans>,
}

impl Scans {
    pub(in crate::daemon) fn new(
        settings: Arc<Settings>,
        store: Arc<Store>,
        clock: Arc<Clock>,
        policy: Arc<Policy>,
    ) -> Result<Self, StoreError> {
        let judged = load(&settings, &store)?;
        policy.scanned(Arc::clone(&judged.results));
        Ok(Self { settings, store, clock, policy, judged: Mutex::new(judged) })
    }

    /// Judges a folder, makes its results the current ones, and keeps them. Returns false if they could not be kept.
    pub(in crate::daemon) fn take(&self, folder: Folder) -> bool {
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        let next = judged.judge(&self.settings.evidence, folder);
        if next.results != judged.results {
            self.policy.scanned(Arc::clone(&next.results));
            info!(results = next.results.count(), "scan results are active");
        }
        next.findings.iter().for_each(|finding| warn!(%finding, "scan result"));
        let kept = self.store.keep_scans(next.sources(), self.clock.now());
        if let Err(error) = &kept {
            error!(reason = %reason(error), "scan results could not be stored; they are in effect");
        }
        report(&self.store, &self.clock, &next.findings);
        *judged = next;
        kept.is_ok()
    }
}

/// Raises or resolves the alert about files that cannot be read.
fn report(store: &Store, clock: &Clock, findings: &[Finding]) {
    let unreadable = unreadable_files(AlertKind::EvidenceUnreadable, "evidence", findings);
    report_alerts(store, clock, SOURCE, unreadable.into_iter().collect::<Vec<_>>());
}

impl fmt::Debug for Scans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scans").finish_non_exhaustive()
    }
}
