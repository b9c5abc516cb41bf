use std::collections::BTreeMap;
use std::time::Duration;

use crate::alert::{AlertKind, ReportedAlert};
use crate::curation::{Authority, EntryEvaluation, Evaluation, Evidence, Gate};
use crate::model::{Name, Timestamp};
use crate::store::{Snapshot, StoreError};

/// The source of the alerts.
pub(super) const SOURCE: &str = "waiting";
/// A first sync takes minutes.
const PATIENCE: Duration = Duration::from_mins(10);

/// The first information that an approved name waits for.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Awaited {
    /// The upstream that was never synchronised completely, and that the name may belong to.
    pub(super) upstream: Option<String>,
    /// True if no lookup of its namespace was definite yet.
    pub(super) is_unverified: bool,
}

impl Awaited {
    /// Returns what hides approved entries of a name for now; `None` if nothing is awaited.
    pub(super) fn of(evaluation: &Evaluation<'_>, is_concluded: bool) -> Option<Self> {
        let mut awaited = Self::default();
        for entry in evaluation.entries.iter().filter(|entry| entry.is_approved()) {
            match entry.hidden_by() {
                Some((_, Evidence::Authority(Authority::Awaits(upstream)))) => {
                    awaited.upstream = Some((*upstream).to_owned());
                }
                Some((Gate::NamespaceOwnership, _)) => awaited.is_unverified |= !is_concluded,
                _ => {}
            }
        }
        let is_served = evaluation.entries.iter().any(EntryEvaluation::is_served);
        (awaited != Self::default() && !is_served).then_some(awaited)
    }
}

/// The approved names that wait for first information about them, kept between publications.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// `None` before a first generation: the names are not known.
    by_name: Option<BTreeMap<Name, Awaited>>,
    /// The alerts that were stored last.
    stored: Option<Vec<ReportedAlert>>,
}

impl Waiting {
    /// Records a publication: what is awaited of the names that it selected, or of all names.
    pub(super) fn settle<'n>(
        &mut self,
        everything: bool,
        selected: impl Iterator<Item = &'n Name>,
        found: BTreeMap<Name, Awaited>,
    ) {
        let by_name = self.by_name.get_or_insert_default();
        if everything {
            by_name.clear();
        }
        for name in selected {
            by_name.remove(name);
        }
        by_name.extend(found);
    }

    /// Returns the names that wait for the first verification of their namespace.
    pub(super) fn unverified(&self) -> impl Iterator<Item = &Name> {
        let names = self.by_name.iter().flatten();
        names.filter(|(_, awaited)| awaited.is_unverified).map(|(name, _)| name)
    }

    /// Returns the number of names that wait for each upstream; `None` before a first generation.
    pub(super) fn counts(&self) -> Option<BTreeMap<String, u64>> {
        let mut counts = BTreeMap::new();
        let upstreams = self.by_name.as_ref()?.values().flat_map(|awaited| &awaited.upstream);
        for upstream in upstreams {
            *counts.entry(upstream.clone()).or_default() += 1;
        }
        Some(counts)
    }

    /// Returns true if other alerts than these were stored last.
    pub(super) fn differ(&self, seen: &[ReportedAlert]) -> bool {
        self.stored.as_deref() != Some(seen)
    }

    /// Remembers the alerts that were stored; `None` if that failed.
    pub(super) fn remember(&mut self, stored: Option<Vec<ReportedAlert>>) {
        self.stored = stored;
    }
}

/// Returns one alert for each upstream that names have waited for long enough.
pub(super) fn alerts(
    snapshot: &Snapshot,
    counts: BTreeMap<String, u64>,
    now: Timestamp,
) -> Result<Vec<ReportedAlert>, StoreError> {
    let mut seen = Vec::new();
    for (upstream, count) in counts {
        let since = snapshot.upstream(&upstream)?.first_attempt;
        if since.is_some_and(|at| now.since(at) >= PATIENCE) {
            let waiting = ReportedAlert::new(AlertKind::NamesWaiting, upstream, []).since(since);
            seen.push(ReportedAlert { count, ..waiting });
        }
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Batch, Destination, Store};
    use crate::sync::UpstreamState;

    fn minute(minutes: u64) -> Timestamp {
        Timestamp::from_micros(0).plus(Duration::from_mins(minutes))
    }

    fn name(text: &str) -> Name {
        Name::parse(text).expect("a name")
    }

    #[test]
    fn names_that_wait_for_an_upstream_are_counted_in_one_alert_after_ten_minutes() {
        let store = Store::ephemeral(minute(0)).expect("a store");
        let state = UpstreamState { first_attempt: Some(minute(0)), ..UpstreamState::default() };
        let batch =
            Batch { state: Some(&state), ..Batch::of("ours", &[], Destination::Live, minute(0)) };
        store.commit(&batch).expect("committed");
        let awaited = || Awaited { upstream: Some("ours".into()), is_unverified: false };
        let (one, two) = (name("com.example/one"), name("com.example/two"));
        let mut waiting = Waiting::default();
        let raised = |waiting: &Waiting, at: Timestamp| {
            let counts = waiting.counts().expect("known");
            let seen = alerts(&store.snapshot().expect("one"), counts, at).expect("read");
            let seen = seen.into_iter();
            seen.map(|alert| (alert.identity.subject, alert.count)).collect::<Vec<_>>()
        };
        assert_eq!(waiting.counts(), None, "nothing is resolved before the names are known");
        let both = [(one.clone(), awaited()), (two.clone(), awaited())].into();
        waiting.settle(true, [].into_iter(), both);
        assert_eq!(raised(&waiting, minute(9)), []);
        assert_eq!(raised(&waiting, minute(10)), [("ours".to_owned(), 2)]);
        waiting.settle(false, [&one].into_iter(), BTreeMap::new());
        assert_eq!(raised(&waiting, minute(10)), [("ours".to_owned(), 1)]);
        waiting.settle(true, [].into_iter(), BTreeMap::new());
        assert_eq!(raised(&waiting, minute(10)), []);
    }
}
