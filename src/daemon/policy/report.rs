use std::path::Path;

use tracing::{info, warn};

use super::overlays::{LoadedOverlays, starter_warning};
use crate::alert::{AlertKind, Evidence, Figure, ReportedAlert};
use crate::daemon::runtime::{Clock, report_alerts};
use crate::lint::{Finding, Severity};
use crate::model::Escaped;
use crate::store::Store;

/// The source of alerts about overlays.
const OVERLAYS: &str = "overlays";
/// The source of alerts about the folder itself.
const FOLDER: &str = "overlay-folder";

/// Logs the state of the folder, and raises or resolves its alerts; once for each change.
pub(in crate::daemon) fn report_overlays(store: &Store, clock: &Clock, overlays: &LoadedOverlays) {
    for finding in overlays.findings.iter().chain(&overlays.ended) {
        warn!(%finding, "overlay");
    }
    report_alerts(store, clock, OVERLAYS, of_overlays(overlays));
    let rules = overlays.set.rules().len();
    if !overlays.refused {
        info!(rules, "overlays are active");
    }
}

/// Raises or resolves the alerts about a folder that takes too long to read, of which a part could not be looked at, or of
/// whose changes the system does not notify.
pub(super) fn report_folder(
    store: &Store,
    clock: &Clock,
    folder: &Path,
    is_late: bool,
    unread: &[Finding],
    unwatched: Option<&str>,
) {
    let folder = folder.to_string_lossy();
    if is_late {
        warn!(folder = %Escaped(&folder), "the overlay folder could not be read in time");
    }
    for finding in unread {
        warn!(%finding, "overlay");
    }
    let items = unread.iter().map(|finding| Evidence::from(finding.to_string()));
    let is_unread = is_late || !unread.is_empty();
    let alert = is_unread.then(|| ReportedAlert::new(AlertKind::OverlaysUnread, &*folder, items));
    let unwatched = unwatched.map(|why| {
        warn!(folder = %Escaped(&folder), why = %Escaped(why), "the overlay folder cannot be watched; it is looked at every `overlays_poll` instead");
        let alert = ReportedAlert::new(AlertKind::OverlaysUnwatched, &*folder, []);
        ReportedAlert { figures: vec![Figure::Reason { text: why.to_owned() }], ..alert }
    });
    report_alerts(store, clock, FOLDER, alert.into_iter().chain(unwatched).collect::<Vec<_>>());
}

/// Returns the alerts to raise about the current overlays.
fn of_overlays(overlays: &LoadedOverlays) -> Vec<ReportedAlert> {
    let text = |finding: &Finding| Evidence::from(finding.to_string());
    let refused = overlays.refused.then(|| {
        let findings = overlays.findings.iter();
        let errors = findings.filter(|finding| finding.severity == Severity::Error);
        ReportedAlert::new(AlertKind::OverlaysRefused, "overlays", errors.map(text))
    });
    let ended = (!overlays.ended.is_empty()).then(|| {
        let items = overlays.ended.iter().map(text);
        ReportedAlert::new(AlertKind::ApprovalsEnded, "overlays", items)
    });
    let starter = starter_warning(&overlays.set)
        .map(|finding| ReportedAlert::new(AlertKind::StarterActive, "overlays", [text(&finding)]));
    refused.into_iter().chain(ended).chain(starter).collect()
}
