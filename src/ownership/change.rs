use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::txt::Key;
use crate::model::Timestamp;

/// Keys of one namespace whose sights are remembered.
const MAX_SIGHTS: usize = 32;

/// When a key was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sight {
    /// `None` if it was before sights were recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Timestamp>,
    pub last: Timestamp,
}

/// A changed set of keys, until a person pins or acknowledges exactly the set that is shown. A published key can be
/// copied: a new owner of the domain shows the old one beside their own, and then only their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyChange {
    /// The last lookup that showed the earlier set: wildcards admit no content that was first seen later.
    pub before: Timestamp,
    /// The first lookup that showed another set.
    pub since: Timestamp,
}

/// Records that these keys are shown now. Of too many keys, those that were seen last are remembered.
pub(super) fn record(sights: &mut BTreeMap<Key, Sight>, keys: &BTreeSet<Key>, now: Timestamp) {
    for key in keys {
        let sight = sights.entry(key.clone()).or_insert(Sight { first: Some(now), last: now });
        sight.last = now;
    }
    while sights.len() > MAX_SIGHTS {
        let oldest = sights.iter().min_by_key(|(_, sight)| sight.last);
        let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { return };
        sights.remove(&oldest);
    }
}
