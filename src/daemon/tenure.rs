use crate::curation::{Policy, Tenure};
use crate::model::Name;
use crate::store::{Snapshot, StoreError, StoredHead};

/// What is known of who owns a name.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn tenure_of(
    snapshot: &Snapshot,
    policy: &Policy<'_>,
    name: &Name,
    heads: &[StoredHead],
) -> Result<Tenure, StoreError> {
    if !policy.ownership.enabled {
        return Ok(Tenure::default());
    }
    let holding = snapshot.holding(name.namespace())?.unwrap_or_default();
    let naming = snapshot.naming(name)?.unwrap_or_default();
    let mut tenure = Tenure { holding, naming, ..Tenure::default() };
    for StoredHead { version, .. } in heads {
        if tenure.holding.concluded_at.is_none() && snapshot.is_spared(name, version)? {
            tenure.spared.insert(version.clone());
        }
        if tenure.holding.is_stale(policy.now) && snapshot.shows(name.as_str(), version.as_str())? {
            tenure.shown.insert(version.clone());
        }
    }
    Ok(tenure)
}
