use std::collections::BTreeSet;

use super::evidence::Evidence;
use crate::lookalike::one_of_each_first;

/// Items that one alert lists. What exceeds them is in no acknowledgement.
pub const MAX_ITEMS: usize = 1_000;

/// Returns items in the order in which every reader sees them, up to [`MAX_ITEMS`]: one of each technique before the
/// repetitions, so that neither the cut nor a short text hides a kind of evidence behind copies of another.
pub(super) fn listed(mut items: BTreeSet<Evidence>) -> Vec<Evidence> {
    let was_cut = items.remove(&Evidence::Unlisted);
    let mut listed = one_of_each_first(items, |item| match item {
        Evidence::Lookalike { signal, .. } => Some(signal.technique),
        _ => None,
    });
    if was_cut || listed.len() > MAX_ITEMS {
        listed.truncate(MAX_ITEMS);
        listed.push(Evidence::Unlisted);
    }
    listed
}
