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
    names: impl Iterator<Item = &'n Name> + Clone,
) -> Result<LossBudget, StoreError> {
    let hosts = overlays.shared_hosts();
    let mut losses = Vec::new();
    let mentioned = names.clone().filter(|name| !overlays.rules_for(name).is_silent());
    let namespaces: BTreeSet<String> =
        mentioned.map(|name| name.namespace().to_ascii_lowercase()).collect();
    for namespace in namespaces {
        let at = snapshot.record(&namespace)?.and_then(|record| record.gone_at);
        losses.extend(Claim::of(&namespace, &hosts).owner().zip(at));
    }
    Ok(LossBudget::new(owners(overlays, names), losses))
}
