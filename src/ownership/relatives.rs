use std::collections::{BTreeMap, BTreeSet};

use super::change::KeyChange;
use super::lookup::{KeyLookup, Lookup};
use super::record::VerificationRecord;
use super::txt::Key;
use crate::model::Timestamp;

/// The records of other namespaces below the same registered domain.
#[derive(Debug, Default)]
pub struct Relatives {
    /// Those of parents, by domain; a change that a pin accepts is left out.
    pub parents: BTreeMap<String, VerificationRecord>,
    /// All of them, up to a number.
    pub all: Vec<VerificationRecord>,
}

impl Relatives {
    /// Returns the change of keys that a new namespace with these keys of its own is part of.
    fn change(&self, own: &BTreeSet<Key>, now: Timestamp) -> Option<KeyChange> {
        if let Some(change) = self.parents.values().find_map(|parent| parent.change) {
            return Some(change);
        }
        let is_lost = |record: &&VerificationRecord| {
            record.lost || record.suspended || record.negatives.is_some()
        };
        let of_lost =
            self.parents.values().filter(is_lost).filter_map(VerificationRecord::last_shown);
        let changed = |before| KeyChange { before, since: now, settled: None };
        if let Some(before) = of_lost.min() {
            return Some(changed(before));
        }
        // Keys of its own that no relative shows: what came since the domain was known waits.
        let known = self.all.iter().filter(|record| record.keys().is_some());
        let is_known = |key: &Key| known.clone().any(|record| record.pinned_keys.contains(key));
        if own.is_empty() || own.iter().all(is_known) {
            return None;
        }
        let first = known
            .clone()
            .flat_map(|record| record.keys_seen.values().filter_map(|seen| seen.first));
        first.min().map(changed)
    }
}

impl VerificationRecord {
    /// Returns the record with the keys that its nearest parent with keys was first seen with, and with a change of keys,
    /// if it was never looked up and its relatives, at parents or elsewhere below the same registered domain, say that it
    /// is one: a new name evades none. With a record or a file of its own it takes over no keys.
    #[must_use]
    pub fn inheriting(self, relatives: &Relatives, lookup: &Lookup, now: Timestamp) -> Self {
        let Lookup::Domain { dns, http, .. } = lookup else { return self };
        if self.concluded_at.is_some() {
            return self;
        }
        let is_shown = |lookup: &KeyLookup| matches!(lookup, KeyLookup::Shown(_));
        let of_parent = |(parent, _): &(String, KeyLookup)| relatives.parents.get(parent);
        let own = dns.first().map(|(_, lookup)| lookup).into_iter().chain([http]);
        let own: BTreeSet<Key> =
            own.filter_map(KeyLookup::shown_keys).flat_map(|shown| shown.keys.clone()).collect();
        let nearest = dns.iter().skip(1).find(|(_, lookup)| is_shown(lookup));
        let parent = nearest.filter(|_| own.is_empty()).and_then(of_parent);
        let (lost, suspended) = parent
            .map_or((false, false), |parent| (parent.lost || parent.is_gone(), parent.suspended));
        let keys = parent.map(|parent| parent.pinned_keys.clone());
        let pinned_keys =
            if self.pinned_keys.is_empty() { keys.unwrap_or_default() } else { self.pinned_keys };
        let change = self.change.or_else(|| relatives.change(&own, now));
        Self { pinned_keys, lost, suspended, change, ..self }
    }
}
