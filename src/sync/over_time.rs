//! Safety limits over a day and a week: many small runs do not do together what one large run may not.

use std::collections::BTreeMap;

use super::recent::{ChangeKind, NAMESPACE_CAP, WINDOWS, short_namespace};
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
        let share = |kind, limit, percent, floor, what| {
            // Deletions count as those of one run; a publisher may add what one run may.
            let cap = match kind {
                ChangeKind::Removed | ChangeKind::Rewritten => NAMESPACE_CAP,
                ChangeKind::Deleted => u64::MAX,
                ChangeKind::Added => safety_limits.namespace_growth,
            };
            Share { kind, cap, limit, percent, floor, what }
        };
        let shares = [
            share(
                ChangeKind::Removed,
                SafetyLimit::Removed,
                safety_limits.removed_percent,
                FLOOR_NAMES,
                "went missing",
            ),
            share(
                ChangeKind::Rewritten,
                SafetyLimit::Rewritten,
                safety_limits.rewritten_percent,
                FLOOR_NAMES,
                "were rewritten",
            ),
            share(
                ChangeKind::Deleted,
                SafetyLimit::Deleted,
                safety_limits.deleted_percent,
                FLOOR_DELETED,
                "were deleted",
            ),
            share(
                ChangeKind::Added,
                SafetyLimit::Growth,
                safety_limits.growth_percent,
                FLOOR_GROWTH,
                "are new",
            ),
        ];
        let mut exceeded: Vec<_> =
            shares.into_iter().filter_map(|share| self.share_over_time(&share)).collect();
        exceeded.extend(self.namespaces_over_time(safety_limits));
        exceeded
    }

    /// Returns the namespaces of new names that grew too much within a window.
    fn namespaces_over_time(&self, safety_limits: &SafetyLimits) -> Vec<ExceededLimit> {
        let mut exceeded = BTreeMap::new();
        for (window, times, words) in WINDOWS {
            let (allowed, names) = (safety_limits.namespace_growth * times, self.new_names.iter());
            let added = self.recent.by_namespace(ChangeKind::Added, window, self.now, names);
            for namespace in self.new_names.iter().map(Name::namespace) {
                let added = added.get(&short_namespace(namespace)).copied().unwrap_or(0);
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
                ChangeKind::Deleted => start.served,
                ChangeKind::Added => start.all,
            };
            let (percent, Share { floor, what, .. }) = (share.percent * times, share);
            (changed > *floor && changed * 100 > all * percent).then(|| ExceededLimit {
                limit: share.limit.clone(),
                found: format!("{changed} of {all} names {what} within {words}, this run included"),
                allowed: format!("{percent} %, or {floor} names"),
            })
        })
    }
}
