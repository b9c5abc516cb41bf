use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::outcome::Evident;
use super::record::{READING, VerificationRecord};
use super::txt::Key;
use super::verdict::Pins;
use crate::model::Timestamp;

/// Accepted changes that are remembered.
const MAX_ACCEPTED: usize = 8;
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

impl VerificationRecord {
    /// Returns a change that begins now. Without a lookup that confirmed the earlier set, it stops everything.
    pub(super) fn changed(&self, now: Timestamp) -> KeyChange {
        let before = self.confirmed_at().unwrap_or(NEVER);
        KeyChange { before, since: now, settled: None }
    }

    /// Accepts the set of keys that is shown, as a person saw it. After a loss that is not enough: that needs a pin.
    #[must_use]
    pub fn accept(self) -> Self {
        let keys = self.keys().cloned().unwrap_or_default();
        let pinned_keys = if self.lost { self.pinned_keys } else { keys };
        let mut accepted = self.accepted;
        accepted.extend(self.change.filter(|change| change.settled.is_some()));
        if accepted.len() > MAX_ACCEPTED {
            // One in place of the two oldest, which stops what either stops.
            let oldest = accepted.remove(0);
            accepted[0].before = oldest.before.min(accepted[0].before);
        }
        Self { change: None, suspended: false, pinned_keys, accepted, ..self }
    }

    /// Follows a rotation that keeps one of the keys, and opens a change if the set differs from the last one. What
    /// only an overlay accepts is not pinned: removing the overlay leaves nothing behind.
    pub(super) fn follow(&mut self, keys: &BTreeSet<Key>, found: &Evident, now: Timestamp) {
        let last = self.last_shown().unwrap_or(now);
        let changed = self.changed(now);
        if let Some(before) = self.set() {
            let differs = self.differs(&before, keys, found);
            match (&mut self.change, differs) {
                (None, true) => self.change = Some(changed),
                (Some(change), true) => change.settled = Some(now),
                (_, false) => {}
            }
            if self.keys_seen.is_empty() {
                let seen = |key| (key, Seen { first: None, last });
                self.keys_seen = before.into_iter().map(seen).collect();
            }
        }
        if self.pinned_keys.is_empty() || !keys.is_disjoint(&self.pinned_keys) && !self.suspended {
            self.pinned_keys.clone_from(keys);
        }
        // A key at a place without an answer may still be there.
        let kept =
            if found.is_complete { BTreeSet::new() } else { std::mem::take(&mut self.everywhere) };
        self.everywhere = found.everywhere.union(&kept).cloned().collect();
        record(&mut self.keys_seen, &found.everywhere, &self.pinned_keys, now);
    }

    /// Returns true if a set of keys is another one than before. A key that only this release reads is none, and what a
    /// place without an answer does not show may be there.
    fn differs(&self, before: &BTreeSet<Key>, nearest: &BTreeSet<Key>, found: &Evident) -> bool {
        // Earlier releases recorded the nearest place only.
        let now = if self.everywhere.is_empty() { nearest } else { &found.everywhere };
        let is_old = |key: &&Key| {
            before.contains(*key) || self.reading >= READING || !found.newly_readable.contains(*key)
        };
        let has_new = now.iter().filter(is_old).any(|key| !before.contains(key));
        // An invalid record may be a key for another reader.
        let is_unread = self.reading >= READING && !found.unread.is_subset(&self.unread);
        has_new || is_unread || found.is_complete && !before.is_subset(now)
    }

    /// Returns the set of keys that a person accepts or not: those at all places, or as earlier releases recorded them.
    #[must_use]
    pub fn set(&self) -> Option<BTreeSet<Key>> {
        let nearest = self.keys()?;
        Some(if self.everywhere.is_empty() { nearest.clone() } else { self.everywhere.clone() })
    }

    /// Returns the changed set of keys that is not accepted: neither in a record, nor by pins of exactly this set.
    #[must_use]
    pub fn open_change(&self, pins: &Pins) -> Option<KeyChange> {
        self.change.filter(|_| self.set().as_ref() != Some(&pins.keys))
    }
}

/// Records that these keys are shown now. Of too many keys, those that were seen last are remembered.
fn record(
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
