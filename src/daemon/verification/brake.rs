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

/// Returns true if namespaces without an answer are a backlog: they are many, or all that overlays mention.
pub(super) fn is_backlog(
    losses: &LossBudget,
    overlays: &OverlaySet,
    namespaces: &BTreeSet<String>,
) -> bool {
    let hosts = overlays.shared_hosts();
    let owners: BTreeSet<String> =
        namespaces.iter().filter_map(|namespace| Claim::of(namespace, &hosts).owner()).collect();
    losses.are_many(namespaces.len()) || losses.are_all(owners.len())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_installation_without_any_answer_is_a_backlog() {
        let overlays = OverlaySet::default();
        let of = |namespaces: &[&str], owners: usize| {
            let silent = namespaces.iter().map(ToString::to_string).collect();
            is_backlog(&LossBudget::new(owners, []), &overlays, &silent)
        };
        assert!(of(&["com.example", "org.example"], 2));
        assert!(of(&["com.example"], 1));
        assert!(!of(&["com.example"], 2), "another owner is answered");
        assert!(!of(&["com.example", "com.example.shop"], 2), "one owner of two");
        assert!(!of(&[], 0));
        assert!(of(&["com.a", "com.b", "com.c"], 9), "many");
    }
}
