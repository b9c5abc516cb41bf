//! Names that other parties may have published; the organisation's own names are not compared.

use std::collections::BTreeMap;

use crate::curation::PolicySnapshot;
use crate::model::{Name, Timestamp};
use crate::store::{Snapshot, StoreError};

/// Returns every name that an external upstream lists, and when its first version was published.
///
/// # Errors
/// When the store cannot be read.
pub(in crate::daemon) fn external_names(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
) -> Result<BTreeMap<Name, Timestamp>, StoreError> {
    let mut names: BTreeMap<Name, Timestamp> = BTreeMap::new();
    for stored in snapshot.heads()? {
        let stored = stored?;
        if !policy.is_internal(&stored.upstream) {
            let at = stored.head.published_at;
            names.entry(stored.name).and_modify(|first| *first = at.min(*first)).or_insert(at);
        }
    }
    Ok(names)
}

/// Returns true if an external upstream lists a name.
///
/// # Errors
/// When the store cannot be read.
pub(in crate::daemon) fn is_external(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    name: &Name,
) -> Result<bool, StoreError> {
    let heads = match snapshot.heads_of(name) {
        // `verify` names a damaged row; the row must not block the screening of other names.
        Err(StoreError::Damaged(_)) => return Ok(false),
        heads => heads?,
    };
    Ok(heads.iter().any(|stored| !policy.is_internal(&stored.upstream)))
}
