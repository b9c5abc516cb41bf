//! The mirror when the upstream loses, changes or replaces entries.

use std::process::Output;

use reqwest::Method;

use crate::support::daemon::{Daemon, Workplace, answer, text};
use crate::support::reader::Reader;
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;
use serde_json::Value;

const APPROVE_ALL: &str = "
servers:
  - {name: com.*/*, approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}
";

fn rows(count: usize) -> Vec<Row> {
    (0..count).map(|index| Row::new(&format!("com.n{index:03}/tool"), "1.0.0")).collect()
}

/// Starts a daemon that syncs only on request.
async fn mirror(upstream: &Upstream, safety_limits: &str) -> (Workplace, Daemon) {
    let place = Workplace::new(&upstream.url);
    let sync = "sync = {interval = \"1h\", page_size = 100}";
    place.upstream(
        &upstream.url,
        &format!("{sync}\n[safety_limits]\nfrozen_after = \"366d\"\n{safety_limits}"),
    );
    place.overlay("policy.yaml", APPROVE_ALL);
    let daemon = place.start().await;
    daemon.synced().await;
    (place, daemon)
}

fn full_sync(place: &Workplace) -> Value {
    place.json(&["sync", "--full", "--json"])["runs"][0].clone()
}

/// Returns the unresolved alerts, without those that follow from a change and not from the upstream itself: lookalikes,
/// since numbered test names differ by one character, and deletions.
fn alerts(place: &Workplace) -> Vec<(String, String, String)> {
    let alerts = place.json(&["alerts", "--json"]);
    let text = |alert: &Value, member: &str| alert[member].as_str().expect("a text").to_owned();
    let alerts = alerts.as_array().expect("a list").iter();
    let alerts =
        alerts.filter(|alert| alert["kind"] != "lookalike" && alert["kind"] != "status-changed");
    alerts
        .map(|alert| (text(alert, "kind"), text(alert, "subject"), text(alert, "detail")))
        .collect()
}

/// P5: an entry is hidden only after several full syncs miss it, and comes back unchanged.
#[tokio::test(flavor = "multi_thread")]
async fn vanished_entry_is_hidden_after_three_full_syncs_and_comes_back() {
    let upstream = Upstream::start(rows(30)).await;
    let (place, daemon) = mirror(&upstream, "").await;
    daemon.serves(30).await;
    upstream.vanish("com.n007/tool", "1.0.0");
    for syncs in 1..=3 {
        full_sync(&place);
        daemon.serves(if syncs < 3 { 30 } else { 29 }).await;
        let missing = alerts(&place);
        assert_eq!(missing.len(), 1, "{missing:?}");
        assert_eq!(
            (missing[0].0.as_str(), missing[0].1.as_str()),
            ("missing", "com.n007/tool@1.0.0 of official")
        );
    }
    let explained = place.print(&["explain", "com.n007/tool"]);
    assert!(explained.contains("active upstream: missing: several full syncs"), "{explained}");
    upstream.put(Row::new("com.n007/tool", "1.0.0"));
    full_sync(&place);
    daemon.serves(30).await;
    assert_eq!(alerts(&place), []);
}

/// P5.
#[tokio::test(flavor = "multi_thread")]
async fn missing_entry_is_purged_after_the_grace_period_and_leaves_a_tombstone() {
    let upstream = Upstream::start(rows(3)).await;
    let (place, daemon) = mirror(&upstream, "missing_syncs = 1\npurge_after = \"100ms\"").await;
    daemon.serves(3).await;
    upstream.vanish("com.n001/tool", "1.0.0");
    full_sync(&place);
    daemon.serves(2).await;
    assert_eq!(place.json(&["status", "--json"])["upstreams"][0]["rows"], 3, "hidden, not purged");
    eventually("it is purged", async || {
        full_sync(&place);
        (place.json(&["status", "--json"])["upstreams"][0]["rows"] == 2).then_some(())
    })
    .await;
    let tombstones = daemon.get("/v0.1/servers?include_deleted=true").await;
    assert_eq!(tombstones.items().len(), 3);
    // Its history stays, and so do those of its other versions.
    for version in ["1.0.0", "9.9.9"] {
        let output = place.run(&["history", &format!("com.n001/tool@{version}")]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
}

/// P6, P8, P23: a full sync with 60 % fewer rows is put on hold; the old state is served; exactly that change set
/// can be released.
#[tokio::test(flavor = "multi_thread")]
async fn full_sync_that_lost_most_rows_is_on_hold_until_released() {
    let upstream = Upstream::start(rows(200)).await;
    let (place, daemon) = mirror(&upstream, "missing_syncs = 1").await;
    daemon.serves(200).await;
    for index in 0..120 {
        upstream.vanish(&format!("com.n{index:03}/tool"), "1.0.0");
    }
    let run = full_sync(&place);
    assert!(
        run["onHold"][0].as_str().is_some_and(|limit| limit.starts_with("80 rows where 200")),
        "{run}"
    );
    daemon.serves(200).await;
    let raised = alerts(&place);
    assert_eq!(raised[0].0, "on-hold", "{raised:?}");
    let first = listed(&place);
    assert_eq!(first["changes"].as_array().expect("a list").len(), 120, "{first}");
    full_sync(&place);
    assert_eq!(listed(&place), first, "the same change set");
    // What was shown is not what is on hold any more.
    upstream.vanish("com.n120/tool", "1.0.0");
    full_sync(&place);
    let stale = decide(&place, "release", &first, &[]);
    assert_eq!(stale.status.code(), Some(1));
    let message = text(&stale.stderr);
    let moved = "1 added: com.n120/tool@1.0.0 is missing; nothing removed";
    assert!(message.contains(moved), "{message}");
    let set = listed(&place);
    let (id, shown) =
        (set["id"].as_str().expect("an id"), set["shown"].as_str().expect("a digest"));
    let named = format!("official@{id}");
    let unseen = place.run(&["sync", "--release", &named, "--by", "me", "--reason", "seen"]);
    assert_eq!(unseen.status.code(), Some(2), "{}", text(&unseen.stderr));
    let url = format!("{}/ops/holds/official/{id}/release", daemon.operations);
    let post = async |query: &str| {
        let url = format!("{url}{query}");
        answer(daemon.request(Method::POST, &url).bearer_auth(daemon.token())).await
    };
    assert_eq!(post("").await.status, 400);
    assert_eq!(post("?by=me&reason=seen").await.status, 400);
    let old = first["shown"].as_str().expect("a digest");
    assert_eq!(post(&format!("?seen={old}&by=me&reason=seen")).await.status, 409);
    assert_eq!(post(&format!("?seen={}&by=me&reason=seen", &shown[..39])).await.status, 400);
    daemon.serves(200).await;
    let released = decide(&place, "release", &set, &[]);
    assert_eq!(released.status.code(), Some(0), "{}", text(&released.stderr));
    daemon.serves(79).await;
    let again = decide(&place, "release", &set, &[]);
    assert!(text(&again.stderr).contains("me decided about these changes before"), "{again:?}");
    let lost = |kind: &str| ["missing", "shrunk"].contains(&kind);
    assert!(alerts(&place).iter().all(|alert| lost(&alert.0)), "{:?}", alerts(&place));
}

/// A full sync with 5 % fewer rows is accepted, and raises alerts.
#[tokio::test(flavor = "multi_thread")]
async fn full_sync_that_lost_a_few_rows_is_accepted() {
    let upstream = Upstream::start(rows(200)).await;
    let (place, daemon) = mirror(&upstream, "missing_syncs = 1").await;
    daemon.serves(200).await;
    for index in 0..10 {
        upstream.vanish(&format!("com.n{index:03}/tool"), "1.0.0");
    }
    assert_eq!(full_sync(&place)["onHold"], Value::Null);
    daemon.serves(190).await;
    let raised = alerts(&place);
    assert_eq!(raised.len(), 11, "one for each of ten served entries, and one for the upstream");
    let shrunk = raised.iter().find(|alert| alert.0 == "shrunk").expect("an alert");
    assert_eq!(shrunk.1, "official");
}

/// P6, P41: deletions within the safety limit hide at once. Those beyond it are on hold name by name, and later ones do
/// not wait for them.
#[tokio::test(flavor = "multi_thread")]
async fn deletions_beyond_the_limit_are_on_hold_by_name_and_delay_no_others() {
    let mut rows = rows(30);
    for version in 1..6 {
        rows.push(Row::new("com.n000/tool", &format!("1.0.{version}")));
    }
    let upstream = Upstream::start(rows).await;
    let (place, daemon) = mirror(&upstream, "").await;
    daemon.serves(35).await;
    let delete = |name: &str, version: &str| {
        let now = crate::support::registry::now();
        upstream.put(Row::new(name, version).status("deleted", &now));
    };
    // A name with six versions counts once: the limit is 20 % of 30 names.
    for version in 0..6 {
        delete("com.n000/tool", &format!("1.0.{version}"));
    }
    for index in 10..17 {
        delete(&format!("com.n{index:03}/tool"), "1.0.0");
    }
    upstream.put(Row::new("com.fresh/tool", "1.0.0").published(&crate::support::registry::now()));
    let run = place.json(&["sync", "--json"]);
    let limit = run["runs"][0]["onHold"][0].as_str().expect("an exceeded limit");
    assert!(
        limit.starts_with("6 of 30 served names were deleted within 24 hours, and 2 more"),
        "{limit}"
    );
    place.review_again("policy.yaml", "com.fresh/tool").await;
    daemon.serves(25).await;
    let raised = place.json(&["alerts", "--kind", "on-hold", "--json"]);
    assert_eq!(raised[0]["served"], true, "{raised}");
    let mut on_hold = names(&listed(&place));
    assert_eq!(on_hold, ["com.n015/tool", "com.n016/tool"]);
    // What waits is not counted again; but the deletions of this day are spent.
    delete("com.n020/tool", "1.0.0");
    let run = place.json(&["sync", "--json"]);
    let limit = run["runs"][0]["onHold"][0].as_str().expect("an exceeded limit");
    assert!(
        limit.starts_with("6 of 30 served names were deleted within 24 hours, and 3 more"),
        "{limit}"
    );
    daemon.serves(25).await;
    on_hold.push("com.n020/tool".to_owned());
    assert_eq!(names(&listed(&place)), on_hold);

    let one = place.json(&["sync", "--show", "official", "--only", "com.n015/tool", "--json"]);
    let released = decide(&place, "release", &one, &["--only", "com.n015/tool"]);
    assert_eq!(released.status.code(), Some(0), "{}", text(&released.stderr));
    daemon.serves(24).await;
    let set = listed(&place);
    assert_eq!(names(&set), on_hold[1..]);
    let discarded = decide(&place, "discard", &set, &[]);
    assert_eq!(discarded.status.code(), Some(0), "{}", text(&discarded.stderr));
    // What was refused gives no other deletion room, and a release does.
    delete("com.n021/tool", "1.0.0");
    place.json(&["sync", "--json"]);
    daemon.serves(24).await;
    let released = decide(&place, "release", &listed(&place), &[]);
    assert_eq!(released.status.code(), Some(0), "{}", text(&released.stderr));
    delete("com.n022/tool", "1.0.0");
    place.json(&["sync", "--json"]);
    daemon.serves(22).await;
    upstream.set_date("Fri, 01 Jan 2100 00:00:00 GMT");
    full_sync(&place);
    place.json(&["sync", "--json"]);
    daemon.serves(22).await;
    let official = &place.json(&["status", "--json"])["upstreams"][0];
    assert_eq!(official["onHold"], Value::Null, "discarded changes are not put on hold again");
    let watermark = &official["watermark"];
    assert_eq!(watermark, "2099-12-31T23:50:00.000000Z", "incremental syncs continue after it");
    let left = place.json(&["alerts", "--kind", "status-changed", "--json"]);
    let detail = "the upstream reports 1.0.0 as deleted";
    let left = left.as_array().expect("a list").iter();
    let left = left.filter(|alert| alert["detail"] == detail).count();
    assert!(left > 0, "an approved name that upstream deletes is reported");
    let logged = place.log();
    let line = logged.lines().find(|line| line.contains("an entry is no longer served"));
    let line = line.expect("it is logged");
    assert!(line.contains("com.n000/tool") && line.contains("active upstream"), "{line}");
}

/// Returns the change set on hold with all its changes.
fn listed(place: &Workplace) -> Value {
    place.json(&["sync", "--show", "official", "--json"])
}

fn names(set: &Value) -> Vec<String> {
    let changes = set["changes"].as_array().expect("a list").iter();
    changes.map(|change| change["name"].as_str().expect("a name").to_owned()).collect()
}

/// Decides about exactly what was shown.
fn decide(place: &Workplace, decision: &str, set: &Value, more: &[&str]) -> Output {
    let text = |member: &str| set[member].as_str().expect("a text");
    let (flag, named) = (format!("--{decision}"), format!("official@{}", text("id")));
    let said = ["--seen", text("shown"), "--by", "me", "--reason", "seen"];
    place.run(&[&["sync", &flag, &named], said.as_slice(), more].concat())
}

/// P7: the approved content stays served; both contents are stored; the alert shows the change.
#[tokio::test(flavor = "multi_thread")]
async fn rewritten_entry_keeps_serving_first_content_and_raises_drift() {
    let upstream = Upstream::start(rows(3)).await;
    let (place, daemon) = mirror(&upstream, "").await;
    daemon.serves(3).await;
    let path = "/v0.1/servers/com.n001%2Ftool/versions/1.0.0";
    let before = daemon.get(path).await;
    // Without a new `updatedAt`, as the official registry did: only a full sync sees it.
    upstream.put(Row::new("com.n001/tool", "1.0.0").described("Runs anything it is told"));
    full_sync(&place);
    let raised = alerts(&place);
    assert_eq!(
        (raised[0].0.as_str(), raised[0].1.as_str()),
        ("drift", "com.n001/tool@1.0.0 of official")
    );
    let change = r#"/description: "What com.n001/tool does" became "Runs anything it is told""#;
    assert!(raised[0].2.contains(change), "{raised:?}");
    let after = daemon.get(path).await.json();
    assert_eq!(after["server"], before.json()["server"]);
    let explained = place.json(&["explain", "com.n001/tool", "--json"]);
    let other = explained["versions"][0]["rewritten"].as_str().expect("a digest").to_owned();
    let verified = place.run(&["verify"]);
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified.stdout));
    // Everything that the upstream sends now can be read before its digest is pinned.
    let entry = "com.n001/tool@1.0.0";
    for command in [&["review", entry][..], &["show", entry], &["show", entry, "--content", &other]]
    {
        let printed = place.print(command);
        assert!(printed.contains("Runs anything it is told\n"), "{command:?}: {printed}");
    }
    let sheet = place.json(&["review", entry, "--json"]);
    assert_eq!(sheet["shown"][0]["drift"]["content"]["description"], "Runs anything it is told");
    let raw = place.print(&["show", entry, "--content", &other, "--raw"]);
    assert!(raw.contains(r#""description":"Runs anything it is told""#), "{raw}");
    let unknown = format!("sha256:{}", "0".repeat(64));
    let unknown = place.run(&["show", entry, "--content", &unknown]);
    assert_eq!(unknown.status.code(), Some(1), "{}", text(&unknown.stdout));
    // A reviewer pins the other content.
    place.overlay("pin.yaml", &format!(
        "servers: [{{name: com.n001/tool, versions: 1.0.0, approval: {{state: approved, reviewed: 2026-11-01, expires: 2099-01-01, digest: '{other}'}}}}]"
    ));
    eventually("the reviewed content is served", async || {
        daemon.get(path).await.text.contains("Runs anything").then_some(())
    })
    .await;
    let drifts = |count: usize| {
        let place = &place;
        async move {
            eventually(&format!("{count} alerts are unresolved"), async || {
                (alerts(place).len() == count).then_some(())
            })
            .await;
        }
    };
    drifts(0).await;
    place.remove("overlays/pin.yaml");
    drifts(1).await;
    eventually("the first content is served again", async || {
        (!daemon.get(path).await.text.contains("Runs anything")).then_some(())
    })
    .await;
    upstream.put(Row::new("com.n001/tool", "1.0.0"));
    full_sync(&place);
    assert_eq!(alerts(&place), [], "the upstream restored the first content");
}

/// P7: pinned content stays served after later rewrites.
#[tokio::test(flavor = "multi_thread")]
async fn pinned_content_stays_served_after_later_rewrites() {
    let upstream = Upstream::start(rows(3)).await;
    let (place, daemon) = mirror(&upstream, "").await;
    daemon.serves(3).await;
    upstream.put(Row::new("com.n001/tool", "1.0.0").described("The second content"));
    full_sync(&place);
    let explained = place.json(&["explain", "com.n001/tool", "--json"]);
    let second = explained["versions"][0]["rewritten"].as_str().expect("a digest").to_owned();
    place.overlay("pin.yaml", &format!(
        "servers: [{{name: com.n001/tool, versions: 1.0.0, approval: {{state: approved, reviewed: 2026-11-01, expires: 2099-01-01, digest: '{second}'}}}}]"
    ));
    let path = "/v0.1/servers/com.n001%2Ftool/versions/1.0.0";
    let serves_second = async || {
        let answer = daemon.get(path).await;
        answer.text.contains("The second content").then_some(())
    };
    eventually("the pinned content is served", serves_second).await;
    for later in 0..12 {
        let later = format!("Later content {later}");
        upstream.put(Row::new("com.n001/tool", "1.0.0").described(&later));
        full_sync(&place);
        eventually("the pinned content is still served", serves_second).await;
        let raised = alerts(&place);
        assert_eq!((raised.len(), raised[0].0.as_str()), (1, "drift"));
        assert!(raised[0].2.contains(&later), "{raised:?}");
    }
    upstream.put(Row::new("com.n001/tool", "1.0.0"));
    full_sync(&place);
    eventually("the pinned content is still served", serves_second).await;
    assert_eq!(alerts(&place), [], "the upstream restored the first content");
    assert_eq!(place.run(&["verify"]).status.code(), Some(0));
    place.overlay("pin.yaml", &format!(
        "servers: [{{name: com.n001/tool, versions: 1.0.0, approval: {{state: approved, reviewed: 2026-11-01, expires: 2099-01-01, digest: 'sha256:{}'}}}}]",
        "0".repeat(64)
    ));
    eventually("an unknown pinned digest raises an alert", async || {
        let raised = alerts(&place);
        let mismatch = raised.iter().find(|alert| alert.0 == "pin-mismatch")?;
        assert_eq!(mismatch.1, "com.n001/tool@1.0.0");
        Some(())
    })
    .await;
}

/// P7: the ledger remembers the content of purged entries.
#[tokio::test(flavor = "multi_thread")]
async fn purged_entry_with_other_content_is_hidden_until_reviewed() {
    let upstream = Upstream::start(rows(3)).await;
    let (place, daemon) = mirror(&upstream, "missing_syncs = 1\npurge_after = \"100ms\"").await;
    // The exact approval protects a name that the others resemble, so they must be visible before.
    daemon.serves(3).await;
    place.overlay("exact.yaml", "servers: [{name: com.n001/tool, versions: 1.0.0, approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}}]");
    daemon.serves(3).await;
    let purge = async || {
        upstream.vanish("com.n001/tool", "1.0.0");
        eventually("it is purged", async || {
            full_sync(&place);
            (place.json(&["status", "--json"])["upstreams"][0]["rows"] == 2).then_some(())
        })
        .await;
    };
    purge().await;
    upstream.put(Row::new("com.n001/tool", "1.0.0").described("Something else"));
    full_sync(&place);
    daemon.serves(2).await;
    let raised = alerts(&place);
    assert_eq!(
        (raised[0].0.as_str(), raised[0].1.as_str()),
        ("drift", "com.n001/tool@1.0.0 of official")
    );
    let explained = place.print(&["explain", "com.n001/tool"]);
    assert!(explained.contains("content as reviewed: purged, then received again"), "{explained}");
    assert_eq!(place.run(&["verify"]).status.code(), Some(0));
    purge().await;
    upstream.put(Row::new("com.n001/tool", "1.0.0"));
    full_sync(&place);
    daemon.serves(3).await;
    assert_eq!(alerts(&place), [], "the entry came back unchanged");
    purge().await;
    upstream.put(Row::new("com.n001/tool", "1.0.0").described("Something else"));
    full_sync(&place);
    upstream.put(Row::new("com.n001/tool", "1.0.0"));
    full_sync(&place);
    daemon.serves(3).await;
    assert_eq!(alerts(&place), [], "the upstream restored the first content");
}

/// P8: an older state of the upstream is put on hold.
#[tokio::test(flavor = "multi_thread")]
async fn older_state_of_an_upstream_is_on_hold() {
    let upstream = Upstream::start(rows(10)).await;
    upstream.put(Row::new("com.n000/tool", "1.1.0").published("2026-02-01T00:00:00.000000Z"));
    let (place, daemon) = mirror(&upstream, "").await;
    daemon.serves(11).await;
    upstream.vanish("com.n000/tool", "1.1.0");
    upstream.put(
        Row::new("com.n001/tool", "1.0.0").status("deprecated", "2026-01-01T00:00:00.123456Z"),
    );
    let run = full_sync(&place);
    assert!(
        run["onHold"][0].as_str().is_some_and(|limit| limit.starts_with("the newest update is of")),
        "{run}"
    );
    daemon.serves(11).await;
    let item = daemon.get("/v0.1/servers/com.n001%2Ftool/versions/1.0.0").await;
    assert!(item.text.contains("\"status\":\"active\""), "{}", item.text);
    // Lookups of single names are suspended too.
    upstream.put(Row::new("com.fresh/tool", "1.0.0"));
    place.overlay("exact.yaml", "servers: [{name: com.fresh/tool, versions: 1.0.0, approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}}]");
    eventually("the overlay is the current policy", async || {
        let status = daemon.operate("/status").await.json();
        (status["overlays"]["rules"] == 2).then_some(())
    })
    .await;
    full_sync(&place);
    assert_eq!(daemon.get("/v0.1/servers/com.fresh%2Ftool/versions/1.0.0").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_upstream_raises_an_alert_without_a_hold() {
    let upstream = Upstream::start(rows(3)).await;
    let place = Workplace::new(&upstream.url);
    place.upstream(&upstream.url, "[safety_limits]");
    let daemon = place.start().await;
    daemon.synced().await;
    let raised = eventually("an alert", async || alerts(&place).into_iter().next()).await;
    assert_eq!((raised.0.as_str(), raised.1.as_str()), ("frozen", "official"));
    assert_eq!(full_sync(&place)["onHold"], Value::Null);
}

/// P3, P38, P45: a clock skew and updates from the future raise alerts and do not move the watermark.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_clocks_raise_alerts_and_do_not_move_the_watermark() {
    let upstream = Upstream::start(rows(3)).await;
    upstream.set_date("Thu, 01 Jan 2026 00:30:00 GMT");
    upstream.put(Row::new("com.n001/tool", "2.0.0").published("2099-01-01T00:00:00.000000Z"));
    let (place, daemon) = mirror(&upstream, "").await;
    let mut kinds: Vec<String> = eventually("the alerts", async || {
        let raised = alerts(&place);
        (raised.len() == 4).then(|| raised.into_iter().map(|alert| alert.0).collect())
    })
    .await;
    kinds.sort();
    // A version from the future is newer than any review.
    assert_eq!(kinds, ["clock-distrusted", "clock-skew", "future-update", "newer-versions"]);
    let status = daemon.operate("/status").await.json();
    assert_eq!(status["upstreams"][0]["watermark"], "2026-01-01T00:20:00.000000Z");
}

/// P61: the next incremental sync finds a row that changes behind a moving cursor.
#[tokio::test(flavor = "multi_thread")]
async fn row_that_changes_behind_the_cursor_is_found() {
    let upstream = Upstream::start(rows(30)).await;
    let place = Workplace::new(&upstream.url);
    place.upstream(&upstream.url, "sync = {interval = \"1h\", page_size = 5}");
    place.overlay("policy.yaml", APPROVE_ALL);
    upstream.misbehave(|asked| {
        let late = asked.contains("cursor=com.n02");
        late.then(|| {
            crate::support::upstream::problem(axum::http::StatusCode::SERVICE_UNAVAILABLE, "later")
        })
    });
    let daemon = place.start().await;
    daemon
        .upstream_until("the full sync is past the row", |upstream| {
            upstream["interruptedAt"].is_string()
        })
        .await;
    let now = crate::support::registry::now();
    upstream.put(Row::new("com.n003/tool", "1.0.0").status("deleted", &now));
    upstream.put(Row::new("com.n004/tool", "1.1.0").status("active", &now));
    upstream.behave();
    place.json(&["sync", "--json"]);
    daemon.synced().await;
    place.json(&["sync", "--json"]);
    place.review_again("policy.yaml", "com.n004/tool@1.1.0").await;
    eventually("the changed row is hidden and the new one served", async || {
        let listed = daemon.get("/v0.1/servers?limit=100").await.items();
        let has = |entry: &str| listed.iter().any(|listed| listed == entry);
        (!has("com.n003/tool@1.0.0") && has("com.n004/tool@1.1.0")).then_some(())
    })
    .await;
    daemon.serves(30).await;
}

/// Sets the newest timestamp of a store a day ahead: the same state as after the clock was set back.
fn set_clock_back(place: &Workplace) {
    let meta: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("meta");
    let tomorrow = vidimus::daemon::Clock::system().plus(std::time::Duration::from_hours(24));
    let database = redb::Database::open(place.data().join("vidimus.redb")).expect("a store");
    #[expect(clippy::disallowed_methods, reason = "the test writes what only time would")]
    let transaction = database.begin_write().expect("a transaction");
    transaction
        .open_table(meta)
        .expect("meta")
        .insert("newest", tomorrow.as_micros().to_le_bytes().as_slice())
        .expect("set");
    transaction.commit().expect("committed");
}

/// P19, P21: a second `vidimus` that mirrors the first one ends with the same catalogue, although the clock was
/// set back by a day.
#[tokio::test(flavor = "multi_thread")]
async fn mirror_of_the_mirror_ends_with_the_same_catalogue() {
    let upstream = Upstream::start(rows(12)).await;
    let (first_place, first) = mirror(&upstream, "").await;
    first.serves(12).await;
    assert_eq!(first.signal("TERM").await, Some(0));
    set_clock_back(&first_place);
    let first = first_place.start().await;
    first.serves(12).await;
    let second_place = Workplace::new(&first.registry);
    second_place.upstream(
        &first.registry,
        "sync = {interval = \"250ms\", overlap = \"1s\"}\n[safety_limits]\ndeleted_percent = 100",
    );
    second_place.overlay(
        "policy.yaml",
        "servers: [{name: com.*/*, approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}}]",
    );
    let second = second_place.start().await;
    second.synced().await;
    second.serves(12).await;
    first_place.overlay("deny.yaml", "servers: [{name: com.n003/*, approval: {state: denied}}]");
    let now = crate::support::registry::now();
    upstream.put(
        Row::new("com.n005/tool", "1.1.0")
            .published("2026-02-01T00:00:00.000000Z")
            .status("active", &now),
    );
    upstream.put(Row::new("com.n006/tool", "1.0.0").status("deleted", &now));
    first_place.json(&["sync", "--json"]);
    first_place.review_again("policy.yaml", "com.n005/tool@1.1.0").await;
    first.serves(11).await;
    second_place.review_again("policy.yaml", "com.n005/tool@1.1.0").await;
    let listed = |daemon: &Daemon| {
        let answer = daemon.registry.clone();
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        async move {
            crate::support::daemon::answer(client.get(format!("{answer}/v0.1/servers?limit=100")))
                .await
                .items()
        }
    };
    let wanted = listed(&first).await;
    eventually("the second mirror serves the same", async || {
        (listed(&second).await == wanted).then_some(())
    })
    .await;
    assert!(
        !wanted.iter().any(|item| item.contains("n003") || item.contains("n006")),
        "{wanted:?}"
    );
    // Withdrawn, and approved again: the stub of the first mirror is no content.
    first_place.remove("overlays/deny.yaml");
    first.serves(12).await;
    second.serves(12).await;
    let raised = alerts(&second_place);
    assert!(!raised.iter().any(|(kind, ..)| kind == "drift"), "{raised:?}");
}

/// A list of the first mirror has upstream's times, its changes have its own, and its facts follow its policy: none of
/// it is a change, an older state or drift to the second one.
#[tokio::test(flavor = "multi_thread")]
async fn change_of_policy_changes_no_row_of_the_next_mirror() {
    let upstream = Upstream::start(rows(12)).await;
    let (first_place, first) = mirror(&upstream, "").await;
    first.serves(12).await;
    let second_place = Workplace::new(&first.registry);
    second_place.upstream(
        &first.registry,
        "sync = {interval = \"1h\", overlap = \"1s\"}\n[safety_limits]\nfrozen_after = \"366d\"",
    );
    second_place.overlay("policy.yaml", APPROVE_ALL);
    let second = second_place.start().await;
    second.synced().await;
    second.serves(12).await;
    let tag = async || first.get("/v0.1/servers?limit=100").await.header("etag").to_owned();
    let changes = first.get("/v0.1/servers?limit=100&updated_since=1970-01-01T00:00:00Z").await;
    assert_eq!(changes.items().len(), 12);
    assert_ne!(changes.header("etag"), tag().await, "the other form has other bytes");
    let mut readers = Vec::new();
    for daemon in [&first, &second] {
        let of_either_form = [Reader::default(), Reader::from_plain_list(daemon).await];
        readers.extend(of_either_form.map(|reader| (daemon, reader)));
    }
    for tier in 1..=2 {
        let before = tag().await;
        first_place.overlay("tier.yaml", &format!("servers: [{{name: com.*/*, tier: {tier}}}]"));
        eventually("the first mirror has the tier", async || (tag().await != before).then_some(()))
            .await;
        for sync in 0..5 {
            let changes = second_place.json(&["sync", "--json"])["runs"][0].clone();
            let run = full_sync(&second_place);
            let unchanged = serde_json::json!([0, 0, 0, 12]);
            let counts =
                ["added", "updated", "deleted", "unchanged"].map(|count| run[count].clone());
            assert_eq!(serde_json::json!(counts), unchanged, "full sync {sync}: {run}");
            assert_eq!((&changes["updated"], &run["onHold"]), (&0.into(), &Value::Null));
        }
    }
    let raised = alerts(&second_place);
    assert_eq!(raised.len(), 1, "{raised:?}");
    assert_eq!((&*raised[0].0, &*raised[0].1), ("forged-metadata", "official"));
    assert!(raised[0].2.contains("set `namespace`"), "{raised:?}");
    second.serves(12).await;
    let denied = "servers: [{name: com.n003/tool, approval: {state: denied}}]";
    first_place.overlay("denied.yaml", denied);
    first.serves(11).await;
    full_sync(&second_place);
    second.serves(11).await;
    for (daemon, mut reader) in readers {
        let served = daemon.get("/v0.1/servers?limit=100").await.items();
        eventually("the reader has what is served", async || {
            reader.read_page(daemon).await;
            reader.copy.iter().eq(&served).then_some(())
        })
        .await;
    }
}

/// P1, P12: reads never wait for an upstream, nor for a writer.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "a test waits for a command's process")]
async fn thousand_requests_during_a_sync_are_all_answered() {
    let upstream = Upstream::start(rows(60)).await;
    let (place, daemon) = mirror(&upstream, "").await;
    daemon.serves(60).await;
    place.upstream(&upstream.url, "sync = {interval = \"250ms\", page_size = 1}");
    upstream.slow_down(std::time::Duration::from_millis(20));
    let daemon = std::sync::Arc::new(daemon);
    let readers: Vec<_> = (0..1000)
        .map(|index| {
            let daemon = std::sync::Arc::clone(&daemon);
            tokio::spawn(async move {
                let name = format!("com.n{:03}%2Ftool", index % 60);
                daemon.get(&format!("/v0.1/servers/{name}/versions/latest")).await.status
            })
        })
        .collect();
    let synced = tokio::task::spawn_blocking(move || {
        let run = full_sync(&place);
        (run, place)
    });
    for reader in readers {
        assert_eq!(reader.await.expect("a reader"), 200);
    }
    let (run, _place) = synced.await.expect("a sync run");
    assert_eq!(run["unchanged"], 60);
}

/// P56: 10,000 versions of a name are stored, the others quarantined with one alert; other names are unaffected.
#[tokio::test(flavor = "multi_thread")]
async fn versions_of_one_name_beyond_10000_are_quarantined() {
    let mut rows = rows(3);
    rows.extend((0..10_050).map(|index| Row::new("com.flood/tool", &format!("1.0.{index}"))));
    let upstream = Upstream::start(rows).await;
    let (place, daemon) = mirror(&upstream, "").await;
    let status = daemon.operate("/status").await.json()["upstreams"][0].clone();
    assert_eq!((&status["rows"], &status["quarantined"]), (&10_003.into(), &50.into()));
    let raised = eventually("an alert", async || alerts(&place).into_iter().next()).await;
    assert_eq!(
        (raised.0.as_str(), raised.1.as_str()),
        ("name-limit", "com.flood/tool of official")
    );
    assert_eq!(alerts(&place).len(), 1);
    daemon.serves(10_003).await;
}

/// P42: a slow upstream is not treated as dead.
#[tokio::test(flavor = "multi_thread")]
async fn slow_upstream_does_not_time_out() {
    let upstream = Upstream::start(rows(3)).await;
    let (place, daemon) = mirror(&upstream, "").await;
    daemon.serves(3).await;
    upstream.slow_down(std::time::Duration::from_secs(20));
    assert_eq!(full_sync(&place)["unchanged"], 3);
}

/// The rows of a slow last page count as seen.
#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_slow_last_page_are_not_missing() {
    let upstream = Upstream::start(rows(30)).await;
    let (place, daemon) = mirror(&upstream, "missing_syncs = 1").await;
    daemon.serves(30).await;
    upstream.slow_down(std::time::Duration::from_millis(600));
    assert_eq!(full_sync(&place)["unchanged"], 30);
    assert_eq!(alerts(&place), []);
    daemon.serves(30).await;
}

/// P59: a wide approval covers entries published before the review: a later sync with an earlier date changes
/// nothing.
#[tokio::test(flavor = "multi_thread")]
async fn backdated_entry_is_not_covered_by_an_earlier_review() {
    let upstream = Upstream::start(rows(3)).await;
    upstream.put(Row::new("com.n001/tool", "2.0.0").published("2026-06-01T00:00:00.000000Z"));
    let (place, daemon) = mirror(&upstream, "").await;
    daemon.serves(3).await;
    upstream.put(Row::new("com.n001/tool", "2.0.0"));
    full_sync(&place);
    let explained = place.print(&["explain", "com.n001/tool@2.0.0"]);
    assert!(explained.contains("approved: pending: published 2026-06-01"), "{explained}");
    assert_eq!(place.run(&["verify"]).status.code(), Some(0));
    daemon.serves(3).await;
}
