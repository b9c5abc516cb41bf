use tracing::{error, info, warn};

use super::pass::reason;
use super::{Clock, InForce, overlays::starter_warning};
use crate::alert::{Alert, Observation};
use crate::lint::Finding;
use crate::model::Escaped;
use crate::store::Store;

/// Where alerts about overlays, and about upstream files, come from.
pub(super) const OVERLAYS: &str = "overlays";
pub(super) const UPSTREAMS: &str = "upstreams";
/// Where alerts about damage come from.
pub(super) const STORE: &str = "store";

/// Takes note of all that a source sees now, and tells what is new. A store that cannot take it
/// is told of too: the next look tries again.
pub(super) fn observe(store: &Store, clock: &Clock, source: &str, seen: Vec<Observation>) {
    match store.observe(source, seen, clock.now()) {
        Ok(changed) => changed.iter().for_each(tell),
        Err(failure) => error!(source, reason = %reason(&failure), "alerts could not be stored"),
    }
}

fn tell(alert: &Alert) {
    let Alert { id, kind, count, .. } = alert;
    let (subject, detail) = (Escaped(&alert.subject), Escaped(&alert.detail));
    if alert.is_over() {
        info!(alert = kind, id, %subject, "an alert is over");
    } else {
        warn!(alert = kind, id, %subject, count, %detail, "an alert was raised");
    }
}

/// What there is to say of the overlays in force.
pub(super) fn of_overlays(in_force: &InForce) -> Vec<Observation> {
    let refused = in_force.refused.then(|| {
        let first = in_force.findings.iter().find(|it| it.severity == crate::lint::Severity::Error);
        let finding = first.map(Finding::to_string).unwrap_or_default();
        let detail =
            format!("the last good set stays in force, with the denials on top; {finding}");
        Observation::new("overlays-refused", "overlays", detail)
    });
    let starter = starter_warning(in_force)
        .map(|finding| Observation::new("starter-in-force", "overlays", finding.to_string()));
    refused.into_iter().chain(starter).collect()
}

/// What there is to say of upstream files that are refused.
pub(super) fn of_upstreams(findings: &[Finding]) -> Vec<Observation> {
    let refused = findings.iter().find(|it| it.severity == crate::lint::Severity::Error);
    let observation = refused.map(|finding| {
        let detail = format!("the last good upstreams stay in force; {finding}");
        Observation::new("upstreams-refused", "upstreams", detail)
    });
    observation.into_iter().collect()
}
