use super::options::SyncFailure;
use crate::daemon::runtime::Clock;
use crate::store::{Batch, Destination, Store, StoreError};
use crate::sync::Failure;

/// Stores why a sync run was not accepted, and the cursor at which the next one resumes.
pub(super) fn record_failure(
    store: &Store,
    clock: &Clock,
    upstream: &str,
    failure: &SyncFailure,
) -> Result<(), StoreError> {
    let now = clock.now();
    // The committed state counts; the one in memory may be ahead of it.
    let mut state = store.snapshot()?.upstream(upstream)?;
    if let SyncFailure::Fetch(failure) = failure {
        state.remember_refusal(failure, now);
    }
    if !failure.keeps_cursor() {
        state.run = None;
    } else if failure.may_be_of_cursor() {
        state.count_failure();
    }
    if !matches!(failure, SyncFailure::Stopped) {
        state.last_failure =
            Some(Failure { at: now, class: failure.class(), reason: failure.reason() });
    }
    store.commit(&Batch { state: Some(&state), ..Batch::of(upstream, &[], Destination::Live, now) })
}
