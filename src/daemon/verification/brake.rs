use std::collections::BTreeSet;

use crate::model::Name;
use crate::overlay::OverlaySet;
use crate::ownership::{Claim, LossBudget};
use crate::store::{Snapshot, StoreError};

/// Returns the number of owners among the namespaces that overlays mention. What a view shows is mentioned.
pub(super) fn owners<'n>(
    overlays: &OverlaySet,
    names: impl IntoIterator<Item = &'n Name>,
) -> usize {
    let hosts = overlays.shared_hosts();
    let mut owners = BTreeSet::new();
    let mut last = None;
    for name in names {
        if last == Some(name.namespace()) || overlays.rules_for(name).is_silent() {
            continue;
        }
        last = Some(name.namespace());
        owners.extend(Claim::of(name.namespace(), &hosts).owner());
    }
    owners.len()
}

/// Returns the brake on losses as the store remembers it.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn budget<'n>(
    snapshot: &Snapshot,
    overlays: &OverlaySet,
    names: impl IntoIterator<Item = &'n Name>,
) -> Result<LossBudget, StoreError> {
    let hosts = overlays.shared_hosts();
    let mut losses = Vec::new();
    for (namespace, record) in snapshot.verifications()? {
        let owner = record.gone_at.and_then(|_| Claim::of(&namespace, &hosts).owner());
        losses.extend(owner.zip(record.gone_at));
    }
    Ok(LossBudget::new(owners(overlays, names), losses))
}
