use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::sight::{Forged, Look, Sight};
use super::txt::Key;
use super::verdict::Pins;
use crate::model::Instant;

/// Definite negatives before a proof that was there counts as gone, and the least time between the
/// first and the last: a zone that is broken for an evening is no change of hands.
const NEGATIVES: u32 = 3;
const NEGATIVES_OVER: Duration = Duration::from_hours(24);
/// A verdict that was not confirmed for so long admits nothing new.
const STALE: Duration = Duration::from_hours(30 * 24);

/// What is remembered of one namespace.
///
/// It holds what was seen, not what follows: [`Holding::verdict`] derives that, with the pins that are in
/// force at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holding {
    /// What the last definite look that showed anything showed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<Shown>,
    /// The keys that were seen first, followed through rotations that keep one of them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub pinned_keys: BTreeSet<Key>,
    /// The account that was seen first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned_account: Option<u64>,
    /// Definite looks in a row that did not show what was shown before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negatives: Option<Negatives>,
    /// Whether what was trusted was gone before others came and showed something: their key is no
    /// way out of that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<Instant>,
    /// The last definite look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concluded_at: Option<Instant>,
    /// Indefinite looks in a row since, and what the last one met.
    #[serde(default)]
    pub unclear: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_check: Option<Instant>,
    /// What the last look saw, for people.
    #[serde(default)]
    pub evidence: Vec<String>,
}

/// Where a namespace shows that it is somebody's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase")]
pub enum Shown {
    Keys {
        means: Means,
        /// The domain where they were found.
        at: String,
        /// Whether that is above the domain that is claimed.
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
    pub first: Instant,
    pub last: Instant,
}

impl Negatives {
    pub(super) fn again(before: Option<Self>, now: Instant) -> Self {
        let Self { count, first, .. } = before.unwrap_or(Self { count: 0, first: now, last: now });
        Self { count: count.saturating_add(1), first, last: now }
    }

    /// Whether they are many enough, and over long enough.
    #[must_use]
    pub fn are_final(self) -> bool {
        self.count >= NEGATIVES && self.last.since(self.first) >= NEGATIVES_OVER
    }
}

impl fmt::Display for Negatives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "since {}, in {} of {NEGATIVES} looks over a day", self.first, self.count)
    }
}

/// What one look says.
enum Said {
    Shown(Shown),
    Gone,
    Unclear,
}

impl Holding {
    /// What is remembered after another look.
    #[must_use]
    pub fn after(self, sight: &Sight, pins: &Pins, now: Instant) -> Self {
        let mut next = Self { checked_at: Some(now), evidence: evidence(sight), ..self };
        if next.was_shown_elsewhere(sight) {
            next.shown = None;
            next.pinned_keys.clear();
            next.negatives = None;
            next.lost = false;
        }
        match next.said(sight) {
            Said::Unclear => {
                next.unclear = next.unclear.saturating_add(1);
                return next;
            }
            Said::Gone if next.shown.is_some() => {
                next.negatives = Some(Negatives::again(next.negatives, now));
            }
            Said::Gone => {}
            Said::Shown(shown) => {
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

    /// Remembers what is seen first, and follows a rotation that keeps one of the keys. What only an
    /// overlay accepts is not remembered: taking the overlay back leaves nothing behind.
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

    fn said(&self, sight: &Sight) -> Said {
        match sight {
            Sight::Unprovable(_) => Said::Gone,
            Sight::Account(Forged::Found(account)) => Said::Shown(Shown::Account(account.clone())),
            Sight::Account(Forged::Absent) => Said::Gone,
            Sight::Account(Forged::Unclear(_)) => Said::Unclear,
            Sight::Domain { dns, http, .. } => self.said_of_domain(dns, http),
        }
    }

    /// The nearest place that shows keys: the domain's own record, its own file, then its parents. What
    /// was shown before is gone when the place that showed it definitely shows nothing; where nothing
    /// ever was, all places must be definite.
    fn said_of_domain(&self, dns: &[(String, Look)], http: &Look) -> Said {
        let own = dns.first().map(|(domain, _)| domain.as_str()).unwrap_or_default();
        let at_dns = |(at, look)| (Means::Dns, at, look);
        let (nearest, parents) = dns.split_at(dns.len().min(1));
        let places = nearest.iter().map(|(at, look)| at_dns((at.as_str(), look)));
        let places = places.chain([(Means::Http, own, http)]);
        let places = places.chain(parents.iter().map(|(at, look)| at_dns((at.as_str(), look))));
        let mut doubt = false;
        for (means, at, look) in places {
            doubt |= matches!(look, Look::Unclear(_));
            let Look::Shown(keys, _) = look else { continue };
            // What a nearer place would have said is not known: another one does not take its place.
            if doubt && self.is_shown_at_another(means, at) {
                return Said::Unclear;
            }
            let (parent, at, keys) = (at != own, at.to_owned(), keys.clone());
            return Said::Shown(Shown::Keys { means, at, parent, keys });
        }
        let is_absent = |look: &Look| matches!(look, Look::Absent(_));
        let gone = match &self.shown {
            Some(Shown::Keys { means: Means::Http, .. }) => is_absent(http),
            Some(Shown::Keys { means: Means::Dns, at, .. }) => {
                dns.iter().any(|(domain, look)| domain == at && is_absent(look))
            }
            Some(Shown::Account(_)) | None => {
                is_absent(http) && dns.iter().all(|(_, look)| is_absent(look))
            }
        };
        if gone { Said::Gone } else { Said::Unclear }
    }

    fn is_shown_at_another(&self, means: Means, place: &str) -> bool {
        match &self.shown {
            Some(Shown::Keys { means: by, at, .. }) => (*by, at.as_str()) != (means, place),
            Some(Shown::Account(_)) | None => false,
        }
    }

    /// Whether what was shown stands where it does not count any more: a parent that is a shared host
    /// by now.
    fn was_shown_elsewhere(&self, sight: &Sight) -> bool {
        match (&self.shown, sight) {
            (Some(Shown::Keys { at, .. }), Sight::Domain { dns, .. }) => {
                !dns.iter().any(|(domain, _)| domain == at)
            }
            (Some(Shown::Keys { .. }), Sight::Account(_) | Sight::Unprovable(_))
            | (Some(Shown::Account(_)), Sight::Domain { .. } | Sight::Unprovable(_)) => true,
            (Some(Shown::Account(_)), Sight::Account(_)) | (None, _) => false,
        }
    }

    /// The keys of which one must be shown: what an overlay pins outranks what was seen first.
    pub(super) fn trusted<'k>(&'k self, pins: &'k Pins) -> &'k BTreeSet<Key> {
        if pins.keys.is_empty() { &self.pinned_keys } else { &pins.keys }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.negatives.is_some_and(Negatives::are_final)
    }

    /// Whether what is shown is shown above the domain that is claimed.
    #[must_use]
    pub fn is_through_parent(&self) -> bool {
        matches!(&self.shown, Some(Shown::Keys { parent: true, .. }))
    }

    /// This, with the keys that a parent was first seen with where nothing was seen of this one yet: a name
    /// that nobody had before is no way around a changed key.
    #[must_use]
    pub fn inheriting(self, parents: &BTreeMap<String, BTreeSet<Key>>, sight: &Sight) -> Self {
        let Sight::Domain { dns, http, .. } = sight else { return self };
        let is_own = |look: Option<&Look>| matches!(look, Some(Look::Shown(..)));
        if !self.pinned_keys.is_empty()
            || is_own(dns.first().map(|(_, look)| look))
            || is_own(Some(http))
        {
            return self;
        }
        let shown = dns.iter().skip(1).find(|(_, look)| matches!(look, Look::Shown(..)));
        let keys = shown.and_then(|(parent, _)| parents.get(parent)).cloned();
        Self { pinned_keys: keys.unwrap_or_default(), ..self }
    }

    /// Whether the keys that are shown are not those that were pinned.
    #[must_use]
    pub fn is_suspended(&self, pins: &Pins) -> bool {
        matches!(&self.shown, Some(Shown::Keys { keys, .. }) if keys.is_disjoint(self.trusted(pins)))
    }

    /// Whether the verdict is too old to admit anything new.
    #[must_use]
    pub fn is_stale(&self, now: Instant) -> bool {
        self.stale_after().is_some_and(|last| now > last)
    }

    /// The last moment at which the verdict admits something new; `None` where there is none.
    #[must_use]
    pub fn stale_after(&self) -> Option<Instant> {
        self.concluded_at.map(|at| at.plus(STALE))
    }

    /// The account that has the login now.
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        match &self.shown {
            Some(Shown::Account(account)) => Some(account),
            _ => None,
        }
    }
}

fn evidence(sight: &Sight) -> Vec<String> {
    match sight {
        Sight::Unprovable(why) => vec![why.clone()],
        Sight::Account(Forged::Found(Account { login, id, created_at })) => {
            let created = created_at.map_or(String::new(), |at| format!(", created {at}"));
            vec![format!("GitHub: {login} is the account {id}{created}")]
        }
        Sight::Account(Forged::Absent) => vec!["GitHub: no such account".into()],
        Sight::Account(Forged::Unclear(why)) => vec![format!("GitHub: unclear: {why}")],
        Sight::Domain { dns, http, hints } => {
            let own = dns.first().map(|(domain, _)| domain.as_str()).unwrap_or_default();
            let mut lines: Vec<String> =
                dns.iter().map(|(domain, look)| format!("DNS: {domain} {look}")).collect();
            lines.push(format!("HTTP: {own} {http}"));
            lines.extend(hints.iter().cloned());
            lines
        }
    }
}
