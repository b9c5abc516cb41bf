//! The names that recent runs changed, so that many small runs cannot do what one large run may not.
//!
//! Each accepted run adds its names; runs of one hour share a step. A window counts distinct names, and of one party no
//! more than one run may, against the names at its start. When a person releases what is on hold it begins again.
//! Names are compared whole: a short hash would let a publisher add names that count as those of another namespace.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Name, Timestamp};

const HOUR: Duration = Duration::from_hours(1);
/// Maximum names of one party that count.
pub(super) const PARTY_CAP: u64 = 10;
/// The windows, each with the multiple of the share of one run that it allows.
pub(super) const WINDOWS: [(Duration, u64, Window); 2] =
    [(Duration::from_hours(24), 1, Window::Day), (Duration::from_hours(7 * 24), 2, Window::Week)];

/// Maximum names of one kind that are remembered: each accepted run with changes reads and writes them.
const MAX_NAMES: usize = 50_000;

/// The time over which a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Window {
    Run,
    Day,
    Week,
}

/// The kinds of changes that windows count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    Removed,
    Rewritten,
    Deleted,
    Added,
    /// Went missing while it was served.
    ServedRemoved,
    /// Was rewritten while it was served, which a rule may take as a reason to hide it.
    ServedRewritten,
}

impl ChangeKind {
    /// Returns the names of one namespace that count, if that is the same for all upstreams.
    const fn cap(self) -> Option<u64> {
        match self {
            Self::Removed | Self::Rewritten => Some(PARTY_CAP),
            Self::Deleted | Self::Added | Self::ServedRemoved | Self::ServedRewritten => None,
        }
    }
}

/// The changes of the runs of the last seven days.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RecentChanges {
    /// The oldest first.
    steps: Vec<Step>,
    /// The names of the upstream when they were last counted.
    names: u64,
    /// The same, with no more of a namespace than count.
    weight: u64,
}

/// Returns the party that a namespace belongs to.
pub type PartyOf = fn(&str) -> String;

/// The names that a window counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    pub(super) kind: ChangeKind,
    /// Those of one party that count.
    pub(super) cap: u64,
    pub(super) party_of: PartyOf,
}

/// Returns the sum of the names of namespaces, counting at most the cap for each party.
pub(super) fn capped<'n>(
    namespaces: impl IntoIterator<Item = (&'n str, u64)>,
    cap: u64,
    party_of: PartyOf,
) -> u64 {
    by_party(namespaces, party_of).into_values().map(|names| names.min(cap)).sum()
}

/// Returns the names of each party.
pub(super) fn by_party<'n>(
    namespaces: impl IntoIterator<Item = (&'n str, u64)>,
    party_of: PartyOf,
) -> BTreeMap<String, u64> {
    let mut parties = BTreeMap::new();
    for (namespace, names) in namespaces {
        *parties.entry(party_of(namespace)).or_default() += names;
    }
    parties
}

/// The changes of one run, and the names before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunChanges {
    pub before: NamesBefore,
    pub changed: Vec<(ChangeKind, Name)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Step {
    at: Timestamp,
    /// The names before it: all, those that count, and those that were served; 0 if its runs did not count them.
    names: u64,
    weight: u64,
    served: u64,
    by_kind: BTreeMap<ChangeKind, BTreeSet<Name>>,
    /// The numbers of names beyond those that are remembered: they may be counted twice, and are not forgotten.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    beyond: BTreeMap<ChangeKind, u64>,
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
        // A person may have accepted a clock that is behind the one of earlier runs.
        for step in &mut self.steps {
            step.at = step.at.min(now);
        }
        let [.., (longest, _, _)] = WINDOWS;
        self.steps.retain(|step| now.since(step.at) < longest);
        let before = self.completed(before);
        (self.names, self.weight) = (before.all, before.weight);
        let mut changed = changed.into_iter().peekable();
        if changed.peek().is_none() {
            return;
        }
        let mut kept: BTreeMap<ChangeKind, usize> = BTreeMap::new();
        for (kind, names) in self.steps.iter().flat_map(|step| &step.by_kind) {
            *kept.entry(*kind).or_default() += names.len();
        }
        if self.steps.last().is_none_or(|step| now.since(step.at) >= HOUR) {
            self.steps.push(Step::begin(now, before));
        }
        let Some(step) = self.steps.last_mut() else { return };
        // Earlier runs of the step may have needed no number of what is served.
        step.served = if step.served == 0 { before.served } else { step.served };
        for (kind, name) in changed {
            let kept = kept.entry(kind).or_default();
            if *kept < MAX_NAMES {
                *kept += usize::from(step.add(kind, name));
            } else {
                *step.beyond.entry(kind).or_default() += 1;
            }
        }
    }

    /// Returns true if an earlier run counted the names of the upstream.
    #[must_use]
    pub const fn has_counted(&self) -> bool {
        self.names > 0
    }

    /// Returns the changed names in a window that ends with these, and the names at its start.
    pub(super) fn count<'n>(
        &'n self,
        Counted { kind, cap, party_of }: Counted,
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
        let beyond = self.within(window, now).filter_map(|step| step.beyond.get(&kind));
        (capped(by_namespace, cap, party_of) + beyond.sum::<u64>(), start)
    }

    /// Returns the same names for each namespace.
    pub(super) fn by_namespace<'n>(
        &'n self,
        kind: ChangeKind,
        window: Duration,
        now: Timestamp,
        names: impl Iterator<Item = &'n Name>,
    ) -> BTreeMap<&'n str, u64> {
        let within = self.within(window, now);
        let earlier = within.filter_map(|step| step.by_kind.get(&kind)).flatten();
        let all: BTreeSet<&Name> = earlier.chain(names).collect();
        let mut by_namespace: BTreeMap<&str, u64> = BTreeMap::new();
        for name in all {
            *by_namespace.entry(name.namespace()).or_default() += 1;
        }
        by_namespace
    }

    /// Returns true if a window counts the name already.
    pub(super) fn has(
        &self,
        kind: ChangeKind,
        window: Duration,
        now: Timestamp,
        name: &Name,
    ) -> bool {
        self.within(window, now)
            .filter_map(|step| step.by_kind.get(&kind))
            .any(|names| names.contains(name))
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

    /// Begins again for these kinds, after a person released what was on hold of them.
    pub fn clear(&mut self, kinds: impl IntoIterator<Item = ChangeKind>) {
        for kind in kinds {
            for step in &mut self.steps {
                step.by_kind.remove(&kind);
                step.beyond.remove(&kind);
            }
        }
        self.steps.retain(|step| !step.by_kind.is_empty());
        for step in &mut self.steps {
            // What was released changed these numbers.
            (step.names, step.weight, step.served) = (0, 0, 0);
        }
    }
}

impl Step {
    fn begin(at: Timestamp, NamesBefore { all, weight, served }: NamesBefore) -> Self {
        Self { at, names: all, weight, served, by_kind: BTreeMap::new(), beyond: BTreeMap::new() }
    }

    /// Adds a name, unless enough of its namespace is known; returns true if it is added.
    fn add(&mut self, kind: ChangeKind, name: Name) -> bool {
        let names = self.by_kind.entry(kind).or_default();
        let own = format!("{}/", name.namespace());
        let from = (Bound::Included(own.as_str()), Bound::Unbounded);
        let known = names.range::<str, _>(from);
        let known = known.take_while(|known| known.as_str().starts_with(&own));
        kind.cap().is_none_or(|cap| (known.count() as u64) < cap) && names.insert(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: NamesBefore = NamesBefore { all: 1000, weight: 900, served: 100 };
    const REMOVED: Counted = counted(ChangeKind::Removed, PARTY_CAP);

    const fn counted(kind: ChangeKind, cap: u64) -> Counted {
        Counted { kind, cap, party_of: str::to_owned }
    }

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
        let found =
            recent.count(counted(ChangeKind::Added, 9), HOUR, hour(500), uncounted, [].iter());
        assert_eq!(found, (0, NamesBefore { served: 7, ..ALL }));
    }

    #[test]
    fn one_namespace_counts_no_more_than_in_one_run() {
        let mut recent = RecentChanges::default();
        for leaf in 0..50 {
            let name = Name::parse(&format!("a.b/l{leaf}")).expect("a name");
            recent.add(hour(leaf / 10), ALL, [(ChangeKind::Removed, name)]);
        }
        assert_eq!(count(&recent, 24, 5), PARTY_CAP);
    }

    /// Runs that delete nothing need no number of what is served.
    #[test]
    fn deletions_count_against_what_was_served_after_a_run_that_only_added_names() {
        let added = |names| RecentChanges::default().added(names);
        let uncounted = NamesBefore { served: 0, ..ALL };
        let served = |recent: &RecentChanges| {
            let deleted = counted(ChangeKind::Deleted, u64::MAX);
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
    fn remembered_names_are_limited_for_each_kind_and_namespace() {
        let mut recent = RecentChanges::default();
        let many = (0..60_000).map(|index| (ChangeKind::Added, name(index)));
        let one = |leaf| Name::parse(&format!("a.b/l{leaf}")).expect("a name");
        let removed = (0..50).map(|leaf| (ChangeKind::Removed, one(leaf)));
        let deleted = (0..50).map(|leaf| (ChangeKind::Deleted, one(leaf)));
        recent.add(hour(1), ALL, many.chain(removed).chain(deleted));
        let kept = |kind| recent.steps[0].by_kind[&kind].len();
        let kinds = [ChangeKind::Added, ChangeKind::Removed, ChangeKind::Deleted];
        assert_eq!(kinds.map(kept), [MAX_NAMES, 10, 50]);
        let all = counted(ChangeKind::Added, u64::MAX);
        let found = recent.count(all, HOUR, hour(1), ALL, [].iter()).0;
        assert_eq!(found, 60_000, "the others count all the same");
    }

    /// A person released the deletions, and after them less is served.
    #[test]
    fn released_kind_begins_again_and_the_others_go_on() {
        let mut recent = RecentChanges::default();
        let kinds = [ChangeKind::Removed, ChangeKind::Deleted];
        recent.add(hour(1), ALL, kinds.map(|kind| (kind, name(1))));
        recent.clear([ChangeKind::Deleted]);
        let now = NamesBefore { served: 40, ..ALL };
        let counted = kinds.map(|kind| {
            let (count, start) = recent.count(counted(kind, 9), HOUR, hour(1), now, [].iter());
            (count, start.served)
        });
        assert_eq!(counted, [(1, 40), (0, 40)]);
    }

    #[test]
    fn steps_of_a_clock_that_was_ahead_slide_from_the_time_that_a_person_accepted() {
        let mut recent = RecentChanges::default();
        recent.add(hour(5_000), ALL, [(ChangeKind::Removed, name(1))]);
        recent.add(hour(10), ALL, [(ChangeKind::Removed, name(2))]);
        assert_eq!((count(&recent, 24, 11), count(&recent, 24, 40)), (2, 0));
    }
}
