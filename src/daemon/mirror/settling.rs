use std::time::Duration;

use super::handle::Mirror;
use crate::curation::Speaker;

/// A first walk takes minutes; after this long its end is not waited for.
const LONGEST_SETTLING: Duration = Duration::from_hours(3);

impl Mirror {
    /// Whether an upstream that is followed has not been walked to its end yet.
    pub(in crate::daemon) fn is_first_walk(&self) -> bool {
        let Ok(snapshot) = self.store.snapshot() else { return false };
        let is_new = |id: &String| snapshot.upstream(id).is_ok_and(|state| state.accepts_batches());
        let enabled = self.speakers().into_iter().filter(|speaker| speaker.enabled);
        enabled.map(|speaker| speaker.id).any(|id| is_new(&id))
    }

    /// Whether an upstream may still claim names for the first time. One that fails, or takes for
    /// ever, is not waited for: it must not keep the owners of all names from being remembered.
    pub(in crate::daemon) fn is_settling(&self) -> bool {
        self.may_claim(|_| true)
    }

    /// The same of upstreams of the organisation's own: what is protected comes from there.
    pub(in crate::daemon) fn awaits_internal(&self) -> bool {
        self.may_claim(|speaker| speaker.internal)
    }

    fn may_claim(&self, is_meant: impl Fn(&Speaker) -> bool) -> bool {
        let Ok(snapshot) = self.store.snapshot() else { return true };
        let now = self.clock.now();
        let may_claim = |id: &str| {
            let Ok(state) = snapshot.upstream(id) else { return false };
            let begun = state.last_attempt.is_none_or(|at| now.since(at) < LONGEST_SETTLING);
            state.accepts_batches() && state.last_failure.is_none() && begun
        };
        let speakers = self.speakers();
        let mut meant = speakers.iter().filter(|speaker| speaker.enabled && is_meant(speaker));
        meant.any(|speaker| may_claim(&speaker.id))
    }
}
