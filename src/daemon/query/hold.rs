use serde::{Deserialize, Serialize};

use crate::model::{Digest, Timestamp};
use crate::store::{Snapshot, StoreError};
use crate::sync::{
    ChangeOnHold, ChangeSet, DecisionRecord, ExceededLimit, HoldDecision, short_id, shown,
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
    /// Earlier decisions about change sets of the upstream, the newest last.
    pub decisions: Vec<DecisionRecord>,
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
        decisions: snapshot.hold_history(upstream)?.decisions,
    }))
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
