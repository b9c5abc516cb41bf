use std::time::Duration;

use crate::curation::UpstreamPolicy;
use crate::model::Instant;
use crate::store::{Snapshot, StoreError};

/// A first sync takes minutes; after this long its end is not waited for.
const LONGEST_SETTLING: Duration = Duration::from_hours(3);

/// Whether an upstream may still claim names for the first time. One that fails, or takes for ever, is
/// not waited for: it must not keep the authority over all names from being remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) struct Settling {
    pub(in crate::daemon) any: bool,
    /// The same of upstreams of the organisation's own: what is protected comes from there.
    pub(in crate::daemon) internal: bool,
}

impl Settling {
    /// Before anything is known of the upstreams.
    pub(super) const UNKNOWN: Self = Self { any: true, internal: true };

    /// Reads from the store which of these upstreams may still claim names for the first time.
    pub(super) fn read(
        snapshot: &Snapshot,
        upstreams: &[UpstreamPolicy],
        now: Instant,
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
