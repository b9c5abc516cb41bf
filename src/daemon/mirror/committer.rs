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
use crate::threads;

/// Batches that wait while one is committed; the next one is assembled meanwhile.
const WAITING: usize = 1;

/// Validated rows, with the cursor behind them.
pub(super) struct PendingBatch {
    pub(super) rows: Vec<Row>,
    pub(super) state: UpstreamState,
    /// The rows that a full sync saw, with an increasing number.
    pub(super) seen: Option<(u64, Vec<(String, String)>)>,
}

/// Commits batches in order on a thread of its own, since validating and writing cost about the same; without a thread,
/// each batch when it is enqueued. Each batch is one transaction with its cursor, so a crash repeats at most the batches
/// under way.
pub(super) struct Committer<'scope, O> {
    lane: Lane<'scope, O>,
    /// The keys of batches that a snapshot may not show yet.
    under_way: [BTreeSet<(String, String)>; WAITING + 2],
}

/// The thread that commits, or the destination itself with the first error.
enum Lane<'scope, O> {
    Thread(SyncSender<PendingBatch>, ScopedJoinHandle<'scope, Result<(), StoreError>>),
    Here(Arc<Target<O>>, Result<(), StoreError>),
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

impl<'scope, O: Observer> Committer<'scope, O> {
    pub(super) fn start(scope: &'scope Scope<'scope, '_>, target: Target<O>) -> Self
    where
        O: 'scope,
    {
        let (jobs, inbox) = sync_channel(WAITING);
        let target = Arc::new(target);
        let committed = Arc::clone(&target);
        let lane = match threads::start(scope, move || commit_all(&committed, &inbox)) {
            Ok(thread) => Lane::Thread(jobs, thread),
            Err(_) => Lane::Here(target, Ok(())),
        };
        Self { lane, under_way: Default::default() }
    }

    /// Enqueues a batch; returns false when an earlier one could not be committed.
    pub(super) fn enqueue(&mut self, batch: PendingBatch) -> bool {
        self.under_way.rotate_right(1);
        self.under_way[0] = batch.rows.iter().map(Row::key).collect();
        match &mut self.lane {
            Lane::Thread(jobs, _) => jobs.send(batch).is_ok(),
            Lane::Here(target, outcome) => {
                if outcome.is_ok() {
                    *outcome = commit(target, batch);
                }
                outcome.is_ok()
            }
        }
    }

    /// Turns an unchanged row into a write when another row of its key may not be committed yet: the last
    /// one in a sync run counts.
    pub(super) fn supersede(&self, change: Change, item: &RawValue) -> Change {
        let Change::Unchanged(identity, head) = &change else { return change };
        let key = (identity.name.to_string(), identity.version.to_string());
        if !self.under_way.iter().any(|keys| keys.contains(&key)) {
            return change;
        }
        match Entry::read(item, head.first_seen) {
            Ok(entry) => Change::Write { row: Row::Entry(entry), kind: Kind::Updated },
            Err(_) => change,
        }
    }

    /// Waits until everything is committed.
    ///
    /// # Errors
    /// The error of the first batch that could not be committed.
    pub(super) fn finish(self) -> Result<(), StoreError> {
        match self.lane {
            Lane::Thread(jobs, thread) => {
                drop(jobs);
                thread.join().unwrap_or_else(|panicked| std::panic::resume_unwind(panicked))
            }
            Lane::Here(_, outcome) => outcome,
        }
    }
}

fn commit_all<O: Observer>(
    target: &Target<O>,
    inbox: &Receiver<PendingBatch>,
) -> Result<(), StoreError> {
    inbox.iter().try_for_each(|batch| commit(target, batch))
}

fn commit<O: Observer>(target: &Target<O>, batch: PendingBatch) -> Result<(), StoreError> {
    let PendingBatch { rows, state, seen } = batch;
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
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::thread::scope;

    use super::*;
    use crate::model::{Name, Timestamp};
    use crate::sync::{SyncKind, SyncRun};
    use crate::threads::refusal::with_threads;

    const NOW: Timestamp = Timestamp::from_micros(7);

    struct Silent;

    impl Observer for Silent {
        fn touched(&self, _: BTreeSet<Name>) {}

        fn progress(&self, _: &SyncRun) {}
    }

    fn batch(pages: u64) -> PendingBatch {
        let mut run = SyncRun::new(SyncKind::Full, NOW);
        run.pages = pages;
        let state = UpstreamState { run: Some(run), ..UpstreamState::default() };
        PendingBatch { rows: Vec::new(), state, seen: None }
    }

    /// Each sync run panicked.
    #[test]
    fn batches_are_committed_in_order_where_the_system_gives_no_thread() {
        for threads in [usize::MAX, 0] {
            let store = Arc::new(Store::ephemeral(NOW).expect("a store"));
            let target = || Target {
                store: Arc::clone(&store),
                clock: Arc::new(Clock::starting_at(NOW)),
                upstream: "up".to_owned(),
                destination: Destination::Live,
                max_size: 1 << 40,
                observer: Arc::new(Silent),
            };
            let enqueue_all = || {
                scope(|scope| {
                    let mut committer = Committer::start(scope, target());
                    let enqueued = (1..=5).all(|pages| committer.enqueue(batch(pages)));
                    (enqueued, committer.finish())
                })
            };
            let (enqueued, committed) = with_threads(threads, enqueue_all);
            committed.expect("committed");
            assert!(enqueued, "{threads}");
            let pages = || Some(store.snapshot().ok()?.upstream("up").ok()?.run?.pages);
            assert_eq!(pages(), Some(5));
            store.close();
            let (enqueued, committed) = with_threads(threads, enqueue_all);
            committed.expect_err("closed");
            assert!(threads > 0 || !enqueued, "a failure is known at once");
        }
    }
}
