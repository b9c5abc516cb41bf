//! The names that recent runs changed, so that many small runs cannot do what one large run may not.
//!
//! Each accepted run adds its names, as short hashes; runs of one hour share a step. A window counts distinct names, and of
//! one namespace no more than one run may, against the names at its start. After a decision about what is on hold it begins again.

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
    /// The number of decisions that began it again.
    #[serde(default)]
    decisions: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Step {
    at: Timestamp,
    /// The names before it: all, and those that were served.
    names: u64,
    served: u64,
    changed: BTreeMap<ChangeKind, BTreeSet<u64>>,
}

/// The number of names before a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NamesBefore {
    pub all: u64,
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
        self.names = before.all;
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
        } else {
            let NamesBefore { all, served } = before;
            self.steps.push(Step { at: now, names: all, served, changed: by_kind });
        }
    }

    /// Returns the changed names in a window that ends with these, and the names at its start.
    pub(super) fn count<'n>(
        &self,
        kind: ChangeKind,
        window: Duration,
        now: Timestamp,
        before: NamesBefore,
        names: impl Iterator<Item = &'n Name>,
    ) -> (u64, NamesBefore) {
        let within = || self.steps.iter().filter(|step| now.since(step.at) < window);
        let (start, before) = (within().next(), self.completed(before));
        let start =
            start.map_or(before, |step| NamesBefore { all: step.names, served: step.served });
        let earlier = within().filter_map(|step| step.changed.get(&kind)).flatten().copied();
        let all: BTreeSet<u64> = earlier.chain(names.map(short)).collect();
        let mut by_namespace: BTreeMap<u64, u64> = BTreeMap::new();
        for name in all {
            *by_namespace.entry(name >> 32).or_default() += 1;
        }
        (by_namespace.into_values().map(|count| count.min(NAMESPACE_CAP)).sum(), start)
    }

    /// Takes the names as they were last counted, if a run does not count them.
    fn completed(&self, before: NamesBefore) -> NamesBefore {
        let NamesBefore { all, served } = before;
        NamesBefore { all: if all == 0 { self.names } else { all }, served }
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
    let half = |text: &str| {
        let digest = Digest::of(text.as_bytes());
        digest.as_bytes().first_chunk().copied().map_or(0, u32::from_le_bytes)
    };
    u64::from(half(name.namespace())) << 32 | u64::from(half(name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: NamesBefore = NamesBefore { all: 1000, served: 100 };

    fn name(index: u64) -> Name {
        Name::parse(&format!("n{index}.x/l")).expect("a name")
    }

    fn hour(hours: u64) -> Timestamp {
        Timestamp::from_micros(0).plus(HOUR * u32::try_from(hours).expect("few"))
    }

    fn count(recent: &RecentChanges, hours: u64, now: u64) -> u64 {
        let window = HOUR * u32::try_from(hours).expect("few");
        recent.count(ChangeKind::Removed, window, hour(now), ALL, std::iter::empty()).0
    }

    #[test]
    fn windows_count_distinct_names_and_forget_old_ones() {
        let mut recent = RecentChanges::default();
        for run in 0..30 {
            let names = [name(run), name(0)].map(|name| (ChangeKind::Removed, name));
            recent.add(hour(run), NamesBefore { all: 1000 - run, served: 100 }, names);
        }
        assert_eq!((count(&recent, 24, 29), count(&recent, 7 * 24, 29)), (25, 30));
        assert_eq!((count(&recent, 24, 60), count(&recent, 7 * 24, 60)), (0, 30));
        let new = [name(5), name(99)];
        let found = recent.count(ChangeKind::Removed, 24 * HOUR, hour(29), ALL, new.iter());
        assert_eq!(found, (27, NamesBefore { all: 994, served: 100 }), "1 known of them is older");
        recent.add(hour(500), ALL, []);
        assert_eq!(recent, RecentChanges { names: 1000, ..RecentChanges::default() });
        let uncounted = NamesBefore { all: 0, served: 7 };
        let found = recent.count(ChangeKind::Added, HOUR, hour(500), uncounted, [].iter());
        assert_eq!(found, (0, NamesBefore { all: 1000, served: 7 }));
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
