use crate::curation::{Listing, Policy, Speakers};
use crate::model::Name;
use crate::store::{Snapshot, StoreError, StoredHead};

/// Works out who speaks for a name, from all its rows.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn speakers_of<'a>(
    snapshot: &Snapshot,
    policy: &Policy<'a>,
    name: &'a Name,
    heads: &'a [StoredHead],
    served_from: Option<&'a str>,
) -> Result<Speakers<'a>, StoreError> {
    let listing: Vec<Listing<'a>> = heads
        .iter()
        .map(|stored| Listing {
            upstream: &stored.upstream,
            version: &stored.version,
            status: stored.head.status,
        })
        .collect();
    let also_in = snapshot.quarantined_in(name)?;
    let (speakers, overlays) = (policy.speakers, policy.overlays);
    Ok(Speakers::of(name, speakers, overlays, &listing, &also_in, served_from))
}
