//! Names that other parties may have published: those of the organisation's own are not compared.

use std::collections::BTreeMap;

use crate::curation::PolicySnapshot;
use crate::model::{Instant, Name};
use crate::store::{Snapshot, StoreError};

/// Returns every name that an external upstream lists, and when its first version was published.
///
/// # Errors
/// When the store cannot be read, as for all here.
pub(in crate::daemon) fn external_names(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
) -> Result<BTreeMap<Name, Instant>, StoreError> {
    let mut names: BTreeMap<Name, Instant> = BTreeMap::new();
    for stored in snapshot.heads()? {
        let stored = stored?;
        if !policy.is_internal(&stored.upstream) {
            let at = stored.head.published_at;
            names.entry(stored.name).and_modify(|first| *first = at.min(*first)).or_insert(at);
        }
    }
    Ok(names)
}

/// Whether an external upstream lists a name.
pub(in crate::daemon) fn is_external(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    name: &Name,
) -> Result<bool, StoreError> {
    let heads = match snapshot.heads_of(name) {
        // `verify` names a damaged row; it must not keep others from being looked at.
        Err(StoreError::Damaged(_)) => return Ok(false),
        heads => heads?,
    };
    Ok(heads.iter().any(|stored| !policy.is_internal(&stored.upstream)))
}
