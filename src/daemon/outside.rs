//! Which names strangers may have published: those of the organisation's own are nobody else's business.

use std::collections::BTreeMap;

use super::publisher::undamaged;
use crate::curation::{Speaker, is_internal};
use crate::model::{Instant, Name};
use crate::store::{Snapshot, StoreError, StoredHead};

/// Every name that an upstream from outside lists, and when its first version was published.
///
/// # Errors
/// When the store cannot be read, as for all here.
pub(super) fn names(
    snapshot: &Snapshot,
    speakers: &[Speaker],
) -> Result<BTreeMap<Name, Instant>, StoreError> {
    let mut names: BTreeMap<Name, Instant> = BTreeMap::new();
    for head in undamaged(snapshot.heads()?) {
        let head = head?;
        if !is_internal(speakers, &head.upstream) {
            let at = head.head.published_at;
            names.entry(head.name).and_modify(|first| *first = at.min(*first)).or_insert(at);
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
    Ok(heads_of(snapshot, name)?.iter().any(|it| !is_internal(speakers, &it.upstream)))
}

/// All rows of a name; none where one of them is damaged, which `verify` names: it must not keep others from
/// being looked at.
pub(super) fn heads_of(snapshot: &Snapshot, name: &Name) -> Result<Vec<StoredHead>, StoreError> {
    match snapshot.heads_of(name) {
        Err(StoreError::Damaged { .. }) => Ok(Vec::new()),
        heads => heads,
    }
}
