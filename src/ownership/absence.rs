use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// Definite negatives before evidence that was shown counts as gone, and the least time between the first
/// and the last: a zone that is broken for an evening has not changed hands.
const NEGATIVES: u32 = 3;
const NEGATIVES_OVER: Duration = Duration::from_hours(24);
/// Losses by absence are counted over this time.
const COUNTED_OVER: Duration = Duration::from_hours(24);
/// Losses that take effect by themselves: up to this share of all owners in percent, and fewer than so many.
const SHARE: usize = 5;
const FEW: usize = 3;

/// Consecutive definite lookups that did not show the earlier evidence.
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
        let Self { count, first, .. } = self;
        if *count > NEGATIVES {
            write!(f, "since {first}, in {count} lookups; {NEGATIVES} over a day count as a loss")
        } else {
            write!(f, "since {first}, in {count} of {NEGATIVES} lookups over a day")
        }
    }
}

/// The brake on losses by absence: when many owners vanish within a day, a resolver is wrong more likely than all of
/// them. It counts registrable domains and accounts, not namespaces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LossBudget {
    owners: usize,
    losses: BTreeMap<String, Timestamp>,
}

impl LossBudget {
    /// Returns the budget of so many owners, after the losses of each owner at these times.
    #[must_use]
    pub fn new(owners: usize, losses: impl IntoIterator<Item = (String, Timestamp)>) -> Self {
        let mut latest = BTreeMap::new();
        for (owner, at) in losses {
            let known = latest.entry(owner).or_insert(at);
            *known = at.max(*known);
        }
        Self { owners, losses: latest }
    }

    /// Sets the number of owners.
    pub fn set_owners(&mut self, owners: usize) {
        self.owners = owners;
    }

    /// Returns true if so many cases among all owners are more than a few.
    #[must_use]
    pub fn are_many(&self, cases: usize) -> bool {
        cases >= FEW && cases * 100 > self.owners * SHARE
    }

    /// Returns true if the cases are as many as the owners, of which there are some.
    #[must_use]
    pub fn are_all(&self, cases: usize) -> bool {
        cases > 0 && cases >= self.owners
    }

    /// Counts a loss that a person let take effect.
    pub fn count(&mut self, owner: &str, now: Timestamp) {
        self.losses.insert(owner.to_owned(), now);
    }

    /// Counts a loss and returns true; returns false if it would be one too many within a day: it waits for a person.
    pub fn admit(&mut self, owner: &str, now: Timestamp) -> bool {
        self.losses.retain(|_, at| now.since(*at) < COUNTED_OVER);
        if !self.losses.contains_key(owner) && self.are_many(self.losses.len() + 1) {
            return false;
        }
        self.losses.insert(owner.to_owned(), now);
        true
    }
}
