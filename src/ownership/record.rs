use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::lookup::{ForgeAnswer, KeyLookup, Lookup};
use super::txt::Key;
use super::verdict::Pins;
use crate::model::Timestamp;

/// Definite negatives before evidence that was shown counts as gone, and the least time between the first
/// and the last: a zone that is broken for an evening has not changed hands.
const NEGATIVES: u32 = 3;
const NEGATIVES_OVER: Duration = Duration::from_hours(24);
/// A verdict that was not confirmed for this long admits nothing new.
const STALE: Duration = Duration::from_hours(30 * 24);

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
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub pinned_keys: BTreeSet<Key>,
    /// The account that was seen first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned_account: Option<u64>,
    /// Consecutive definite lookups that did not show the earlier evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negatives: Option<Negatives>,
    /// True if the trusted evidence was gone before another owner showed some: the other owner's key does not
    /// restore the verdict.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<Timestamp>,
    /// The time of the last definite lookup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concluded_at: Option<Timestamp>,
    /// Consecutive unclear lookups since then.
    #[serde(default)]
    pub unclear: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_check: Option<Timestamp>,
    /// The findings of the last lookup, for people.
    #[serde(default)]
    pub evidence: Vec<String>,
}

/// The evidence that a namespace shows, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase")]
pub enum Shown {
    Keys {
        means: Means,
        /// The domain where they were found.
        at: String,
        /// True if that is above the claimed domain.
        parent: bool,
        keys: BTreeSet<Key>,
    },
    Account(Account),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Means {
    Dns,
    Http,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Negatives {
    pub count: u32,
    pub first: Timestamp,
    pub last: Timestamp,
}

impl Negatives {
    pub(super) fn again(before: Option<Self>, now: Timestamp) -> Self {
        let Self { count, first, .. } = before.unwrap_or(Self { count: 0, first: now, last: now });
        Self { count: count.saturating_add(1), first, last: now }
    }

    /// Returns true if there are enough of them over a long enough time.
    #[must_use]
    pub fn are_final(self) -> bool {
        self.count >= NEGATIVES && self.last.since(self.first) >= NEGATIVES_OVER
    }
}

impl fmt::Display for Negatives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "since {}, in {} of {NEGATIVES} lookups over a day", self.first, self.count)
    }
}

/// The outcome of one lookup.
enum Outcome {
    Shown(Shown),
    Gone,
    Unclear,
}

impl VerificationRecord {
    /// Returns the record after another lookup.
    #[must_use]
    pub fn after(self, lookup: &Lookup, pins: &Pins, now: Timestamp) -> Self {
        let mut next = Self { checked_at: Some(now), evidence: evidence(lookup), ..self };
        if next.was_shown_elsewhere(lookup) {
            next.shown = None;
            next.pinned_keys.clear();
            next.negatives = None;
            next.lost = false;
        }
        match next.outcome(lookup) {
            Outcome::Unclear => {
                next.unclear = next.unclear.saturating_add(1);
                return next;
            }
            Outcome::Gone if next.shown.is_some() => {
                next.negatives = Some(Negatives::again(next.negatives, now));
            }
            Outcome::Gone => {}
            Outcome::Shown(shown) => {
                next.lost |= next.is_gone();
                next.pin(&shown);
                next.shown = Some(shown);
                next.negatives = None;
                next.lost &= next.is_suspended(pins);
            }
        }
        next.concluded_at = Some(now);
        next.unclear = 0;
        next
    }

    /// Pins what is seen first, and follows a rotation that keeps one of the keys. What only an overlay accepts
    /// is not pinned: removing the overlay leaves nothing behind.
    fn pin(&mut self, shown: &Shown) {
        match shown {
            Shown::Keys { keys, .. } => {
                if self.pinned_keys.is_empty() || !keys.is_disjoint(&self.pinned_keys) {
                    self.pinned_keys.clone_from(keys);
                }
            }
            Shown::Account(account) => {
                self.pinned_account.get_or_insert(account.id);
            }
        }
    }

    fn outcome(&self, lookup: &Lookup) -> Outcome {
        match lookup {
            Lookup::Unverifiable(_) => Outcome::Gone,
            Lookup::Account(ForgeAnswer::Found(account)) => {
                Outcome::Shown(Shown::Account(account.clone()))
            }
            Lookup::Account(ForgeAnswer::Absent) => Outcome::Gone,
            Lookup::Account(ForgeAnswer::Unclear(_)) => Outcome::Unclear,
            Lookup::Domain { dns, http, .. } => self.domain_outcome(dns, http),
        }
    }

    /// Finds the nearest place that shows keys: the domain's own record, its own file, then its parents.
    /// Earlier evidence is gone when the place that showed it definitely shows nothing; without earlier
    /// evidence, all places must be definite.
    fn domain_outcome(&self, dns: &[(String, KeyLookup)], http: &KeyLookup) -> Outcome {
        let own = dns.first().map(|(domain, _)| domain.as_str()).unwrap_or_default();
        let at_dns = |(at, lookup)| (Means::Dns, at, lookup);
        let (nearest, parents) = dns.split_at(dns.len().min(1));
        let places = nearest.iter().map(|(at, lookup)| at_dns((at.as_str(), lookup)));
        let places = places.chain([(Means::Http, own, http)]);
        let places = places.chain(parents.iter().map(|(at, lookup)| at_dns((at.as_str(), lookup))));
        let mut unclear = false;
        for (means, at, lookup) in places {
            unclear |= matches!(lookup, KeyLookup::Unclear(_));
            let KeyLookup::Shown(keys, _) = lookup else { continue };
            // A nearer place may show other keys: a farther one does not replace it.
            if unclear && self.is_shown_at_another(means, at) {
                return Outcome::Unclear;
            }
            let (parent, at, keys) = (at != own, at.to_owned(), keys.clone());
            return Outcome::Shown(Shown::Keys { means, at, parent, keys });
        }
        let is_absent = |lookup: &KeyLookup| matches!(lookup, KeyLookup::Absent(_));
        let gone = match &self.shown {
            Some(Shown::Keys { means: Means::Http, .. }) => is_absent(http),
            Some(Shown::Keys { means: Means::Dns, at, .. }) => {
                dns.iter().any(|(domain, lookup)| domain == at && is_absent(lookup))
            }
            Some(Shown::Account(_)) | None => {
                is_absent(http) && dns.iter().all(|(_, lookup)| is_absent(lookup))
            }
        };
        if gone { Outcome::Gone } else { Outcome::Unclear }
    }

    fn is_shown_at_another(&self, means: Means, place: &str) -> bool {
        match &self.shown {
            Some(Shown::Keys { means: by, at, .. }) => (*by, at.as_str()) != (means, place),
            Some(Shown::Account(_)) | None => false,
        }
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

    /// Returns the keys of which one must be shown: pins of an overlay outrank the keys that were seen first.
    pub(super) fn trusted<'k>(&'k self, pins: &'k Pins) -> &'k BTreeSet<Key> {
        if pins.keys.is_empty() { &self.pinned_keys } else { &pins.keys }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.negatives.is_some_and(Negatives::are_final)
    }

    /// Returns true if the evidence is shown above the claimed domain.
    #[must_use]
    pub fn is_through_parent(&self) -> bool {
        matches!(&self.shown, Some(Shown::Keys { parent: true, .. }))
    }

    /// Returns the record with the keys that its parent was first seen with, if it has none of its own: a new
    /// name does not evade a changed key.
    #[must_use]
    pub fn inheriting(self, parents: &BTreeMap<String, BTreeSet<Key>>, lookup: &Lookup) -> Self {
        let Lookup::Domain { dns, http, .. } = lookup else { return self };
        let is_shown = |lookup: Option<&KeyLookup>| matches!(lookup, Some(KeyLookup::Shown(..)));
        if !self.pinned_keys.is_empty()
            || is_shown(dns.first().map(|(_, lookup)| lookup))
            || is_shown(Some(http))
        {
            return self;
        }
        let shown = dns.iter().skip(1).find(|(_, lookup)| matches!(lookup, KeyLookup::Shown(..)));
        let keys = shown.and_then(|(parent, _)| parents.get(parent)).cloned();
        Self { pinned_keys: keys.unwrap_or_default(), ..self }
    }

    /// Returns true if none of the shown keys is pinned.
    #[must_use]
    pub fn is_suspended(&self, pins: &Pins) -> bool {
        matches!(&self.shown, Some(Shown::Keys { keys, .. }) if keys.is_disjoint(self.trusted(pins)))
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

    /// Returns the account that has the login now.
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        match &self.shown {
            Some(Shown::Account(account)) => Some(account),
            _ => None,
        }
    }
}

fn evidence(lookup: &Lookup) -> Vec<String> {
    match lookup {
        Lookup::Unverifiable(why) => vec![why.clone()],
        Lookup::Account(ForgeAnswer::Found(Account { login, id, created_at })) => {
            let created = created_at.map_or(String::new(), |at| format!(", created {at}"));
            vec![format!("GitHub: {login} is the account {id}{created}")]
        }
        Lookup::Account(ForgeAnswer::Absent) => vec!["GitHub: no such account".into()],
        Lookup::Account(ForgeAnswer::Unclear(why)) => vec![format!("GitHub: unclear: {why}")],
        Lookup::Domain { dns, http, hints } => {
            let own = dns.first().map(|(domain, _)| domain.as_str()).unwrap_or_default();
            let mut lines: Vec<String> =
                dns.iter().map(|(domain, lookup)| format!("DNS: {domain} {lookup}")).collect();
            lines.push(format!("HTTP: {own} {http}"));
            lines.extend(hints.iter().cloned());
            lines
        }
    }
}
