use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use serde_json::value::RawValue;

use super::options::Observer;
use super::rows::names;
use crate::daemon::runtime::Clock;
use crate::model::Entry;
use crate::store::{Batch, Destination, Seen, Store, StoreError};
use crate::sync::{Change, Kind, Row, UpstreamState};

/// Batches that wait while one is committed; the next one is assembled meanwhile.
const WAITING: usize = 1;

/// Validated rows, with the cursor behind them.
pub(super) struct PendingBatch {
    pub(super) rows: Vec<Row>,
    pub(super) state: UpstreamState,
    /// The rows that a full sync saw, with an increasing number.
    pub(super) seen: Option<(u64, Vec<(String, String)>)>,
}

/// Commits batches in order on a thread of its own, since validating and writing cost about the same.
/// Each batch is one transaction with its cursor, so a crash repeats at most the batches under way.
pub(super) struct Committer<'scope> {
    jobs: Option<SyncSender<PendingBatch>>,
    thread: ScopedJoinHandle<'scope, Result<(), StoreError>>,
    /// The keys of batches that a snapshot may not show yet.
    under_way: [BTreeSet<(String, String)>; WAITING + 2],
}

/// The destination of batches.
pub(super) struct Target<O> {
    pub(super) store: Arc<Store>,
    pub(super) clock: Arc<Clock>,
    pub(super) upstream: String,
    pub(super) destination: Destination,
    /// The bytes that the content of the upstream may take.
    pub(super) max_size: u64,
    pub(super) observer: Arc<O>,
}

impl<'scope> Committer<'scope> {
    pub(super) fn start<O: Observer>(scope: &'scope Scope<'scope, '_>, target: Target<O>) -> Self {
        let (jobs, inbox) = sync_channel(WAITING);
        let thread = scope.spawn(move || commit_all(&target, &inbox));
        Self { jobs: Some(jobs), thread, under_way: Default::default() }
    }

    /// Enqueues a batch; returns false when an earlier one could not be committed.
    pub(super) fn enqueue(&mut self, batch: PendingBatch) -> bool {
        self.under_way.rotate_right(1);
        self.under_way[0] = batch.rows.iter().map(Row::key).collect();
        self.jobs.as_ref().is_some_and(|jobs| jobs.send(batch).is_ok())
    }

    /// Returns true if a row of this key may not be committed yet.
    pub(super) fn has_under_way(&self, key: &(String, String)) -> bool {
        self.under_way.iter().any(|keys| keys.contains(key))
    }

    /// Waits until everything is committed.
    ///
    /// # Errors
    /// The error of the first batch that could not be committed.
    pub(super) fn finish(mut self) -> Result<(), StoreError> {
        self.jobs = None;
        match self.thread.join() {
            Ok(outcome) => outcome,
            Err(panicked) => std::panic::resume_unwind(panicked),
        }
    }
}

fn commit_all<O: Observer>(
    target: &Target<O>,
    inbox: &Receiver<PendingBatch>,
) -> Result<(), StoreError> {
    for PendingBatch { rows, state, seen } in inbox {
        target.store.commit(&Batch {
            upstream: &target.upstream,
            rows: &rows,
            destination: target.destination,
            state: Some(&state),
            seen: seen.as_ref().map(|(seq, keys)| Seen { seq: *seq, keys }),
            max_size: target.max_size,
            now: target.clock.now(),
        })?;
        if target.destination == Destination::Live {
            target.observer.touched(names(&rows));
        }
    }
    Ok(())
}

/// Turns an unchanged row into a write when another row of its key is under way to the store: the last
/// one in a sync run counts.
pub(super) fn supersede_pending(
    change: Change,
    item: &RawValue,
    committer: &Committer<'_>,
) -> Change {
    let Change::Unchanged(identity, head) = &change else { return change };
    let key = (identity.name.to_string(), identity.version.to_string());
    if !committer.has_under_way(&key) {
        return change;
    }
    match Entry::read(item, head.first_seen) {
        Ok(entry) => Change::Write { row: Row::Entry(entry), kind: Kind::Updated },
        Err(_) => change,
    }
}
