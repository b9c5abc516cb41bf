use std::collections::{BTreeMap, BTreeSet, HashMap};

use smol_str::SmolStr;

use crate::model::{Instant, Name};
use crate::ownership::{Claim, SharedHosts, Urgency};

/// The verification queue.
///
/// It is built anew at each start, from the names there are and from when each namespace is due, which
/// is stored: a restart forgets nothing and asks nothing twice.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// By namespace in small letters, in order. There are as many as namespaces, most with one name.
    names: BTreeMap<SmolStr, Vec<Name>>,
    due: HashMap<SmolStr, (Lane, Urgency, Instant)>,
    order: BTreeMap<Lane, BTreeSet<(Urgency, Instant, SmolStr)>>,
}

/// The rate lanes: GitHub is asked one question after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Lane {
    Domains,
    GitHub,
}

impl Queue {
    /// Adds names; requeue the namespaces that are new.
    pub(super) fn add(&mut self, names: impl IntoIterator<Item = Name>) -> Vec<String> {
        let mut new = Vec::new();
        for name in names {
            let namespace = name.namespace().to_ascii_lowercase();
            let known = self.names.entry(namespace.into()).or_insert_with_key(|namespace| {
                new.push(namespace.to_string());
                Vec::new()
            });
            if let Err(place) = known.binary_search(&name) {
                // Growing by one spares what most would never need.
                known.reserve_exact(1);
                known.insert(place, name);
            }
        }
        new
    }

    pub(super) fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(SmolStr::as_str)
    }

    /// The names of a namespace, whatever its case.
    pub(super) fn names(&self, namespace: &str) -> impl Iterator<Item = &Name> {
        self.names.get(namespace.to_ascii_lowercase().as_str()).into_iter().flatten()
    }

    /// Queues a namespace.
    pub(super) fn set(&mut self, namespace: &str, lane: Lane, urgency: Urgency, at: Instant) {
        self.remove(namespace);
        let namespace = SmolStr::new(namespace);
        self.due.insert(namespace.clone(), (lane, urgency, at));
        self.order.entry(lane).or_default().insert((urgency, at, namespace));
    }

    /// When a namespace is due, unless it is being looked up.
    pub(super) fn turn(&self, namespace: &str) -> Option<(Lane, Urgency, Instant)> {
        self.due.get(namespace).copied()
    }

    /// Takes the next namespace of a lane that is due; of those that no overlay speaks of only when
    /// `rest` says so.
    pub(super) fn take(
        &mut self,
        lane: Lane,
        rest: bool,
        now: Instant,
    ) -> Option<(String, Urgency)> {
        let order = self.order.get(&lane)?;
        let due = |urgency: Urgency| {
            let least = (urgency, Instant::MIN, SmolStr::default());
            let first = order.range(least..).next()?;
            (first.0 == urgency && first.1 <= now).then(|| first.clone())
        };
        let first = due(Urgency::Spoken).or_else(|| due(Urgency::Resembling));
        let (urgency, _, namespace) = first.or_else(|| rest.then(|| due(Urgency::Rest))?)?;
        self.remove(&namespace);
        Some((namespace.into(), urgency))
    }

    /// Takes a namespace out of the queue.
    pub(super) fn remove(&mut self, namespace: &str) {
        if let Some((lane, urgency, at)) = self.due.remove(namespace)
            && let Some(order) = self.order.get_mut(&lane)
        {
            order.remove(&(urgency, at, namespace.into()));
        }
    }

    /// Domains below which so many namespaces stand that strangers may be getting them, with the count.
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
pub(super) fn lane(claim: &Claim) -> Lane {
    match claim {
        Claim::GitHub { .. } => Lane::GitHub,
        Claim::Domain { .. } | Claim::Unprovable { .. } => Lane::Domains,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlays_speak_of_comes_first_and_nothing_before_its_time() {
        let at = Instant::from_micros;
        let mut queue = Queue::default();
        queue.set("com.rest", Lane::Domains, Urgency::Rest, at(1));
        queue.set("com.late", Lane::Domains, Urgency::Spoken, at(9));
        queue.set("com.spoken", Lane::Domains, Urgency::Spoken, at(5));
        queue.set("com.alike", Lane::Domains, Urgency::Resembling, at(1));
        queue.set("io.github.x", Lane::GitHub, Urgency::Spoken, at(1));
        let mut take = |rest, now| queue.take(Lane::Domains, rest, at(now)).map(|(it, _)| it);
        assert_eq!(take(true, 0), None);
        assert_eq!(take(true, 6).as_deref(), Some("com.spoken"));
        assert_eq!(take(false, 6).as_deref(), Some("com.alike"));
        assert_eq!(take(false, 6), None);
        assert_eq!(take(true, 6).as_deref(), Some("com.rest"));
        assert_eq!(take(true, 9).as_deref(), Some("com.late"));
        assert_eq!(take(true, 99), None, "each is taken once");
        assert!(queue.take(Lane::GitHub, false, at(1)).is_some());
    }

    #[test]
    fn a_domain_with_many_children_is_proposed_as_one() {
        let mut queue = Queue::default();
        let names = |count: usize| {
            (0..count).map(|it| Name::parse(&format!("com.many.n{it}/x")).expect("a name"))
        };
        queue.add(names(20));
        assert_eq!(queue.crowded(&SharedHosts::default()), []);
        queue.add(names(21));
        assert_eq!(queue.crowded(&SharedHosts::default()), [("many.com".to_owned(), 21)]);
        assert_eq!(queue.crowded(&SharedHosts::with(["many.com".to_owned()])), []);
    }
}
