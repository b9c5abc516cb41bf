use std::collections::{BTreeMap, BTreeSet, HashMap};

use smol_str::SmolStr;

use crate::model::{Name, Timestamp};
use crate::ownership::{Claim, Priority, SharedHosts};

/// The verification queue.
///
/// It is rebuilt at each start from the stored names and from the stored time of each next check: a restart
/// forgets nothing and repeats no lookup.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// By namespace in lower case, in order. Most namespaces have one name.
    names: BTreeMap<SmolStr, Vec<Name>>,
    due: HashMap<SmolStr, (RateLane, Priority, Timestamp)>,
    order: BTreeMap<RateLane, BTreeSet<(Priority, Timestamp, SmolStr)>>,
    /// Due namespaces that wait for a place of their zone, by zone.
    parked: BTreeMap<SmolStr, BTreeSet<(Priority, Timestamp, SmolStr)>>,
    /// When namespaces that were postponed were due first.
    late: HashMap<SmolStr, Timestamp>,
}

/// The rate lanes: GitHub accounts are looked up one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum RateLane {
    Domains,
    GitHub,
}

impl Queue {
    /// Adds names, and returns the namespaces that are new.
    pub(super) fn add(&mut self, names: impl IntoIterator<Item = Name>) -> Vec<String> {
        let mut new = Vec::new();
        for name in names {
            let namespace = name.namespace().to_ascii_lowercase();
            let known = self.names.entry(namespace.into()).or_insert_with_key(|namespace| {
                new.push(namespace.to_string());
                Vec::new()
            });
            if let Err(position) = known.binary_search(&name) {
                // Growing by one: most namespaces never need more.
                known.reserve_exact(1);
                known.insert(position, name);
            }
        }
        new
    }

    pub(super) fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(SmolStr::as_str)
    }

    /// Returns the names of a namespace, whatever its case.
    pub(super) fn names(&self, namespace: &str) -> impl Iterator<Item = &Name> {
        self.names.get(namespace.to_ascii_lowercase().as_str()).into_iter().flatten()
    }

    pub(super) fn all_names(&self) -> impl Iterator<Item = &Name> {
        self.names.values().flatten()
    }

    /// Returns the namespaces that overlays mention and that were due before a time.
    pub(super) fn overdue(&self, before: Timestamp) -> impl Iterator<Item = &str> {
        let is_overdue =
            move |(_, (_, priority, at)): &(&SmolStr, &(RateLane, Priority, Timestamp))| {
                *priority == Priority::Mentioned && *at < before
            };
        let is_late = move |at: &Timestamp| *at < before;
        let late = self.late.iter().filter(move |(_, at)| is_late(at));
        let late = late.filter(|(namespace, _)| {
            let due = self.due.get(*namespace);
            due.is_some_and(|(_, priority, _)| *priority == Priority::Mentioned)
        });
        let due = self.due.iter().filter(is_overdue).map(|(namespace, _)| namespace.as_str());
        due.chain(late.map(|(namespace, _)| namespace.as_str()))
    }

    /// Queues a namespace.
    pub(super) fn set(
        &mut self,
        namespace: &str,
        rate_lane: RateLane,
        priority: Priority,
        at: Timestamp,
    ) {
        self.remove(namespace);
        let namespace = SmolStr::new(namespace);
        self.due.insert(namespace.clone(), (rate_lane, priority, at));
        self.order.entry(rate_lane).or_default().insert((priority, at, namespace));
    }

    /// Returns when a namespace is due, unless it is being looked up.
    pub(super) fn position(&self, namespace: &str) -> Option<(RateLane, Priority, Timestamp)> {
        self.due.get(namespace).copied()
    }

    /// Takes the next namespace of a rate lane that is due; one that no overlay mentions only if `rest` is
    /// true.
    pub(super) fn take(
        &mut self,
        rate_lane: RateLane,
        rest: bool,
        now: Timestamp,
    ) -> Option<(String, Priority, Timestamp)> {
        let order = self.order.get(&rate_lane)?;
        let due = |priority: Priority| {
            let least = (priority, Timestamp::MIN, SmolStr::default());
            let first = order.range(least..).next()?;
            (first.0 == priority && first.1 <= now).then(|| first.clone())
        };
        let first = due(Priority::Mentioned).or_else(|| due(Priority::Resembling));
        let (priority, at, namespace) = first.or_else(|| rest.then(|| due(Priority::Rest))?)?;
        self.remove(&namespace);
        Some((namespace.into(), priority, at))
    }

    /// Queues a namespace for later that was due at a time.
    pub(super) fn postpone(
        &mut self,
        namespace: &str,
        rate_lane: RateLane,
        priority: Priority,
        due: Timestamp,
        until: Timestamp,
    ) {
        self.late.entry(namespace.into()).or_insert(due);
        self.set(namespace, rate_lane, priority, until);
    }

    /// Forgets that a namespace was postponed: its lookup begins.
    pub(super) fn begun(&mut self, namespace: &str) {
        self.late.remove(namespace);
    }

    /// Takes a namespace out of the queue.
    pub(super) fn remove(&mut self, namespace: &str) {
        let Some((rate_lane, priority, at)) = self.due.remove(namespace) else { return };
        let item = (priority, at, SmolStr::new(namespace));
        if self.order.get_mut(&rate_lane).is_some_and(|order| order.remove(&item)) {
            return;
        }
        self.parked.retain(|_, waiting| {
            waiting.remove(&item);
            !waiting.is_empty()
        });
    }

    /// Lets a namespace that was taken wait until its zone has a place again.
    pub(super) fn park(
        &mut self,
        namespace: &str,
        rate_lane: RateLane,
        priority: Priority,
        zone: &str,
        now: Timestamp,
    ) {
        let namespace = SmolStr::new(namespace);
        self.due.insert(namespace.clone(), (rate_lane, priority, now));
        self.parked.entry(zone.into()).or_default().insert((priority, now, namespace));
    }

    /// Queues the first namespace that waits for a place of a zone.
    pub(super) fn unpark(&mut self, zone: &str) {
        let Some(waiting) = self.parked.get_mut(zone) else { return };
        let first = waiting.pop_first();
        if waiting.is_empty() {
            self.parked.remove(zone);
        }
        let Some((priority, at, namespace)) = first else { return };
        if let Some((rate_lane, ..)) = self.due.get(&namespace).copied() {
            self.set(&namespace, rate_lane, priority, at);
        }
    }

    /// Returns the domains with so many namespaces below them that they may be shared hosts, with the count.
    pub(super) fn crowded(&self, hosts: &SharedHosts) -> Vec<(String, u64)> {
        const MANY: u64 = 20;
        let mut below: BTreeMap<String, u64> = BTreeMap::new();
        for namespace in self.names.keys() {
            let claim = Claim::of(namespace, hosts);
            if let Claim::Domain { parents, shared_host: None, .. } = &claim
                && let Some(registrable) = parents.last()
            {
                *below.entry(registrable.clone()).or_default() += 1;
            }
        }
        below.into_iter().filter(|(_, count)| *count > MANY).collect()
    }
}

/// Returns the rate lane of a claim.
pub(super) fn rate_lane(claim: &Claim) -> RateLane {
    match claim {
        Claim::GitHub { .. } => RateLane::GitHub,
        Claim::Domain { .. } | Claim::Unverifiable { .. } => RateLane::Domains,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentioned_namespaces_come_first_and_none_before_its_time() {
        let at = Timestamp::from_micros;
        let mut queue = Queue::default();
        queue.set("com.rest", RateLane::Domains, Priority::Rest, at(1));
        queue.set("com.late", RateLane::Domains, Priority::Mentioned, at(9));
        queue.set("com.mentioned", RateLane::Domains, Priority::Mentioned, at(5));
        queue.set("com.alike", RateLane::Domains, Priority::Resembling, at(1));
        queue.set("io.github.x", RateLane::GitHub, Priority::Mentioned, at(1));
        let mut take = |rest, now| {
            queue.take(RateLane::Domains, rest, at(now)).map(|(namespace, ..)| namespace)
        };
        assert_eq!(take(true, 0), None);
        assert_eq!(take(true, 6).as_deref(), Some("com.mentioned"));
        assert_eq!(take(false, 6).as_deref(), Some("com.alike"));
        assert_eq!(take(false, 6), None);
        assert_eq!(take(true, 6).as_deref(), Some("com.rest"));
        assert_eq!(take(true, 9).as_deref(), Some("com.late"));
        assert_eq!(take(true, 99), None, "each is taken once");
        assert!(queue.take(RateLane::GitHub, false, at(1)).is_some());
    }

    #[test]
    fn domain_with_more_than_twenty_namespaces_is_proposed_as_shared_host() {
        let mut queue = Queue::default();
        let names = |count: usize| {
            (0..count).map(|index| Name::parse(&format!("com.many.n{index}/x")).expect("a name"))
        };
        queue.add(names(20));
        assert_eq!(queue.crowded(&SharedHosts::default()), []);
        queue.add(names(21));
        assert_eq!(queue.crowded(&SharedHosts::default()), [("many.com".to_owned(), 21)]);
        assert_eq!(queue.crowded(&SharedHosts::with(["many.com".to_owned()])), []);
    }
}
