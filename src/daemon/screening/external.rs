//! Names that other parties may have published; the organisation's own names are not compared.

use std::collections::BTreeMap;

use crate::curation::PolicySnapshot;
use crate::daemon::mirror::Settling;
use crate::model::{Name, Timestamp};
use crate::store::{Snapshot, StoreError};

/// Returns every name that an external upstream lists, and since when a version of it is known: `None` while only
/// upstreams list it that may still claim names for the first time.
///
/// # Errors
/// When the store cannot be read.
pub(in crate::daemon) fn external_names(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    settling: &Settling,
) -> Result<BTreeMap<Name, Option<Timestamp>>, StoreError> {
    let mut names: BTreeMap<Name, Option<Timestamp>> = BTreeMap::new();
    for stored in snapshot.heads()? {
        let stored = stored?;
        if !policy.is_internal(&stored.upstream) {
            let is_settled = !settling.includes(&stored.upstream);
            let at = is_settled.then(|| policy.known_since(&stored.upstream, &stored.head));
            let first = names.entry(stored.name).or_default();
            *first = first.iter().copied().chain(at).min();
        }
    }
    Ok(names)
}

/// Returns true if only upstreams list a name that may still claim names for the first time: it is compared and
/// reported after their first sync.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn is_silent(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    settling: &Settling,
    name: &Name,
) -> Result<bool, StoreError> {
    if !settling.any() {
        return Ok(false);
    }
    let mut is_listed = false;
    for upstream in snapshot.upstreams()? {
        if policy.is_internal(&upstream) || !snapshot.has_rows_in(&upstream, name)? {
            continue;
        }
        if !settling.includes(&upstream) {
            return Ok(false);
        }
        is_listed = true;
    }
    Ok(is_listed)
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
