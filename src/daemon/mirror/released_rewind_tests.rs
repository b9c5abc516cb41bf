//! A decision about an older state of an upstream that is given while a run is under way.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::options::{Observer, RunOptions};
use super::run::run_sync;
use crate::config::Trust;
use crate::curation::View;
use crate::daemon::runtime::Clock;
use crate::model::{Actor, Name, Timestamp};
use crate::store::Store;
use crate::sync::{
    DecisionRequest, FetchFailure, FetchedPage, HoldDecision, PageRequest, PageSource,
    PagingHeaders, RunReport, SafetyLimits, SyncRun, short_id, shown,
};

const NOW: &str = "2026-06-30T00:00:00Z";

/// A step that comes while the upstream makes its answer.
type Meanwhile = Box<dyn FnOnce() + Send>;

/// An upstream that lists one version of each of three servers, updated on a day of June.
struct Rewound {
    day: u8,
    meanwhile: Mutex<Option<Meanwhile>>,
}

impl PageSource for Rewound {
    async fn page(&self, _: &PageRequest) -> Result<FetchedPage, FetchFailure> {
        if let Some(meanwhile) = self.meanwhile.lock().expect("one reader").take() {
            meanwhile();
        }
        let day = format!("2026-06-{:02}T00:00:00Z", self.day);
        let item = |name: &str| {
            json!({
                "server": {"name": name, "description": day, "version": "1.0.0"},
                "_meta": {"io.modelcontextprotocol.registry/official": {
                    "status": "active", "publishedAt": day, "updatedAt": day, "isLatest": true,
                }},
            })
        };
        let items = ["com.a/x", "com.b/x", "com.c/x"].map(item);
        let body = json!({"servers": items, "metadata": {"count": 3}});
        Ok(FetchedPage {
            body: Bytes::from(body.to_string()),
            date: Timestamp::parse(NOW).ok(),
            age: std::time::Duration::ZERO,
            epoch: None,
            resync: false,
            paging: PagingHeaders::default(),
            is_partial: false,
        })
    }

    async fn versions(&self, _: &Name) -> Result<Option<FetchedPage>, FetchFailure> {
        Ok(None)
    }
}

struct Silent;

impl Observer for Silent {
    fn touched(&self, _: BTreeSet<Name>) {}

    fn progress(&self, _: &SyncRun) {}
}

struct Scene {
    store: Arc<Store>,
    clock: Arc<Clock>,
}

impl Scene {
    fn new() -> Self {
        let now = Timestamp::parse(NOW).expect("a time");
        let store = Arc::new(Store::ephemeral(now).expect("a store"));
        Self { store, clock: Arc::new(Clock::starting_at(now)) }
    }

    async fn sync(&self, day: u8, meanwhile: Option<Meanwhile>) -> RunReport {
        let options = RunOptions {
            upstream: "up".into(),
            url: "https://up.example/".into(),
            files: false,
            trust: Trust::External,
            full: true,
            dry_run: false,
            page_size: 100,
            full_sync: std::time::Duration::from_hours(24),
            overlap: std::time::Duration::ZERO,
            max_size: u64::MAX,
            max_quarantined: 1_000,
            // Only the age of the newest update is judged.
            safety_limits: SafetyLimits { rewritten_percent: 100, ..SafetyLimits::default() },
            views: vec![View::unlimited("default")],
        };
        let source = Arc::new(Rewound { day, meanwhile: Mutex::new(meanwhile) });
        let stop = CancellationToken::new();
        let run = run_sync(&self.store, &self.clock, &source, &options, &stop, Silent);
        run.await.expect("a run")
    }

    /// Returns what releases the set that is on hold now.
    fn release(&self) -> impl FnOnce() + Send + 'static {
        let changes = self.store.snapshot().expect("read").changes_on_hold("up").expect("changes");
        let seen = shown("up", &changes);
        let request = DecisionRequest {
            decision: HoldDecision::Release,
            id: short_id(seen),
            seen,
            only: None,
            by: "alice".into(),
            reason: "a restored registry".into(),
            actor: Actor::DataFolder,
        };
        let (store, now) = (Arc::clone(&self.store), self.clock.now());
        move || {
            let decided = store.decide_hold("up", &request, &SafetyLimits::default(), now);
            decided.expect("written").expect("decided");
        }
    }

    fn on_hold(&self) -> bool {
        self.store.snapshot().and_then(|now| now.upstream("up")).expect("read").on_hold.is_some()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rewind_that_is_released_during_a_run_is_neither_lost_nor_given_to_an_older_state() {
    for (day_of_run, waits) in [(10, false), (11, false), (3, true)] {
        let scene = Scene::new();
        assert_eq!(scene.sync(20, None).await.on_hold, <[&str; 0]>::default());
        assert!(!scene.sync(10, None).await.on_hold.is_empty() && scene.on_hold());
        let release = scene.release();
        let report = scene.sync(day_of_run, Some(Box::new(release))).await;
        assert_eq!(!report.on_hold.is_empty(), waits, "{day_of_run}: {:?}", report.on_hold);
        assert_eq!(scene.on_hold(), waits, "{day_of_run}");
        assert!(!scene.sync(10, None).await.on_hold.iter().any(|found| found.contains("newest")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn released_rewind_is_what_the_next_run_is_compared_with() {
    let scene = Scene::new();
    scene.sync(20, None).await;
    scene.sync(10, None).await;
    scene.release()();
    assert!(!scene.on_hold());
    let older = scene.sync(2, None).await;
    assert!(older.on_hold.iter().any(|found| found.contains("2026-06-10")), "{older:?}");
    assert!(scene.sync(10, None).await.on_hold.is_empty());
}
