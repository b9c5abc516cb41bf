use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::change::{KeyChange, NEVER, Seen, record};
use super::invalid::InvalidRecords;
use super::outcome::{Evident, file_of};
use super::record::{READING, VerificationRecord};
use super::shown::Shown;
use super::txt::Key;
use super::verdict::Pins;
use crate::model::Timestamp;

/// Accepted changes that are remembered.
const MAX_ACCEPTED: usize = 8;
/// The least time between the two lookups that undo a loss by absence.
const RETURN_OVER: Duration = Duration::from_hours(1);

fn union(places: &BTreeMap<String, BTreeSet<Key>>) -> BTreeSet<Key> {
    places.values().flatten().cloned().collect()
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
        let set = self.set().unwrap_or_default();
        let pinned_keys = if self.lost { self.pinned_keys } else { set };
        let mut accepted = self.accepted;
        accepted.extend(self.change.filter(|change| change.settled.is_some()));
        if accepted.len() > MAX_ACCEPTED {
            // One in place of the two oldest, which stops what either stops.
            let oldest = accepted.remove(0);
            accepted[0].before = oldest.before.min(accepted[0].before);
        }
        Self { change: None, suspended: false, pinned_keys, accepted, ..self }
    }

    /// Follows a rotation, and opens a change if the set of keys differs from the last one. What only an overlay accepts
    /// is not trusted: removing the overlay leaves nothing behind.
    pub(super) fn follow(&mut self, keys: &BTreeSet<Key>, found: &Evident, now: Timestamp) {
        let last = self.last_shown().unwrap_or(now);
        let changed = self.changed(now);
        let places = self.places_after(found);
        let set = union(&places);
        let invalid = InvalidRecords::of(&found.unread);
        if let Some(before) = self.set() {
            // Earlier releases recorded the nearest place only.
            let present = if self.places.is_empty() { keys } else { &set };
            let differs = self.differs(&before, present, found);
            // A new one opens a change, and one that comes or goes is another set to accept.
            let differs = differs || self.change.is_some() && self.invalid != invalid;
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
        self.trust(found, &set);
        (self.places, self.invalid) = (places, invalid);
        record(&mut self.keys_seen, &found.everywhere, &self.pinned_keys, now);
    }

    /// Trusts the keys of the nearest domain with keys, in DNS and in its file, if they are the first, or if one of them
    /// is trusted. A lookup without an answer of a nearer place, or of a resolver, moves no trust.
    fn trust(&mut self, found: &Evident, set: &BTreeSet<Key>) {
        let is_first = self.pinned_keys.is_empty();
        let is_definite = found.is_nearest && !found.is_partial && !self.suspended;
        if is_first || is_definite && !found.here.is_disjoint(&self.pinned_keys) {
            self.pinned_keys.retain(|key| set.contains(key));
            self.pinned_keys.extend(found.here.iter().cloned());
        }
    }

    /// Returns the keys of each place that shows any. A place without an answer keeps its keys: they may still be there.
    fn places_after(&self, found: &Evident) -> BTreeMap<String, BTreeSet<Key>> {
        let kept = |place: &String| self.places.get(place).cloned();
        let keys = |(place, answer): &(String, Option<BTreeSet<Key>>)| {
            let keys = answer.clone().or_else(|| kept(place)).filter(|keys| !keys.is_empty())?;
            Some((place.clone(), keys))
        };
        found.answers.iter().filter_map(keys).collect()
    }

    /// Returns true if a set of keys is another one than before. A key that only this release reads is none.
    fn differs(&self, before: &BTreeSet<Key>, present: &BTreeSet<Key>, found: &Evident) -> bool {
        let is_old = |key: &&Key| {
            before.contains(*key) || self.reading >= READING || !found.newly_readable.contains(*key)
        };
        let has_new = present.iter().filter(is_old).any(|key| !before.contains(key));
        // An invalid record may be a key for another reader.
        let is_unread = self.reading >= READING && !self.has_read(found);
        has_new || is_unread || !before.is_subset(present)
    }

    /// Returns true if every record that is not valid was there before.
    fn has_read(&self, found: &Evident) -> bool {
        found.unread.keys().all(|digest| self.unread.contains(digest))
    }

    /// Returns the set of keys that a person accepts or not: those at all places, or as earlier releases recorded them.
    #[must_use]
    pub fn set(&self) -> Option<BTreeSet<Key>> {
        let nearest = self.keys()?;
        Some(if self.places.is_empty() { nearest.clone() } else { union(&self.places) })
    }

    /// Returns the keys of the nearest domain that shows any, in DNS and in its file: they decide the verdict. Earlier
    /// releases recorded the nearest place only.
    pub(super) fn here(&self) -> Option<BTreeSet<Key>> {
        match &self.shown {
            Some(Shown::Keys { keys, .. }) if self.places.is_empty() => Some(keys.clone()),
            Some(Shown::Keys { at, .. }) => {
                let places = [at.clone(), file_of(at)];
                let keys = places.iter().filter_map(|place| self.places.get(place));
                Some(keys.flatten().cloned().collect())
            }
            Some(Shown::Account(_)) | None => None,
        }
    }

    /// Returns true if a place that did not answer may still show keys that it showed before.
    fn is_open(&self, found: &Evident) -> bool {
        found.answers.iter().any(|(place, keys)| keys.is_none() && self.places.contains_key(place))
    }

    /// Returns true if a lookup shows exactly what was there before a loss, at all places.
    fn is_as_before(&self, found: &Evident) -> bool {
        match &found.shown {
            Shown::Keys { .. } => {
                self.set().as_ref() == Some(&found.everywhere) && self.has_read(found)
            }
            Shown::Account(account) => self.account().is_some_and(|before| before.id == account.id),
        }
    }

    /// Returns true if a lookup after a loss is definite: about what was there before, if every place answered, or about
    /// anything else, which another owner may show, if no resolver is set aside.
    pub(super) fn is_definite_after_loss(&self, found: &Evident) -> bool {
        let is_complete = found.is_complete && !self.is_open(found);
        if self.is_as_before(found) {
            return is_complete;
        }
        let is_other = self.set().is_none_or(|before| !found.everywhere.is_subset(&before));
        !found.is_partial && (is_complete || is_other)
    }

    /// Returns true if evidence ends a loss: the second of two lookups that show exactly what was there before, or
    /// anything else, which another owner may show.
    pub(super) fn has_returned(&mut self, found: &Evident, now: Timestamp) -> bool {
        let changed = self.change.unwrap_or_else(|| self.changed(now));
        if self.is_as_before(found) {
            let first = *self.returned_at.get_or_insert(now);
            let has_returned = now.since(first) >= RETURN_OVER;
            if let Some(change) = self.change.as_mut().filter(|_| has_returned) {
                change.settled = Some(now);
            }
            return has_returned;
        }
        if self.set().as_ref() == Some(&found.everywhere) {
            // Beside them is an invalid record, which may be a key for another reader.
            self.change = Some(KeyChange { settled: Some(now), ..changed });
            self.returned_at = None;
            return false;
        }
        self.lost = true;
        true
    }

    /// Returns the changed set of keys that is not accepted: neither in a record, nor by pins of exactly this set.
    #[must_use]
    pub fn open_change(&self, pins: &Pins) -> Option<KeyChange> {
        self.change.filter(|_| self.set().as_ref() != Some(&pins.keys))
    }
}
