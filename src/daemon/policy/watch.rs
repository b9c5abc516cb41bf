use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify_debouncer_full::notify::{RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::current::{CurrentPolicy, Policy};
use super::overlays::{LoadedOverlays, load_overlays, starter_warning};
use crate::alert::{AlertKind, Evidence, ReportedAlert};
use crate::config::{Settings, read_overlays};
use crate::daemon::runtime::{Clock, blocking, report_alerts};
use crate::lint::{Finding, Severity};
use crate::model::{Escaped, reason};
use crate::store::Store;

/// The source of alerts about overlays.
const OVERLAYS: &str = "overlays";

/// An editor writes a file in several steps, and a half-written file may be a valid but different
/// policy: a set is enforced only when two readings, this far apart, are equal.
const SETTLE: Duration = Duration::from_millis(150);
const SETTLED_WITHIN: u32 = 20;
/// Network file systems and mounted secrets do not notify of changes, and a watch does not follow a
/// folder that was replaced. A denial has to take effect there too.
const LOOK_ANYWAY: Duration = Duration::from_secs(1);

/// Enforces changed overlays soon after they are written.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct Watcher {
    pub(in crate::daemon) settings: Arc<Settings>,
    pub(in crate::daemon) store: Arc<Store>,
    pub(in crate::daemon) clock: Arc<Clock>,
    pub(in crate::daemon) policy: Arc<Policy>,
}

impl Watcher {
    /// Watches the folder until `stop`.
    pub(in crate::daemon) async fn watch(self, stop: CancellationToken) {
        let folder = self.settings.overlays.clone();
        // The receiver outlives every watcher, so sending cannot fail.
        let (sender, mut changed) = watch::channel(());
        let (mut notifier, mut is_tried) = (None, false);
        loop {
            // The folder may have been replaced by another one.
            if !folder.is_dir() {
                drop(notifier.take());
                is_tried = false;
            } else if !is_tried {
                notifier = notifier_of(&folder, &sender);
                is_tried = true;
            }
            tokio::select! {
                Ok(()) = changed.changed() => {}
                () = tokio::time::sleep(LOOK_ANYWAY) => {}
                () = stop.cancelled() => return,
            }
            let this = self.clone();
            if blocking(move || this.is_outdated()).await {
                settled(&folder).await;
                let this = self.clone();
                blocking(move || this.look()).await;
            }
        }
    }
}

/// Waits until two readings of the folder are the same, or gives up after some seconds: a file that
/// is written to all the time must not delay a denial.
async fn settled(folder: &Path) {
    let read = async || {
        let folder = folder.to_owned();
        blocking(move || read_overlays(&folder)).await
    };
    let mut before = read().await;
    for _ in 0..SETTLED_WITHIN {
        tokio::time::sleep(SETTLE).await;
        let now = read().await;
        if now == before {
            return;
        }
        before = now;
    }
}

type Notifier = Debouncer<RecommendedWatcher, RecommendedCache>;

fn notifier_of(folder: &Path, changed: &watch::Sender<()>) -> Option<Notifier> {
    let notify = changed.clone();
    let handle = move |events: DebounceEventResult| {
        // Reading the folder is an event too.
        if events.map_or(true, |events| events.iter().any(|event| !event.kind.is_access())) {
            notify.send_replace(());
        }
    };
    let watcher = new_debouncer(SETTLE, None, handle);
    let watch = |mut watcher: Notifier| {
        // The folder, not its files: after an atomic replacement a watch on a file reports nothing.
        watcher.watch(PathBuf::from(folder), RecursiveMode::Recursive)?;
        Ok(watcher)
    };
    match watcher.and_then(watch) {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            let seconds = LOOK_ANYWAY.as_secs();
            warn!(folder = %Escaped(&folder.to_string_lossy()), %error, seconds, "the overlay folder cannot be watched; it is read at this interval instead");
            None
        }
    }
}

impl Watcher {
    /// Returns true if the folder or the upstream ids may have changed since the current policy.
    fn is_outdated(&self) -> bool {
        let before = self.policy.current();
        before.overlays.is_outdated(&self.settings, &upstream_ids(&before))
    }

    /// Reads the folder again if it may have changed, and enforces it. If the store cannot keep the
    /// new set, the old one stays current until the next attempt.
    fn look(&self) {
        let Self { settings, store, clock, policy } = self;
        let before = policy.current();
        let ids = upstream_ids(&before);
        if !before.overlays.is_outdated(settings, &ids) {
            return;
        }
        let next = match load_overlays(settings, Some(&ids), Some(store), clock.now(), true) {
            Ok(Ok(next)) => next,
            Ok(Err(findings)) => LoadedOverlays::nothing(findings),
            Err(error) => {
                let reason = reason(&error);
                warn!(%reason, "changed overlays cannot be stored; the previous ones stay active");
                return;
            }
        };
        if next.differs_from(&before.overlays) {
            report_overlays(store, clock, &next);
            policy.enforce(next);
        }
    }
}

fn upstream_ids(current_policy: &CurrentPolicy) -> Vec<String> {
    current_policy.snapshot.upstreams.iter().map(|upstream| upstream.id.clone()).collect()
}

/// Logs the state of the folder, and raises or resolves its alerts; once for each change.
pub(in crate::daemon) fn report_overlays(store: &Store, clock: &Clock, overlays: &LoadedOverlays) {
    for finding in &overlays.findings {
        warn!(%finding, "overlay");
    }
    report_alerts(store, clock, OVERLAYS, of_overlays(overlays));
    let rules = overlays.set.rules().len();
    if !overlays.refused {
        info!(rules, "overlays are active");
    }
}

/// Returns the alerts to raise about the current overlays.
fn of_overlays(overlays: &LoadedOverlays) -> Vec<ReportedAlert> {
    let text = |finding: &Finding| Evidence::from(finding.to_string());
    let refused = overlays.refused.then(|| {
        let findings = overlays.findings.iter();
        let errors = findings.filter(|finding| finding.severity == Severity::Error);
        ReportedAlert::new(AlertKind::OverlaysRefused, "overlays", errors.map(text))
    });
    let starter = starter_warning(&overlays.set)
        .map(|finding| ReportedAlert::new(AlertKind::StarterActive, "overlays", [text(&finding)]));
    refused.into_iter().chain(starter).collect()
}
