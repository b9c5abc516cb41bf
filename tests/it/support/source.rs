//! An upstream without a network: rows and a clock behind `PageSource`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use vidimus::daemon::{Clock, Observer, RunOptions, SyncFailure, run_sync};
use vidimus::model::{Name, Timestamp};
use vidimus::store::Store;
use vidimus::sync::{
    Epoch, FetchFailure, FetchedPage, PageRequest, PageSource, PagingHeaders, RunReport,
    SafetyLimits, SyncRun,
};

use super::registry::Row;

/// The rows and the clock of the upstream.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub(crate) rows: BTreeMap<(String, String), Row>,
    pub(crate) now: i64,
    /// The epoch of the first page, and of later ones.
    pub(crate) epochs: [Option<Epoch>; 2],
    /// True if changes are answered as those of another history.
    pub(crate) resync: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Source(Arc<Mutex<Registry>>);

impl Source {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Registry> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Returns the time so many minutes after the beginning of 2026.
pub(crate) fn minute(minutes: i64) -> Timestamp {
    let begin = Timestamp::parse("2026-01-01T00:00:00Z").expect("a time");
    Timestamp::from_micros(begin.as_micros() + minutes * 60_000_000)
}

impl PageSource for Source {
    async fn page(&self, request: &PageRequest) -> Result<FetchedPage, FetchFailure> {
        let registry = self.lock();
        let after = request.cursor.as_deref().and_then(|cursor| cursor.split_once(':'));
        let since = request.updated_since.map(|since| since.to_string());
        let begin = match after {
            Some((name, version)) => Bound::Excluded((name.to_owned(), version.to_owned())),
            None => Bound::Unbounded,
        };
        let wanted = |row: &&Row| since.as_ref().is_none_or(|since| row.updated_at > *since);
        let limit = usize::try_from(request.limit).expect("a limit");
        let rows = registry.rows.range((begin, Bound::Unbounded)).map(|(_, row)| row);
        let rows: Vec<&Row> = rows.filter(wanted).take(limit).collect();
        let next = (rows.len() == limit).then(|| rows.last()).flatten();
        let next = next.map_or(String::new(), |row| {
            format!(r#","nextCursor":"{}:{}""#, row.name, row.version)
        });
        let items: Vec<String> = rows.iter().map(|row| row.item()).collect();
        let body = format!(r#"{{"servers":[{}],"metadata":{{"count":0{next}}}}}"#, items.join(","));
        let epoch = registry.epochs[usize::from(request.cursor.is_some())].clone();
        let (body, date) = (Bytes::from(body), Some(minute(registry.now)));
        let resync = registry.resync && request.updated_since.is_some();
        let paging = PagingHeaders::default();
        let (age, is_partial) = (Duration::ZERO, false);
        Ok(FetchedPage { body, date, age, epoch, resync, paging, is_partial })
    }

    async fn versions(&self, _: &Name) -> Result<Option<FetchedPage>, FetchFailure> {
        Ok(None)
    }
}

pub(crate) struct Silent;

impl Observer for Silent {
    fn touched(&self, _: BTreeSet<Name>) {}
    fn progress(&self, _: &SyncRun) {}
}

/// Performs one sync run with safety limits that no change exceeds.
pub(crate) async fn sync(
    store: &Arc<Store>,
    source: &Source,
    full: bool,
) -> Result<RunReport, SyncFailure> {
    sync_at(store, source, full, Timestamp::MIN).await
}

/// Performs one sync run at a time that is not before this one.
pub(crate) async fn sync_at(
    store: &Arc<Store>,
    source: &Source,
    full: bool,
    earliest: Timestamp,
) -> Result<RunReport, SyncFailure> {
    let options = RunOptions { full, ..options() };
    perform(store, source, &options, earliest).await
}

/// Performs one sync run with options.
pub(crate) async fn perform(
    store: &Arc<Store>,
    source: &Source,
    options: &RunOptions,
    earliest: Timestamp,
) -> Result<RunReport, SyncFailure> {
    let clock = Arc::new(Clock::starting_at(earliest));
    let source = Arc::new(source.clone());
    run_sync(store, &clock, &source, options, &CancellationToken::new(), Silent).await
}

/// Returns options with limits that no change exceeds.
pub(crate) fn options() -> RunOptions {
    RunOptions {
        upstream: "official".into(),
        url: "https://registry.example/".into(),
        files: false,
        trust: vidimus::config::Trust::External,
        full: false,
        dry_run: false,
        page_size: 5,
        full_sync: Duration::from_secs(366 * 86_400),
        overlap: Duration::from_secs(60),
        max_size: u64::MAX,
        max_quarantined: u64::MAX,
        safety_limits: SafetyLimits {
            removed_percent: 100,
            rewritten_percent: 100,
            deleted_percent: 100,
            shrink_percent: 100,
            growth_percent: 1_000_000,
            rewind: Duration::from_secs(366 * 86_400),
            ..SafetyLimits::default()
        },
        views: Vec::new(),
    }
}

/// Returns one line for each row of a store, without the times of observation.
pub(crate) fn contents(store: &Store) -> Vec<String> {
    let snapshot = store.snapshot().expect("a snapshot");
    let verified = snapshot.verify().expect("verified");
    assert!(verified.is_sound(), "{:?}", verified.problems);
    let mut lines = Vec::new();
    for stored in snapshot.heads().expect("heads") {
        let stored = stored.expect("a head");
        let entry = snapshot.entry(&stored).expect("an entry");
        let others = snapshot.others(&stored).expect("read");
        let other: Vec<_> = others.into_iter().map(|other| other.server).collect();
        let vidimus::model::Head { status, missing, rewritten, .. } = stored.head;
        lines.push(format!(
            "{}@{} {status} missing={missing} rewritten={rewritten} {} {other:?}",
            stored.name, stored.version, entry.server
        ));
    }
    for row in snapshot.quarantined().expect("rows") {
        let row = row.expect("a row").row;
        lines.push(format!("quarantine {}@{} {}", row.name, row.version, row.item));
    }
    lines
}
