use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant as Stopwatch};

use serde_json::value::RawValue;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::{JoinError, spawn_blocking};
use tokio_util::sync::CancellationToken;

use super::Clock;
use crate::config::Upstream;
use crate::model::Name;
use crate::store::{Batch, Destination, Snapshot, Store, StoreError};
use crate::sync::{
    Change, FetchFailure, FetchedPage, Kind, PageFault, PageRequest, PageSource, PassKind,
    PassReport, PassState, RawPage, Row, UpstreamState, Walk, WalkFault, change,
};

/// Pages fetched ahead of those being judged; each has 32 MiB at most.
const PAGES_AHEAD: usize = 2;
/// A batch is committed when it has this many rows, or is this old. A crash repeats one batch.
const BATCH_ROWS: u64 = 2_000;
const BATCH_AGE: Duration = Duration::from_millis(500);

/// One pass to make.
#[derive(Debug, Clone)]
pub struct PassPlan {
    pub upstream: String,
    pub full: bool,
    /// Read and compare, write nothing.
    pub dry_run: bool,
    pub page_size: u32,
    pub full_walk: Duration,
    pub overlap: Duration,
}

/// Why a pass ended without being accepted. What was there before is untouched.
#[derive(Debug, Error)]
pub enum PassFailure {
    #[error("{0}")]
    Fetch(#[from] FetchFailure),
    #[error("{0}")]
    Page(#[from] PageFault),
    #[error("{0}")]
    Walk(#[from] WalkFault),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("the pass was stopped")]
    Stopped,
    #[error("the pass panicked")]
    Panicked(#[from] JoinError),
}

impl PassPlan {
    #[must_use]
    pub fn of(upstream: &Upstream, full: bool, dry_run: bool) -> Self {
        Self {
            upstream: upstream.id.clone(),
            full,
            dry_run,
            page_size: upstream.sync.page_size,
            full_walk: upstream.sync.full_walk,
            overlap: upstream.sync.overlap,
        }
    }
}

impl PassFailure {
    /// The failure and its causes, on one line.
    #[must_use]
    pub fn reason(&self) -> String {
        reason(self)
    }

    /// Whether the pass may go on later from where it stood; otherwise its cursor is to blame.
    fn keeps_cursor(&self) -> bool {
        match self {
            Self::Fetch(failure) => failure.is_transient(),
            Self::Page(PageFault::NotJson { .. }) => true,
            Self::Store(_) | Self::Stopped | Self::Panicked(_) => true,
            Self::Page(_) | Self::Walk(_) => false,
        }
    }
}

/// Reads an upstream once: fetches pages, judges rows, commits them with the cursor, and accepts
/// the pass at its end. `touched` hears of the names whose stored state changed, `progress` of the
/// pass as it goes.
///
/// # Errors
/// [`PassFailure`]; a pass that can go on does so with the next call.
pub async fn run_pass<S: PageSource>(
    store: &Arc<Store>,
    clock: &Arc<Clock>,
    source: &Arc<S>,
    plan: &PassPlan,
    stop: &CancellationToken,
    observer: impl Observer,
) -> Result<PassReport, PassFailure> {
    let now = clock.now();
    let state = store.snapshot()?.upstream(&plan.upstream)?;
    let pass = state.next_pass(now, plan.full, plan.full_walk);
    let resumed = state.pass.as_ref() == Some(&pass) && !plan.dry_run;
    let state = UpstreamState { last_attempt: Some(now), pass: Some(pass.clone()), ..state };
    let pass = if resumed { pass } else { PassState::new(pass.kind, now) };
    let mut keeper = Keeper {
        store: Arc::clone(store),
        clock: Arc::clone(clock),
        plan: plan.clone(),
        state,
        pass,
        observer,
    };
    if !resumed {
        keeper.begin()?;
    }
    let walk = Walk::resumed(keeper.pass.cursor.as_deref(), keeper.pass.tally.rows());
    let (sender, receiver) = mpsc::channel(PAGES_AHEAD);
    let request = PageRequest {
        cursor: keeper.pass.cursor.clone(),
        updated_since: match keeper.pass.kind {
            PassKind::Complete => None,
            PassKind::Increment { since } => Some(since),
        },
        limit: plan.page_size,
    };
    let keeping = spawn_blocking(move || {
        let kept = keeper.keep(receiver);
        (keeper, kept)
    });
    let fetched = fetch(source.as_ref(), walk, request, sender, stop).await;
    let (mut keeper, kept) = keeping.await?;

    match (kept, fetched) {
        (Ok(()), Ok(())) => spawn_blocking(move || keeper.finish()).await?,
        (Err(failure), _) | (Ok(()), Err(failure)) => {
            keeper.fail(&failure)?;
            Err(failure)
        }
    }
}

/// Who is told how a pass goes.
pub trait Observer: Send + 'static {
    /// Rows were committed; these names changed.
    fn touched(&self, names: BTreeSet<Name>);
    /// A page was judged.
    fn progress(&self, pass: &PassState);
}

struct Fetched {
    page: FetchedPage,
    next_cursor: Option<String>,
}

/// Follows the cursor to the end. The next page is under way while this one is judged.
async fn fetch<S: PageSource>(
    source: &S,
    mut walk: Walk,
    mut request: PageRequest,
    pages: mpsc::Sender<Fetched>,
    stop: &CancellationToken,
) -> Result<(), PassFailure> {
    loop {
        let page = tokio::select! {
            page = source.page(&request) => page?,
            () = stop.cancelled() => return Err(PassFailure::Stopped),
        };
        let next_cursor = {
            let raw = RawPage::read(&page.body)?;
            walk.advance(raw.rows.len(), raw.next_cursor.as_deref())?;
            raw.next_cursor
        };
        request.cursor.clone_from(&next_cursor);
        if pages.send(Fetched { page, next_cursor }).await.is_err() {
            // The keeper failed, and says why itself.
            return Ok(());
        }
        if request.cursor.is_none() {
            return Ok(());
        }
    }
}

/// Judges rows and commits them; runs where blocking is allowed.
struct Keeper<O> {
    store: Arc<Store>,
    clock: Arc<Clock>,
    plan: PassPlan,
    state: UpstreamState,
    pass: PassState,
    observer: O,
}

impl<O: Observer> Keeper<O> {
    fn begin(&self) -> Result<(), PassFailure> {
        if !self.plan.dry_run {
            let state = UpstreamState { pass: Some(self.pass.clone()), ..self.state.clone() };
            self.store.discard_staged(&self.plan.upstream, &state, self.clock.now())?;
        }
        Ok(())
    }

    fn keep(&mut self, mut pages: mpsc::Receiver<Fetched>) -> Result<(), PassFailure> {
        let mut batch: Vec<Row> = Vec::new();
        let (mut since, mut rows) = (Stopwatch::now(), 0);
        let mut snapshot = self.store.snapshot()?;
        while let Some(fetched) = pages.blocking_recv() {
            rows += self.judge(&snapshot, &fetched, &mut batch)?;
            self.pass.cursor = fetched.next_cursor;
            self.observer.progress(&self.pass);
            if rows >= BATCH_ROWS || since.elapsed() >= BATCH_AGE {
                drop(snapshot);
                self.commit(&mut batch)?;
                (since, rows) = (Stopwatch::now(), 0);
                snapshot = self.store.snapshot()?;
            }
        }
        drop(snapshot);
        self.commit(&mut batch)
    }

    fn judge(
        &mut self,
        snapshot: &Snapshot,
        fetched: &Fetched,
        batch: &mut Vec<Row>,
    ) -> Result<u64, PassFailure> {
        if self.pass.pages == 0 {
            self.pass.upstream_time = fetched.page.date;
        }
        self.pass.pages += 1;
        let page = RawPage::read(&fetched.page.body)?;
        let now = self.clock.now();
        for item in &page.rows {
            let change = judge_row(item, now, snapshot, &self.plan.upstream)?;
            self.pass.tally.count(&change);
            if let Change::Write { row, .. } = change {
                if let Row::Entry(entry) = &row {
                    self.pass.saw_update(entry.head.updated_at);
                }
                batch.push(row);
            }
        }
        Ok(page.rows.len() as u64)
    }

    fn commit(&self, batch: &mut Vec<Row>) -> Result<(), PassFailure> {
        if self.plan.dry_run {
            batch.clear();
            return Ok(());
        }
        let live = self.state.accepts_batches();
        let state = UpstreamState { pass: Some(self.pass.clone()), ..self.state.clone() };
        self.store.commit(&Batch {
            upstream: &self.plan.upstream,
            rows: batch,
            destination: if live { Destination::Live } else { Destination::Staged },
            state: Some(&state),
            now: self.clock.now(),
        })?;
        if live {
            self.observer.touched(names(batch));
        }
        batch.clear();
        Ok(())
    }

    fn finish(&mut self) -> Result<PassReport, PassFailure> {
        let report = self.pass.report(&self.plan.upstream, self.plan.dry_run);
        if !self.plan.dry_run {
            let now = self.clock.now();
            let state = self.state.accepted(&self.pass, now, self.plan.overlap);
            let touched = self.store.accept(&self.plan.upstream, &state, now)?;
            self.observer.touched(touched);
        }
        Ok(report)
    }

    fn fail(&mut self, failure: &PassFailure) -> Result<(), StoreError> {
        if self.plan.dry_run {
            return Ok(());
        }
        let now = self.clock.now();
        // Whatever was committed is the truth; the state in memory may be ahead of it.
        let mut state = self.store.snapshot()?.upstream(&self.plan.upstream)?;
        if !failure.keeps_cursor() {
            state.pass = None;
        }
        if !matches!(failure, PassFailure::Stopped) {
            let reason = failure.reason();
            state.last_failure = Some(crate::sync::Failure { at: now, reason });
        }
        let batch = Batch {
            upstream: &self.plan.upstream,
            rows: &[],
            destination: Destination::Live,
            state: Some(&state),
            now,
        };
        self.store.commit(&batch)
    }
}

/// An error with its sources, on one line.
pub fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        source = inner.source();
    }
    text
}

pub(super) fn judge_row(
    item: &RawValue,
    now: crate::model::Instant,
    snapshot: &Snapshot,
    upstream: &str,
) -> Result<Change, StoreError> {
    change(item, now, |identity| {
        snapshot.head(upstream, identity.name.as_str(), identity.version.as_str())
    })
}

pub(super) fn names(rows: &[Row]) -> BTreeSet<Name> {
    rows.iter()
        .filter_map(|row| match row {
            Row::Entry(entry) => Some(entry.name.clone()),
            Row::Quarantined(row) => Name::parse(&row.name).ok(),
        })
        .collect()
}

/// Judges every row in quarantine anew, as a newer release may understand it.
///
/// # Errors
/// When the store cannot be read or written.
pub fn retry_quarantine(store: &Store, clock: &Clock) -> Result<usize, StoreError> {
    let snapshot = store.snapshot()?;
    let mut released = 0;
    for quarantined in snapshot.quarantined()? {
        let Ok(item) = serde_json::from_str::<&RawValue>(&quarantined.row.item) else { continue };
        let now = clock.now();
        let change = judge_row(item, now, &snapshot, &quarantined.upstream)?;
        if let Change::Write {
            row: row @ Row::Entry(_),
            kind: Kind::Added | Kind::Updated | Kind::Deleted,
        } = change
        {
            store.commit(&Batch {
                upstream: &quarantined.upstream,
                rows: &[row],
                destination: Destination::Live,
                state: None,
                now,
            })?;
            released += 1;
        }
    }
    Ok(released)
}
