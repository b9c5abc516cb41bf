use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::txt::Key;
use crate::model::Timestamp;

/// Before any content: what nothing ever confirmed stops everything.
pub(super) const NEVER: Timestamp = Timestamp::from_micros(0);
/// Keys of one namespace that are remembered.
const MAX_SEEN: usize = 32;

/// When a key was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// `None` if that was before times were recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Timestamp>,
    pub last: Timestamp,
}

/// A changed set of keys, until a person pins or acknowledges exactly the set that is shown. A published key can be
/// copied: a new owner of the domain shows the old one beside their own, and then only their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyChange {
    /// The last lookup that confirmed the earlier set, at every place: wildcards admit no content that was first seen
    /// later.
    pub before: Timestamp,
    /// The first lookup that showed another set.
    pub since: Timestamp,
    /// The first lookup that showed the present set, if it is not the first other one: content that came before it may be
    /// of the set in between, and no acceptance of the present one covers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Timestamp>,
}

impl KeyChange {
    /// Returns true if content that was first seen at a time waits while the change is open.
    pub(super) fn stops(self, first_seen: Timestamp) -> bool {
        first_seen > self.before
    }

    /// Returns true if content of that time waits also when the present set is accepted.
    pub(super) fn taints(self, first_seen: Timestamp) -> bool {
        self.stops(first_seen) && self.settled.is_some_and(|settled| first_seen <= settled)
    }
}

/// Records that these keys are shown now. Of too many keys, those that were seen last are remembered.
pub(super) fn record(
    keys_seen: &mut BTreeMap<Key, Seen>,
    keys: &BTreeSet<Key>,
    pinned: &BTreeSet<Key>,
    now: Timestamp,
) {
    for key in keys {
        let seen = keys_seen.entry(key.clone()).or_insert(Seen { first: Some(now), last: now });
        seen.last = now;
    }
    while keys_seen.len() > MAX_SEEN {
        let others = keys_seen.iter().filter(|(key, _)| !pinned.contains(*key));
        let oldest = others.min_by_key(|(_, seen)| seen.last);
        let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { return };
        keys_seen.remove(&oldest);
    }
}
