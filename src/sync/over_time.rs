//! Safety limits over a day and a week: many small runs do not do together what one large run may not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::exceeded::{ExceededLimit, Measured, NamesMeasure, SafetyLimit};
use super::recent::{ChangeKind, Counted, PARTY_CAP, WINDOWS, Window, by_party};
use super::safety_limits::{FLOOR_DELETED, FLOOR_GROWTH, FLOOR_NAMES, RunFacts, SafetyLimits};
use crate::model::Name;

/// A share of all names, or of the served ones, that may change over time.
struct Share {
    kind: ChangeKind,
    /// The names of one party that count.
    cap: u64,
    limit: SafetyLimit,
    /// Of the window of a day.
    percent: u64,
    /// Up to this many names, it is not exceeded.
    floor: u64,
}

/// The served names that a run would delete, by what the limits say of each.
#[derive(Debug)]
pub struct Deletions<'f> {
    /// Those that wait.
    pub beyond: BTreeSet<&'f Name>,
    pub(super) exceeded: Option<ExceededLimit>,
}

/// The deletions that one window allows.
struct Budget {
    window: Window,
    length: Option<Duration>,
    total: u64,
    allowed: u64,
    percent: u64,
    /// Those of earlier runs.
    spent: u64,
    /// Those of this run.
    used: u64,
}

impl Budget {
    const fn left(&self) -> u64 {
        self.allowed.saturating_sub(self.spent + self.used)
    }
}

impl RunFacts {
    /// Splits the deletions of served names into those that every limit allows, in the order of the names, and the others.
    /// A name counts once in a window. With `holds_all` nothing of the run is applied.
    #[must_use]
    pub fn deletions(&self, safety_limits: &SafetyLimits, holds_all: bool) -> Deletions<'_> {
        let mut budgets = self.budgets(safety_limits);
        let mut beyond = BTreeSet::new();
        for name in &self.deleted {
            let counts: Vec<bool> = budgets
                .iter()
                .map(|budget| {
                    budget.length.is_none_or(|length| {
                        !self.recent.has(ChangeKind::Deleted, length, self.now, name)
                    })
                })
                .collect();
            let fits =
                budgets.iter().zip(&counts).all(|(budget, counts)| !counts || budget.left() > 0);
            if fits {
                let counting = budgets.iter_mut().zip(counts).filter(|(_, counts)| *counts);
                counting.for_each(|(budget, _)| budget.used += 1);
            } else {
                beyond.insert(name);
            }
        }
        let tightest = budgets.iter().min_by_key(|budget| budget.left());
        let exceeded = tightest.filter(|_| !beyond.is_empty()).map(|budget| {
            let Budget { window, total, allowed, percent, spent, used, .. } = *budget;
            let applied = if holds_all { spent } else { spent + used };
            let new: BTreeSet<&Name> =
                if holds_all { self.deleted.iter().collect() } else { beyond.clone() };
            // A name may wait with one version already.
            let waiting =
                new.into_iter().chain(&self.waiting).collect::<BTreeSet<_>>().len() as u64;
            let (change, capped) = (ChangeKind::Deleted, false);
            let measure =
                NamesMeasure { change, window, applied, waiting, total, allowed, percent, capped };
            ExceededLimit::new(SafetyLimit::Deleted, Measured::Names(measure))
        });
        Deletions { beyond, exceeded }
    }

    /// Returns what each window allows, and the run itself.
    fn budgets(&self, safety_limits: &SafetyLimits) -> Vec<Budget> {
        let percent = safety_limits.deleted_percent;
        let of_windows = WINDOWS.into_iter().map(|(length, times, window)| {
            let (none, all) = (std::iter::empty(), self.counted(ChangeKind::Deleted, u64::MAX));
            let (spent, start) = self.recent.count(all, length, self.now, self.before(), none);
            let total = start.served;
            let allowed = safety_limits.deletions_of(total) * times;
            let (length, percent) = (Some(length), percent * times);
            Budget { window, length, total, allowed, percent, spent, used: 0 }
        });
        let (total, allowed) = (self.served, safety_limits.deletions_of(self.served));
        let (window, length, spent, used) = (Window::Run, None, 0, 0);
        let of_run = Budget { window, length, total, allowed, percent, spent, used };
        of_windows.chain([of_run]).collect()
    }

    /// Returns the limits that the run exceeds together with earlier ones. A kind of which it changes nothing counts not.
    pub(super) fn over_time(
        &self,
        safety_limits: &SafetyLimits,
        holds_all: bool,
    ) -> Vec<ExceededLimit> {
        let SafetyLimits { removed_percent, rewritten_percent, deleted_percent, .. } =
            *safety_limits;
        let of_all = |kind, limit, percent| {
            let (cap, floor) = (PARTY_CAP, FLOOR_NAMES);
            Share { kind, cap, limit, percent, floor }
        };
        // Names that are served count whole, as in one run.
        let of_served = |kind, limit, percent: u64, floor| {
            let (cap, percent) = (u64::MAX, percent.max(deleted_percent));
            Share { kind, cap, limit, percent, floor }
        };
        let (removed, rewritten) = (SafetyLimit::Removed, SafetyLimit::Rewritten);
        let shares = [
            of_all(ChangeKind::Removed, removed.clone(), removed_percent),
            of_served(ChangeKind::ServedRemoved, removed, removed_percent, FLOOR_DELETED),
            of_all(ChangeKind::Rewritten, rewritten.clone(), rewritten_percent),
            // An organisation edits many of its few own files at once.
            of_served(ChangeKind::ServedRewritten, rewritten, rewritten_percent, FLOOR_NAMES),
        ];
        let mut exceeded: Vec<_> =
            shares.into_iter().filter_map(|share| self.share_over_time(&share)).collect();
        let growth = self.growth_over_time(safety_limits, holds_all);
        exceeded.extend(growth.map(|(exceeded, _)| exceeded));
        exceeded.extend(self.namespaces_over_time(safety_limits));
        exceeded
    }

    /// Returns the namespaces with new names that wait since the upstream grew too much.
    #[must_use]
    pub fn growing(&self, safety_limits: &SafetyLimits) -> BTreeSet<&str> {
        self.growth_over_time(safety_limits, false)
            .map_or_else(BTreeSet::new, |(_, growing)| growing)
    }

    /// Returns the limit of growth, if the new names exceed it, with the namespaces whose names wait: all of them if many
    /// publishers grew, and otherwise those that grew much, so that one publisher keeps back no new name of another.
    fn growth_over_time(
        &self,
        safety_limits: &SafetyLimits,
        holds_all: bool,
    ) -> Option<(ExceededLimit, BTreeSet<&str>)> {
        let namespaces = || self.new_names.iter().map(Name::namespace);
        let of_windows = WINDOWS.into_iter().rev().filter_map(|(window, times, words)| {
            let (recent, now, names) = (&self.recent, self.now, self.new_names.iter());
            let whole = self.counted(ChangeKind::Added, safety_limits.namespace_growth);
            let (added, start) = recent.count(whole, window, now, self.before(), names.clone());
            let percent = safety_limits.growth_percent * times;
            // Of an upstream that listed nothing there is no share.
            let exceeds = |added: u64| {
                start.all > 0 && added > FLOOR_GROWTH && added * 100 > start.all * percent
            };
            let by_namespace = recent.by_namespace(ChangeKind::Added, window, now, names);
            let by_party = by_party(by_namespace, self.party_of);
            let weight: u64 = by_party.values().map(|added| (*added).min(PARTY_CAP)).sum();
            let is_large = |namespace: &&str| {
                let added = by_party.get(&(self.party_of)(namespace));
                added.is_some_and(|added| *added > PARTY_CAP)
            };
            let growing: BTreeSet<&str> = if exceeds(weight) {
                namespaces().collect()
            } else if exceeds(added) {
                namespaces().filter(is_large).collect()
            } else {
                BTreeSet::new()
            };
            let waits = |name: &&Name| holds_all || growing.contains(name.namespace());
            let others = self.new_names.iter().filter(|name| !waits(name));
            let (applied, _) = recent.count(whole, window, now, self.before(), others);
            let measure = NamesMeasure {
                change: ChangeKind::Added,
                window: words,
                applied,
                waiting: self.new_names.iter().filter(waits).count() as u64,
                total: start.all,
                allowed: (start.all * percent / 100).max(FLOOR_GROWTH),
                percent,
                capped: false,
            };
            let exceeded = ExceededLimit::new(SafetyLimit::Growth, Measured::Names(measure));
            (!growing.is_empty()).then_some((exceeded, growing))
        });
        of_windows.max_by_key(|(_, growing)| growing.len())
    }

    /// Returns the namespaces of new names that grew too much within a window.
    fn namespaces_over_time(&self, safety_limits: &SafetyLimits) -> Vec<ExceededLimit> {
        let mut exceeded = BTreeMap::new();
        for (window, times, words) in WINDOWS {
            let (allowed, names) = (safety_limits.namespace_growth * times, self.new_names.iter());
            let (recent, now, none) = (&self.recent, self.now, std::iter::empty());
            let added = recent.by_namespace(ChangeKind::Added, window, now, names);
            let before = recent.by_namespace(ChangeKind::Added, window, now, none);
            for namespace in self.new_names.iter().map(Name::namespace) {
                let count = |of: &BTreeMap<&str, u64>| of.get(namespace).copied().unwrap_or(0);
                let (added, applied) = (count(&added), count(&before));
                if added > allowed {
                    exceeded.entry(namespace).or_insert_with(|| {
                        let measured = Measured::NamespaceNames {
                            window: words,
                            applied,
                            waiting: added - applied,
                            allowed,
                        };
                        let limit = SafetyLimit::NamespaceGrowth(namespace.to_owned());
                        ExceededLimit::new(limit, measured)
                    });
                }
            }
        }
        exceeded.into_values().collect()
    }

    fn counted(&self, kind: ChangeKind, cap: u64) -> Counted {
        Counted { kind, cap, party_of: self.party_of }
    }

    fn share_over_time(&self, share: &Share) -> Option<ExceededLimit> {
        let names: Vec<&Name> = match share.kind {
            ChangeKind::Removed => self.removed.iter().collect(),
            ChangeKind::Rewritten => self.rewritten.iter().collect(),
            ChangeKind::Deleted => self.deleted.iter().collect(),
            ChangeKind::Added => self.new_names.iter().collect(),
            ChangeKind::ServedRemoved => self.served_removed.iter().collect(),
            ChangeKind::ServedRewritten => self.served_rewritten.iter().collect(),
        };
        if names.is_empty() {
            return None;
        }
        WINDOWS.into_iter().find_map(|(window, times, words)| {
            let (recent, now) = (&self.recent, self.now);
            let counted = self.counted(share.kind, share.cap);
            let count = |names: &[&Name]| {
                recent.count(counted, window, now, self.before(), names.iter().copied())
            };
            let ((changed, start), (applied, _)) = (count(&names), count(&[]));
            let total = match share.kind {
                ChangeKind::Removed | ChangeKind::Rewritten => start.weight,
                ChangeKind::Added => start.all,
                ChangeKind::Deleted | ChangeKind::ServedRemoved | ChangeKind::ServedRewritten => {
                    start.served
                }
            };
            let percent = share.percent * times;
            let allowed = (total * percent / 100).max(share.floor);
            (changed > allowed).then(|| {
                let measure = NamesMeasure {
                    change: share.kind,
                    window: words,
                    applied,
                    waiting: changed - applied,
                    total,
                    allowed,
                    percent,
                    capped: share.cap == PARTY_CAP && start.weight < start.all,
                };
                ExceededLimit::new(share.limit.clone(), Measured::Names(measure))
            })
        })
    }
}
