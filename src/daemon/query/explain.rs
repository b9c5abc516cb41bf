use super::entry::ownership_of;
use crate::curation::{
    Explanation, PolicySnapshot, UnappliedChange, UnappliedState, VersionExplanation, evaluate,
};
use crate::daemon::screening::Screenings;
use crate::model::{Name, Timestamp};
use crate::store::{Snapshot, StoreError};
use crate::sync::DiscardedChange;

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
    let mut not_applied = not_applied(snapshot, name)?;
    not_applied.retain(|change| is_wanted(&change.version));
    let is_known = !versions.is_empty() || !not_applied.is_empty();
    let explanation = Explanation { name: name.to_string(), versions, ownership, not_applied };
    Ok(is_known.then_some(explanation))
}

/// Returns the changes of a name that wait for a person, and those that a person discarded.
fn not_applied(snapshot: &Snapshot, name: &Name) -> Result<Vec<UnappliedChange>, StoreError> {
    let mut found = Vec::new();
    for upstream in snapshot.upstreams()? {
        let on_hold = snapshot.changes_on_hold(&upstream)?.into_iter();
        found.extend(on_hold.filter(|change| change.name == name.as_str()).map(|change| {
            UnappliedChange {
                upstream: upstream.clone(),
                version: change.version,
                says: Some(change.effect.to_string()),
                state: UnappliedState::OnHold,
            }
        }));
        let discarded = snapshot.discarded(&upstream, Some(name.as_str()))?;
        if discarded.is_empty() {
            continue;
        }
        let history = snapshot.hold_history(&upstream)?;
        found.extend(discarded.into_iter().map(|DiscardedChange { version, note, .. }| {
            let at = note.as_ref().map(|note| note.at);
            let decided = at.and_then(|at| history.discarded_at(at));
            let (by, reason) = (
                decided.map(|decided| decided.by.clone()),
                decided.map(|decided| decided.reason.clone()),
            );
            UnappliedChange {
                upstream: upstream.clone(),
                version,
                says: note.map(|note| note.effect.to_string()),
                state: UnappliedState::Discarded { at, by, reason },
            }
        }));
    }
    Ok(found)
}
