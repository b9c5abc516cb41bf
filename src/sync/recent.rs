//! The names that recent runs changed, so that many small runs cannot do what one large run may not.
//!
//! Each accepted run adds its names, as short hashes; runs of one hour share a step. A window counts distinct names, and of
//! one namespace no more than one run may, against the names at its start. After a decision about what is on hold it begins
//! again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Digest, Name, Timestamp};

const HOUR: Duration = Duration::from_hours(1);
/// Maximum names of one namespace that count.
pub(super) const NAMESPACE_CAP: u64 = 10;
/// The windows, each with the multiple of the share of one run that it allows.
pub(super) const WINDOWS: [(Duration, u64, &str); 2] =
    [(Duration::from_hours(24), 1, "24 hours"), (Duration::from_hours(7 * 24), 2, "7 days")];

/// The kinds of changes that windows count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    Removed,
    Rewritten,
    Deleted,
    Added,
}

/// The changes of the runs of the last seven days.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RecentChanges {
    /// The oldest first.
    steps: Vec<Step>,
    /// The names of the upstream when they were last counted.
    #[serde(default)]
    names: u64,
    /// The same, with no more of a namespace than count.
    #[serde(default)]
    weight: u64,
    /// The number of decisions that began it again.
    #[serde(default)]
    decisions: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Step {
    at: Timestamp,
    /// The names before it: all, those that count, and those that were served; 0 if its runs did not count them.
    names: u64,
    #[serde(default)]
    weight: u64,
    served: u64,
    changed: BTreeMap<ChangeKind, BTreeSet<u64>>,
}

/// The number of names before a run; 0 if it did not count them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NamesBefore {
    pub all: u64,
    /// The same, with no more of a namespace than count.
    pub weight: u64,
    pub served: u64,
}

impl RecentChanges {
    /// Adds the names that a run changes.
    pub fn add(
        &mut self,
        now: Timestamp,
        before: NamesBefore,
        changed: impl IntoIterator<Item = (ChangeKind, Name)>,
    ) {
        let [.., (longest, _, _)] = WINDOWS;
        self.steps.retain(|step| now.since(step.at) < longest);
        let before = self.completed(before);
        (self.names, self.weight) = (before.all, before.weight);
        let mut by_kind: BTreeMap<ChangeKind, BTreeSet<u64>> = BTreeMap::new();
        for (kind, name) in changed {
            by_kind.entry(kind).or_default().insert(short(&name));
        }
        if by_kind.is_empty() {
            return;
        }
        if let Some(step) = self.steps.last_mut().filter(|step| now.since(step.at) < HOUR) {
            for (kind, names) in by_kind {
                step.changed.entry(kind).or_default().extend(names);
            }
            // Earlier runs of the step may have needed no number of what is served.
            step.served = if step.served == 0 { before.served } else { step.served };
        } else {
            let NamesBefore { all, weight, served } = before;
            self.steps.push(Step { at: now, names: all, weight, served, changed: by_kind });
        }
    }

    /// Returns the changed names in a window that ends with these, and the names at its start.
    pub(super) fn count<'n>(
        &self,
        (kind, cap): (ChangeKind, u64),
        window: Duration,
        now: Timestamp,
        before: NamesBefore,
        names: impl Iterator<Item = &'n Name>,
    ) -> (u64, NamesBefore) {
        let before = self.completed(before);
        let known = |of: fn(&Step) -> u64, before: u64| {
            let counted = self.within(window, now).map(of).find(|count| *count > 0);
            counted.unwrap_or(before)
        };
        let start = NamesBefore {
            all: known(|step| step.names, before.all),
            weight: known(|step| step.weight, before.weight),
            served: known(|step| step.served, before.served),
        };
        let by_namespace = self.by_namespace(kind, window, now, names);
        (by_namespace.into_values().map(|count| count.min(cap)).sum(), start)
    }

    /// Returns the same names for each namespace.
    pub(super) fn by_namespace<'n>(
        &self,
        kind: ChangeKind,
        window: Duration,
        now: Timestamp,
        names: impl Iterator<Item = &'n Name>,
    ) -> BTreeMap<u64, u64> {
        let within = self.within(window, now);
        let earlier = within.filter_map(|step| step.changed.get(&kind)).flatten().copied();
        let all: BTreeSet<u64> = earlier.chain(names.map(short)).collect();
        let mut by_namespace: BTreeMap<u64, u64> = BTreeMap::new();
        for name in all {
            *by_namespace.entry(name >> 32).or_default() += 1;
        }
        by_namespace
    }

    fn within(&self, window: Duration, now: Timestamp) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |step| now.since(step.at) < window)
    }

    /// Takes the names as they were last counted, if a run does not count them.
    fn completed(&self, before: NamesBefore) -> NamesBefore {
        let known = |count: u64, last: u64| if count == 0 { last } else { count };
        let NamesBefore { all, weight, served } = before;
        NamesBefore { all: known(all, self.names), weight: known(weight, self.weight), served }
    }

    /// Begins again after a person decided about what is on hold.
    pub fn clear(&mut self) {
        self.steps.clear();
        self.decisions += 1;
    }

    /// Takes over the decisions of a stored state that this one was read before.
    pub(super) fn keep_decisions(&mut self, stored: &Self) {
        if stored.decisions > self.decisions {
            self.clone_from(stored);
        }
    }
}

/// Returns a hash of a name, its upper half that of the namespace. Two names may share it, which counts one less.
fn short(name: &Name) -> u64 {
    short_namespace(name.namespace()) << 32 | half(name.as_str())
}

/// Returns the hash of a namespace, as names are counted for it.
pub(super) fn short_namespace(namespace: &str) -> u64 {
    half(namespace)
}

fn half(text: &str) -> u64 {
    let digest = Digest::of(text.as_bytes());
    u64::from(digest.as_bytes().first_chunk().copied().map_or(0, u32::from_le_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: NamesBefore = NamesBefore { all: 1000, weight: 900, served: 100 };
    const REMOVED: (ChangeKind, u64) = (ChangeKind::Removed, NAMESPACE_CAP);

    fn name(index: u64) -> Name {
        Name::parse(&format!("n{index}.x/l")).expect("a name")
    }

    fn hour(hours: u64) -> Timestamp {
        Timestamp::from_micros(0).plus(HOUR * u32::try_from(hours).expect("few"))
    }

    fn count(recent: &RecentChanges, hours: u64, now: u64) -> u64 {
        let window = HOUR * u32::try_from(hours).expect("few");
        recent.count(REMOVED, window, hour(now), ALL, std::iter::empty()).0
    }

    #[test]
    fn windows_count_distinct_names_and_forget_old_ones() {
        let mut recent = RecentChanges::default();
        for run in 0..30 {
            let names = [name(run), name(0)].map(|name| (ChangeKind::Removed, name));
            recent.add(hour(run), NamesBefore { all: 1000 - run, ..ALL }, names);
        }
        assert_eq!((count(&recent, 24, 29), count(&recent, 7 * 24, 29)), (25, 30));
        assert_eq!((count(&recent, 24, 60), count(&recent, 7 * 24, 60)), (0, 30));
        let new = [name(5), name(99)];
        let found = recent.count(REMOVED, 24 * HOUR, hour(29), ALL, new.iter());
        assert_eq!(found, (27, NamesBefore { all: 994, ..ALL }), "1 known of them is older");
        recent.add(hour(500), ALL, []);
        assert_eq!(recent, RecentChanges { names: 1000, weight: 900, ..RecentChanges::default() });
        let uncounted = NamesBefore { served: 7, ..NamesBefore::default() };
        let found = recent.count((ChangeKind::Added, 9), HOUR, hour(500), uncounted, [].iter());
        assert_eq!(found, (0, NamesBefore { served: 7, ..ALL }));
    }

    #[test]
    fn one_namespace_counts_no_more_than_in_one_run() {
        let mut recent = RecentChanges::default();
        for leaf in 0..50 {
            let name = Name::parse(&format!("a.b/l{leaf}")).expect("a name");
            recent.add(hour(leaf / 10), ALL, [(ChangeKind::Removed, name)]);
        }
        assert_eq!(count(&recent, 24, 5), NAMESPACE_CAP);
    }

    /// Runs that delete nothing need no number of what is served.
    #[test]
    fn deletions_count_against_what_was_served_after_a_run_that_only_added_names() {
        let added = |names| RecentChanges::default().added(names);
        let uncounted = NamesBefore { served: 0, ..ALL };
        let served = |recent: &RecentChanges| {
            let deleted = (ChangeKind::Deleted, u64::MAX);
            recent.count(deleted, 24 * HOUR, hour(3), ALL, std::iter::empty()).1.served
        };
        let recent = added(uncounted);
        assert_eq!(served(&recent), 100);
        let mut recent = added(uncounted);
        let same_step = NamesBefore { served: 80, ..ALL };
        recent.add(hour(1), same_step, [(ChangeKind::Deleted, name(1))]);
        recent.add(hour(2), ALL, [(ChangeKind::Deleted, name(2))]);
        assert_eq!(served(&recent), 80, "the first number in the window");
    }

    impl RecentChanges {
        fn added(mut self, before: NamesBefore) -> Self {
            self.add(hour(1), before, [(ChangeKind::Added, name(0))]);
            self
        }
    }

    #[test]
    fn decision_during_a_run_stays() {
        let mut run = RecentChanges::default();
        run.add(hour(1), ALL, [(ChangeKind::Removed, name(1))]);
        let mut stored = run.clone();
        stored.clear();
        run.add(hour(2), ALL, [(ChangeKind::Removed, name(2))]);
        run.keep_decisions(&stored);
        assert_eq!(count(&run, 24, 2), 0);
        run.add(hour(3), ALL, [(ChangeKind::Removed, name(3))]);
        run.keep_decisions(&stored);
        assert_eq!(count(&run, 24, 3), 1);
    }
}
