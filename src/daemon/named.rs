use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinSet, spawn_blocking};
use tokio_util::sync::CancellationToken;
use tracing::warn;

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
    let mut answered: BTreeSet<Name> = BTreeSet::new();
    loop {
        overlays.borrow_and_update();
        let wanted = unknown_names(&shared, &upstream, &answered)?;
        let failed = tokio::select! {
            failed = fetch_all(&shared, &upstream, &source, &wanted) => failed,
            () = stop.cancelled() => return Ok(()),
        };
        if failed.len() < wanted.len() {
            shared.mark_known();
        }
        if let Some((name, reason)) = failed.first_key_value() {
            let reason = Escaped(reason);
            warn!(upstream, names = failed.len(), first = %name, %reason, "named servers were not fetched");
        }
        answered.extend(wanted.into_iter().filter(|name| !failed.contains_key(name)));
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
    answered: &BTreeSet<Name>,
) -> Result<Vec<Name>, StoreError> {
    let snapshot = shared.store.snapshot()?;
    let mut unknown = Vec::new();
    for name in shared.in_force().set.exact_names() {
        let heads = snapshot.heads_of(&name)?;
        if !answered.contains(&name) && !heads.iter().any(|head| head.upstream == upstream) {
            unknown.push(name);
        }
    }
    Ok(unknown)
}

/// Fetches names four at a time; returns those that got no answer, with the reason.
async fn fetch_all<S: PageSource>(
    shared: &Arc<Shared>,
    upstream: &str,
    source: &Arc<S>,
    wanted: &[Name],
) -> BTreeMap<Name, String> {
    let mut outcomes = Vec::new();
    let mut under_way = JoinSet::new();
    for name in wanted {
        if under_way.len() >= AT_ONCE {
            outcomes.extend(under_way.join_next().await);
        }
        let (shared, source) = (Arc::clone(shared), Arc::clone(source));
        let (upstream, name) = (upstream.to_owned(), name.clone());
        under_way.spawn(async move {
            let outcome = fetch_one(shared, upstream, source.as_ref(), name.clone()).await;
            (name, outcome)
        });
    }
    outcomes.extend(under_way.join_all().await.into_iter().map(Ok));
    outcomes
        .into_iter()
        .flatten()
        .filter_map(|(name, outcome)| Some((name, outcome.err()?.reason())))
        .collect()
}

async fn fetch_one<S: PageSource>(
    shared: Arc<Shared>,
    upstream: String,
    source: &S,
    name: Name,
) -> Result<(), PassFailure> {
    match source.versions(&name).await? {
        Some(page) => spawn_blocking(move || keep(&shared, &upstream, &name, &page)).await?,
        // That upstream does not know it is an answer, and `check` warns of it.
        None => Ok(()),
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
