//! Facts that a new store does not know yet.
//!
//! An editor uninstalls a server when it reads 404. A new store would answer so about each approved name that its first
//! full sync has not brought yet, or that waits for the first verification of its namespace. It does not know these
//! names, and says so, for three hours at most.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::curation::{PolicySnapshot, UpstreamPolicy};
use crate::model::{Name, Timestamp};
use crate::overlay::Rule;
use crate::store::{Snapshot, StoreError};

/// The longest time after the first sync run of a store in which it is new.
const LONGEST: Duration = Duration::from_hours(3);

/// The gaps in the knowledge of a new store.
#[derive(Debug)]
pub(super) struct Newness {
    until: Timestamp,
    policy: Arc<PolicySnapshot>,
    /// The enabled upstreams that were never synchronised completely.
    incomplete: Vec<UpstreamPolicy>,
    /// The names that wait for the first verification of their namespace.
    unverified: BTreeSet<Name>,
}

impl Newness {
    /// Reads what a store does not know yet; `None` if it is not new.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn read(
        snapshot: &Snapshot,
        policy: &Arc<PolicySnapshot>,
        now: Timestamp,
    ) -> Result<Option<Self>, StoreError> {
        let mut first: Option<Timestamp> = None;
        let mut complete = BTreeSet::new();
        for id in snapshot.upstreams()? {
            let state = match snapshot.upstream(&id) {
                // Nothing of it is known.
                Err(StoreError::Damaged(_)) => continue,
                state => state?,
            };
            first = first.into_iter().chain(state.first_attempt).min();
            if state.last_full_sync.is_some() {
                complete.insert(id);
            }
        }
        let until = first.unwrap_or(now).plus(LONGEST);
        let enabled = policy.upstreams.iter().filter(|known| known.enabled);
        let incomplete = enabled.filter(|known| !complete.contains(&known.id)).cloned().collect();
        Ok((now < until).then(|| Self {
            until,
            policy: Arc::clone(policy),
            incomplete,
            unverified: BTreeSet::new(),
        }))
    }

    /// Returns this with the names that wait for the first verification of their namespace.
    pub(super) fn with_unverified(self, unverified: impl Iterator<Item = Name>) -> Self {
        Self { unverified: unverified.collect(), ..self }
    }

    /// Returns true if it is not known yet whether the view will show the name.
    pub(super) fn concerns(&self, view: &str, name: &Name, now: Timestamp) -> bool {
        now < self.until
            && self.is_within(view, name)
            && (self.unverified.contains(name) || self.may_arrive(name, now))
    }

    fn is_within(&self, view: &str, name: &Name) -> bool {
        let view = self.policy.views.iter().find(|known| known.name == view);
        let names = view.and_then(|view| view.names.as_ref());
        names.is_none_or(|names| names.iter().any(|pattern| pattern.covers(name)))
    }

    /// Returns true if an upstream may still bring the name, and an approval would let it through.
    fn may_arrive(&self, name: &Name, now: Timestamp) -> bool {
        let set = &self.policy.overlays;
        let is_internal = set.is_internal(name);
        let rules = set.rules_for(name);
        if rules.all().any(|rule| rule.hides() && rule.selects_all()) {
            return false;
        }
        let approves = |rule: &Rule, upstream: &str| {
            rule.approved().is_some_and(|approval| approval.is_effective(now))
                && rule.upstream.as_deref().is_none_or(|only| only == upstream)
        };
        let admitting = self
            .incomplete
            .iter()
            .filter(|known| known.namespaces.admit(name) && (known.internal || !is_internal));
        admitting.into_iter().any(|known| rules.rules().any(|rule| approves(rule, &known.id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curation::tests::fixtures::{overlays, policy};
    use crate::store::{Batch, Destination, Store};
    use crate::sync::UpstreamState;

    const OVERLAYS: &str = "
namespaces: [{name: com.acme, internal: true}]
servers:
  - {name: com.example/tool, approval: {state: approved, reviewed: 2026-02-01}}
  - {name: com.wild/*, approval: {state: approved, reviewed: 2026-02-01}}
  - {name: com.wild/denied, approval: {state: denied}}
  - {name: com.acme/own, approval: {state: approved, reviewed: 2026-02-01}}
  - {name: com.example/elsewhere, upstream: other, approval: {state: approved, reviewed: 2026-02-01}}
  - {name: com.example/ended, approval: {state: approved, reviewed: 2026-02-01, expires: 2026-02-02}}
  - {name: com.example/pending, approval: {state: pending}}
";

    fn hour(hours: u64) -> Timestamp {
        let begin = Timestamp::parse("2026-06-01T00:00:00Z").expect("a time");
        begin.plus(Duration::from_hours(hours))
    }

    fn newness(state: Option<&UpstreamState>, now: Timestamp) -> Option<Newness> {
        let store = Store::ephemeral(hour(0)).expect("a store");
        if let Some(state) = state {
            let batch =
                Batch { state: Some(state), ..Batch::of("official", &[], Destination::Live, now) };
            store.commit(&batch).expect("committed");
        }
        let policy = Arc::new(policy(overlays(OVERLAYS, hour(0))));
        Newness::read(&store.snapshot().expect("one"), &policy, now).expect("read")
    }

    fn concerns(newness: &Newness, name: &str, now: Timestamp) -> bool {
        newness.concerns("default", &Name::parse(name).expect("a name"), now)
    }

    /// P96.
    #[rstest::rstest]
    #[case::approved("com.example/tool", true)]
    #[case::by_wildcard("com.wild/any", true)]
    #[case::denied("com.wild/denied", false)]
    #[case::unmentioned("com.other/x", false)]
    #[case::pending("com.example/pending", false)]
    #[case::ended("com.example/ended", false)]
    #[case::from_another_upstream_only("com.example/elsewhere", false)]
    #[case::internal_name_of_an_external_upstream("com.acme/own", false)]
    fn new_store_does_not_know_the_names_that_an_approval_selects(
        #[case] name: &str,
        #[case] expected: bool,
    ) {
        let newness = newness(None, hour(0)).expect("new");
        assert_eq!(concerns(&newness, name, hour(0)), expected);
        assert!(!concerns(&newness, name, hour(3)), "three hours at most");
    }

    /// P96.
    #[test]
    fn first_accepted_full_sync_ends_it_and_so_do_three_hours() {
        let tried = UpstreamState { first_attempt: Some(hour(0)), ..UpstreamState::default() };
        let failing = newness(Some(&tried), hour(2)).expect("new");
        assert!(concerns(&failing, "com.example/tool", hour(2)));
        assert!(newness(Some(&tried), hour(3)).is_none());
        let synced = UpstreamState { last_full_sync: Some(hour(1)), ..tried };
        let synced = newness(Some(&synced), hour(2)).expect("new");
        assert!(!concerns(&synced, "com.example/tool", hour(2)));
        let tool = Name::parse("com.example/tool").expect("a name");
        let unverified = synced.with_unverified([tool].into_iter());
        assert!(concerns(&unverified, "com.example/tool", hour(2)));
        assert!(!concerns(&unverified, "com.wild/any", hour(2)));
    }
}
