use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::{Digest, Timestamp};
use crate::store::{Snapshot, StoreError};
use crate::sync::{
    ChangeOnHold, ChangeSet, DecisionRecord, DiscardedChange, ExceededLimit, HoldDecision,
    NotDecided, short_id, shown,
};

/// The change set of an upstream that is on hold, with all its changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HoldReport {
    pub upstream: String,
    /// The first digits of the digest, enough to type.
    pub id: String,
    /// The digest that `--seen` requires.
    pub shown: Digest,
    /// The name to which the report is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    pub since: Timestamp,
    pub exceeded: Vec<ExceededLimit>,
    pub changes: Vec<ListedChange>,
    #[serde(flatten)]
    pub before: Decided,
}

/// The earlier decisions about change sets of an upstream, and what is still discarded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decided {
    /// The newest last.
    pub decisions: Vec<DecisionRecord>,
    /// The changes that upstream sends and that a person discarded.
    #[serde(default)]
    pub discarded: Vec<DiscardedChange>,
}

/// A change on hold, beside the stored entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedChange {
    #[serde(flatten)]
    pub change: ChangeOnHold,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<StoredContent>,
}

/// The content and status of an entry, as they are stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredContent {
    pub content: Digest,
    pub status: String,
}

impl HoldReport {
    /// Returns the command that decides about exactly what is listed.
    #[must_use]
    pub fn command(&self, decision: HoldDecision) -> String {
        let Self { upstream, id, shown, only, .. } = self;
        let only = only.as_ref().map_or(String::new(), |name| format!(" --only {name}"));
        let word = decision.word();
        format!("vidimus sync --{word} {upstream}@{id}{only} --seen {shown} --by WHO --reason TEXT")
    }
}

/// Returns the change set on hold, or its changes to one name; `None` if there are none.
///
/// # Errors
/// When the store cannot be read.
pub fn change_set_on_hold(
    snapshot: &Snapshot,
    upstream: &str,
    only: Option<&str>,
) -> Result<Option<HoldReport>, StoreError> {
    let mut changes = snapshot.changes_on_hold(upstream)?;
    changes.retain(|change| only.is_none_or(|only| change.name == only));
    let Some(ChangeSet { since, exceeded, .. }) = snapshot.upstream(upstream)?.on_hold else {
        return Ok(None);
    };
    if changes.is_empty() {
        return Ok(None);
    }
    let shown = shown(upstream, &changes);
    let changes: Result<Vec<ListedChange>, StoreError> =
        changes.into_iter().map(|change| listed(snapshot, upstream, change)).collect();
    Ok(Some(HoldReport {
        upstream: upstream.to_owned(),
        id: short_id(shown),
        shown,
        only: only.map(str::to_owned),
        since,
        exceeded,
        changes: changes?,
        before: Decided::read(snapshot, upstream, only)?,
    }))
}

impl Decided {
    fn read(snapshot: &Snapshot, upstream: &str, only: Option<&str>) -> Result<Self, StoreError> {
        let decisions = snapshot.hold_history(upstream)?.decisions;
        let mut discarded = snapshot.discarded(upstream)?;
        discarded.retain(|change| only.is_none_or(|only| change.name == only));
        Ok(Self { decisions, discarded })
    }
}

/// Returns what was decided about an upstream; the reason if it is neither among the defined ones nor in the store.
///
/// # Errors
/// When the store cannot be read.
pub fn decided_before(
    snapshot: &Snapshot,
    defined: impl IntoIterator<Item = String>,
    upstream: &str,
) -> Result<Result<Decided, NotDecided>, StoreError> {
    let known: BTreeSet<String> = snapshot.upstreams()?.into_iter().chain(defined).collect();
    if !known.contains(upstream) {
        let (upstream, known) = (upstream.to_owned(), known.into_iter().collect());
        return Ok(Err(NotDecided::NoUpstream { upstream, known }));
    }
    Decided::read(snapshot, upstream, None).map(Ok)
}

fn listed(
    snapshot: &Snapshot,
    upstream: &str,
    change: ChangeOnHold,
) -> Result<ListedChange, StoreError> {
    let head = match snapshot.head(upstream, &change.name, &change.version) {
        Err(StoreError::Damaged(_)) => None,
        head => head?,
    };
    let stored =
        head.map(|head| StoredContent { content: head.received, status: head.status.to_string() });
    Ok(ListedChange { change, stored })
}
