use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::handle::Mirror;
use super::known::Heard;
use super::plan::PassFailure;
use super::rows::{judge_row, names};
use crate::daemon::runtime::{blocking, try_blocking};
use crate::model::{Escaped, Name};
use crate::store::{Batch, Destination, StoreError};
use crate::sync::{Change, FetchedPage, PageSource, RawPage, Row};

const AT_ONCE: usize = 4;
/// Until names whose fetch failed are asked for again; doubled each time.
const RETRY: Duration = Duration::from_secs(2);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// How long the first generation waits for names that do not answer, while others do.
const PATIENCE: Duration = Duration::from_secs(10);

/// Fetches the names that overlays spell out and the store does not hold, beside the walk: at
/// first start, and whenever the overlays change. Such a fetch adds and hides; it never replaces
/// an entry, and moves no watermark.
pub(super) async fn fetch_named<S: PageSource>(
    mirror: Arc<Mirror>,
    upstream: String,
    source: Arc<S>,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let mut overlays = mirror.policy.clone();
    // Names that the store held once, or that upstream answered about.
    let mut settled: BTreeSet<Name> = BTreeSet::new();
    let (mut told, mut wait) = (BTreeSet::new(), RETRY);
    loop {
        overlays.borrow_and_update();
        let (task, id) = (Arc::clone(&mirror), upstream.clone());
        let (known, unknown) = blocking(move || {
            let unknown = unknown_names(&task, &id, &mut settled);
            (settled, unknown)
        })
        .await;
        settled = known;
        let wanted = unknown?;
        let failed = tokio::select! {
            failed = fetch_all(&mirror, &upstream, &source, &wanted) => failed,
            // What was fetched is stored; the rest is asked for again with the new names.
            _ = overlays.changed() => continue,
            () = stop.cancelled() => return Ok(()),
        };
        let names: BTreeSet<Name> = failed.keys().cloned().collect();
        wait = if names.is_empty() { RETRY } else { (wait * 2).min(LONGEST_RETRY) };
        if let Some((name, reason)) = failed.first_key_value().filter(|_| names != told) {
            let reason = Escaped(reason);
            warn!(upstream, names = failed.len(), first = %name, %reason, "named servers were not fetched");
        }
        told = names;
        settled.extend(wanted.into_iter().filter(|name| !failed.contains_key(name)));
        tokio::select! {
            _ = overlays.changed() => {}
            () = tokio::time::sleep(wait), if !failed.is_empty() => {}
            () = stop.cancelled() => return Ok(()),
        }
    }
}

fn unknown_names(
    mirror: &Mirror,
    upstream: &str,
    settled: &mut BTreeSet<Name>,
) -> Result<Vec<Name>, StoreError> {
    let snapshot = mirror.store.snapshot()?;
    let held = snapshot.upstream(upstream)?.held;
    if held.is_some_and(|held| held.trips.iter().any(|trip| trip.rail.holds_all())) {
        // What upstream says is on hold as a whole, single names included.
        return Ok(Vec::new());
    }
    // Whoever publishes a policy does not wait for the store.
    let overlays = Arc::clone(&mirror.policy.borrow().set);
    let mut unknown = Vec::new();
    for name in overlays.exact_names() {
        if settled.contains(&name) {
            continue;
        }
        // What upstream answers takes the place of what cannot be read.
        if snapshot.has_rows_in(upstream, &name)? {
            settled.insert(name);
        } else {
            unknown.push(name);
        }
    }
    Ok(unknown)
}

/// Fetches names four at a time; returns those that got no answer, with the reason. A name that
/// takes long does not hold back the first generation for ever.
async fn fetch_all<S: PageSource>(
    mirror: &Arc<Mirror>,
    upstream: &str,
    source: &Arc<S>,
    wanted: &[Name],
) -> BTreeMap<Name, String> {
    let mut failed = BTreeMap::new();
    let mut under_way = JoinSet::new();
    let mut left = wanted.iter();
    let patience = tokio::time::sleep(PATIENCE);
    tokio::pin!(patience);
    loop {
        while under_way.len() < AT_ONCE
            && let Some(name) = left.next()
        {
            let fetching = fetch_one(
                Arc::clone(mirror),
                upstream.to_owned(),
                Arc::clone(source),
                name.clone(),
            );
            under_way.spawn(fetching);
        }
        tokio::select! {
            fetched = under_way.join_next() => match fetched {
                None => break,
                Some(Ok((_, Ok(())))) => mirror.hear(upstream, Heard::Answer),
                Some(Ok((name, Err(failure)))) => {
                    failed.insert(name, failure.reason());
                }
                Some(Err(panicked)) => std::panic::resume_unwind(panicked.into_panic()),
            },
            () = &mut patience, if !patience.is_elapsed() => mirror.hear(upstream, Heard::NamesAttempted),
        }
    }
    mirror.hear(upstream, Heard::NamesAttempted);
    failed
}

async fn fetch_one<S: PageSource>(
    mirror: Arc<Mirror>,
    upstream: String,
    source: Arc<S>,
    name: Name,
) -> (Name, Result<(), PassFailure>) {
    let outcome = match source.versions(&name).await {
        Ok(Some(page)) => {
            let wanted = name.clone();
            try_blocking(move || keep(&mirror, &upstream, &wanted, &page))
                .await
                .map_err(PassFailure::from)
                .flatten()
        }
        // That upstream does not know it is an answer, and `check` warns of it.
        Ok(None) => Ok(()),
        Err(failure) => Err(failure.into()),
    };
    (name, outcome)
}

/// Stores the rows of one name that are new, or newly deleted; the walk will come by and judge
/// whatever else there is.
fn keep(
    mirror: &Mirror,
    upstream: &str,
    name: &Name,
    page: &FetchedPage,
) -> Result<(), PassFailure> {
    let snapshot = mirror.store.snapshot()?;
    let now = mirror.clock.now();
    let (mut rows, mut size) = (Vec::new(), snapshot.size_of(upstream, name)?);
    for item in RawPage::read_versions(&page.body)?.rows {
        if let Change::Write { row: Row::Entry(entry), .. } =
            judge_row(item, now, &snapshot, upstream)?
            && entry.name == *name
            && size.admit(&entry).is_ok()
        {
            rows.push(Row::Entry(entry));
        }
    }
    drop(snapshot);
    let destination = Destination::LiveUnlessPresent;
    mirror.store.commit(&Batch {
        upstream,
        rows: &rows,
        destination,
        state: None,
        seen: None,
        now,
    })?;
    mirror.ports.touched(names(&rows));
    Ok(())
}
