use crate::store::{Snapshot, Store, StoreError};
use crate::sync::{OutOfRoom, UpstreamState};

/// Returns the state of an upstream, and the limit that keeps content of it out now.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn state_now(
    store: &Store,
    upstream: &str,
) -> Result<(UpstreamState, Option<OutOfRoom>), StoreError> {
    let snapshot = store.snapshot()?;
    let state = snapshot.upstream(upstream)?;
    let limit = limit_now(&snapshot, &state)?;
    Ok((state, limit))
}

/// Returns the limit that keeps content of an upstream out, with the bytes that are stored now: a run notes those from
/// before its last batch.
///
/// # Errors
/// When the store cannot be read.
pub(in crate::daemon) fn limit_now(
    snapshot: &Snapshot,
    state: &UpstreamState,
) -> Result<Option<OutOfRoom>, StoreError> {
    let Some(limit) = state.out_of_room else { return Ok(None) };
    let of_upstream = state.bytes.unwrap_or(limit.found);
    Ok(Some(limit.with_stored(of_upstream, snapshot.bytes_of_upstreams()?)))
}
