use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant as Stopwatch};

use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

use super::committer::{Committer, Judged, Target};
use super::plan::{Fetched, Observer, PassFailure, PassPlan};
use super::rows::judge_row;
use super::safety::hold;
use crate::daemon::runtime::Clock;
use crate::model::{Entry, Name};
use crate::store::{Acceptance, Batch, Destination, Hold, Snapshot, Store, StoreError};
use crate::sync::{
    Change, Failure, Kind, NameSize, PassKind, PassReport, PassState, RawPage, Row, UpstreamState,
    completed,
};

/// A batch is committed when it has this many rows, or is this old. A crash repeats one batch.
const BATCH_ROWS: u64 = 2_000;
const BATCH_AGE: Duration = Duration::from_millis(500);

/// Judges the rows of a pass and commits them; runs where blocking is allowed.
pub(super) struct Keeper<O> {
    store: Arc<Store>,
    clock: Arc<Clock>,
    plan: PassPlan,
    /// The upstream as it was when the pass began.
    state: UpstreamState,
    pass: PassState,
    /// How much there is of the names that this pass adds to.
    sizes: BTreeMap<Name, NameSize>,
    /// Whether anything was stored when the pass began: the first walk of an upstream need not ask
    /// the store for the size of each of its names.
    begun_empty: bool,
    /// What a complete walk saw since the last commit, by name and version.
    seen: Vec<(String, String)>,
    /// Judged and not committed yet, by name and version: what comes last in a pass counts.
    batch: BTreeMap<(String, String), Row>,
    observer: Arc<O>,
}

impl<O: Observer> Keeper<O> {
    /// Goes on with the pass that was interrupted, or begins a new one.
    pub(super) fn begin(
        store: Arc<Store>,
        clock: Arc<Clock>,
        plan: PassPlan,
        observer: O,
    ) -> Result<Self, PassFailure> {
        let now = clock.now();
        let snapshot = store.snapshot()?;
        let begun_empty = snapshot.has_nothing_of(&plan.upstream)?;
        let stored = snapshot.upstream(&plan.upstream)?.of_source(&plan.url);
        drop(snapshot);
        let next = stored.next_pass(now, plan.full, plan.full_walk);
        let resumed = stored.pass.as_ref() == Some(&next) && !plan.dry_run;
        let pass = if resumed { next } else { PassState::new(next.kind, now) };
        let state = UpstreamState { last_attempt: Some(now), pass: Some(pass.clone()), ..stored };
        if !resumed && !plan.dry_run {
            store.discard_staged(&plan.upstream, &state, now)?;
        }
        Ok(Self {
            store,
            clock,
            plan,
            state,
            pass,
            seen: Vec::new(),
            sizes: BTreeMap::new(),
            begun_empty,
            batch: BTreeMap::new(),
            observer: Arc::new(observer),
        })
    }

    pub(super) fn pass(&self) -> &PassState {
        &self.pass
    }

    /// Keeps pages until there are no more of them.
    pub(super) fn keep(&mut self, mut pages: mpsc::Receiver<Fetched>) -> Result<(), PassFailure> {
        std::thread::scope(|scope| {
            let mut committer = Committer::start(scope, self.target());
            let (mut since, mut pages_kept, mut rows) = (Stopwatch::now(), 0, 0);
            let mut snapshot: Option<Snapshot> = None;
            while let Some(fetched) = next_page(&mut pages, &mut snapshot) {
                pages_kept += 1;
                let at = match snapshot.take() {
                    Some(at) => at,
                    None => self.store.snapshot()?,
                };
                rows += self.judge(&at, &committer, &fetched)?;
                snapshot = Some(at);
                self.pass.all_read = fetched.next_cursor.is_none();
                self.pass.cursor = fetched.next_cursor;
                self.observer.progress(&self.pass);
                if rows >= BATCH_ROWS || since.elapsed() >= BATCH_AGE {
                    snapshot = None;
                    if !self.hand_over(&mut committer) {
                        return Ok(committer.finish()?);
                    }
                    (since, pages_kept, rows) = (Stopwatch::now(), 0, 0);
                }
            }
            if pages_kept > 0 {
                self.hand_over(&mut committer);
            }
            Ok(committer.finish()?)
        })
    }

    fn target(&self) -> Target<O> {
        let live = self.state.accepts_batches();
        Target {
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            upstream: self.plan.upstream.clone(),
            destination: if live { Destination::Live } else { Destination::Staged },
            observer: Arc::clone(&self.observer),
        }
    }

    fn judge(
        &mut self,
        snapshot: &Snapshot,
        committer: &Committer<'_>,
        fetched: &Fetched,
    ) -> Result<u64, PassFailure> {
        let now = self.clock.now();
        if self.pass.pages == 0 {
            self.pass.saw_first_page(fetched.page.date, now);
        }
        self.pass.pages += 1;
        let page = RawPage::read(&fetched.page.body)?;
        for item in &page.rows {
            let upstream = self.plan.upstream.as_str();
            let change = if self.plan.files {
                let item = completed(item, now, |name, version| {
                    snapshot.head(upstream, name.as_str(), version.as_str())
                })?;
                judge_row(&item, now, snapshot, upstream)?
            } else {
                judge_row(item, now, snapshot, upstream)?
            };
            let change = anew(change, item, committer);
            let change = self.within_limits(change, snapshot)?;
            self.pass.tally.count(&change);
            self.take(change, snapshot)?;
        }
        Ok(page.rows.len() as u64)
    }

    /// Puts a version in quarantine that is one too many of its name.
    fn within_limits(&mut self, change: Change, snapshot: &Snapshot) -> Result<Change, StoreError> {
        let Change::Write { row: Row::Entry(entry), kind: Kind::Added } = &change else {
            return Ok(change);
        };
        let admitted = if let Some(size) = self.sizes.get_mut(&entry.name) {
            size.admit(entry)
        } else {
            let mut size = match self.begun_empty {
                true => NameSize::default(),
                false => snapshot.size_of(&self.plan.upstream, &entry.name)?,
            };
            let admitted = size.admit(entry);
            self.sizes.insert(entry.name.clone(), size);
            admitted
        };
        Ok(match admitted {
            Ok(()) => change,
            Err(row) => {
                self.pass.over_limit.insert(entry.name.to_string());
                Change::Write { row: Row::Quarantined(row), kind: Kind::Quarantined }
            }
        })
    }

    fn take(&mut self, change: Change, snapshot: &Snapshot) -> Result<(), StoreError> {
        let row = match change {
            Change::Write { row, .. } => {
                self.seen.push(row.key());
                row
            }
            Change::Unchanged(identity, head) => {
                self.pass.saw_update(head.updated_at);
                let key = (identity.name.to_string(), identity.version.to_string());
                self.seen.push(key.clone());
                let overtaken = self.batch.remove(&key).is_some();
                let (name, version) = key;
                if !overtaken && !snapshot.is_unsettled(&self.plan.upstream, &name, &version)? {
                    return Ok(());
                }
                Row::Settled { name, version }
            }
        };
        if let Row::Entry(entry) = &row {
            self.pass.saw_update(entry.head.updated_at);
        }
        self.batch.insert(row.key(), row);
        Ok(())
    }

    /// Hands what was judged over to be committed; `false` when an earlier batch could not be.
    fn hand_over(&mut self, committer: &mut Committer<'_>) -> bool {
        let rows: Vec<Row> = std::mem::take(&mut self.batch).into_values().collect();
        let seen = std::mem::take(&mut self.seen);
        if self.plan.dry_run {
            return true;
        }
        // An empty note would take the place of the last page's, which has the same number.
        let notes_seen = self.pass.kind == PassKind::Complete && !seen.is_empty();
        committer.take(Judged {
            rows,
            state: UpstreamState { pass: Some(self.pass.clone()), ..self.state.clone() },
            seen: notes_seen.then_some((self.pass.pages, seen)),
        })
    }

    /// Judges the pass, unless it is the first of its upstream, and accepts what is not held.
    pub(super) fn accept(self) -> Result<PassReport, PassFailure> {
        let mut report = self.pass.report(&self.plan.upstream, self.plan.dry_run);
        if self.plan.dry_run {
            return Ok(report);
        }
        let PassPlan { rails, upstream, .. } = &self.plan;
        let now = self.clock.now();
        let hold = if self.state.accepts_batches() {
            Hold::default()
        } else {
            hold(&self.store.snapshot()?, &self.plan, &self.state, &self.pass)?
        };
        let whole = self.state.accepted(&self.pass, now, self.plan.overlap);
        let state = match hold.trips.is_empty() {
            true => whole.clone(),
            false => self.state.partly_accepted(whole.clone(), hold.all),
        };
        let complete = self.pass.kind == PassKind::Complete;
        let touched = self.store.accept(&Acceptance {
            upstream,
            state: &state,
            complete,
            rails,
            hold: &hold,
            whole: &whole,
            now,
        })?;
        self.observer.touched(touched);
        report.held = hold.trips.iter().map(ToString::to_string).collect();
        Ok(report)
    }
}

/// Notes why a pass was not accepted, and from where the next one goes on.
pub(super) fn note(
    store: &Store,
    clock: &Clock,
    upstream: &str,
    failure: &PassFailure,
) -> Result<(), StoreError> {
    let now = clock.now();
    // Whatever was committed is the truth; the state in memory may be ahead of it.
    let mut state = store.snapshot()?.upstream(upstream)?;
    if !failure.keeps_cursor() {
        state.pass = None;
    }
    if !matches!(failure, PassFailure::Stopped) {
        state.last_failure =
            Some(Failure { at: now, class: failure.class(), reason: failure.reason() });
    }
    store.commit(&Batch {
        upstream,
        rows: &[],
        destination: Destination::Live,
        state: Some(&state),
        seen: None,
        now,
    })
}

/// A row that is as it is stored, though another one of its key is on its way to the store, is
/// written once more: what comes last in a pass counts.
fn anew(change: Change, item: &RawValue, committer: &Committer<'_>) -> Change {
    let Change::Unchanged(identity, head) = &change else { return change };
    let key = (identity.name.to_string(), identity.version.to_string());
    if !committer.has_under_way(&key) {
        return change;
    }
    match Entry::judge(item, head.first_seen) {
        Ok(entry) => Change::Write { row: Row::Entry(entry), kind: Kind::Updated },
        Err(_) => change,
    }
}

/// The next page; while one is waited for no snapshot is held, since it would keep pages of the
/// store from being used again.
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
