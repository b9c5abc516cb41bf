use std::collections::{BTreeMap, BTreeSet};

use super::change::{KeyChange, NEVER};
use super::lookup::{KeyLookup, Lookup};
use super::record::VerificationRecord;
use super::txt::Key;
use crate::model::{Digest, Timestamp};

/// The records of other namespaces below the same registered domain. A change that a pin accepts is left out.
#[derive(Debug, Default)]
pub struct Relatives {
    /// Those of parents, by domain.
    pub parents: BTreeMap<String, VerificationRecord>,
    /// All of them that tell anything, up to a number.
    pub all: Vec<VerificationRecord>,
    /// True if there are more, or if not all records were read.
    pub is_cut: bool,
}

impl Relatives {
    /// Returns the change of keys that a new namespace is part of. `everywhere` are the keys at all places that give
    /// rights to it, and `unread` the records there that are not valid: each of them may be of another owner.
    fn change(
        &self,
        everywhere: &BTreeSet<Key>,
        unread: &BTreeSet<Digest>,
        now: Timestamp,
    ) -> Option<KeyChange> {
        let open = self.all.iter().filter_map(|record| record.change);
        if let Some(change) = open.min_by_key(|change| change.before) {
            return Some(change);
        }
        let changed = |before| KeyChange { before, since: now, settled: None };
        // What is not compared is not known.
        if self.is_cut {
            return Some(changed(NEVER));
        }
        // One lookup without the evidence is no loss: a relative itself is judged by final ones only. Nor does a name that
        // was given up count, if others showed all these keys since.
        let is_kept = |key: &Key, since: Timestamp| {
            let mut others = self.all.iter().filter(|other| other.complete_at > Some(since));
            others
                .any(|other| !other.is_losing() && other.set().is_some_and(|set| set.contains(key)))
        };
        let is_lost = |record: &&VerificationRecord| {
            let gone = record.negatives.filter(|_| record.is_gone());
            record.lost
                || record.suspended
                || gone.is_some_and(|gone| !everywhere.iter().all(|key| is_kept(key, gone.first)))
        };
        let lost = self.all.iter().filter(is_lost);
        if let Some(change) = lost.map(|record| record.changed(now)).min_by_key(|one| one.before) {
            return Some(change);
        }
        // Keys that no relative shows: what came since the domain was known waits.
        let known = || self.all.iter().filter(|record| record.keys().is_some());
        let is_known = |key: &Key| {
            known().any(|record| {
                record.pinned_keys.contains(key)
                    || record.set().is_some_and(|set| set.contains(key))
            })
        };
        let is_read = |digest: &Digest| known().any(|record| record.unread.contains(digest));
        if everywhere.iter().all(is_known) && unread.iter().all(is_read) {
            return None;
        }
        // Earlier releases did not record when a key was seen first.
        let first = |record: &VerificationRecord| {
            record.keys_seen.values().map(|seen| seen.first).min().flatten().unwrap_or(NEVER)
        };
        known().map(first).min().map(changed)
    }
}

impl VerificationRecord {
    /// Returns true if the record tells a new namespace below the same registered domain anything.
    #[must_use]
    pub fn tells_relatives(&self) -> bool {
        self.shown.is_some() || self.change.is_some()
    }

    /// Returns true if the last lookup did not show the evidence, or another owner showed theirs.
    fn is_losing(&self) -> bool {
        self.lost || self.suspended || self.negatives.is_some()
    }

    /// Returns the record after another lookup. A namespace is new until a lookup shows evidence: that lookup is compared
    /// with the relatives, however many came before it that showed none or were not definite.
    #[must_use]
    pub fn after_among(self, relatives: &Relatives, lookup: &Lookup, now: Timestamp) -> Self {
        if self.shown.is_some() {
            return self.after(lookup, now);
        }
        let next = self.clone().inheriting(relatives, lookup, now).after(lookup, now);
        if next.shown.is_some() {
            return next;
        }
        // What no lookup shows takes nothing over.
        let Self { pinned_keys, lost, suspended, change, .. } = self;
        Self { pinned_keys, lost, suspended, change, ..next }
    }

    /// Returns the record with the keys that its nearest parent with keys was first seen with, and with a change of keys,
    /// if its relatives, at parents or elsewhere below the same registered domain, say that it is one: a new name evades
    /// none. With a record or a file of its own it takes over no keys.
    fn inheriting(self, relatives: &Relatives, lookup: &Lookup, now: Timestamp) -> Self {
        let Lookup::Domain { dns, http, .. } = lookup else { return self };
        let of_parent = |(parent, _): &(String, KeyLookup)| relatives.parents.get(parent);
        let own = dns.first().map(|(_, lookup)| lookup).into_iter().chain([http]);
        let is_own = own.filter_map(KeyLookup::shown_keys).count() > 0;
        let nearest = dns.iter().skip(1).find(|(_, lookup)| lookup.shown_keys().is_some());
        let parent = nearest.filter(|_| !is_own).and_then(of_parent);
        let (lost, suspended) = parent
            .map_or((false, false), |parent| (parent.lost || parent.is_gone(), parent.suspended));
        let keys = parent.map(|parent| parent.pinned_keys.clone());
        let pinned_keys =
            if self.pinned_keys.is_empty() { keys.unwrap_or_default() } else { self.pinned_keys };
        let each = || dns.iter().map(|(_, lookup)| lookup).chain([http]);
        let shown = each().filter_map(KeyLookup::shown_keys);
        let everywhere = shown.flat_map(|shown| shown.keys.clone()).collect();
        let unread = each().filter_map(KeyLookup::unread).flat_map(|unread| unread.keys()).copied();
        let unread = unread.collect();
        let change = self.change.or_else(|| relatives.change(&everywhere, &unread, now));
        Self { pinned_keys, lost, suspended, change, ..self }
    }
}
