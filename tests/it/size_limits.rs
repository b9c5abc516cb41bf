//! Content that fills the disk: one upstream beyond its limit stops no other, and hides and shows nothing by itself.

use std::sync::Arc;

use serde_json::Value;
use vidimus::daemon::{RunOptions, SyncFailure};
use vidimus::model::{Name, RoomLimit, Timestamp};
use vidimus::store::{Store, StoreError};
use vidimus::sync::{SafetyLimits, SyncKind, UpstreamState};

use crate::support::daemon::{Daemon, Workplace};
use crate::support::registry::{Row, now};
use crate::support::source::{Source, minute, options, perform};
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;

const RUNS: &str = "sync = {interval = \"250ms\", page_size = 10}";

fn partner(place: &Workplace, url: &str) {
    let more = "priority = 200\nnamespaces.allow = [\"com.partner\"]\nsafety_limits.frozen_after = \"366d\"";
    let text = format!("kind = \"registry\"\nurl = \"{url}\"\n{more}\n{RUNS}\n");
    place.write("upstreams/partner.toml", &text);
}

async fn alerts(daemon: &Daemon, kind: &str) -> Vec<Value> {
    let status = daemon.operate("/status").await.json();
    let alerts = status["alerts"].as_array().expect("a list").iter();
    alerts.filter(|alert| alert["kind"] == kind).cloned().collect()
}

async fn is_known(place: &Workplace, entry: &str) {
    eventually(&format!("{entry} is known"), async || {
        place.run(&["explain", entry]).status.success().then_some(())
    })
    .await;
}

async fn is_gone(daemon: &Daemon, name: &str) {
    let path = format!("/v0.1/servers/{}/versions/1.0.0", name.replace('/', "%2F"));
    eventually(&format!("{name} is gone"), async || {
        (daemon.get(&path).await.status == 404).then_some(())
    })
    .await;
}

/// P97.
#[tokio::test(flavor = "multi_thread")]
async fn upstream_beyond_its_limit_stops_no_other_and_deletions_and_denials_are_applied() {
    let rows = ["com.a/one", "com.a/two", "com.a/three"].map(|name| Row::new(name, "1.0.0"));
    let upstream = Upstream::start(rows).await;
    let other = Upstream::start([Row::new("com.partner/tool", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    partner(&place, &other.url);
    let approval = "approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}";
    let rules = ["com.a/*", "com.partner/*"].map(|name| format!("{{name: {name}, {approval}}}"));
    place.overlay("policy.yaml", &format!("servers: [{}]\n", rules.join(", ")));
    let daemon = place.start().await;
    daemon.serves(4).await;
    daemon.synced().await;
    assert_eq!(alerts(&daemon, "size-limit").await, Vec::<Value>::new());

    place.upstream(&upstream.url, &format!("limits.max_size = \"1KiB\"\n{RUNS}"));
    daemon.upstream_until("the limit applies", |upstream| upstream["maxBytes"] == 1024).await;
    for version in 2..12 {
        let row = Row::new("com.a/one", &format!("{version}.0.0"));
        upstream.put(row.published(&now()));
    }
    let raised = eventually("an alert", async || alerts(&daemon, "size-limit").await.pop()).await;
    assert_eq!(raised["subject"], "official");
    let detail = raised["detail"].as_str().expect("a text");
    assert!(detail.contains("allowed: 1 KiB (`max_size` in `[limits]`"), "{detail}");
    let item = raised["items"][0]["text"].as_str().expect("a text");
    assert!(item.contains("the limit `max_size` in `[limits]` of the upstream"), "{raised}");
    // What the upstream withdraws and what a person denies is gone, and all else stays.
    upstream.put(Row::new("com.a/two", "1.0.0").status("deleted", &now()));
    is_gone(&daemon, "com.a/two").await;
    let denial = "servers: [{name: com.a/three, approval: {state: denied}}]\n";
    place.overlay("denied.yaml", denial);
    is_gone(&daemon, "com.a/three").await;
    other.put(Row::new("com.partner/tool", "2.0.0").published(&now()));
    is_known(&place, "com.partner/tool@2.0.0").await;
    daemon.lists(&["com.a/one@1.0.0", "com.partner/tool@1.0.0"]).await;
    assert!(!place.run(&["explain", "com.a/one@11.0.0"]).status.success(), "it is left out");
    assert_eq!(alerts(&daemon, "size-limit").await.len(), 1);
    assert_eq!(alerts(&daemon, "upstream-failing").await, Vec::<Value>::new());
    let status = daemon.operate("/status").await.json();
    let of = |index: usize, member: &str| status["upstreams"][index][member].as_u64();
    assert_eq!(of(0, "maxBytes"), Some(1024));
    assert_eq!(of(1, "maxBytes"), Some(4 << 30));
    assert!(of(0, "bytes") > Some(1024), "more was stored before: {status}");
    assert_eq!(
        status["store"]["bytes"].as_u64(),
        of(0, "bytes").zip(of(1, "bytes")).map(|(a, b)| a + b)
    );
    assert!(place.print(&["status"]).contains(" of 1 KiB\n"), "{}", place.print(&["status"]));

    place.upstream(&upstream.url, RUNS);
    is_known(&place, "com.a/one@11.0.0").await;
    let is_resolved = async || alerts(&daemon, "size-limit").await.is_empty().then_some(());
    eventually("the alert is resolved", is_resolved).await;
    assert_eq!(place.run(&["verify"]).status.code(), Some(0), "{}", place.print(&["verify"]));
}

/// P97: a first sync ends incomplete, and what it has is served.
#[tokio::test(flavor = "multi_thread")]
async fn limit_on_all_upstreams_keeps_a_first_sync_from_being_complete() {
    let upstream = Upstream::start([Row::new("com.a/one", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.write("vidimus.toml", "[store]\nmax_size = \"0MiB\"\n");
    let failed = place.run(&["sync"]);
    let said = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert_eq!(failed.status.code(), Some(3), "{said}");
    assert!(said.contains("`max_size` in `[store]`"), "{said}");
    let status = place.json(&["status", "--json"]);
    assert_eq!(status["upstreams"][0]["rows"], 0);
    assert!(status["upstreams"][0]["lastFullSync"].is_null(), "{status}");
    place.write("vidimus.toml", "");
    assert_eq!(place.run(&["sync"]).status.code(), Some(0));
    assert_eq!(place.json(&["status", "--json"])["upstreams"][0]["rows"], 1);
}

fn state_of(store: &Store) -> UpstreamState {
    store.snapshot().and_then(|now| now.upstream("official")).expect("read")
}

/// A first sync that a limit stops has not ended: its content counts by its own date when there is room.
#[tokio::test]
async fn rest_of_a_first_sync_counts_by_its_own_date_and_is_no_growth() {
    let store = Arc::new(Store::ephemeral(Timestamp::MIN).expect("a store"));
    let source = Source::default();
    for number in 0..300 {
        let row = Row::new(&format!("com.a{number}/tool"), "1.0.0");
        source.lock().rows.insert(row.key(), row);
    }
    source.lock().now = 10;
    let limits = SafetyLimits::default();
    let options = RunOptions { page_size: 100, safety_limits: limits, ..options() };
    let small = RunOptions { max_size: 20_000, ..options.clone() };
    let stopped = perform(&store, &source, &small, minute(0)).await;
    assert!(matches!(stopped, Err(SyncFailure::Store(StoreError::NoRoom(_)))), "{stopped:?}");
    let some = store.snapshot().and_then(|now| now.count("official")).expect("read").0;
    assert!((1..100).contains(&some), "{some}");
    let state = state_of(&store);
    assert_eq!((state.first_full_sync, state.last_full_sync), (None, None));
    // Without room, no full sync follows each time.
    let report = perform(&store, &source, &small, minute(5)).await.expect("changes are read");
    assert_ne!(report.kind, SyncKind::Full);
    assert!(state_of(&store).out_of_room.is_some());
    let report = perform(&store, &source, &options, minute(10)).await.expect("accepted");
    assert_eq!((report.kind, report.on_hold), (SyncKind::Full, Vec::new()));
    let snapshot = store.snapshot().expect("a snapshot");
    for number in 0..300 {
        let name = format!("com.a{number}/tool");
        let head = snapshot.head("official", &name, "1.0.0").expect("read").expect("stored");
        assert_eq!(head.counts_from(), head.published_at, "{name}");
    }
    let state = state_of(&store);
    assert!(state.is_synchronised() && state.backdated.is_empty(), "{state:?}");
}

/// An upstream that stays beyond a limit from its first day is judged as any other.
#[tokio::test]
async fn upstream_that_never_finished_its_first_sync_cannot_withdraw_everything_at_once() {
    let store = Arc::new(Store::ephemeral(Timestamp::MIN).expect("a store"));
    let source = Source::default();
    for number in 0..300 {
        let row = Row::new(&format!("com.a{number}/tool"), "1.0.0");
        source.lock().rows.insert(row.key(), row);
    }
    let limits = SafetyLimits::default();
    let small = RunOptions { max_size: 20_000, full: true, safety_limits: limits, ..options() };
    perform(&store, &source, &small, minute(0)).await.expect_err("content is left out");
    source.lock().rows.clear();
    let report = perform(&store, &source, &small, minute(5)).await.expect("a run");
    assert!(report.on_hold.iter().any(|found| found.contains("rows where")), "{report:?}");
}

/// What a limit leaves out was seen, and what was not seen is absent.
#[tokio::test]
async fn entry_that_an_upstream_beyond_its_limit_drops_is_hidden_as_missing() {
    let store = Arc::new(Store::ephemeral(Timestamp::MIN).expect("a store"));
    let source = Source::default();
    let put =
        |name: &str| source.lock().rows.insert((name.into(), "1".into()), Row::new(name, "1"));
    for name in ["com.a/gone", "com.a/kept"] {
        put(name);
    }
    let room = RunOptions { full: true, ..options() };
    perform(&store, &source, &room, minute(0)).await.expect("accepted");
    source.lock().rows.remove(&("com.a/gone".into(), "1".into()));
    put("com.a/new");
    let none = RunOptions { max_size: 1, ..room };
    for run in 1..4 {
        perform(&store, &source, &none, minute(run)).await.expect_err("content is left out");
    }
    let snapshot = store.snapshot().expect("a snapshot");
    let missing =
        |name| snapshot.head("official", name, "1").expect("read").map(|head| head.missing);
    assert_eq!(
        ["com.a/gone", "com.a/kept", "com.a/new"].map(missing),
        [Some(true), Some(false), None]
    );
}

/// One publisher cannot keep an upstream from being known completely.
#[tokio::test]
async fn bad_rows_of_one_publisher_leave_the_quarantine_to_others_and_stop_nothing() {
    let store = Arc::new(Store::ephemeral(Timestamp::MIN).expect("a store"));
    let source = Source::default();
    let bad = |name: &str, version: &str| {
        let item =
            format!(r#"{{"server":{{"name":"{name}","version":"{version}"}},"_meta":{{}}}}"#);
        let row = Row::raw(name, version, &item);
        source.lock().rows.insert(row.key(), row);
    };
    (0..150).for_each(|version| bad("com.bad/many", &version.to_string()));
    (0..1_100).for_each(|name| bad(&format!("com.bad/n{name}"), "1"));
    bad("com.other/tool", "1");
    let options = RunOptions { full: true, page_size: 500, ..options() };
    perform(&store, &source, &options, minute(0)).await.expect("accepted");
    let snapshot = store.snapshot().expect("a snapshot");
    assert_eq!(snapshot.count("official").expect("read"), (0, 1_001));
    let other = Name::parse("com.other/tool").expect("a name");
    assert!(snapshot.has_quarantined(&other).expect("read"));
    let state = state_of(&store);
    assert!(state.is_synchronised() && state.watermark.is_some(), "{state:?}");
    assert_eq!(Vec::from_iter(&state.over_limit), ["com.bad/many"]);
    assert_eq!(Vec::from_iter(&state.crowded), ["bad.com"]);
}

/// P97: rows that are no entries fill the quarantine, first in the first sync and then in a later one.
#[tokio::test]
async fn rows_beyond_the_limit_of_the_quarantine_are_left_out_and_deletions_are_applied() {
    let store = Arc::new(Store::ephemeral(Timestamp::MIN).expect("a store"));
    let source = Source::default();
    let put = |row: Row| source.lock().rows.insert(row.key(), row);
    let bad = |number: u32| {
        let name = format!("com.bad/n{number:02}");
        let item = format!(r#"{{"server":{{"name":"{name}","version":"1"}},"_meta":{{}}}}"#);
        put(Row::raw(&name, "1", &item));
    };
    put(Row::new("com.z/one", "1.0.0"));
    (0..4).for_each(bad);
    let few = RunOptions { full: true, max_quarantined: 3, ..options() };
    let sync = async |options: &RunOptions| perform(&store, &source, options, minute(0)).await;
    let limit = || state_of(&store).out_of_room.map(|reached| (reached.limit, reached.found));
    let count = || store.snapshot().and_then(|now| now.count("official")).expect("read");
    sync(&few).await.expect("accepted");
    assert_eq!(limit(), Some((RoomLimit::Quarantine, 3)));
    assert!(state_of(&store).last_full_sync.is_some(), "the rows were seen");
    assert!(!state_of(&store).is_synchronised(), "the name of the fourth is not known");
    assert_eq!(count(), (1, 3), "entries and rows in quarantine");
    let enough = RunOptions { full: true, max_quarantined: 4, ..options() };
    sync(&enough).await.expect("accepted");
    assert_eq!((count(), limit()), ((1, 4), None));
    // The same rows again are no more of them.
    sync(&enough).await.expect("accepted");
    bad(4);
    put(Row::new("com.z/one", "1.0.0").status("deleted", "2026-01-02T00:00:00Z"));
    put(Row::new("com.z/two", "1.0.0"));
    sync(&enough).await.expect("accepted");
    assert_eq!(limit(), Some((RoomLimit::Quarantine, 4)));
    let snapshot = store.snapshot().expect("a snapshot");
    let head = snapshot.head("official", "com.z/one", "1.0.0").expect("read").expect("kept");
    assert_eq!(head.status.to_string(), "deleted");
    assert_eq!(count(), (2, 4), "other content has room");
    assert!(snapshot.verify().expect("verified").is_sound());
}
