//! Which names strangers may have published: those of the organisation's own are nobody else's business.

use std::collections::BTreeSet;

use super::publisher::undamaged;
use crate::curation::{Speaker, is_internal};
use crate::model::Name;
use crate::store::{Snapshot, StoreError};

/// Every name that an upstream from outside lists.
///
/// # Errors
/// When the store cannot be read, as for both.
pub(super) fn names(
    snapshot: &Snapshot,
    speakers: &[Speaker],
) -> Result<BTreeSet<Name>, StoreError> {
    let mut names = BTreeSet::new();
    for head in undamaged(snapshot.heads()?) {
        let head = head?;
        if !is_internal(speakers, &head.upstream) {
            names.insert(head.name);
        }
    }
    Ok(names)
}

/// Whether an upstream from outside lists a name.
pub(super) fn lists(
    snapshot: &Snapshot,
    speakers: &[Speaker],
    name: &Name,
) -> Result<bool, StoreError> {
    Ok(snapshot.heads_of(name)?.iter().any(|it| !is_internal(speakers, &it.upstream)))
}
