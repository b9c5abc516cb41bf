//! Safety limits over a day and a week, through sync runs: what is refused at once is refused in slices too.

use std::sync::Arc;

use serde_json::Value;
use tokio_util::sync::CancellationToken;
use vidimus::daemon::{Clock, RunOptions, SyncFailure, run_sync};
use vidimus::model::{Name, Timestamp};
use vidimus::store::Store;
use vidimus::sync::{
    FetchFailure, FetchedPage, PageRequest, PageSource, RunReport, SafetyLimits, SyncKind,
};

use crate::support::daemon::{Daemon, Workplace};
use crate::support::registry::{Row, now};
use crate::support::source::{Silent, Source, minute, options, perform};
use crate::support::upstream::Upstream;

/// An upstream without a network, and the store that follows it.
struct Mirror {
    store: Arc<Store>,
    source: Source,
    options: RunOptions,
}

impl Mirror {
    fn new(safety_limits: SafetyLimits) -> Self {
        let store = Arc::new(Store::ephemeral(Timestamp::MIN).expect("a store"));
        let options = RunOptions { page_size: 1_000, safety_limits, ..options() };
        Self { store, source: Source::default(), options }
    }

    /// Lists one version of each of these names, as an incremental sync sees it.
    fn list(&self, names: impl IntoIterator<Item = String>) {
        let mut registry = self.source.lock();
        registry.now += 5;
        let published = minute(registry.now).to_string();
        for name in names {
            let row = Row::new(&name, "1.0.0").published(&published);
            registry.rows.insert(row.key(), row);
        }
    }

    async fn sync_at(&self, full: bool, earliest: Timestamp) -> RunReport {
        let options = RunOptions { full, ..self.options.clone() };
        perform(&self.store, &self.source, &options, earliest).await.expect("a run")
    }

    /// Performs an incremental sync, and returns what it exceeded.
    async fn sync(&self) -> Vec<String> {
        let report = self.sync_at(false, Timestamp::MIN).await;
        assert_ne!(report.kind, SyncKind::Full);
        report.on_hold
    }

    fn rows(&self) -> u64 {
        self.store.snapshot().and_then(|now| now.count("official")).expect("read").0
    }

    fn has(&self, name: &str) -> bool {
        let name = Name::parse(name).expect("a name");
        self.store.snapshot().and_then(|now| now.has_rows_in("official", &name)).expect("read")
    }
}

/// Returns names in namespaces of their own.
fn own(prefix: &'static str, count: u64) -> impl Iterator<Item = String> {
    (0..count).map(move |index| format!("com.{prefix}{index}/tool"))
}

/// Returns names of one namespace.
fn of(namespace: &'static str, count: u64) -> impl Iterator<Item = String> {
    (0..count).map(move |index| format!("{namespace}/tool{index}"))
}

async fn synced(count: u64) -> Mirror {
    synced_with(SafetyLimits::default(), count).await
}

async fn synced_with(safety_limits: SafetyLimits, count: u64) -> Mirror {
    let mirror = Mirror::new(safety_limits);
    mirror.list(own("a", count));
    let report = mirror.sync_at(true, Timestamp::MIN).await;
    assert_eq!((report.on_hold, mirror.rows()), (Vec::new(), count));
    mirror
}

/// An upstream that answers each cursor with its last page again.
struct Endless(Source);

impl PageSource for Endless {
    async fn page(&self, request: &PageRequest) -> Result<FetchedPage, FetchFailure> {
        let page = self.0.page(&PageRequest { cursor: None, ..request.clone() }).await?;
        let text = String::from_utf8_lossy(&page.body);
        let body = text.replace(r#""count":0"#, r#""count":0,"nextCursor":"again""#);
        Ok(FetchedPage { body: body.into(), ..page })
    }

    async fn versions(&self, _: &Name) -> Result<Option<FetchedPage>, FetchFailure> {
        Ok(None)
    }
}

/// P6: a page that never comes does not keep the limits off.
#[tokio::test(flavor = "multi_thread")]
async fn upstream_with_a_first_sync_that_never_ends_is_judged_all_the_same() {
    let mirror = Mirror::new(SafetyLimits::default());
    mirror.list(own("a", 300));
    let fail = async || {
        let clock = Arc::new(Clock::starting_at(Timestamp::MIN));
        let source = Arc::new(Endless(mirror.source.clone()));
        let (store, stop) = (&mirror.store, CancellationToken::new());
        let run = run_sync(store, &clock, &source, &mirror.options, &stop, Silent).await;
        assert!(matches!(run, Err(SyncFailure::Pagination(_))), "{run:?}");
    };
    fail().await;
    assert_eq!(mirror.rows(), 300);
    mirror.list(own("b", 1));
    fail().await;
    assert_eq!(mirror.rows(), 300, "what is not judged yet is not accepted");
    let all = std::mem::take(&mut mirror.source.lock().rows);
    let report = mirror.sync_at(false, Timestamp::MIN).await;
    assert!(report.on_hold[0].starts_with("0 rows where 300 are stored"), "{report:?}");
    // The rest of a first sync is no growth.
    mirror.source.lock().rows = all;
    mirror.list(own("c", 200));
    let report = mirror.sync_at(true, Timestamp::MIN).await;
    assert_eq!((report.on_hold, mirror.rows()), (Vec::new(), 501));
}
