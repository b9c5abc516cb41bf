use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::pass::{judge_row, names};
use super::{PassFailure, Shared};
use crate::model::{Escaped, Name};
use crate::store::{Batch, Destination, StoreError};
use crate::sync::{Change, FetchedPage, PageSource, RawPage, Row};

const AT_ONCE: usize = 4;
/// Until names whose fetch failed are asked for again.
const RETRY: Duration = Duration::from_secs(30);

/// Fetches the names that overlays spell out and the store does not hold, beside the walk: at
/// first start, and whenever the overlays change. Such a fetch adds and hides; it never replaces
/// an entry, and moves no watermark.
pub(super) async fn fetch_named<S: PageSource>(
    shared: Arc<Shared>,
    upstream: String,
    source: Arc<S>,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let mut overlays = shared.overlays_changed();
    let mut asked: BTreeSet<Name> = BTreeSet::new();
    loop {
        overlays.borrow_and_update();
        let wanted = unknown_names(&shared, &upstream, &asked)?;
        let failed = tokio::select! {
            failed = fetch_all(&shared, &upstream, &source, &wanted) => failed,
            () = stop.cancelled() => return Ok(()),
        };
        let answered = failed.len() < wanted.len();
        asked.extend(wanted.into_iter().filter(|name| !failed.contains(name)));
        if answered {
            shared.mark_known();
        }
        tokio::select! {
            _ = overlays.changed() => {}
            () = tokio::time::sleep(RETRY), if !failed.is_empty() => {}
            () = stop.cancelled() => return Ok(()),
        }
    }
}

fn unknown_names(
    shared: &Shared,
    upstream: &str,
    asked: &BTreeSet<Name>,
) -> Result<Vec<Name>, StoreError> {
    let snapshot = shared.store.snapshot()?;
    let mut unknown = Vec::new();
    for name in shared.in_force().set.exact_names() {
        let heads = snapshot.heads_of(&name)?;
        if !asked.contains(&name) && !heads.iter().any(|head| head.upstream == upstream) {
            unknown.push(name);
        }
    }
    Ok(unknown)
}

/// Fetches names four at a time; returns those that got no answer.
async fn fetch_all<S: PageSource>(
    shared: &Arc<Shared>,
    upstream: &str,
    source: &Arc<S>,
    wanted: &[Name],
) -> BTreeSet<Name> {
    let mut failed = BTreeSet::new();
    let mut under_way = JoinSet::new();
    for name in wanted {
        if under_way.len() >= AT_ONCE
            && let Some(Ok((name, outcome))) = under_way.join_next().await
        {
            finish(shared, upstream, name, outcome, &mut failed).await;
        }
        let (source, name) = (Arc::clone(source), name.clone());
        under_way.spawn(async move {
            let outcome = source.versions(&name).await;
            (name, outcome)
        });
    }
    while let Some(joined) = under_way.join_next().await {
        if let Ok((name, outcome)) = joined {
            finish(shared, upstream, name, outcome, &mut failed).await;
        }
    }
    failed
}

async fn finish(
    shared: &Arc<Shared>,
    upstream: &str,
    name: Name,
    outcome: Result<Option<FetchedPage>, crate::sync::FetchFailure>,
    failed: &mut BTreeSet<Name>,
) {
    let kept = match outcome {
        Ok(Some(page)) => {
            let (shared, upstream, wanted) =
                (Arc::clone(shared), upstream.to_owned(), name.clone());
            let keep = move || keep(&shared, &upstream, &wanted, &page);
            tokio::task::spawn_blocking(keep).await.map_err(PassFailure::from).and_then(|it| it)
        }
        Ok(None) => {
            debug!(%name, upstream, "upstream does not know a name that an overlay mentions");
            Ok(())
        }
        Err(failure) => Err(failure.into()),
    };
    if let Err(failure) = kept {
        let reason = super::pass::reason(&failure);
        info!(%name, upstream, reason = %Escaped(&reason), "a named server was not fetched");
        failed.insert(name);
    }
}

/// Stores the rows of one name that are new, or newly deleted; the walk will come by and judge
/// whatever else there is.
fn keep(
    shared: &Shared,
    upstream: &str,
    name: &Name,
    page: &FetchedPage,
) -> Result<(), PassFailure> {
    let snapshot = shared.store.snapshot()?;
    let now = shared.clock.now();
    let mut rows = Vec::new();
    for item in RawPage::read_versions(&page.body)?.rows {
        if let Change::Write { row: Row::Entry(entry), .. } =
            judge_row(item, now, &snapshot, upstream)?
            && entry.name == *name
        {
            rows.push(Row::Entry(entry));
        }
    }
    drop(snapshot);
    let destination = Destination::LiveUnlessPresent;
    shared.store.commit(&Batch { upstream, rows: &rows, destination, state: None, now })?;
    shared.pending.touch(names(&rows));
    Ok(())
}
