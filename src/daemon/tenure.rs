use std::collections::BTreeSet;

use crate::curation::{Policy, Tenure};
use crate::model::{Name, Version};
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
    let spared = holding.concluded_at.is_none() && snapshot.is_spared(name)?;
    let mut shown: BTreeSet<Version> = BTreeSet::new();
    if holding.is_stale(policy.now) {
        for stored in heads {
            if snapshot.shows(name.as_str(), stored.version.as_str())? {
                shown.insert(stored.version.clone());
            }
        }
    }
    Ok(Tenure { holding, naming, spared, shown })
}
