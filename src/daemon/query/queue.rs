use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::list::screening_of;
use crate::curation::{EntryState, PolicySnapshot, Waiting, WaitingKind, evaluate};
use crate::daemon::screening::Screenings;
use crate::model::{Name, Timestamp};
use crate::store::{Snapshot, StoreError};

/// Items that one answer lists; the filters show the others.
const MAX_ITEMS: usize = 1_000;

/// The servers that wait for a reviewer, the most urgent first.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReviewQueue {
    /// The time at which it was computed; ages count to it.
    pub as_of: Timestamp,
    pub items: Vec<QueueItem>,
    /// The number of items, also of those that are not listed.
    pub total: u64,
}

/// The versions of one server that wait for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueItem {
    pub kind: WaitingKind,
    pub name: String,
    /// The greatest of these versions.
    pub version: String,
    pub upstream: String,
    /// The number of these versions.
    pub versions: u64,
    pub state: EntryState,
    /// The time at which the first of them was first seen.
    pub since: Timestamp,
    /// The first moment at which one of them ends to be served, or begins to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<u8>,
    /// The reason in words, of the greatest version.
    pub reason: String,
}

/// The part of the queue that a person asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueFilter {
    /// The time within which something ends.
    pub expiring: Duration,
    pub owner: Option<String>,
    pub tier: Option<u8>,
    pub kind: Option<WaitingKind>,
}

/// Evaluates every name that rules mention, and returns what waits for a reviewer.
///
/// # Errors
/// When the store cannot be read.
pub fn review_queue(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    screenings: &Screenings,
    now: Timestamp,
    filter: &QueueFilter,
) -> Result<ReviewQueue, StoreError> {
    let mut items = Vec::new();
    for name in snapshot.names()? {
        if policy.overlays.rules_for(&name).is_silent() {
            continue;
        }
        let dossier = snapshot.dossier(&name, policy)?;
        let screening = screening_of(&dossier, snapshot, policy, screenings, now)?;
        let evaluation = evaluate(&dossier, policy, &screening, now);
        let waiting = evaluation.waiting(filter.expiring, now);
        items.extend(grouped(&name, &waiting).into_iter().filter(|item| filter.admits(item)));
    }
    items.sort_by(|left: &QueueItem, right| left.order().cmp(&right.order()));
    let total = items.len() as u64;
    items.truncate(MAX_ITEMS);
    Ok(ReviewQueue { as_of: now, items, total })
}

/// Returns one item for each reason for which versions of a name wait.
fn grouped(name: &Name, waiting: &[Waiting<'_, '_>]) -> Vec<QueueItem> {
    let mut items: BTreeMap<WaitingKind, QueueItem> = BTreeMap::new();
    // The greatest version comes first.
    for version in waiting {
        let item = items.entry(version.kind).or_insert_with(|| QueueItem::of(name, version));
        item.versions += 1;
        item.since = item.since.min(version.entry.head.first_seen);
        item.until = item.until.into_iter().chain(version.until).min();
    }
    items.into_values().collect()
}

impl QueueItem {
    /// Returns the item of a version that is not counted yet.
    fn of(name: &Name, waiting: &Waiting<'_, '_>) -> Self {
        let entry = waiting.entry;
        Self {
            kind: waiting.kind,
            name: name.to_string(),
            version: entry.row.version.to_string(),
            upstream: entry.row.upstream.to_string(),
            versions: 0,
            state: waiting.state(),
            since: entry.head.first_seen,
            until: waiting.until,
            owner: waiting.owner.map(str::to_owned),
            tier: waiting.tier,
            reason: match (waiting.until, entry.hidden_by()) {
                (_, Some((gate, evidence))) => format!("{gate}: {evidence}"),
                (Some(until), None) => format!("it is served until {until}"),
                (None, None) => "the upstream sends other content now".to_owned(),
            },
        }
    }

    /// Returns the order in the queue: by kind, then what ends first, then the lower tier, then what waits longest.
    fn order(&self) -> impl Ord + '_ {
        let until = (self.until.is_none(), self.until);
        (self.kind, until, self.tier.unwrap_or(u8::MAX), self.since, &self.name)
    }
}

impl QueueFilter {
    fn admits(&self, item: &QueueItem) -> bool {
        self.owner.as_ref().is_none_or(|owner| item.owner.as_ref() == Some(owner))
            && self.tier.is_none_or(|tier| item.tier == Some(tier))
            && self.kind.is_none_or(|kind| item.kind == kind)
    }
}
