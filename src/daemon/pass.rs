use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::Clock;
use super::runtime::try_blocking;
use super::keeper::{Keeper, note};
use crate::config::{Origin, Upstream};
use crate::model::{Name, reason};
use crate::store::{Store, StoreError};
use crate::sync::{
    FetchFailure, FetchedPage, PageFault, PageRequest, PageSource, PassKind, PassReport, PassState,
    Rails, RawPage, Walk, WalkFault,
};

/// Pages fetched ahead of those being judged; each has 32 MiB at most.
const PAGES_AHEAD: usize = 2;

/// One pass to make.
#[derive(Debug, Clone)]
pub struct PassPlan {
    pub upstream: String,
    pub url: String,
    /// Rows may come without metadata.
    pub files: bool,
    pub full: bool,
    /// Read and compare, write nothing.
    pub dry_run: bool,
    pub page_size: u32,
    pub full_walk: Duration,
    pub overlap: Duration,
    pub rails: Rails,
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
            url: upstream.origin.to_string(),
            files: matches!(upstream.origin, Origin::Files(_)),
            // Files have no increments: reading all of them is cheap.
            full: full || matches!(upstream.origin, Origin::Files(_)),
            dry_run,
            page_size: upstream.sync.page_size,
            full_walk: upstream.sync.full_walk,
            overlap: upstream.sync.overlap,
            rails: upstream.rails.clone(),
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
    pub(super) fn keeps_cursor(&self) -> bool {
        match self {
            Self::Fetch(failure) => failure.is_transient(),
            Self::Page(PageFault::NotJson { .. }) => true,
            // A staged row that cannot be read would fail every further try.
            Self::Store(StoreError::Damaged { .. }) | Self::Panicked(_) => false,
            Self::Store(_) | Self::Stopped => true,
            Self::Page(_) | Self::Walk(_) => false,
        }
    }
}

/// Who is told how a pass goes.
pub trait Observer: Send + Sync + 'static {
    /// Rows were committed; these names changed.
    fn touched(&self, names: BTreeSet<Name>);
    /// A page was judged.
    fn progress(&self, pass: &PassState);
}

/// Reads an upstream once: fetches pages, judges rows, commits them with the cursor, and accepts
/// the pass at its end.
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
    let outcome = make_pass(store, clock, source, plan, stop, observer).await;
    match outcome {
        Err(failure) if !plan.dry_run => {
            let (store, clock, upstream) =
                (Arc::clone(store), Arc::clone(clock), plan.upstream.clone());
            try_blocking(move || {
                if let Err(error) = note(&store, &clock, &upstream, &failure) {
                    warn!(upstream, reason = %reason(&error), "a failed pass could not be noted");
                }
                Err(failure)
            })
            .await?
        }
        outcome => outcome,
    }
}

async fn make_pass<S: PageSource>(
    store: &Arc<Store>,
    clock: &Arc<Clock>,
    source: &Arc<S>,
    plan: &PassPlan,
    stop: &CancellationToken,
    observer: impl Observer,
) -> Result<PassReport, PassFailure> {
    let keeper = {
        let (store, clock, plan) = (Arc::clone(store), Arc::clone(clock), plan.clone());
        try_blocking(move || Keeper::begin(store, clock, plan, observer)).await??
    };
    let keeper = match keeper.pass().all_read {
        true => keeper,
        false => read(keeper, source.as_ref(), plan.page_size, stop).await?,
    };
    try_blocking(move || keeper.accept()).await?
}

/// Reads all pages that are left, with the next one under way while this one is kept.
async fn read<S: PageSource, O: Observer>(
    mut keeper: Keeper<O>,
    source: &S,
    limit: u32,
    stop: &CancellationToken,
) -> Result<Keeper<O>, PassFailure> {
    let PassState { kind, cursor, tally, .. } = keeper.pass();
    let walk = Walk::resumed(cursor.as_deref(), tally.rows());
    let updated_since = match kind {
        PassKind::Complete => None,
        PassKind::Increment { since } => Some(*since),
    };
    let request = PageRequest { cursor: cursor.clone(), updated_since, limit };
    let (sender, receiver) = mpsc::channel(PAGES_AHEAD);
    let keeping = try_blocking(move || {
        let kept = keeper.keep(receiver);
        (keeper, kept)
    });
    let (kept, fetched) = tokio::join!(keeping, fetch(source, walk, request, sender, stop));
    let (keeper, kept) = kept?;
    kept.and(fetched)?;
    Ok(keeper)
}

/// A page that moves the walk on.
pub(super) struct Fetched {
    pub(super) page: FetchedPage,
    pub(super) next_cursor: Option<String>,
}

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
