use std::collections::{BTreeMap, BTreeSet};

use super::queue::{RateLane, rate_lane};
use crate::ownership::{Claim, Priority};

/// Domains that are looked up at the same time: all of them, those of one registered domain, and those that gave no
/// answer the last time. A silent zone delays nothing but itself.
pub(super) const PARALLEL: usize = 16;
pub(super) const PER_OWNER: usize = 2;
const SILENT: usize = 8;
/// The zone of all namespaces that gave no answer the last time.
const SILENCE: &str = "";

/// The lookups under way, and the places that are left.
#[derive(Debug, Default)]
pub(super) struct Places {
    under_way: BTreeMap<String, UnderWay>,
    /// Namespaces that gave no answer the last time.
    silent: BTreeSet<String>,
}

/// A lookup under way.
#[derive(Debug)]
pub(super) struct UnderWay {
    pub(super) rate_lane: RateLane,
    pub(super) priority: Priority,
    /// The registered domain or account.
    owner: Option<String>,
    is_silent: bool,
    /// The number of names that it covers; names that arrive later are evaluated after it.
    pub(super) names: usize,
}

impl UnderWay {
    /// Returns the zones in which its end leaves a place.
    pub(super) fn zones(&self) -> impl Iterator<Item = &str> {
        self.owner.as_deref().into_iter().chain([SILENCE])
    }
}

impl Places {
    pub(super) fn is_under_way(&self, namespace: &str) -> bool {
        self.under_way.contains_key(namespace)
    }

    /// Returns the priority with which a lookup under way began.
    pub(super) fn priority(&self, namespace: &str) -> Option<Priority> {
        self.under_way.get(namespace).map(|lookup| lookup.priority)
    }

    pub(super) fn begin(
        &mut self,
        namespace: &str,
        claim: &Claim,
        priority: Priority,
        names: usize,
    ) {
        let (rate_lane, owner) = (rate_lane(claim), claim.owner());
        let is_silent = self.silent.contains(namespace);
        let begun = UnderWay { rate_lane, priority, owner, is_silent, names };
        self.under_way.insert(namespace.to_owned(), begun);
    }

    pub(super) fn end(&mut self, namespace: &str) -> Option<UnderWay> {
        self.under_way.remove(namespace)
    }

    /// Records if a namespace gave no answer.
    pub(super) fn set_silent(&mut self, namespace: &str, is_silent: bool) {
        if is_silent {
            self.silent.insert(namespace.to_owned());
        } else {
            self.silent.remove(namespace);
        }
    }

    pub(super) fn has_free(&self, rate_lane: RateLane) -> bool {
        let most = match rate_lane {
            RateLane::Domains => PARALLEL,
            RateLane::GitHub => 1,
        };
        self.count(|lookup| lookup.rate_lane == rate_lane) < most
    }

    /// Returns the zone of a namespace that has no place left. GitHub is one zone, with one place.
    pub(super) fn full_zone(&self, namespace: &str, claim: &Claim) -> Option<String> {
        let owner = claim.owner().filter(|_| rate_lane(claim) == RateLane::Domains)?;
        if self.count(|other| other.owner.as_ref() == Some(&owner)) >= PER_OWNER {
            return Some(owner);
        }
        let is_full =
            self.silent.contains(namespace) && self.count(|other| other.is_silent) >= SILENT;
        is_full.then(|| SILENCE.to_owned())
    }

    fn count(&self, is_counted: impl Fn(&UnderWay) -> bool) -> usize {
        self.under_way.values().filter(|lookup| is_counted(lookup)).count()
    }
}
