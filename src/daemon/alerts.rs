pub(super) use super::runtime::observe;
use super::{InForce, overlays::starter_warning};
use crate::alert::Observation;
use crate::lint::Finding;

/// Where alerts about overlays come from.
pub(super) const OVERLAYS: &str = "overlays";
/// Where alerts about single names come from.
pub(super) const NAMES: &str = "names";

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
