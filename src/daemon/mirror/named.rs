use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::handle::Mirror;
use super::options::SyncFailure;
use super::readiness::Reported;
use super::rows::{classify_row, names};
use crate::daemon::runtime::{blocking, try_blocking};
use crate::model::{Escaped, Name};
use crate::store::{Batch, Destination, StoreError};
use crate::sync::{Change, FetchedPage, MAX_UPSTREAM_SIZE, PageSource, RawPage, Row};

const AT_ONCE: usize = 4;
/// The wait before failed names are fetched again; doubled each time.
const RETRY: Duration = Duration::from_secs(2);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// The time that the first generation waits for names without an answer, while others have one.
const PATIENCE: Duration = Duration::from_secs(10);

/// Fetches the names that overlays list and the store lacks, in parallel with sync runs: at first
/// start, and when the overlays change. Such a fetch adds and hides; it never replaces an entry, and
/// does not move the watermark.
pub(super) async fn fetch_named<S: PageSource>(
    mirror: Arc<Mirror>,
    upstream: String,
    source: Arc<S>,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let mut overlays = mirror.policy.clone();
    // Names that the store had once, or that the upstream answered about.
    let mut settled: BTreeSet<Name> = BTreeSet::new();
    let (mut reported, mut wait) = (BTreeSet::new(), RETRY);
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
        if let Some((name, reason)) = failed.first_key_value().filter(|_| names != reported) {
            let reason = Escaped(reason);
            warn!(upstream, names = failed.len(), first = %name, %reason, "servers that overlays name were not fetched; the daemon tries again");
        }
        reported = names;
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
    let on_hold = snapshot.upstream(upstream)?.on_hold;
    if on_hold
        .is_some_and(|on_hold| on_hold.exceeded.iter().any(|exceeded| exceeded.limit.holds_all()))
    {
        // The whole upstream is on hold, single names included.
        return Ok(Vec::new());
    }
    // Clone first: publishing a policy must not wait for the store.
    let overlays = Arc::clone(&mirror.policy.borrow().set);
    let mut unknown = Vec::new();
    for name in overlays.exact_names() {
        if settled.contains(&name) {
            continue;
        }
        // An answer of the upstream replaces a row that cannot be read.
        if snapshot.has_rows_in(upstream, &name)? {
            settled.insert(name);
        } else {
            unknown.push(name);
        }
    }
    Ok(unknown)
}

/// Fetches names four at a time; returns those without an answer, with the reason. A slow name delays
/// the first generation only for a limited time.
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
                Some(Ok((_, Ok(())))) => mirror.receive(upstream, Reported::Answer),
                Some(Ok((name, Err(failure)))) => {
                    failed.insert(name, failure.reason());
                }
                Some(Err(panicked)) => std::panic::resume_unwind(panicked.into_panic()),
            },
            () = &mut patience, if !patience.is_elapsed() => mirror.receive(upstream, Reported::NamesAttempted),
        }
    }
    mirror.receive(upstream, Reported::NamesAttempted);
    failed
}

async fn fetch_one<S: PageSource>(
    mirror: Arc<Mirror>,
    upstream: String,
    source: Arc<S>,
    name: Name,
) -> (Name, Result<(), SyncFailure>) {
    let outcome = match source.versions(&name).await {
        Ok(Some(page)) => {
            if let Some(date) = page.present() {
                mirror.clock.hear(&upstream, date);
            }
            let wanted = name.clone();
            try_blocking(move || keep(&mirror, &upstream, &wanted, &page))
                .await
                .map_err(SyncFailure::from)
                .flatten()
        }
        // An unknown name is an answer too; `check` warns about it.
        Ok(None) => Ok(()),
        Err(failure) => Err(failure.into()),
    };
    (name, outcome)
}

/// Stores the rows of one name that are new, or newly deleted; the next sync run brings all other
/// changes.
fn keep(
    mirror: &Mirror,
    upstream: &str,
    name: &Name,
    page: &FetchedPage,
) -> Result<(), SyncFailure> {
    let snapshot = mirror.store.snapshot()?;
    let now = mirror.clock.now();
    let is_first_sync = snapshot.upstream(upstream)?.last_full_sync.is_none();
    let (mut rows, mut size) = (Vec::new(), snapshot.size_of(upstream, name)?);
    let answer = RawPage::read_versions(&page.body)?;
    answer.check_versions(&page.paging)?;
    for item in answer.rows {
        if let Change::Write { row: Row::Entry(entry), .. } =
            classify_row(item, now, &snapshot, upstream)?
            && entry.name == *name
            && size.admit(&entry).is_ok()
        {
            rows.push(Row::Entry(entry));
        }
    }
    drop(snapshot);
    let definition = mirror.definition(upstream);
    let max_size = definition.as_ref().map_or(MAX_UPSTREAM_SIZE, |known| known.max_size);
    let limits = definition.map(|definition| definition.safety_limits);
    if !is_first_sync && limits.is_some_and(|limits| rows.len() as u64 > limits.name_growth) {
        // The next sync run judges them.
        return Ok(());
    }
    let destination = Destination::LiveUnlessPresent;
    let committed = mirror.store.commit(&Batch {
        upstream,
        rows: &rows,
        destination,
        state: None,
        seen: None,
        max_size,
        now,
    });
    // Some of them may have had room.
    mirror.ports.touched(names(&rows));
    Ok(committed?)
}
