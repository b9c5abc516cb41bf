//! The daemon from the outside: a first start, edited overlays, upstream failures.

use std::time::Duration;

use crate::support::daemon::Workplace;
use crate::support::reader::Reader;
use crate::support::registry::Row;
use crate::support::upstream::{Upstream, page, problem};
use crate::support::wait::eventually;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::Value;

const APPROVE_TOOL: &str = "
servers:
  - name: com.example/tool
    tier: 1
    approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}
";

/// Approves one exact version besides, whenever it comes.
fn approve_tool_and(version: &str) -> String {
    let approval = "approval: {state: approved, expires: 2099-01-01}";
    format!("{APPROVE_TOOL}  - {{name: com.example/tool, versions: {version}, {approval}}}\n")
}

fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> =
        (0..25).map(|index| Row::new(&format!("com.other/tool-{index:02}"), "1.0.0")).collect();
    rows.push(Row::new("com.example/tool", "1.0.0"));
    rows.push(Row::new("com.example/tool", "1.1.0").published("2026-02-01T00:00:00.000000Z"));
    rows.push(Row::new("com.example/tool", "2.0.0").published("2026-06-01T00:00:00.000000Z"));
    rows
}

/// P49.
#[tokio::test(flavor = "multi_thread")]
async fn first_start_serves_exactly_the_approved_entries() {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", APPROVE_TOOL);
    let daemon = place.start().await;
    let status = daemon.synced().await;
    assert_eq!((&status["rows"], &status["quarantined"]), (&Value::from(28), &Value::from(0)));
    daemon.lists(&["com.example/tool@1.0.0", "com.example/tool@1.1.0"]).await;
    let latest = daemon.get("/v0.1/servers/com.example%2Ftool/versions/latest").await.json();
    assert_eq!(latest["server"]["version"], "1.1.0", "2.0.0 came after the review");
    for path in [
        "/v0.1/servers/com.example%2Ftool/versions/2.0.0",
        "/v0.1/servers/com.other%2Ftool-01/versions",
        "/v0.1/servers/com.other%2Ftool-01/versions/latest",
        "/v0.1/servers/com.Example%2Ftool/versions/latest",
    ] {
        let answer = daemon.get(path).await;
        assert_eq!(
            (answer.status, answer.json()["detail"].clone()),
            (404, "Server not found".into()),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn server_named_in_an_overlay_is_served_before_the_full_sync_ends() {
    let upstream = Upstream::start(rows()).await;
    let refuse_later_pages = |asked: &str| {
        let listing = asked.starts_with("/v0.1/servers?") && asked.contains("cursor");
        listing.then(|| problem(StatusCode::SERVICE_UNAVAILABLE, "later"))
    };
    upstream.misbehave(refuse_later_pages);
    let place = Workplace::new(&upstream.url);
    place.upstream(&upstream.url, "sync.page_size = 1");
    place.overlay("policy.yaml", &APPROVE_TOOL.replace("com.example/tool", "com.other/tool-24"));
    let daemon = place.start().await;
    daemon.lists(&["com.other/tool-24@1.0.0"]).await;
    let status = daemon.operate("/status").await.json();
    assert_eq!(status["upstreams"][0]["lastFullSync"], Value::Null);
}

/// P13, P34.
#[tokio::test(flavor = "multi_thread")]
async fn registry_answers_503_until_a_first_sync_succeeds() {
    let upstream = Upstream::start(rows()).await;
    upstream.misbehave(|_| Some(problem(StatusCode::SERVICE_UNAVAILABLE, "maintenance")));
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", APPROVE_TOOL);
    let daemon = place.start().await;
    for path in ["/v0.1/servers", "/v0.1/servers/com.example%2Ftool/versions/latest"] {
        let answer = daemon.get(path).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
    assert_eq!(daemon.operate("/livez").await.status, 200);
    assert_eq!(daemon.operate("/readyz").await.status, 503);
    let failed = daemon
        .upstream_until("the sync run failed", |upstream| {
            upstream["lastFailure"].is_object() && upstream["nextAttempt"].is_string()
        })
        .await;
    assert!(
        failed["lastFailure"]["reason"].as_str().is_some_and(|reason| reason.contains("503")),
        "{failed}"
    );
    assert_eq!(
        daemon.get("/v0.1/servers").await.status,
        503,
        "a failed sync does not mean that nothing exists"
    );
    assert_eq!(daemon.operate("/readyz").await.status, 503);
    upstream.behave();
    daemon.lists(&["com.example/tool@1.0.0", "com.example/tool@1.1.0"]).await;
}

/// P17, P50.
#[tokio::test(flavor = "multi_thread")]
async fn edited_overlay_takes_effect_while_the_daemon_runs() {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", APPROVE_TOOL);
    let daemon = place.start().await;
    daemon.synced().await;
    daemon.lists(&["com.example/tool@1.0.0", "com.example/tool@1.1.0"]).await;
    place.overlay("more.yaml", "servers: [{name: com.other/tool-07, approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}]");
    daemon
        .lists(&["com.example/tool@1.0.0", "com.example/tool@1.1.0", "com.other/tool-07@1.0.0"])
        .await;
    place.overlay(
        "policy.yaml",
        "servers: [{name: com.example/tool, versions: 1.0.0, approval: {state: denied}}]",
    );
    daemon.lists(&["com.other/tool-07@1.0.0"]).await;
}

fn has_alert(status: &Value, kind: &str) -> bool {
    let mut alerts = status["alerts"].as_array().expect("a list").iter();
    alerts.any(|alert| alert["kind"] == kind)
}

/// P16.
#[tokio::test(flavor = "multi_thread")]
async fn refused_overlays_can_only_hide_also_across_a_restart() {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", "
servers:
  - {name: com.example/tool, approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}
  - {name: com.other/tool-07, approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}
");
    let mut daemon = place.start().await;
    daemon.synced().await;
    let both = ["com.example/tool@1.0.0", "com.example/tool@1.1.0", "com.other/tool-07@1.0.0"];
    daemon.lists(&both).await;
    place.overlay("policy.yaml", "
servers:
  - {name: com.other/tool-07, approval: {state: denied}}
  - {name: com.other/tool-08, approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}
  - {name: com.other/tool-09, aproval: {state: approved}}
");
    daemon.lists(&both[..2]).await;
    // Denials of a file wait for nothing, and the lint of the set follows.
    let status = eventually("the set is refused", async || {
        let status = daemon.operate("/status").await.json();
        (status["overlays"]["state"] == "refused").then_some(status)
    })
    .await;
    let finding = status["overlays"]["findings"][0].as_str().expect("a finding");
    assert!(
        finding.contains("policy.yaml:5:31: unknown key `aproval`; did you mean `approval`?"),
        "{finding}"
    );
    eventually("the alert follows the decision", async || {
        let status = daemon.operate("/status").await.json();
        has_alert(&status, "overlays-refused").then_some(())
    })
    .await;
    daemon.kill();
    let daemon = place.start().await;
    daemon.lists(&both[..2]).await;
    let status = daemon.operate("/status").await.json();
    assert!(has_alert(&status, "overlays-refused"), "{status}");
    place.remove("overlays/policy.yaml");
    eventually("the emptied folder is judged", async || {
        let status = daemon.operate("/status").await.json();
        status["overlays"]["findings"].to_string().contains("became empty").then_some(())
    })
    .await;
    daemon.lists(&both[..2]).await;
    let status = daemon.operate("/status").await.json();
    assert_eq!(status["overlays"]["state"], "refused", "an emptied folder is refused");
}

/// P47: a denial takes effect at once, even while the overlays are refused.
#[tokio::test(flavor = "multi_thread")]
async fn denial_takes_effect_while_another_file_is_refused() {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", APPROVE_TOOL);
    let daemon = place.start().await;
    daemon.lists(&["com.example/tool@1.0.0", "com.example/tool@1.1.0"]).await;
    place.overlay("typo.yaml", "servers: [{nmae: x}]");
    eventually("the set is refused", async || {
        let status = daemon.operate("/status").await.json();
        (status["overlays"]["state"] == "refused").then_some(())
    })
    .await;
    place.overlay(
        "deny.yaml",
        "servers: [{name: com.example/tool, versions: 1.1.0, approval: {state: denied}}]",
    );
    daemon.lists(&["com.example/tool@1.0.0"]).await;
    place.remove("overlays/deny.yaml");
    place.overlay("typo.yaml", "servers: [{nmae: y}]");
    eventually("the set without the file is judged", async || {
        let status = daemon.operate("/status").await.json();
        status["overlays"]["findings"].to_string().contains("nmae").then_some(())
    })
    .await;
    daemon.lists(&["com.example/tool@1.0.0"]).await;
    place.overlay("deny.yaml", "# taken back");
    daemon.lists(&["com.example/tool@1.0.0", "com.example/tool@1.1.0"]).await;
}

/// P16.
#[tokio::test(flavor = "multi_thread")]
async fn emptied_folder_or_file_keeps_the_last_good_overlays() {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", APPROVE_TOOL);
    let daemon = place.start().await;
    let served = ["com.example/tool@1.0.0", "com.example/tool@1.1.0"];
    daemon.lists(&served).await;
    for case in ["empty file", "no file"] {
        if case == "empty file" {
            place.overlay("policy.yaml", "");
        } else {
            place.overlay(".gitkeep", "");
            place.remove("overlays/policy.yaml");
        }
        eventually("the set is refused", async || {
            let status = daemon.operate("/status").await.json();
            let finding = status["overlays"]["findings"].to_string();
            let wanted = if case == "no file" { "became empty" } else { "an empty file" };
            finding.contains(wanted).then_some(())
        })
        .await;
        daemon.lists(&served).await;
    }
}

/// P10: a deletion hides at once, even if its row is invalid.
#[tokio::test(flavor = "multi_thread")]
async fn deletion_in_an_invalid_row_hides() {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", APPROVE_TOOL);
    let daemon = place.start().await;
    daemon.synced().await;
    daemon.lists(&["com.example/tool@1.0.0", "com.example/tool@1.1.0"]).await;
    let now = crate::support::registry::now();
    let deleted = Row::new("com.example/tool", "1.1.0").status("deleted", &now);
    let item =
        deleted.item().replacen("\"status\":", "\"statusMessage\":\"malware\\r\",\"status\":", 1);
    upstream.put(Row { raw: Some(item), ..deleted });
    daemon.lists(&["com.example/tool@1.0.0"]).await;
    let status = daemon.operate("/status").await.json();
    assert_eq!(status["upstreams"][0]["quarantined"], 1);
}

/// P50: another registry under the same id starts with a full sync.
#[tokio::test(flavor = "multi_thread")]
async fn changed_url_starts_a_full_sync_while_the_daemon_runs() {
    let first = Upstream::start(rows()).await;
    let place = Workplace::new(&first.url);
    place.overlay("policy.yaml", &approve_tool_and("1.1.5"));
    let daemon = place.start().await;
    daemon.synced().await;
    let second = Upstream::start([Row::new("com.example/tool", "1.1.5")]).await;
    place.upstream(&second.url, "");
    daemon
        .lists(&["com.example/tool@1.0.0", "com.example/tool@1.1.0", "com.example/tool@1.1.5"])
        .await;
    let asked = second.paths();
    let listing = asked.iter().find(|path| path.contains("/servers?")).expect("a listing");
    assert!(!listing.contains("updated_since") && !listing.contains("cursor"), "{listing}");
}

/// P17.
#[tokio::test(flavor = "multi_thread")]
async fn expired_approval_hides_without_any_other_event() {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    let end = vidimus::daemon::Clock::system().plus(Duration::from_secs(3));
    place.overlay("policy.yaml", &APPROVE_TOOL.replace("2099-01-01", &end.to_string()));
    let daemon = place.start().await;
    daemon.lists(&["com.example/tool@1.0.0", "com.example/tool@1.1.0"]).await;
    daemon.lists(&[]).await;
    let tombstones = eventually("its tombstones are committed", async || {
        let tombstones = daemon.get("/v0.1/servers?include_deleted=true").await;
        (tombstones.items().len() == 2).then_some(tombstones)
    })
    .await;
    assert!(!tombstones.text.contains("What com.example/tool does"), "{}", tombstones.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn incremental_sync_applies_additions_and_deletions() {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", &approve_tool_and("1.2.0"));
    let daemon = place.start().await;
    daemon.synced().await;
    let now = crate::support::registry::now();
    upstream.put(Row::new("com.example/tool", "1.2.0").status("active", &now));
    upstream.put(Row::new("com.example/tool", "1.0.0").status("deleted", &now));
    daemon.lists(&["com.example/tool@1.1.0", "com.example/tool@1.2.0"]).await;
    let asked = upstream.paths();
    let incremental =
        asked.iter().rfind(|path| path.contains("updated_since")).expect("an incremental sync");
    assert!(!incremental.contains("include_deleted"), "{incremental}");
}

/// P4, P12, P37: an invalid response changes nothing.
#[rstest::rstest]
#[case::html("html", "not JSON")]
#[case::wrong_shape("shape", "another shape")]
#[case::null("null", "another shape")]
#[case::truncated("truncated", "not JSON")]
#[case::not_found("404", "404")]
#[case::pagination_loop("loop", "a loop")]
#[tokio::test(flavor = "multi_thread")]
async fn failed_sync_run_changes_nothing(#[case] response: &'static str, #[case] why: &str) {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", APPROVE_TOOL);
    let daemon = place.start().await;
    daemon.synced().await;
    let served = ["com.example/tool@1.0.0", "com.example/tool@1.1.0"];
    daemon.lists(&served).await;
    upstream.misbehave(move |_| {
        Some(match response {
            "html" => "<html>Down for maintenance</html>".into_response(),
            "shape" => r#"{"items":[]}"#.into_response(),
            "null" => r#"{"servers":[],"metadata":null}"#.into_response(),
            "truncated" => r#"{"servers":[{"server":{"na"#.into_response(),
            "loop" => page(&[Row::new("a.b/c", "1").item()], Some("a.b/c:1")),
            _ => problem(StatusCode::NOT_FOUND, "Not found"),
        })
    });
    let failed = daemon
        .upstream_until("the sync run failed", |upstream| upstream["lastFailure"].is_object())
        .await;
    let reason = failed["lastFailure"]["reason"].as_str().expect("a reason");
    assert!(reason.contains(why), "{reason}");
    daemon.lists(&served).await;
    upstream.behave();
    daemon
        .upstream_until("a sync run is accepted again", |upstream| {
            upstream["lastFailure"].is_null()
        })
        .await;
    daemon.lists(&served).await;
}

/// P10: one invalid row never blocks the others.
#[tokio::test(flavor = "multi_thread")]
async fn invalid_rows_are_quarantined_with_a_reason_and_the_others_are_served() {
    let upstream = Upstream::start(rows()).await;
    let twice = r#"{"server":{"name":"com.example/twice","version":"1","version":"2"},"_meta":{}}"#;
    upstream.put(Row::raw("com.example/twice", "1", twice));
    upstream.put(Row::raw("com.example/zero", "1", "7"));
    upstream.put(Row::new("com.example/hidden", "1.0.0").described("safe \u{202e}elbatseted"));
    let place = Workplace::new(&upstream.url);
    place.approve("com.example/*");
    let daemon = place.start().await;
    let status = daemon.synced().await;
    assert_eq!((&status["rows"], &status["quarantined"]), (&Value::from(28), &Value::from(3)));
    daemon.lists(&["com.example/tool@1.0.0", "com.example/tool@1.1.0"]).await;
    let listed = place.json(&["list", "--quarantined", "--json"]);
    let reasons: Vec<&str> = listed
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| row["reason"].as_str().expect("text"))
        .collect();
    assert!(
        reasons.iter().any(|reason| reason.contains("the member \"version\" appears twice")),
        "{reasons:?}"
    );
    assert!(
        reasons.iter().any(|reason| reason.contains("a number where an object is needed")),
        "{reasons:?}"
    );
    assert!(
        reasons.iter().any(|reason| reason.contains("server.description: the character U+202E")),
        "{reasons:?}"
    );
    let explained = place.run(&["explain", "com.example/hidden"]);
    let out = crate::support::daemon::text(&explained.stdout);
    assert!(out.contains("well-formed: in quarantine: server.description"), "{out}");
    let status = place.json(&["status", "--json"]);
    assert_eq!(status["upstreams"][0]["quarantined"], 3);
}

/// P11.
#[tokio::test(flavor = "multi_thread")]
async fn interrupted_full_sync_resumes_at_its_cursor() {
    let upstream = Upstream::start(rows()).await;
    upstream.misbehave(|asked| {
        let late = asked.contains("cursor=com.other%2Ftool-1");
        late.then(|| problem(StatusCode::SERVICE_UNAVAILABLE, "later"))
    });
    let place = Workplace::new(&upstream.url);
    let mut daemon = place.start().await;
    let stopped = daemon
        .upstream_until("the full sync is interrupted", |upstream| {
            upstream["interruptedAt"].is_string()
        })
        .await;
    let cursor = stopped["interruptedAt"].as_str().expect("a cursor").to_owned();
    assert!(cursor.starts_with("com.other/tool-1"), "{cursor}");
    daemon.kill();
    upstream.behave();
    let before = upstream.paths().len();
    let daemon = place.start().await;
    let status = daemon.synced().await;
    assert_eq!(status["rows"], 28);
    let first = upstream.paths()[before].clone();
    assert!(first.contains("cursor=com.other%2Ftool-1"), "{first}");
}

#[rstest::rstest]
#[case("TERM")]
#[case("INT")]
#[tokio::test(flavor = "multi_thread")]
async fn signal_stops_the_daemon_cleanly_during_a_full_sync(#[case] signal: &str) {
    let upstream = Upstream::start(rows()).await;
    upstream.slow_down(Duration::from_secs(30));
    let place = Workplace::new(&upstream.url);
    let daemon = place.start().await;
    eventually("the full sync has begun", async || (upstream.requests() > 0).then_some(())).await;
    assert_eq!(daemon.signal(signal).await, Some(0));
    assert!(place.log().contains("\"message\":\"stopped\""), "{}", place.log());
    let status = place.json(&["status", "--json"]);
    assert_eq!(status["running"], false);
    assert_eq!(status["upstreams"][0]["activity"], Value::Null, "nothing is in progress");
}

/// P19 over HTTP: a client follows `updated_since` only, while generations are published between its pages.
#[tokio::test(flavor = "multi_thread")]
async fn client_that_follows_updated_since_ends_with_the_served_entries() {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.upstream(&upstream.url, "sync = {interval = \"250ms\", page_size = 100}");
    let approve = |names: &[&str], denied: &str| {
        let mut text = format!("servers:\n  - {{name: {denied}, approval: {{state: denied}}}}\n");
        for name in names {
            text.push_str(&format!("  - {{name: {name}, approval: {{state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}}}\n"));
        }
        text
    };
    place.overlay("policy.yaml", &approve(&["com.other/*"], "com.other/tool-03"));
    let daemon = place.start().await;
    daemon.synced().await;
    daemon.ready().await;
    let mut reader = Reader::default();
    for round in 0..6 {
        let denied = format!("com.other/tool-{:02}", round * 4);
        place.overlay("policy.yaml", &approve(&["com.other/*", "com.example/tool"], &denied));
        let generation = daemon.operate("/status").await.json()["generation"].clone();
        // Pages on both sides of the publication.
        reader.read_page(&daemon).await;
        eventually("the next generation", async || {
            let now = daemon.operate("/status").await.json()["generation"].clone();
            (now != generation).then_some(())
        })
        .await;
        reader.read_page(&daemon).await;
    }
    // A denial hides before its tombstone is committed: each change may take two generations.
    eventually("the last policy is published", async || {
        let served = daemon.get("/v0.1/servers?limit=100&search=tool-20").await.items();
        served.is_empty().then_some(())
    })
    .await;
    for _ in 0..40 {
        reader.read_page(&daemon).await;
    }
    let mut served = daemon.get("/v0.1/servers?limit=100").await.items();
    served.sort();
    assert_eq!(reader.copy.iter().cloned().collect::<Vec<_>>(), served);
    assert!(served.iter().all(|item| !item.contains("tool-20")), "{served:?}");
}

/// Overwrites one row with garbage, like a failing disk.
fn damage(place: &Workplace, table: &str) {
    let table: redb::TableDefinition<'_, (&str, &str, &str), &[u8]> =
        redb::TableDefinition::new(table);
    let database = redb::Database::open(place.data().join("vidimus.redb")).expect("a store");
    #[expect(clippy::disallowed_methods, reason = "the test damages what the store would not")]
    let transaction = database.begin_write().expect("a transaction");
    {
        let mut rows = transaction.open_table(table).expect("rows");
        let key = ("official", "com.example/tool", "1.0.0");
        rows.insert(key, [7_u8].as_slice()).expect("damaged");
    }
    transaction.commit().expect("committed");
}

/// P10: a damaged row hides its own entry only.
#[tokio::test(flavor = "multi_thread")]
async fn damaged_row_is_hidden_with_an_alert_and_the_others_are_served() {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", APPROVE_TOOL);
    let daemon = place.start().await;
    daemon.synced().await;
    daemon.lists(&["com.example/tool@1.0.0", "com.example/tool@1.1.0"]).await;
    assert_eq!(daemon.signal("TERM").await, Some(0));
    damage(&place, "bodies");
    let daemon = place.start().await;
    daemon.lists(&["com.example/tool@1.1.0"]).await;
    let status = daemon.operate("/status").await.json();
    assert!(has_alert(&status, "damaged-row"), "{status}");
    let verified = place.run(&["verify"]);
    assert_eq!(verified.status.code(), Some(1));
    assert_eq!(daemon.signal("TERM").await, Some(0));
    damage(&place, "ledger");
    damage(&place, "heads");
    let daemon = place.start().await;
    daemon.synced().await;
    eventually("a full sync replaces the damaged head", async || {
        place.run(&["sync", "--full"]);
        // Its earlier dates are lost with the head, so that it needs another review.
        place.review_again("policy.yaml", "com.example/tool@1.0.0").await;
        let listed = daemon.get("/v0.1/servers").await.items();
        (listed.len() == 3).then_some(())
    })
    .await;
    assert_eq!(place.run(&["list", "--all"]).status.code(), Some(0));
}

/// P10 for screening: neither the gate nor the alerts stop at a damaged head.
#[tokio::test(flavor = "multi_thread")]
async fn damaged_head_does_not_stop_the_screening_of_other_names() {
    let others = ["io.github.someone/stripe-mcp", "io.github.someone/weather"];
    let others = others.map(|name| Row::new(name, "1.0.0"));
    let upstream = Upstream::start(rows().into_iter().chain(others)).await;
    let place = Workplace::new(&upstream.url);
    let daemon = place.start().await;
    daemon.synced().await;
    assert_eq!(daemon.signal("TERM").await, Some(0));
    damage(&place, "heads");
    let approval = "approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}";
    let policy = format!(
        "namespaces: [{{name: com.stripe, protect: [stripe]}}]\nservers:\n- {{name: com.example/*, {approval}}}\n- {{name: io.github.someone/*, {approval}}}\n- {{name: com.example/tool, tier: 1}}\n"
    );
    place.overlay("policy.yaml", &policy);
    let daemon = place.start().await;
    daemon.ready().await;
    eventually("the name without a match is served", async || {
        let listed = daemon.get("/v0.1/servers").await.items();
        assert!(!listed.contains(&"io.github.someone/stripe-mcp@1.0.0".to_owned()));
        listed.contains(&"io.github.someone/weather@1.0.0".to_owned()).then_some(())
    })
    .await;
    eventually("the suspect is reported", async || {
        let alerts = daemon.operate("/alerts").await.json();
        let kinds = alerts.as_array().expect("a list").iter().map(|alert| alert["kind"].clone());
        kinds.into_iter().any(|kind| kind == "lookalike").then_some(())
    })
    .await;
}

/// Reading a pipe would block.
#[tokio::test(flavor = "multi_thread")]
async fn pipe_among_the_overlays_is_refused_and_does_not_block() {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", APPROVE_TOOL);
    let daemon = place.start().await;
    daemon.lists(&["com.example/tool@1.0.0", "com.example/tool@1.1.0"]).await;
    let pipe = place.path().join("overlays/pipe.yaml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    place.overlay(
        "deny.yaml",
        "servers: [{name: com.example/tool, versions: 1.1.0, approval: {state: denied}}]",
    );
    daemon.lists(&["com.example/tool@1.0.0"]).await;
    let status = daemon.operate("/status").await.json();
    assert!(status["overlays"]["findings"].to_string().contains("not a regular file"), "{status}");
    assert_eq!(daemon.signal("TERM").await, Some(0));
}

/// The daemon runs on and stops cleanly after the reader of its log is gone.
#[tokio::test(flavor = "multi_thread")]
async fn closed_log_does_not_stop_the_daemon() {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", APPROVE_TOOL);
    let daemon = place.start_without_log().await;
    daemon.lists(&["com.example/tool@1.0.0", "com.example/tool@1.1.0"]).await;
    place.overlay("policy.yaml", "# nothing any more\n");
    daemon.lists(&[]).await;
    assert_eq!(daemon.signal("TERM").await, Some(0));
}

/// P29. Each finding of a refused overlay is a line of the log: here several times what a pipe holds.
#[tokio::test(flavor = "multi_thread")]
async fn log_that_nothing_reads_delays_neither_answers_nor_a_denial() {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", APPROVE_TOOL);
    let (daemon, _reader) = place.start_with_unread_log().await;
    daemon.lists(&["com.example/tool@1.0.0", "com.example/tool@1.1.0"]).await;
    let mistakes = "- {nmae: x}\n".repeat(99);
    for file in 0..15 {
        place.overlay(&format!("typo-{file}.yaml"), &format!("servers:\n{mistakes}"));
    }
    place.overlay(
        "deny.yaml",
        "servers: [{name: com.example/tool, versions: 1.1.0, approval: {state: denied}}]",
    );
    daemon.lists(&["com.example/tool@1.0.0"]).await;
    place.overlay("deny.yaml", "servers: [{name: com.example/tool, approval: {state: denied}}]");
    daemon.lists(&[]).await;
    assert_eq!(daemon.operate("/livez").await.status, 200);
    assert_eq!(daemon.operate("/status").await.json()["droppedLogLines"], 0, "the queue is longer");
    assert_eq!(daemon.signal("TERM").await, Some(0));
}
