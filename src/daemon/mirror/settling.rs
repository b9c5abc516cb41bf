use std::collections::BTreeSet;

use crate::curation::UpstreamPolicy;
use crate::model::Timestamp;
use crate::store::{Snapshot, StoreError};
use crate::sync::LONGEST_FIRST_SYNC;

/// The enabled upstreams that may still claim names for the first time. One that fails or takes too long does not
/// count: it must not keep names from being compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct Settling {
    /// `None` before anything is known of the upstreams.
    upstreams: Option<BTreeSet<String>>,
    /// True if an internal upstream may: protected names come from there.
    pub(in crate::daemon) internal: bool,
    /// The enabled upstreams that are not known completely, however long they fail, and those of which the names of one
    /// party may be unknown, with the party: names may wait for them.
    pub(in crate::daemon) unsynchronised: BTreeSet<String>,
}

impl Settling {
    /// The state before anything is known of the upstreams: each of them may.
    pub(super) const UNKNOWN: Self =
        Self { upstreams: None, internal: true, unsynchronised: BTreeSet::new() };
    /// The state after all first syncs.
    pub(in crate::daemon) const NONE: Self =
        Self { upstreams: Some(BTreeSet::new()), internal: false, unsynchronised: BTreeSet::new() };

    /// Reads from the store which of these upstreams may still claim names for the first time.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(in crate::daemon) fn read(
        snapshot: &Snapshot,
        upstreams: &[UpstreamPolicy],
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let (mut settling, mut of_internal) = (BTreeSet::new(), false);
        let mut unsynchronised = BTreeSet::new();
        for UpstreamPolicy { id, internal, .. } in upstreams.iter().filter(|known| known.enabled) {
            let state = snapshot.upstream(id)?;
            if !state.is_synchronised() {
                unsynchronised.insert(id.clone());
            }
            unsynchronised.extend(state.crowded.iter().map(|party| format!("{id}: {party}")));
            let begun = state.first_attempt.is_none_or(|at| now.since(at) < LONGEST_FIRST_SYNC);
            if state.last_full_sync.is_none() && state.last_failure.is_none() && begun {
                settling.insert(id.clone());
                of_internal |= internal;
            }
        }
        Ok(Self { upstreams: Some(settling), internal: of_internal, unsynchronised })
    }

    pub(in crate::daemon) const fn is_known(&self) -> bool {
        self.upstreams.is_some()
    }

    /// Returns true if any enabled upstream may.
    pub(in crate::daemon) fn any(&self) -> bool {
        self.upstreams.as_ref().is_none_or(|upstreams| !upstreams.is_empty())
    }

    /// Returns true if this upstream may.
    pub(in crate::daemon) fn includes(&self, upstream: &str) -> bool {
        self.upstreams.as_ref().is_none_or(|upstreams| upstreams.contains(upstream))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::NamespaceRules;
    use crate::store::{Batch, Destination, Store};
    use crate::sync::UpstreamState;

    #[test]
    fn repeated_attempts_do_not_prolong_the_settling_of_an_upstream() {
        let hour = |hours: u64| Timestamp::from_micros(0).plus(Duration::from_hours(hours));
        let store = Store::ephemeral(hour(0)).expect("a store");
        let upstream = |id: &str| UpstreamPolicy {
            id: id.into(),
            priority: 1,
            internal: false,
            enabled: true,
            trust_dates: false,
            namespaces: NamespaceRules::default(),
        };
        let upstreams = [upstream("endless"), upstream("new")];
        let attempt = |at: Timestamp| {
            let state = UpstreamState {
                first_attempt: Some(hour(0)),
                last_attempt: Some(at),
                ..UpstreamState::default()
            };
            let batch =
                Batch { state: Some(&state), ..Batch::of("endless", &[], Destination::Live, at) };
            store.commit(&batch).expect("committed");
            Settling::read(&store.snapshot().expect("one"), &upstreams, at).expect("read")
        };
        let early = attempt(hour(2));
        assert!(early.includes("endless") && early.includes("new"));
        let late = attempt(hour(4));
        assert!(!late.includes("endless"), "it was tried again a moment ago");
        assert!(late.includes("new") && late.any());
        assert!(late.unsynchronised.contains("endless"), "names wait for it all the same");
    }
}
