use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::Name;
use crate::store::{QuarantinedRow, Snapshot, StoreError};

/// One row in quarantine.
#[derive(Debug, Serialize, Deserialize)]
pub struct QuarantineReport {
    pub upstream: String,
    pub name: String,
    pub version: String,
    /// The file that it is from, if it has no readable name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    pub reason: String,
    pub bytes: u64,
}

/// Lists every row in quarantine.
///
/// # Errors
/// When the store cannot be read, as for every function here.
pub fn quarantine(snapshot: &Snapshot) -> Result<Vec<QuarantineReport>, StoreError> {
    let report = |quarantined: QuarantinedRow| QuarantineReport {
        upstream: quarantined.upstream,
        file: quarantined.row.file(),
        name: quarantined.row.name,
        version: quarantined.row.version,
        reason: quarantined.row.reason,
        bytes: quarantined.row.item.len() as u64,
    };
    snapshot.quarantined()?.map(|row| row.map(report)).collect()
}

/// Returns every stored name; `None` before a first full sync, when nothing is known.
pub fn known_names(snapshot: &Snapshot) -> Result<Option<BTreeSet<Name>>, StoreError> {
    if is_synchronised(snapshot)? { snapshot.names().map(Some) } else { Ok(None) }
}

/// Returns true once a full sync of an upstream was accepted.
pub(super) fn is_synchronised(snapshot: &Snapshot) -> Result<bool, StoreError> {
    for upstream in snapshot.upstreams()? {
        if snapshot.upstream(&upstream)?.last_full_sync.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns true once an upstream has answered with anything, or a generation was published. Before that, an empty
/// list would claim what the store cannot know.
pub fn is_anything_known(snapshot: &Snapshot) -> Result<bool, StoreError> {
    if snapshot.is_known()? {
        return Ok(true);
    }
    for upstream in snapshot.upstreams()? {
        let (rows, _) = snapshot.count(&upstream)?;
        if rows > 0 || snapshot.upstream(&upstream)?.last_success.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
