use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::curation::{
    Dossier, EntryEvaluation, EntryState, Gate, PolicySnapshot, QuarantinedFacts, Screening,
    UpstreamStatus, evaluate,
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
    /// True if a package does not name one content.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub floating: bool,
    /// When the first of its approval, a waiver, an allowed URL and the time for a deprecated entry ends.
    pub expires: Option<Timestamp>,
    /// The status that the upstream gives to it, if it is not active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_status: Option<UpstreamStatus>,
    /// The server to use instead, as a rule says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<String>,
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
        for entry in evaluation.entries.iter().filter(|entry| all || entry.is_served()) {
            let upstream_status = snapshot.upstream_status(&name, entry.row)?;
            lines.push(Listed { upstream_status, ..Listed::new(&name, entry, now) });
        }
        if all {
            let refused = evaluation.quarantined.iter();
            lines.extend(refused.map(|(row, _)| Listed::of_quarantined(&name, row)));
        }
    }
    Ok(lines)
}

/// Returns the screening for one name. A comparison is only made where an answer could depend on it: an entry that was
/// not compared is withheld, if anything that is found about it could withhold it.
pub(super) fn screening_of<'s>(
    dossier: &Dossier,
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    screenings: &'s Screenings,
    now: Timestamp,
) -> Result<Cow<'s, Screening>, StoreError> {
    let uncompared = screenings.without_comparing(policy);
    let is_decided = matches!(screenings, Screenings::Kept(_))
        || !policy.overlays.rules_for(&dossier.name).may_admit_unseen()
        || !evaluate(dossier, policy, &uncompared, now).is_withheld();
    if is_decided { Ok(uncompared) } else { screenings.of(snapshot, policy, dossier, now) }
}

impl Listed {
    fn new(name: &Name, entry: &EntryEvaluation<'_>, now: Timestamp) -> Self {
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
            floating: entry.packages.iter().any(|package| package.floating.is_some()),
            expires: entry.ends(now).filter(|_| entry.is_served()),
            upstream_status: None,
            successor: rules.successor.map(ToString::to_string),
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
            floating: false,
            expires: None,
            upstream_status: None,
            successor: None,
        }
    }
}
