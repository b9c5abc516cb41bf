use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

use super::committer::{Committer, PendingBatch, Target};
use super::limit::state_now;
use super::options::{Fetched, Observer, RunOptions, SyncFailure};
use super::quarantine_room::{FullQuarantine, QuarantineRoom};
use super::repeated::{ListedDeletions, is_stale};
use super::rows::classify_row;
use super::safety::{CheckedRun, counted, hold};
use crate::config::Trust;
use crate::daemon::runtime::Clock;
use crate::model::{Name, RoomLimit, Timestamp};
use crate::store::{Acceptance, Destination, Snapshot, Store, StoreError};
use crate::sync::{
    Change, FetchedPage, Kind, NameSize, NotApplied, OutOfRoom, RawPage, Row, RunReport, SyncKind,
    SyncRun, UpstreamState, completed,
};

/// A batch is committed when it has this many rows, or pages of this many bytes, or is this old. A crash repeats one
/// batch.
const BATCH_ROWS: u64 = 2_000;
const BATCH_BYTES: usize = 32 * 1024 * 1024;
const BATCH_AGE: Duration = Duration::from_millis(500);

/// Validates the rows of a sync run and commits them; runs where blocking is allowed.
pub(super) struct Ingest<O> {
    store: Arc<Store>,
    clock: Arc<Clock>,
    options: RunOptions,
    /// The state of the upstream at the start of the sync run.
    state: UpstreamState,
    run: SyncRun,
    /// The rows in quarantine: at the start of the sync run, and those that it adds.
    quarantine: QuarantineRoom,
    /// The sizes of the names that this sync run adds to.
    sizes: BTreeMap<Name, NameSize>,
    /// True if nothing was stored at the start: a first sync need not ask the store for the size of each name.
    begun_empty: bool,
    /// True if batches are accepted as they come, and the sync run is not judged.
    is_live: bool,
    /// The rows that a full sync saw since the last commit, by name and version.
    seen: Vec<(String, String)>,
    /// The rows to commit next, by name and version: the last one in a sync run counts.
    batch: BTreeMap<(String, String), Row>,
    deletions: ListedDeletions,
    observer: Arc<O>,
}

impl<O: Observer> Ingest<O> {
    /// Resumes the interrupted sync run, or begins a new one; with `resync` another history answered a request for changes.
    pub(super) fn begin(
        store: Arc<Store>,
        clock: Arc<Clock>,
        options: RunOptions,
        resync: bool,
        observer: Arc<O>,
    ) -> Result<Self, SyncFailure> {
        let now = clock.now();
        let snapshot = store.snapshot()?;
        let begun_empty = snapshot.has_nothing_of(&options.upstream)?;
        let mut stored = snapshot.upstream(&options.upstream)?.of_source(&options.url);
        if resync {
            stored.epoch = stored.epoch.asked_for_resync();
        }
        if options.full {
            // The person who asks for it may know that the cursor of the interrupted one leads nowhere.
            stored.run = None;
        }
        let quarantined = snapshot.count_quarantined(&options.upstream)?;
        let quarantine = QuarantineRoom::new(options.max_quarantined, quarantined);
        let is_lifted = match &stored.out_of_room {
            Some(limit) => {
                store.is_lifted(&snapshot, limit, (&options.upstream, options.max_size))?
            }
            None => false,
        };
        drop(snapshot);
        let next = stored.next_run(now, options.full || is_lifted, options.full_sync);
        let resumed = stored.run.as_ref() == Some(&next) && !options.dry_run;
        let run = if resumed { next } else { SyncRun::new(next.kind, now) };
        let state = UpstreamState {
            internal: options.trust == Trust::Internal,
            withdrawn: false,
            first_attempt: stored.first_attempt.or(Some(now)),
            last_attempt: Some(now),
            run: Some(run.clone()),
            ..stored
        };
        let is_live = state.accepts_batches(now, !begun_empty);
        if !resumed && !options.dry_run {
            store.discard_staged(&options.upstream, &state, now)?;
        }
        Ok(Self {
            store,
            clock,
            options,
            state,
            run,
            seen: Vec::new(),
            quarantine,
            sizes: BTreeMap::new(),
            begun_empty,
            is_live,
            batch: BTreeMap::new(),
            deletions: ListedDeletions::default(),
            observer,
        })
    }

    pub(super) fn run(&self) -> &SyncRun {
        &self.run
    }

    /// Ingests pages until the channel closes.
    pub(super) fn consume(
        &mut self,
        mut pages: mpsc::Receiver<Fetched>,
    ) -> Result<(), SyncFailure> {
        std::thread::scope(|scope| {
            let mut committer = Committer::start(scope, self.target());
            let (mut since, mut pages_read, mut rows, mut bytes) = (Instant::now(), 0, 0, 0);
            let mut snapshot: Option<Snapshot> = None;
            while let Some(fetched) = next_page(&mut pages, &mut snapshot) {
                pages_read += 1;
                let at = match snapshot.take() {
                    Some(at) => at,
                    None => self.store.snapshot()?,
                };
                rows += self.add_page(&at, &committer, &fetched)?;
                bytes += fetched.page.body.len();
                snapshot = Some(at);
                self.run.advance(fetched.next_cursor);
                self.observer.progress(&self.run);
                if rows >= BATCH_ROWS || bytes >= BATCH_BYTES || since.elapsed() >= BATCH_AGE {
                    snapshot = None;
                    if !self.flush(&mut committer) {
                        return Ok(committer.finish()?);
                    }
                    (since, pages_read, rows, bytes) = (Instant::now(), 0, 0, 0);
                }
            }
            if pages_read > 0 {
                self.flush(&mut committer);
            }
            Ok(committer.finish()?)
        })
    }

    fn target(&self) -> Target<O> {
        Target {
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            upstream: self.options.upstream.clone(),
            destination: if self.is_live { Destination::Live } else { Destination::Staged },
            max_size: self.options.max_size,
            observer: Arc::clone(&self.observer),
        }
    }

    fn add_page(
        &mut self,
        snapshot: &Snapshot,
        committer: &Committer<'_, O>,
        fetched: &Fetched,
    ) -> Result<u64, SyncFailure> {
        let now = self.clock.now();
        self.follow_epoch(&fetched.page, now)?;
        self.run.saw_page(&fetched.page, now);
        self.run.pages += 1;
        self.run.is_partial |= fetched.page.is_partial;
        let page = RawPage::read(&fetched.page.body)?;
        // A mirror states older times when it shows an entry again, and a file may state none.
        let has_times = !self.options.files && fetched.page.epoch.is_none();
        let accepted = self.state.newest_updated_at.filter(|_| has_times);
        for item in &page.rows {
            let upstream = self.options.upstream.as_str();
            let change = if self.options.files {
                let item = completed(item, now, |name, version| {
                    snapshot.head(upstream, name.as_str(), version.as_str())
                })?;
                classify_row(&item, now, snapshot, upstream)?
            } else {
                classify_row(item, now, snapshot, upstream)?
            };
            let change = committer.supersede(change, item);
            if self.deletions.overrule(&change) || is_stale(&change, snapshot, upstream, accepted)?
            {
                self.run.tally.unchanged += 1;
                self.seen.push(change.key());
                continue;
            }
            let change = self.within_limits(change, snapshot)?;
            self.run.tally.count(&change);
            if !self.leaves_out(&change, snapshot, now)? {
                self.take(change, snapshot)?;
            }
        }
        Ok(page.rows.len() as u64)
    }

    /// Fails a run that reads two stores, or that reads changes of another history of the upstream. Within an hour of such a
    /// failure its changes are taken as any others, and a full sync follows later.
    fn follow_epoch(&mut self, page: &FetchedPage, now: Timestamp) -> Result<(), SyncFailure> {
        let seen = page.epoch.as_ref();
        let is_first = self.run.pages == 0 || self.run.epoch.is_none();
        if is_first {
            self.run.epoch = seen.cloned();
        } else if seen.is_some() && seen != self.run.epoch.as_ref() {
            return Err(SyncFailure::TwoStores);
        }
        let reads_changes = self.run.kind != SyncKind::Full;
        if reads_changes && page.resync {
            self.state.epoch = self.state.epoch.clone().asked_for_resync();
        }
        if reads_changes && self.state.epoch.is_replaced_by(seen, now) {
            return Err(SyncFailure::Replaced);
        }
        Ok(())
    }

    /// Quarantines a version that exceeds the limits of its name.
    fn within_limits(&mut self, change: Change, snapshot: &Snapshot) -> Result<Change, StoreError> {
        let Change::Write { row: Row::Entry(entry), kind: Kind::Added } = &change else {
            return Ok(change);
        };
        let admitted = if let Some(size) = self.sizes.get_mut(&entry.name) {
            size.admit(entry)
        } else {
            let mut size = if self.begun_empty {
                NameSize::default()
            } else {
                snapshot.size_of(&self.options.upstream, &entry.name)?
            };
            let admitted = size.admit(entry);
            self.sizes.insert(entry.name.clone(), size);
            admitted
        };
        Ok(match admitted {
            Ok(()) => change,
            Err(row) => {
                self.run.over_limit.insert(entry.name.to_string());
                Change::Write { row: Row::Quarantined(row), kind: Kind::Quarantined }
            }
        })
    }

    /// Leaves a row out that would be one too many in quarantine. It was seen, so it stops nothing else.
    fn leaves_out(
        &mut self,
        change: &Change,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let Change::Write { row: row @ Row::Quarantined(_), .. } = change else { return Ok(false) };
        let (name, version) = row.key();
        if snapshot.is_unsettled(&self.options.upstream, &name, &version)? {
            return Ok(false);
        }
        match self.quarantine.take(&name) {
            Ok(()) => return Ok(false),
            Err(FullQuarantine::Name(name)) => drop(self.run.over_limit.insert(name.to_string())),
            Err(FullQuarantine::Party(party)) => drop(self.run.crowded.insert(party)),
            Err(FullQuarantine::Upstream { found, allowed }) => {
                let since = self.state.out_of_room.map_or(now, |before| before.since);
                let rows = self.run.quarantine_full.map_or(0, |before| before.rows) + 1;
                let reached = OutOfRoom::new(RoomLimit::Quarantine, found, allowed);
                self.run.quarantine_full = Some(OutOfRoom { since, rows, ..reached });
            }
        }
        self.seen.push((name, version));
        Ok(true)
    }

    fn take(&mut self, change: Change, snapshot: &Snapshot) -> Result<(), StoreError> {
        let row = match change {
            Change::Write { row, .. } => {
                self.seen.push(row.key());
                row
            }
            Change::Unchanged(identity, head) => {
                let updated_at = identity.updated_at.unwrap_or(head.updated_at);
                self.run.saw_update(updated_at, head.status);
                let key = (identity.name.to_string(), identity.version.to_string());
                self.seen.push(key.clone());
                let overtaken = self.batch.remove(&key).is_some();
                let (name, version) = key;
                if !overtaken && !snapshot.is_unsettled(&self.options.upstream, &name, &version)? {
                    return Ok(());
                }
                Row::Settled { name, version }
            }
        };
        if let Row::Entry(entry) = &row {
            self.run.saw_update(entry.head.updated_at, entry.head.status);
        }
        self.batch.insert(row.key(), row);
        Ok(())
    }

    /// Enqueues the batch for commit; returns false when an earlier one could not be committed.
    fn flush(&mut self, committer: &mut Committer<'_, O>) -> bool {
        let rows: Vec<Row> = std::mem::take(&mut self.batch).into_values().collect();
        let seen = std::mem::take(&mut self.seen);
        if self.options.dry_run {
            return true;
        }
        // An empty record would replace that of the last page, which has the same number.
        let records_seen = self.run.kind == SyncKind::Full && !seen.is_empty();
        committer.enqueue(PendingBatch {
            rows,
            state: UpstreamState { run: Some(self.run.clone()), ..self.state.clone() },
            seen: records_seen.then_some((self.run.pages, seen)),
        })
    }

    /// Checks the run against the safety limits, unless it is the first, and accepts the rows that are not on hold.
    pub(super) fn accept(mut self) -> Result<RunReport, SyncFailure> {
        let mut report = self.run.report(&self.options.upstream, self.options.dry_run);
        if self.options.dry_run {
            return Ok(report);
        }
        if self.state.epoch.is_second(self.run.begun, self.run.epoch.as_ref()) {
            // What the first full sync under another epoch missed, and this one too, is gone.
            let missing_syncs = &mut self.options.safety_limits.missing_syncs;
            *missing_syncs = (*missing_syncs).min(2);
        }
        let now = self.clock.now();
        // A decision during the run counts for it, as far as it has what the person saw.
        let snapshot = self.store.snapshot()?;
        let stored = snapshot.upstream(&self.options.upstream)?;
        self.state.keep_decisions(&stored);
        let RunOptions { safety_limits, upstream, .. } = &self.options;
        let judge = if self.is_live { counted } else { hold };
        let CheckedRun { hold, changes, applied, discarded } =
            judge(&snapshot, &self.options, &self.state, &self.run, now)?;
        let whole = self.state.accepted(&self.run, now, self.options.overlap);
        drop(snapshot);
        let left_out = stored.run.is_some_and(|run| run.left_out);
        let limit = stored.out_of_room.filter(|_| left_out);
        let whole = if left_out { self.state.without_content(whole, limit) } else { whole };
        let state = if hold.exceeded.is_empty() && hold.rows.is_empty() {
            whole.clone()
        } else {
            // What is on hold as a whole brought nothing of what a limit left out.
            let before = self.state.out_of_room.filter(|_| hold.all);
            let out_of_room = whole.out_of_room.or(before);
            UpstreamState { out_of_room, ..self.state.partly_accepted(whole.clone(), hold.all) }
        };
        // What was left out was seen. Without a limit the run is tried again soon; what cannot be read is not absent.
        let complete = self.run.sees_all() && (!left_out || limit.is_some());
        let is_external = self.options.trust == Trust::External;
        let backdated_before = self.state.backdated_before().filter(|_| is_external);
        let touched = self.store.accept(&Acceptance {
            upstream,
            state: &state,
            complete,
            safety_limits,
            hold: &hold,
            changes: &changes,
            whole: &whole,
            backdated_before,
            now,
        })?;
        self.observer.touched(touched);
        // The run is accepted, whatever can be read of it now.
        let read = state_now(&self.store, upstream);
        if left_out {
            let limit = limit.and(read?.1);
            return Err(limit.map_or(StoreError::NoReserve, StoreError::NoRoom).into());
        }
        let (state, now_out) = read.unwrap_or((state, None));
        report.full_sync_at = state.epoch.second_at();
        report.tally = applied;
        // What a person discarded before is not on hold.
        let exceeded = hold.exceeded.iter().filter(|_| state.on_hold.is_some());
        report.on_hold = exceeded.map(ToString::to_string).collect();
        report.not_applied = NotApplied::of(&state, discarded, now_out);
        Ok(report)
    }
}

/// Returns the next page. Drops the snapshot first if it waits, since one keeps pages of the store from being reused.
fn next_page(
    pages: &mut mpsc::Receiver<Fetched>,
    snapshot: &mut Option<Snapshot>,
) -> Option<Fetched> {
    match pages.try_recv() {
        Ok(page) => Some(page),
        Err(TryRecvError::Disconnected) => None,
        Err(TryRecvError::Empty) => {
            *snapshot = None;
            pages.blocking_recv()
        }
    }
}
