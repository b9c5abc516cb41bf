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
fn of(namespace: &str, count: u64) -> impl Iterator<Item = String> + use<> {
    let namespace = namespace.to_owned();
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

/// P27.
#[tokio::test(flavor = "multi_thread")]
async fn upstream_that_is_flooded_with_new_names_waits_for_a_person_in_slices_too() {
    let mirror = synced(300).await;
    mirror.list(own("b", 90));
    assert_eq!((mirror.sync().await, mirror.rows()), (Vec::new(), 390));
    mirror.list(own("c", 20));
    let found = "90 new names came within 24 hours where 300 were known, and 20 more would come; allowed: 100, the floor";
    assert_eq!((mirror.sync().await, mirror.rows()), (vec![found.to_owned()], 390));
    let flooded = synced(300).await;
    flooded.list(own("b", 101));
    let report = flooded.sync_at(true, Timestamp::MIN).await;
    assert_eq!((report.on_hold.len(), flooded.rows()), (1, 300), "{report:?}");
}

/// The names of a first sync are counted, since incremental syncs are compared with them.
#[tokio::test(flavor = "multi_thread")]
async fn usual_growth_on_the_day_of_the_first_sync_exceeds_no_limit() {
    let mirror = synced(2_000).await;
    for (prefix, rows) in [("b", 2_101), ("c", 2_202), ("d", 2_303)] {
        mirror.list(own(prefix, 101));
        assert_eq!((mirror.sync().await, mirror.rows()), (Vec::new(), rows));
    }
    let empty = synced(0).await;
    empty.list(own("b", 101));
    let report = empty.sync_at(true, Timestamp::MIN).await;
    assert_eq!((report.on_hold, empty.rows()), (Vec::new(), 101), "of nothing there is no share");
}

/// P41.
#[tokio::test(flavor = "multi_thread")]
async fn publisher_with_many_new_names_keeps_back_no_new_name_of_another() {
    let mirror = synced(300).await;
    mirror.list(of("com.flood", 101).chain(own("b", 2)));
    let found = mirror.sync().await;
    assert!(
        found[0].starts_with("2 new names came within 24 hours where 300 were known, and 101 more"),
        "{found:?}"
    );
    assert_eq!((mirror.has("com.flood/tool0"), mirror.rows()), (false, 302));
    mirror.list(own("c", 2));
    mirror.sync().await;
    assert_eq!((mirror.has("com.flood/tool0"), mirror.rows()), (false, 304));
}

/// P28: ten names of each sub-domain counted, and sub-domains are free.
#[tokio::test(flavor = "multi_thread")]
async fn sub_domains_of_one_party_keep_back_no_new_name_of_another() {
    let mirror = synced(300).await;
    let flood = (0..11).flat_map(|domain| of(&format!("com.flood.s{domain}"), 10));
    mirror.list(flood.chain(own("b", 2)));
    let found = mirror.sync().await;
    assert!(
        found[0].starts_with("2 new names came within 24 hours where 300 were known, and 110 more"),
        "{found:?}"
    );
    assert_eq!((mirror.has("com.flood.s0/tool0"), mirror.rows()), (false, 302));
}

/// P46: no publisher makes a namespace that counts as the one of another.
#[tokio::test(flavor = "multi_thread")]
async fn new_names_of_a_namespace_with_the_same_short_hash_count_for_it_only() {
    let limits = SafetyLimits { namespace_growth: 5, ..SafetyLimits::default() };
    let mirror = synced_with(limits, 10).await;
    mirror.list(of("com.n35571", 5));
    assert_eq!(mirror.sync().await, <[&str; 0]>::default());
    mirror.list(of("com.n48094", 1));
    assert_eq!((mirror.sync().await, mirror.has("com.n48094/tool0")), (Vec::new(), true));
    mirror.list(["com.n35571/more".to_owned()]);
    let found = mirror.sync().await;
    assert!(
        found[0].starts_with("5 new names of `com.n35571` came within 24 hours, and 1 more would"),
        "{found:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_slide_after_a_clock_that_was_ahead() {
    const DAY: i64 = 24 * 60;
    let mirror = synced(300).await;
    let (ahead, present) = (1_500 * DAY, 400 * DAY);
    for (prefix, count, at) in [("b", 60, ahead), ("c", 1, present), ("d", 60, present + 9 * DAY)] {
        mirror.list(own(prefix, count));
        let report = mirror.sync_at(true, minute(at)).await;
        assert_eq!(report.on_hold, <[&str; 0]>::default(), "{prefix}");
    }
    assert_eq!(mirror.rows(), 421);
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

const APPROVE_ALL: &str = "
servers:
  - {name: com.*/*, approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}
";

/// Starts a daemon that syncs only on request, with an upstream that lists names of one namespace.
async fn serve(names: u64) -> (Upstream, Workplace, Daemon) {
    let upstream =
        Upstream::start(of("com.acme", names).map(|name| Row::new(&name, "1.0.0"))).await;
    let place = Workplace::new(&upstream.url);
    let sync = "sync = {interval = \"1h\", page_size = 100}";
    let limits = "[safety_limits]\nfrozen_after = \"366d\"\nmissing_syncs = 1";
    place.upstream(&upstream.url, &format!("{sync}\n{limits}"));
    place.overlay("policy.yaml", APPROVE_ALL);
    let daemon = place.start().await;
    daemon.synced().await;
    daemon.serves(usize::try_from(names).expect("few")).await;
    (upstream, place, daemon)
}

fn sync(place: &Workplace, more: &[&str]) -> String {
    let run = place.json(&[&["sync", "--json"], more].concat());
    run["runs"][0]["onHold"][0].as_str().unwrap_or_default().to_owned()
}

/// P27: no publisher has many namespaces in an internal registry, and few names are served of most.
#[rstest::rstest]
#[case(
    60,
    7,
    "7 of 60 served names went missing within 24 hours, and 7 more would go missing; allowed: 12, 20 % of 60"
)]
#[case(
    10,
    3,
    "3 of 10 served names went missing within 24 hours, and 3 more would go missing; allowed: 4, the floor"
)]
#[tokio::test(flavor = "multi_thread")]
async fn served_names_of_one_namespace_do_not_go_missing_in_slices(
    #[case] names: u64,
    #[case] slice: u64,
    #[case] found: &str,
) {
    let (upstream, place, daemon) = serve(names).await;
    let vanish = |slice: std::ops::Range<u64>| {
        slice.for_each(|index| upstream.vanish(&format!("com.acme/tool{index}"), "1.0.0"));
    };
    vanish(0..slice);
    assert_eq!(sync(&place, &["--full"]), "");
    let left = usize::try_from(names - slice).expect("few");
    daemon.serves(left).await;
    vanish(slice..2 * slice);
    assert_eq!(sync(&place, &["--full"]), found);
    assert_eq!(sync(&place, &["--full"]), found, "again");
    daemon.serves(left).await;
}

/// P27.
#[tokio::test(flavor = "multi_thread")]
async fn served_names_of_one_namespace_are_not_rewritten_at_once() {
    let (upstream, place, daemon) = serve(60).await;
    for name in of("com.acme", 21) {
        upstream.put(Row::new(&name, "1.0.0").described("Other").published(&now()));
    }
    let found = sync(&place, &[]);
    assert!(found.starts_with("21 of 60 served names would be rewritten"), "{found}");
    daemon.serves(60).await;
    let drift = place.json(&["alerts", "--kind", "drift", "--json"]);
    assert_eq!(drift.as_array().map(Vec::len), Some(0), "{drift}");
}

/// Releases or discards what is on hold.
fn decide(place: &Workplace, decision: &str) {
    let set: Value = place.json(&["sync", "--show", "official", "--json"]);
    let text = |member: &str| set[member].as_str().expect("a text").to_owned();
    let (flag, named) = (format!("--{decision}"), format!("official@{}", text("id")));
    let shown = text("shown");
    let said = ["--seen", &shown, "--by", "me", "--reason", "seen"];
    let decided = place.run(&[&["sync", &flag, &named], said.as_slice()].concat());
    assert_eq!(decided.status.code(), Some(0), "{decided:?}");
}

/// P6: upstream took back what a person had refused, and a later deletion is not the one that was refused.
#[tokio::test(flavor = "multi_thread")]
async fn deletion_after_a_discarded_one_was_taken_back_waits_for_a_person_again() {
    let (upstream, place, daemon) = serve(20).await;
    let put = |status: &str| {
        for name in of("com.acme", 20) {
            upstream.put(Row::new(&name, "1.0.0").status(status, &now()));
        }
    };
    put("deleted");
    let found = sync(&place, &[]);
    assert!(found.contains("16 more would be deleted"), "{found}");
    decide(&place, "discard");
    assert_eq!(sync(&place, &["--full"]), "", "it is sent again");
    for name in of("com.acme", 20) {
        upstream.put(Row::new(&name, "1.0.0"));
    }
    assert_eq!(sync(&place, &["--full"]), "");
    daemon.serves(20).await;
    put("deleted");
    let found = sync(&place, &[]);
    assert!(found.contains("more would be deleted"), "{found}");
}

/// P6: a person who refuses deletions does not let the next of them through.
#[tokio::test(flavor = "multi_thread")]
async fn discard_lets_no_other_portion_of_the_same_deletions_through_and_release_begins_again() {
    let (upstream, place, daemon) = serve(20).await;
    // Each time in other words, so that it is not what was discarded before.
    let delete = |round: u32| {
        for name in of("com.acme", 20) {
            let row = Row::new(&name, "1.0.0").described(&format!("Withdrawn {round} times"));
            upstream.put(row.status("deleted", &now()));
        }
    };
    let decide = |decision: &str| decide(&place, decision);
    delete(1);
    let figures = "4 of 20 served names were deleted within 24 hours, and 16 more would be deleted";
    let found = sync(&place, &[]);
    assert!(found.starts_with(figures), "{found}");
    daemon.serves(16).await;
    for round in 2..4 {
        decide("discard");
        delete(round);
        let found = sync(&place, &[]);
        assert!(found.starts_with(figures), "{found}");
        daemon.serves(16).await;
    }
    decide("release");
    daemon.serves(0).await;
    for index in 0..5 {
        upstream.put(Row::new(&format!("com.b{index}/tool"), "1.0.0").published(&now()));
    }
    sync(&place, &[]);
    place.review_again("policy.yaml", "com.b0/tool").await;
    daemon.serves(5).await;
    for index in 0..2 {
        let row = Row::new(&format!("com.b{index}/tool"), "1.0.0");
        upstream.put(row.status("deleted", &now()));
    }
    assert_eq!(sync(&place, &[]), "", "the release began the day again");
    daemon.serves(3).await;
}
