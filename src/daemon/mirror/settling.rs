use std::time::Duration;

use crate::curation::UpstreamPolicy;
use crate::model::Timestamp;
use crate::store::{Snapshot, StoreError};

/// A first sync takes minutes; after this time nothing waits for its end.
const LONGEST_SETTLING: Duration = Duration::from_hours(3);

/// The state of upstreams that may still claim names for the first time. One that fails or takes too
/// long does not count: it must not keep the authorities of all names from being stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) struct Settling {
    /// True if any enabled upstream may.
    pub(in crate::daemon) any: bool,
    /// True if an internal upstream may: protected names come from there.
    pub(in crate::daemon) internal: bool,
}

impl Settling {
    /// The state before anything is known of the upstreams.
    pub(super) const UNKNOWN: Self = Self { any: true, internal: true };

    /// Reads from the store which of these upstreams may still claim names for the first time.
    pub(super) fn read(
        snapshot: &Snapshot,
        upstreams: &[UpstreamPolicy],
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let mut settling = Self { any: false, internal: false };
        for UpstreamPolicy { id, internal, .. } in upstreams.iter().filter(|known| known.enabled) {
            let state = snapshot.upstream(id)?;
            let begun = state.last_attempt.is_none_or(|at| now.since(at) < LONGEST_SETTLING);
            let may_claim = state.accepts_batches() && state.last_failure.is_none() && begun;
            settling.any |= may_claim;
            settling.internal |= may_claim && *internal;
        }
        Ok(settling)
    }
}
