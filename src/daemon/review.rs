use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::content::Content;
use super::doubts::Doubts;
use super::publisher::undamaged;
use super::speakers::speakers_of;
use super::tenure::tenure_of;
use crate::curation::{
    Case, Decision, Explanation, Policy, Row, Speakers, Suspicion, Tenure, Title, decide, explain,
    explain_quarantined,
};
use crate::model::{Instant, Name};
use crate::overlay::About;
use crate::store::{QuarantinedRow, Snapshot, StoreError, StoredHead};

/// One line of `vidimus list`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    pub name: String,
    pub version: String,
    pub upstream: String,
    pub served: bool,
    /// What the first gate that fails says.
    pub hidden_by: Option<String>,
    pub tier: Option<u8>,
    pub classification: Option<String>,
    pub owner: Option<String>,
    /// The verdict on who owns the name, when there is a definite one.
    #[serde(default)]
    pub ownership: Option<String>,
    pub expires: Option<Instant>,
}

/// One row in quarantine.
#[derive(Debug, Serialize, Deserialize)]
pub struct QuarantineReport {
    pub upstream: String,
    pub name: String,
    pub version: String,
    pub reason: String,
    pub bytes: u64,
}

/// Every entry with its decision; those that are served only, unless `all` are asked for.
///
/// # Errors
/// When the store cannot be read, as for every function here.
pub fn list(
    snapshot: &Snapshot,
    policy: &Policy<'_>,
    doubts: &Doubts,
    all: bool,
) -> Result<Vec<Listed>, StoreError> {
    let mut by_name: BTreeMap<Name, Vec<StoredHead>> = BTreeMap::new();
    for stored in undamaged(snapshot.heads()?) {
        let stored = stored?;
        by_name.entry(stored.name.clone()).or_default().push(stored);
    }
    let mut lines = Vec::new();
    for (name, heads) in &by_name {
        let about = policy.about(name);
        if about.is_silent() && !all {
            continue;
        }
        let served_from = snapshot.served_from(name)?;
        let speakers = speakers_of(snapshot, policy, name, heads, served_from.as_deref())?;
        let tenure = tenure_of(snapshot, policy, name, heads)?;
        let suspected = doubts.if_unnamed(snapshot, policy, name, heads)?;
        for stored in heads {
            let about = (&about, suspected.of(&stored.version));
            let line = listed(snapshot, stored, policy, about, &speakers, &tenure)?;
            if all || line.served {
                lines.push(line);
            }
        }
    }
    Ok(lines)
}

fn listed(
    snapshot: &Snapshot,
    stored: &StoredHead,
    policy: &Policy<'_>,
    (about, suspicion): (&About<'_>, Option<&Suspicion>),
    speakers: &Speakers<'_>,
    tenure: &Tenure,
) -> Result<Listed, StoreError> {
    let standing = about.standing(&stored.version, &stored.upstream);
    let content = Content::of(snapshot, stored, &standing)?;
    let row = Row {
        name: &stored.name,
        upstream: &stored.upstream,
        version: &stored.version,
        head: &content.head,
        standing: &standing,
        tenure,
        suspicion,
    };
    let case = policy.case(speakers, row);
    let ownership = case.owned().word().map(str::to_owned);
    let decision = match decide(&case) {
        Decision::Serve { .. } => {
            let flaw = content.flaw(snapshot, stored)?;
            decide(&Case { flaw: flaw.as_ref(), ..case })
        }
        hidden @ Decision::Hide(_) => hidden,
    };
    let (served, hidden_by, expires) = match decision {
        Decision::Serve { until } => (true, None, Some(until)),
        Decision::Hide(gate) => (false, Some(gate.failing().to_owned()), None),
    };
    Ok(Listed {
        name: stored.name.to_string(),
        version: stored.version.to_string(),
        upstream: stored.upstream.clone(),
        served,
        hidden_by,
        tier: standing.tier,
        classification: standing.classification.map(|it| it.to_string()),
        owner: standing.owner.map(str::to_owned),
        ownership,
        expires,
    })
}

/// Every gate for every version of a name; `None` when no upstream has it.
pub fn explain_name(
    snapshot: &Snapshot,
    policy: &Policy<'_>,
    doubts: &Doubts,
    name: &Name,
    version: Option<&str>,
) -> Result<Option<Explanation>, StoreError> {
    let wanted = |found: &str| version.is_none_or(|version| version == found);
    let about = policy.about(name);
    let mut versions = Vec::new();
    let heads = snapshot.heads_of(name)?;
    let served_from = snapshot.served_from(name)?;
    let speakers = speakers_of(snapshot, policy, name, &heads, served_from.as_deref())?;
    let tenure = tenure_of(snapshot, policy, name, &heads)?;
    let suspected = doubts.about(snapshot, policy, name, &heads)?;
    for stored in &heads {
        if wanted(stored.version.as_str()) {
            let standing = about.standing(&stored.version, &stored.upstream);
            let content = Content::of(snapshot, stored, &standing)?;
            let head = &content.head;
            let row = Row {
                name,
                upstream: &stored.upstream,
                version: &stored.version,
                head,
                standing: &standing,
                tenure: &tenure,
                suspicion: suspected.of(&stored.version),
            };
            let case = policy.case(&speakers, row);
            let flaw = content.flaw(snapshot, stored)?;
            let case = Case { flaw: flaw.as_ref(), ..case };
            let mut explained = explain(&stored.version, &stored.upstream, &case);
            explained.views = policy.views_of(name, &stored.upstream, &case);
            if content.adopted.is_none()
                && let Some(other) = snapshot.others(stored)?.pop()
            {
                explained.rewritten = Some(other.head.received.to_string());
            }
            versions.push(explained);
        }
    }
    for quarantined in snapshot.quarantined_of(name)? {
        if wanted(&quarantined.row.version) {
            versions.push(explain_quarantined(&quarantined.row, &quarantined.upstream));
        }
    }
    let ownership =
        policy.ownership.enabled.then(|| Title::new(name.namespace(), &tenure, policy.overlays));
    Ok((!versions.is_empty()).then(|| Explanation::new(name, versions, ownership)))
}

pub fn quarantine(snapshot: &Snapshot) -> Result<Vec<QuarantineReport>, StoreError> {
    let report = |quarantined: QuarantinedRow| QuarantineReport {
        upstream: quarantined.upstream,
        name: quarantined.row.name,
        version: quarantined.row.version,
        reason: quarantined.row.reason,
        bytes: quarantined.row.item.len() as u64,
    };
    snapshot.quarantined()?.map(|row| row.map(report)).collect()
}

/// Every name there is; `None` before a first complete walk, when nobody can know.
pub fn known_names(snapshot: &Snapshot) -> Result<Option<BTreeSet<Name>>, StoreError> {
    let mut walked = false;
    for upstream in snapshot.upstreams()? {
        walked |= snapshot.upstream(&upstream)?.last_complete_walk.is_some();
    }
    if !walked {
        return Ok(None);
    }
    undamaged(snapshot.heads()?).map(|stored| Ok(stored?.name)).collect::<Result<_, _>>().map(Some)
}
