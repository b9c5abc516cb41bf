//! Safety limits over a day and a week: many small runs do not do together what one large run may not.

use std::collections::{BTreeMap, BTreeSet};

use super::recent::{ChangeKind, NAMESPACE_CAP, WINDOWS};
use super::safety_limits::{
    ExceededLimit, FLOOR_DELETED, FLOOR_GROWTH, FLOOR_NAMES, RunFacts, SafetyLimit, SafetyLimits,
};
use crate::model::Name;

/// A share of all names, or of the served ones, that may change over time.
struct Share {
    kind: ChangeKind,
    /// The names of one namespace that count.
    cap: u64,
    limit: SafetyLimit,
    /// Of the window of a day.
    percent: u64,
    /// Up to this many names, it is not exceeded.
    floor: u64,
    what: &'static str,
}

impl RunFacts {
    /// Returns the number of served names that the run may delete: of those limits over time, the one that leaves least.
    #[must_use]
    pub fn deletions_left(&self, safety_limits: &SafetyLimits) -> u64 {
        let left = WINDOWS.iter().map(|(window, times, _)| {
            let (none, all) = (std::iter::empty(), (ChangeKind::Deleted, u64::MAX));
            let (spent, start) = self.recent.count(all, *window, self.now, self.before(), none);
            (safety_limits.deletions_of(start.served) * times).saturating_sub(spent)
        });
        left.fold(safety_limits.deletions_of(self.served), u64::min)
    }

    /// Returns the limits that the run exceeds together with earlier ones. A kind of which it changes nothing counts not.
    pub(super) fn over_time(&self, safety_limits: &SafetyLimits) -> Vec<ExceededLimit> {
        let SafetyLimits { removed_percent, rewritten_percent, deleted_percent, .. } =
            *safety_limits;
        let of_all = |kind, limit, percent, what| {
            let (cap, floor) = (NAMESPACE_CAP, FLOOR_NAMES);
            Share { kind, cap, limit, percent, floor, what }
        };
        // Names that are served count whole, as in one run. An organisation edits many of its few own files at once.
        let of_served = |kind, limit, percent: u64, what| {
            let floor = if kind == ChangeKind::Deleted { FLOOR_DELETED } else { FLOOR_NAMES };
            let (cap, percent) = (u64::MAX, percent.max(deleted_percent));
            Share { kind, cap, limit, percent, floor, what }
        };
        let (removed, rewritten) = (SafetyLimit::Removed, SafetyLimit::Rewritten);
        let shares = [
            of_all(ChangeKind::Removed, removed.clone(), removed_percent, "names went missing"),
            of_served(
                ChangeKind::ServedRemoved,
                removed,
                removed_percent,
                "served names went missing",
            ),
            of_all(
                ChangeKind::Rewritten,
                rewritten.clone(),
                rewritten_percent,
                "names were rewritten",
            ),
            of_served(
                ChangeKind::ServedRewritten,
                rewritten,
                rewritten_percent,
                "served names were rewritten",
            ),
            of_served(ChangeKind::Deleted, SafetyLimit::Deleted, 0, "names were deleted"),
        ];
        let mut exceeded: Vec<_> =
            shares.into_iter().filter_map(|share| self.share_over_time(&share)).collect();
        exceeded.extend(self.growth_over_time(safety_limits).map(|(exceeded, _)| exceeded));
        exceeded.extend(self.namespaces_over_time(safety_limits));
        exceeded
    }

    /// Returns the namespaces with new names that wait since the upstream grew too much.
    #[must_use]
    pub fn growing(&self, safety_limits: &SafetyLimits) -> BTreeSet<&str> {
        self.growth_over_time(safety_limits).map_or_else(BTreeSet::new, |(_, growing)| growing)
    }

    /// Returns the limit of growth, if the new names exceed it, with the namespaces whose names wait: all of them if many
    /// publishers grew, and otherwise those that grew much, so that one publisher keeps back no new name of another.
    fn growth_over_time(
        &self,
        safety_limits: &SafetyLimits,
    ) -> Option<(ExceededLimit, BTreeSet<&str>)> {
        let namespaces = || self.new_names.iter().map(Name::namespace);
        let of_windows = WINDOWS.iter().rev().filter_map(|(window, times, words)| {
            let (recent, now, names) = (&self.recent, self.now, self.new_names.iter());
            let whole = (ChangeKind::Added, safety_limits.namespace_growth);
            let (added, start) = recent.count(whole, *window, now, self.before(), names.clone());
            let percent = safety_limits.growth_percent * times;
            // Of an upstream that listed nothing there is no share.
            let exceeds = |added: u64| {
                start.all > 0 && added > FLOOR_GROWTH && added * 100 > start.all * percent
            };
            let by_namespace = recent.by_namespace(ChangeKind::Added, *window, now, names);
            let weight: u64 = by_namespace.values().map(|added| (*added).min(NAMESPACE_CAP)).sum();
            let is_large = |namespace: &&str| {
                by_namespace.get(namespace).is_some_and(|added| *added > NAMESPACE_CAP)
            };
            let growing: BTreeSet<&str> = if exceeds(weight) {
                namespaces().collect()
            } else if exceeds(added) {
                namespaces().filter(is_large).collect()
            } else {
                BTreeSet::new()
            };
            let exceeded = ExceededLimit {
                limit: SafetyLimit::Growth,
                found: format!(
                    "{added} of {} names are new within {words}, this run included",
                    start.all
                ),
                allowed: format!("{percent} %, or {FLOOR_GROWTH} names"),
            };
            (!growing.is_empty()).then_some((exceeded, growing))
        });
        of_windows.max_by_key(|(_, growing)| growing.len())
    }

    /// Returns the namespaces of new names that grew too much within a window.
    fn namespaces_over_time(&self, safety_limits: &SafetyLimits) -> Vec<ExceededLimit> {
        let mut exceeded = BTreeMap::new();
        for (window, times, words) in WINDOWS {
            let (allowed, names) = (safety_limits.namespace_growth * times, self.new_names.iter());
            let added = self.recent.by_namespace(ChangeKind::Added, window, self.now, names);
            for namespace in self.new_names.iter().map(Name::namespace) {
                let added = added.get(namespace).copied().unwrap_or(0);
                if added > allowed {
                    exceeded.entry(namespace).or_insert_with(|| ExceededLimit {
                        limit: SafetyLimit::NamespaceGrowth(namespace.to_owned()),
                        found: format!(
                            "{added} new names of `{namespace}` within {words}, this run included"
                        ),
                        allowed: allowed.to_string(),
                    });
                }
            }
        }
        exceeded.into_values().collect()
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
        WINDOWS.iter().find_map(|(window, times, words)| {
            let (recent, now, names) = (&self.recent, self.now, names.iter().copied());
            let counted = (share.kind, share.cap);
            let (changed, start) = recent.count(counted, *window, now, self.before(), names);
            let all = match share.kind {
                ChangeKind::Removed | ChangeKind::Rewritten => start.weight,
                ChangeKind::Added => start.all,
                ChangeKind::Deleted | ChangeKind::ServedRemoved | ChangeKind::ServedRewritten => {
                    start.served
                }
            };
            let (percent, Share { floor, what, .. }) = (share.percent * times, share);
            (changed > *floor && changed * 100 > all * percent).then(|| ExceededLimit {
                limit: share.limit.clone(),
                found: format!("{changed} of {all} {what} within {words}, this run included"),
                allowed: format!("{percent} %, or {floor} names"),
            })
        })
    }
}
