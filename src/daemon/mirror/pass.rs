use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::ingest::{Keeper, note};
use super::plan::{Fetched, Observer, PassFailure, PassPlan};
use crate::daemon::runtime::{Clock, try_blocking};
use crate::model::reason;
use crate::store::Store;
use crate::sync::{PageRequest, PageSource, PassKind, PassReport, PassState, RawPage, Walk};

/// Pages fetched ahead of those being judged; each has 32 MiB at most.
const PAGES_AHEAD: usize = 2;

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
