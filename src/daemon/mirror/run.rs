use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::failed_run::record_failure;
use super::ingest::Ingest;
use super::options::{Fetched, Observer, RunOptions, SyncFailure};
use crate::daemon::runtime::{Clock, try_blocking};
use crate::model::{Escaped, reason};
use crate::store::Store;
use crate::sync::{
    FetchFailure, FetchedPage, PageRequest, PageSource, Pagination, RawPage, RunReport, SyncKind,
    SyncRun,
};

/// Pages fetched ahead of the one being ingested; each has 32 MiB at most.
const PAGES_AHEAD: usize = 2;

/// Performs one sync run: fetches pages, validates rows, commits them with the cursor, and accepts the
/// run at its end. An incremental sync that another history of the upstream answers becomes a full one.
///
/// # Errors
/// [`SyncFailure`]; the next call resumes a sync run that kept its cursor.
pub async fn run_sync<S: PageSource>(
    store: &Arc<Store>,
    clock: &Arc<Clock>,
    source: &Arc<S>,
    options: &RunOptions,
    stop: &CancellationToken,
    observer: impl Observer,
) -> Result<RunReport, SyncFailure> {
    let observer = Arc::new(observer);
    let first = perform_run(store, clock, source, (options, false), stop, Arc::clone(&observer));
    let mut outcome = Box::pin(first).await;
    if matches!(outcome, Err(SyncFailure::Replaced)) {
        info!(upstream = options.upstream, "the upstream has another history: a full sync follows");
        let full = RunOptions { full: true, ..options.clone() };
        outcome = Box::pin(perform_run(store, clock, source, (&full, true), stop, observer)).await;
    }
    match outcome {
        Err(failure) if !options.dry_run => {
            let (store, clock, upstream) =
                (Arc::clone(store), Arc::clone(clock), options.upstream.clone());
            try_blocking(move || {
                if let Err(error) = record_failure(&store, &clock, &upstream, &failure) {
                    warn!(upstream, reason = %reason(&error), "the failure of a sync run could not be stored");
                }
                Err(failure)
            })
            .await?
        }
        outcome => outcome,
    }
}

async fn perform_run<S: PageSource>(
    store: &Arc<Store>,
    clock: &Arc<Clock>,
    source: &Arc<S>,
    (options, resync): (&RunOptions, bool),
    stop: &CancellationToken,
    observer: Arc<impl Observer>,
) -> Result<RunReport, SyncFailure> {
    let ingest = {
        let (store, clock, options) = (Arc::clone(store), Arc::clone(clock), options.clone());
        try_blocking(move || Ingest::begin(store, clock, options, resync, observer)).await??
    };
    let ingest = if ingest.run().all_read {
        ingest
    } else {
        let hear = |page: &FetchedPage| {
            if let Some(date) = page.present() {
                clock.hear(&options.upstream, date);
            }
        };
        read(ingest, source.as_ref(), (options.page_size, &hear), stop).await?
    };
    try_blocking(move || ingest.accept()).await?
}

/// Reads the remaining pages; fetches the next ones while one is ingested.
async fn read<S: PageSource, O: Observer>(
    mut ingest: Ingest<O>,
    source: &S,
    (limit, hear): (u32, &impl Fn(&FetchedPage)),
    stop: &CancellationToken,
) -> Result<Ingest<O>, SyncFailure> {
    let SyncRun { kind, cursor, tally, pages, .. } = ingest.run();
    let pagination = Pagination::resumed(cursor.as_deref(), tally.rows(), *pages);
    let updated_since = match kind {
        SyncKind::Full => None,
        SyncKind::Incremental { since } => Some(*since),
    };
    let request =
        PageRequest { cursor: cursor.clone(), ..PageRequest::first(updated_since, limit) };
    let (sender, recipient) = mpsc::channel(PAGES_AHEAD);
    let ingesting = try_blocking(move || {
        let ingested = ingest.consume(recipient);
        (ingest, ingested)
    });
    let (ingested, fetched) =
        tokio::join!(ingesting, fetch((source, hear), pagination, request, sender, stop));
    let (ingest, ingested) = ingested?;
    ingested.and(fetched)?;
    Ok(ingest)
}

async fn fetch<S: PageSource>(
    (source, hear): (&S, &impl Fn(&FetchedPage)),
    mut pagination: Pagination,
    mut request: PageRequest,
    pages: mpsc::Sender<Fetched>,
    stop: &CancellationToken,
) -> Result<(), SyncFailure> {
    let (mut refused, mut is_answered) = (None, false);
    loop {
        let page = tokio::select! {
            page = source.page(&request) => page,
            () = stop.cancelled() => return Err(SyncFailure::Stopped),
        };
        let page = match page {
            Err(failure) if !is_answered && failure.refuses_parameters() => {
                let Some(simpler) = request.simpler() else {
                    return Err(refused.unwrap_or(failure).into());
                };
                request = simpler;
                // The first refusal is about what the registry was asked for.
                refused.get_or_insert(failure);
                continue;
            }
            Err(FetchFailure::TooLarge { .. }) if request.limit > 1 => {
                request.limit /= 2;
                info!(limit = request.limit, "a page was too large: fewer rows are asked for");
                continue;
            }
            page => page?,
        };
        if let Some(failure) = refused.take() {
            let PageRequest { limit, include_deleted, .. } = request;
            let refusal = reason(&failure);
            info!(limit, include_deleted, refusal = %Escaped(&refusal), "the upstream refused a parameter: it is asked without");
        }
        is_answered = true;
        // Here and not where it is read: it may wait for the store.
        hear(&page);
        let next_cursor = {
            let raw = RawPage::read(&page.body)?;
            pagination.advance(raw.rows.len(), raw.next_cursor.as_deref())?;
            raw.check_end(&request, &page.paging, &pagination)?;
            raw.next_cursor
        };
        request.cursor.clone_from(&next_cursor);
        if pages.send(Fetched { page, next_cursor }).await.is_err() {
            // The ingest failed, and returns its own error.
            return Ok(());
        }
        if request.cursor.is_none() {
            return Ok(());
        }
    }
}
