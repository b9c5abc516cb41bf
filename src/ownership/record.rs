use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::absence::Negatives;
use super::account::Account;
use super::change::{KeyChange, Seen};
use super::invalid::InvalidRecords;
use super::lookup::Lookup;
use super::outcome::{Evident, Known, Outcome, evidence};
use super::shown::{Shown, valid_places};
use super::txt::Key;
use crate::model::{Digest, Timestamp};

/// A verdict that was not confirmed for this long admits nothing new.
const STALE: Duration = Duration::from_hours(30 * 24);
/// Invalid records of one lookup that are remembered.
const MAX_UNREAD: usize = 32;
/// Raised when records are read in another way: what only the new way reads is no change.
pub(super) const READING: u8 = 1;

/// The evidence of one namespace.
///
/// It stores no verdict: [`VerificationRecord::verdict`] derives that from the record and the current pins.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationRecord {
    /// The evidence of the last definite lookup that showed any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<Shown>,
    /// The keys that were seen first, updated by rotations that keep one of them.
    #[serde(
        default,
        deserialize_with = "super::shown::valid_keys",
        skip_serializing_if = "BTreeSet::is_empty"
    )]
    pub pinned_keys: BTreeSet<Key>,
    /// The account that was seen first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned_account: Option<u64>,
    /// Consecutive definite lookups that did not show the earlier evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negatives: Option<Negatives>,
    /// Set while a loss by absence waits for a person, as one of many: it takes no effect.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_hold: bool,
    /// The time at which the last loss by absence took effect; it stays when the loss is undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_at: Option<Timestamp>,
    /// The first of the two lookups that undo a loss by absence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned_at: Option<Timestamp>,
    /// True if another account was seen, one that took a free login, or another key after a loss: only a pin restores
    /// the verdict.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    /// True if a set without any trusted key was seen: an old key can be copied, so it does not restore the verdict.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspended: bool,
    /// The changed set of keys, until a person accepts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<KeyChange>,
    /// The keys of each place that gives rights to the namespace, as it answered last: a domain for its TXT records, a
    /// URL for a file. Earlier releases did not record them.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "valid_places"
    )]
    pub places: BTreeMap<String, BTreeSet<Key>>,
    /// Changes that a person accepted, for the content that came during another set: the last of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<KeyChange>,
    /// The records that are not valid, by digest: a new one is a change like a new key.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unread: BTreeSet<Digest>,
    /// Those of them that were shown last, as a person is to see them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid: Option<InvalidRecords>,
    /// When each key was seen.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys_seen: BTreeMap<Key, Seen>,
    /// The record before its place ceased to count, for the time when it counts again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aside: Option<Box<Self>>,
    /// The way in which key records were read.
    #[serde(default)]
    pub reading: u8,
    /// The last definite lookup that showed evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_at: Option<Timestamp>,
    /// The last one that showed evidence while every place answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete_at: Option<Timestamp>,
    /// Lookups since then that showed evidence while a place gave no answer.
    #[serde(default)]
    pub incomplete: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<Timestamp>,
    /// The time of the last definite lookup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concluded_at: Option<Timestamp>,
    /// Consecutive unclear lookups since then.
    #[serde(default)]
    pub unclear: u32,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unclear_since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_check: Option<Timestamp>,
    /// The last lookup, if it saw no attempt at a record, valid or not, at any place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blank_at: Option<Timestamp>,
    /// The findings of the last lookup, for people.
    #[serde(default)]
    pub evidence: Vec<String>,
}

impl VerificationRecord {
    /// Returns the record after another lookup. A loss by absence that becomes final takes effect with
    /// [`Self::conclude`].
    #[must_use]
    pub fn after(self, lookup: &Lookup, now: Timestamp) -> Self {
        let mut next = self.at_places_of(lookup, now);
        (next.checked_at, next.evidence) = (Some(now), evidence(lookup));
        next.blank_at = (!lookup.shows_attempt()).then_some(now);
        let known =
            Known { shown: next.shown.as_ref(), trusted: &next.pinned_keys, places: &next.places };
        let outcome = match Outcome::of(lookup, &known) {
            Outcome::Shown(found) if next.is_gone() && !next.is_definite_after_loss(&found) => {
                Outcome::Unclear
            }
            outcome => outcome,
        };
        match outcome {
            Outcome::Unclear => {
                next.unclear = next.unclear.saturating_add(1);
                next.unclear_since.get_or_insert(now);
                return next;
            }
            Outcome::Gone if next.shown.is_some() => {
                next.negatives = Some(Negatives::again(next.negatives, now));
                (next.returned_at, next.incomplete) = (None, 0);
            }
            Outcome::Gone => {}
            Outcome::Shown(found) => next.see(found, now),
        }
        next.concluded_at = Some(now);
        (next.unclear, next.unclear_since) = (0, None);
        next
    }

    /// Decides on a loss that is new since `before`: it takes effect if `admit` says so, and waits for a person
    /// otherwise.
    #[must_use]
    pub fn conclude(self, before: &Self, admit: impl FnOnce() -> bool, now: Timestamp) -> Self {
        let is_final = self.negatives.is_some_and(Negatives::are_final);
        // What was set aside comes back as it was.
        let before = before.aside.as_deref().filter(|_| self.aside.is_none()).unwrap_or(before);
        if !is_final || self.on_hold || before.is_gone() {
            return self;
        }
        if admit() { Self { gone_at: Some(now), ..self } } else { Self { on_hold: true, ..self } }
    }

    /// Lets a loss that waited for a person take effect.
    #[must_use]
    pub fn release(self, now: Timestamp) -> Self {
        if self.on_hold { Self { on_hold: false, gone_at: Some(now), ..self } } else { self }
    }

    /// Returns the record of the places that count now. What was shown elsewhere is set aside: at a parent that is a
    /// shared host now, or as an account.
    fn at_places_of(mut self, lookup: &Lookup, now: Timestamp) -> Self {
        match self.aside.take() {
            Some(aside) if !aside.was_shown_elsewhere(lookup) => return *aside,
            aside => self.aside = aside,
        }
        if self.was_shown_elsewhere(lookup) {
            let (gone_at, concluded_at) = (self.gone_at, self.concluded_at);
            // The first keys at other places are a change of those before.
            let change = self.change.or(Some(self.changed(now)));
            let aside = self.aside.take().unwrap_or_else(|| Box::new(self));
            return Self { aside: Some(aside), gone_at, concluded_at, change, ..Self::default() };
        }
        self
    }

    /// Takes evidence in that is shown now.
    fn see(&mut self, found: Evident, now: Timestamp) {
        if self.is_gone() && !self.has_returned(&found, now) {
            return;
        }
        // Earlier releases did not record that another owner was there.
        let here = self.here().unwrap_or_default();
        let was_foreign = self.shown.as_ref().is_some_and(|before| self.is_foreign(before, &here));
        let is_foreign = was_foreign || self.is_foreign(&found.shown, &found.here);
        match &found.shown {
            Shown::Keys { keys, .. } => {
                self.suspended |= is_foreign;
                self.follow(keys, &found, now);
            }
            Shown::Account(account) => {
                self.lost |= is_foreign || self.was_free_before(account);
                self.pinned_account.get_or_insert(account.id);
            }
        }
        if found.is_complete {
            (self.complete_at, self.incomplete) = (Some(now), 0);
        } else {
            self.incomplete = self.incomplete.saturating_add(1);
        }
        self.unread.extend(found.unread.keys().take(MAX_UNREAD));
        while self.unread.len() > 2 * MAX_UNREAD {
            self.unread.pop_first();
        }
        self.shown = Some(found.shown);
        (self.shown_at, self.negatives) = (Some(now), None);
        (self.on_hold, self.returned_at) = (false, None);
        self.reading = READING;
    }

    /// Returns true for an account that took a login which a lookup saw free: its entries are of an earlier account.
    fn was_free_before(&self, account: &Account) -> bool {
        let seen_free = self.concluded_at.filter(|_| self.pinned_account.is_none());
        seen_free.is_some_and(|at| account.created_at.is_none_or(|created| created > at))
    }

    /// Returns true for evidence of another owner than the one that was seen first. `here` are the keys of the nearest
    /// domain.
    fn is_foreign(&self, shown: &Shown, here: &BTreeSet<Key>) -> bool {
        match shown {
            Shown::Keys { .. } => {
                !self.pinned_keys.is_empty() && here.is_disjoint(&self.pinned_keys)
            }
            Shown::Account(account) => self.pinned_account.is_some_and(|id| id != account.id),
        }
    }

    /// Returns the keys that are shown, if any.
    #[must_use]
    pub fn keys(&self) -> Option<&BTreeSet<Key>> {
        match &self.shown {
            Some(Shown::Keys { keys, .. }) => Some(keys),
            Some(Shown::Account(_)) | None => None,
        }
    }

    /// Returns the last lookup that showed the evidence. Earlier releases did not record it.
    #[must_use]
    pub fn last_shown(&self) -> Option<Timestamp> {
        self.shown_at
            .or(self.negatives.map_or(self.concluded_at, |negatives| Some(negatives.first)))
    }

    /// Returns true if the evidence was shown where it does not count any more: at a parent that is now a
    /// shared host.
    fn was_shown_elsewhere(&self, lookup: &Lookup) -> bool {
        match (&self.shown, lookup) {
            (Some(Shown::Keys { at, .. }), Lookup::Domain { dns, .. }) => {
                !dns.iter().any(|(domain, _)| domain == at)
            }
            (Some(Shown::Keys { .. }), Lookup::Account(_) | Lookup::Unverifiable(_))
            | (Some(Shown::Account(_)), Lookup::Domain { .. } | Lookup::Unverifiable(_)) => true,
            (Some(Shown::Account(_)), Lookup::Account(_)) | (None, _) => false,
        }
    }

    /// Returns the number of the last lookups in which a place gave no answer.
    #[must_use]
    pub fn open_lookups(&self) -> u32 {
        self.unclear.max(self.incomplete)
    }

    /// Returns true if the evidence is gone, and the loss took effect.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        !self.on_hold && self.negatives.is_some_and(Negatives::are_final)
    }

    /// Returns true if the evidence is shown above the claimed domain.
    #[must_use]
    pub fn is_through_parent(&self) -> bool {
        matches!(&self.shown, Some(Shown::Keys { parent: true, .. }))
    }

    /// Returns true if the verdict is too old to admit anything new.
    #[must_use]
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.stale_after().is_some_and(|last| now > last)
    }

    /// Returns the last moment at which the verdict admits something new; `None` without a verdict.
    #[must_use]
    pub fn stale_after(&self) -> Option<Timestamp> {
        self.concluded_at.map(|at| at.plus(STALE))
    }

    /// Returns the time since which no lookup was definite, if that is too long ago, with a verdict or without.
    #[must_use]
    pub fn stale_since(&self, now: Timestamp) -> Option<Timestamp> {
        let since = self.concluded_at.or(self.unclear_since);
        since.filter(|since| now > since.plus(STALE))
    }

    /// Returns the account that has the login now.
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        match &self.shown {
            Some(Shown::Account(account)) => Some(account),
            _ => None,
        }
    }
}
