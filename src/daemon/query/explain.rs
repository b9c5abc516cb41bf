use super::entry::{Unapplied, explained, ownership_of};
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
    let mut not_applied = Unapplied::read(snapshot, name)?;
    let explain = |entry| explained(snapshot, policy, (name, &mut not_applied), entry);
    let entries: Result<Vec<VersionExplanation>, StoreError> = entries.map(explain).collect();
    let quarantined = evaluation.quarantined.iter();
    let quarantined = quarantined.filter(|(row, _)| is_wanted(&row.version));
    let quarantined =
        quarantined.map(|(row, outcome)| VersionExplanation::of_quarantined(row, outcome));
    let versions: Vec<VersionExplanation> = entries?.into_iter().chain(quarantined).collect();
    let ownership = ownership_of(&dossier, policy);
    let not_applied: Vec<_> =
        not_applied.0.into_iter().filter(|change| is_wanted(&change.version)).collect();
    let is_known = !versions.is_empty() || !not_applied.is_empty();
    let explanation = Explanation { name: name.to_string(), versions, ownership, not_applied };
    Ok(is_known.then_some(explanation))
}
