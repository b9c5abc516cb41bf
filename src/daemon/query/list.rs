use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::curation::{
    Dossier, EntryEvaluation, EntryState, Gate, PolicySnapshot, QuarantinedFacts, Screening,
    evaluate,
};
use crate::daemon::screening::Screenings;
use crate::model::{Name, Timestamp};
use crate::store::{Snapshot, StoreError};

/// One line of `vidimus list`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    pub name: String,
    pub version: String,
    pub upstream: String,
    pub served: bool,
    pub state: EntryState,
    /// The description of the entry by the first gate that fails.
    pub hidden_by: Option<String>,
    pub tier: Option<u8>,
    pub classification: Option<String>,
    pub owner: Option<String>,
    /// The verdict on the namespace, when there is a definite one.
    #[serde(default)]
    pub ownership: Option<String>,
    pub expires: Option<Timestamp>,
}

/// Evaluates every entry; lists only served entries unless `all` is set.
///
/// # Errors
/// When the store cannot be read.
pub fn list(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    screenings: &Screenings,
    now: Timestamp,
    all: bool,
) -> Result<Vec<Listed>, StoreError> {
    let names: BTreeSet<Name> = snapshot.names()?;
    let mut lines = Vec::new();
    for name in names {
        let rules = policy.overlays.rules_for(&name);
        if rules.is_silent() && !all {
            continue;
        }
        let dossier = snapshot.dossier(&name, policy)?;
        let screening = screening_of(&dossier, snapshot, policy, screenings, now)?;
        let evaluation = evaluate(&dossier, policy, &screening, now);
        let entries = evaluation.entries.iter().map(|entry| Listed::new(&name, entry));
        lines.extend(entries.filter(|line| all || line.served));
        if all {
            let refused = evaluation.quarantined.iter();
            lines.extend(refused.map(|(row, _)| Listed::of_quarantined(&name, row)));
        }
    }
    Ok(lines)
}

/// Returns the screening for one name. A comparison is only made where an approval could depend on it.
pub(super) fn screening_of<'s>(
    dossier: &Dossier,
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    screenings: &'s Screenings,
    now: Timestamp,
) -> Result<Cow<'s, Screening>, StoreError> {
    if policy.overlays.rules_for(&dossier.name).may_admit_unseen() {
        screenings.of(snapshot, policy, dossier, now)
    } else {
        Ok(screenings.without_comparing(policy))
    }
}

impl Listed {
    fn new(name: &Name, entry: &EntryEvaluation<'_>) -> Self {
        let rules = &entry.rules;
        Self {
            name: name.to_string(),
            version: entry.row.version.to_string(),
            upstream: entry.row.upstream.to_string(),
            served: entry.is_served(),
            state: EntryState::of(entry),
            hidden_by: entry.hidden_by().map(|(gate, _)| gate.failing().to_owned()),
            tier: rules.tier,
            classification: rules.classification.map(|classification| classification.to_string()),
            owner: rules.owner.map(str::to_owned),
            ownership: entry.ownership.word().map(str::to_owned),
            expires: entry.expires.filter(|_| entry.is_served()),
        }
    }

    fn of_quarantined(name: &Name, row: &QuarantinedFacts) -> Self {
        Self {
            name: name.to_string(),
            version: row.version.clone(),
            upstream: row.upstream.clone(),
            served: false,
            state: EntryState::Quarantined,
            hidden_by: Some(Gate::WellFormed.failing().to_owned()),
            tier: None,
            classification: None,
            owner: None,
            ownership: None,
            expires: None,
        }
    }
}
