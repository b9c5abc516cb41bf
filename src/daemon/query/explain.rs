use super::entry::ownership_of;
use crate::curation::{Explanation, PolicySnapshot, VersionExplanation, evaluate};
use crate::daemon::screening::Screenings;
use crate::model::{Name, Timestamp};
use crate::store::{Snapshot, StoreError};

/// Explains every gate for every version of a name; returns `None` when no upstream has it.
///
/// # Errors
/// When the store cannot be read.
pub fn explain_name(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    screenings: &Screenings,
    now: Timestamp,
    name: &Name,
    version: Option<&str>,
) -> Result<Option<Explanation>, StoreError> {
    let is_wanted = |found: &str| version.is_none_or(|version| version == found);
    let dossier = snapshot.dossier(name, policy)?;
    let screening = screenings.of(snapshot, policy, &dossier, now)?;
    let evaluation = evaluate(&dossier, policy, &screening, now);
    let entries = evaluation.entries.iter();
    let entries = entries.filter(|entry| is_wanted(entry.row.version.as_str()));
    let explain = |entry| {
        let explained = VersionExplanation::new(entry, policy);
        let upstream_status = snapshot.upstream_status(name, entry.row)?;
        Ok(VersionExplanation { upstream_status, ..explained })
    };
    let entries: Result<Vec<VersionExplanation>, StoreError> = entries.map(explain).collect();
    let quarantined = evaluation.quarantined.iter();
    let quarantined = quarantined.filter(|(row, _)| is_wanted(&row.version));
    let quarantined =
        quarantined.map(|(row, outcome)| VersionExplanation::of_quarantined(row, outcome));
    let versions: Vec<VersionExplanation> = entries?.into_iter().chain(quarantined).collect();
    let ownership = ownership_of(&dossier, policy);
    let explanation = Explanation { name: name.to_string(), versions, ownership };
    Ok((!explanation.versions.is_empty()).then_some(explanation))
}
