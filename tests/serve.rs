//! The daemon as its users meet it: a first start, an edited overlay, a bad day upstream.

mod support;

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::Value;
use support::daemon::Workplace;
use support::registry::Row;
use support::upstream::{Upstream, page, problem};
use support::wait::eventually;

const APPROVE_TOOL: &str = "
servers:
  - name: com.example/tool
    tier: 1
    approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}
";

fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> =
        (0..25).map(|index| Row::new(&format!("com.other/tool-{index:02}"), "1.0.0")).collect();
    rows.push(Row::new("com.example/tool", "1.0.0"));
    rows.push(Row::new("com.example/tool", "1.1.0").published("2026-02-01T00:00:00.000000Z"));
    rows.push(Row::new("com.example/tool", "2.0.0").published("2026-06-01T00:00:00.000000Z"));
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_serves_what_is_approved_and_nothing_else() {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", APPROVE_TOOL);
    let daemon = place.start().await;
    let status = daemon.walked().await;
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
async fn a_named_server_is_served_long_before_the_walk_ends() {
    let upstream = Upstream::start(rows()).await;
    let walk_is_held = |asked: &str| {
        let listing = asked.starts_with("/v0.1/servers?") && asked.contains("cursor");
        listing.then(|| problem(StatusCode::SERVICE_UNAVAILABLE, "later"))
    };
    upstream.misbehave(walk_is_held);
    let place = Workplace::new(&upstream.url);
    place.upstream(&upstream.url, "sync.page_size = 1");
    place.overlay("policy.yaml", &APPROVE_TOOL.replace("com.example/tool", "com.other/tool-24"));
    let daemon = place.start().await;
    daemon.lists(&["com.other/tool-24@1.0.0"]).await;
    let status = daemon.operate("/status").await.json();
    assert_eq!(status["upstreams"][0]["lastCompleteWalk"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn until_something_is_known_the_registry_says_so_and_not_that_nothing_exists() {
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
    let failed = daemon.upstream_until("the pass failed", |it| it["lastFailure"].is_object()).await;
    assert!(
        failed["lastFailure"]["reason"].as_str().is_some_and(|it| it.contains("503")),
        "{failed}"
    );
    assert!(failed["nextAttempt"].is_string(), "{failed}");
    assert_eq!(daemon.get("/v0.1/servers").await.status, 503, "a failure is no statement either");
    assert_eq!(daemon.operate("/readyz").await.status, 503);
    upstream.behave();
    daemon.lists(&["com.example/tool@1.0.0", "com.example/tool@1.1.0"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_overlay_takes_effect_while_the_daemon_runs() {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", APPROVE_TOOL);
    let daemon = place.start().await;
    daemon.walked().await;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_set_can_only_hide_also_across_a_restart() {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", "
servers:
  - {name: com.example/tool, approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}
  - {name: com.other/tool-07, approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}
");
    let mut daemon = place.start().await;
    daemon.walked().await;
    let both = ["com.example/tool@1.0.0", "com.example/tool@1.1.0", "com.other/tool-07@1.0.0"];
    daemon.lists(&both).await;
    place.overlay("policy.yaml", "
servers:
  - {name: com.other/tool-07, approval: {state: denied}}
  - {name: com.other/tool-08, approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}
  - {name: com.other/tool-09, aproval: {state: approved}}
");
    daemon.lists(&both[..2]).await;
    let status = daemon.operate("/status").await.json();
    assert_eq!(status["overlays"]["state"], "refused");
    let finding = status["overlays"]["findings"][0].as_str().expect("a finding");
    assert!(
        finding.contains("policy.yaml:5:31: unknown key `aproval`; did you mean `approval`?"),
        "{finding}"
    );
    assert_eq!(status["alerts"][0]["kind"], "overlays-refused");
    daemon.kill();
    let daemon = place.start().await;
    daemon.lists(&both[..2]).await;
    let status = daemon.operate("/status").await.json();
    assert_eq!(status["alerts"][0]["kind"], "overlays-refused");
    place.remove("overlays/policy.yaml");
    daemon.lists(&both).await;
    let status = daemon.operate("/status").await.json();
    assert_eq!(status["overlays"]["state"], "refused", "a folder that became empty");
}

/// P16: whatever is refused for, a denial that is added to it hides at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_denial_is_heard_while_another_file_is_refused() {
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
    daemon.lists(&["com.example/tool@1.0.0", "com.example/tool@1.1.0"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_folder_and_an_emptied_file_keep_the_last_good_set() {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", APPROVE_TOOL);
    let daemon = place.start().await;
    let served = ["com.example/tool@1.0.0", "com.example/tool@1.1.0"];
    daemon.lists(&served).await;
    for fault in ["empty file", "no file"] {
        if fault == "empty file" {
            place.overlay("policy.yaml", "");
        } else {
            place.overlay(".gitkeep", "");
            place.remove("overlays/policy.yaml");
        }
        eventually("the set is refused", async || {
            let status = daemon.operate("/status").await.json();
            let finding = status["overlays"]["findings"].to_string();
            let wanted = if fault == "no file" { "became empty" } else { "an empty file" };
            finding.contains(wanted).then_some(())
        })
        .await;
        daemon.lists(&served).await;
    }
}

/// P6: a deletion hides at once, also when the row that says it is malformed.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_in_a_malformed_row_hides() {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", APPROVE_TOOL);
    let daemon = place.start().await;
    daemon.walked().await;
    daemon.lists(&["com.example/tool@1.0.0", "com.example/tool@1.1.0"]).await;
    let now = vidimus::daemon::Clock::system().to_string();
    let deleted = Row::new("com.example/tool", "1.1.0").status("deleted", &now);
    let item =
        deleted.item().replacen("\"status\":", "\"statusMessage\":\"malware\\r\",\"status\":", 1);
    upstream.put(Row { raw: Some(item), ..deleted });
    daemon.lists(&["com.example/tool@1.0.0"]).await;
    let status = daemon.operate("/status").await.json();
    assert_eq!(status["upstreams"][0]["quarantined"], 1);
}

/// Another registry under the same id is walked from its beginning.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_url_begins_anew_while_the_daemon_runs() {
    let first = Upstream::start(rows()).await;
    let place = Workplace::new(&first.url);
    place.overlay("policy.yaml", APPROVE_TOOL);
    let daemon = place.start().await;
    daemon.walked().await;
    let second = Upstream::start([Row::new("com.example/tool", "1.1.5")]).await;
    place.upstream(&second.url, "");
    daemon
        .lists(&["com.example/tool@1.0.0", "com.example/tool@1.1.0", "com.example/tool@1.1.5"])
        .await;
    let asked = second.paths();
    let listing = asked.iter().find(|path| path.contains("/servers?")).expect("a listing");
    assert!(!listing.contains("updated_since") && !listing.contains("cursor"), "{listing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_ends_hides_without_any_other_event() {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    let end = vidimus::daemon::Clock::system().plus(Duration::from_secs(3));
    place.overlay("policy.yaml", &APPROVE_TOOL.replace("2099-01-01", &end.to_string()));
    let daemon = place.start().await;
    daemon.lists(&["com.example/tool@1.0.0", "com.example/tool@1.1.0"]).await;
    daemon.lists(&[]).await;
    let tombstones = daemon.get("/v0.1/servers?include_deleted=true").await;
    assert_eq!(tombstones.items().len(), 2);
    assert!(!tombstones.text.contains("What com.example/tool does"), "{}", tombstones.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn increments_bring_what_is_new_changed_and_deleted() {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", APPROVE_TOOL);
    let daemon = place.start().await;
    daemon.walked().await;
    let now = vidimus::daemon::Clock::system().to_string();
    upstream.put(Row::new("com.example/tool", "1.2.0").status("active", &now));
    upstream.put(Row::new("com.example/tool", "1.0.0").status("deleted", &now));
    daemon.lists(&["com.example/tool@1.1.0", "com.example/tool@1.2.0"]).await;
    let asked = upstream.paths();
    let increment =
        asked.iter().rfind(|path| path.contains("updated_since")).expect("an increment");
    assert!(!increment.contains("include_deleted"), "{increment}");
}

/// P4: nothing is concluded from an answer that is none.
#[rstest::rstest]
#[case::html("html", "not JSON")]
#[case::wrong_shape("shape", "another shape")]
#[case::null("null", "another shape")]
#[case::truncated("truncated", "not JSON")]
#[case::not_found("404", "404")]
#[case::a_loop("loop", "a loop")]
#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_fails_leaves_what_is_served(#[case] fault: &'static str, #[case] why: &str) {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", APPROVE_TOOL);
    let daemon = place.start().await;
    daemon.walked().await;
    let served = ["com.example/tool@1.0.0", "com.example/tool@1.1.0"];
    daemon.lists(&served).await;
    upstream.misbehave(move |_| {
        Some(match fault {
            "html" => "<html>Down for maintenance</html>".into_response(),
            "shape" => r#"{"items":[]}"#.into_response(),
            "null" => r#"{"servers":null,"metadata":{}}"#.into_response(),
            "truncated" => r#"{"servers":[{"server":{"na"#.into_response(),
            "loop" => page(&[Row::new("a.b/c", "1").item()], Some("a.b/c:1")),
            _ => problem(StatusCode::NOT_FOUND, "Not found"),
        })
    });
    let failed = daemon.upstream_until("the pass failed", |it| it["lastFailure"].is_object()).await;
    let reason = failed["lastFailure"]["reason"].as_str().expect("a reason");
    assert!(reason.contains(why), "{reason}");
    daemon.lists(&served).await;
    upstream.behave();
    daemon.upstream_until("a pass was accepted again", |it| it["lastFailure"].is_null()).await;
    daemon.lists(&served).await;
}

/// P10: one bad record never blocks the rest.
#[tokio::test(flavor = "multi_thread")]
async fn malformed_rows_are_quarantined_with_reason_and_bytes_and_the_rest_goes_on() {
    let upstream = Upstream::start(rows()).await;
    let twice = r#"{"server":{"name":"com.example/twice","version":"1","version":"2"},"_meta":{}}"#;
    upstream.put(Row::raw("com.example/twice", "1", twice));
    upstream.put(Row::raw("com.example/zero", "1", "7"));
    upstream.put(Row::new("com.example/hidden", "1.0.0").described("safe \u{202e}elbatseted"));
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", "servers: [{name: com.example/*, approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}]");
    let daemon = place.start().await;
    let status = daemon.walked().await;
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
        reasons.iter().any(|it| it.contains("the member \"version\" stands twice")),
        "{reasons:?}"
    );
    assert!(
        reasons.iter().any(|it| it.contains("a number where an object is needed")),
        "{reasons:?}"
    );
    assert!(
        reasons.iter().any(|it| it.contains("server.description: the character U+202E")),
        "{reasons:?}"
    );
    let explained = place.run(&["explain", "com.example/hidden"]);
    let out = support::daemon::text(&explained.stdout);
    assert!(out.contains("fail  well-formed: in quarantine: server.description"), "{out}");
    let status = place.json(&["status", "--json"]);
    assert_eq!(status["upstreams"][0]["quarantined"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_goes_on_where_it_was_interrupted() {
    let upstream = Upstream::start(rows()).await;
    upstream.misbehave(|asked| {
        let late = asked.contains("cursor=com.other%2Ftool-1");
        late.then(|| problem(StatusCode::SERVICE_UNAVAILABLE, "later"))
    });
    let place = Workplace::new(&upstream.url);
    let mut daemon = place.start().await;
    let stopped = daemon
        .upstream_until("the walk stops in the middle", |it| it["interruptedAt"].is_string())
        .await;
    let cursor = stopped["interruptedAt"].as_str().expect("a cursor").to_owned();
    assert!(cursor.starts_with("com.other/tool-1"), "{cursor}");
    daemon.kill();
    upstream.behave();
    let before = upstream.paths().len();
    let daemon = place.start().await;
    let status = daemon.walked().await;
    assert_eq!(status["rows"], 28);
    let first = upstream.paths()[before].clone();
    assert!(first.contains("cursor=com.other%2Ftool-1"), "{first}");
}

#[rstest::rstest]
#[case("TERM")]
#[case("INT")]
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_stops_it_cleanly_in_the_middle_of_a_walk(#[case] signal: &str) {
    let upstream = Upstream::start(rows()).await;
    upstream.slow_down(Duration::from_secs(30));
    let place = Workplace::new(&upstream.url);
    let daemon = place.start().await;
    eventually("the walk has begun", async || (upstream.requests() > 0).then_some(())).await;
    assert_eq!(daemon.signal(signal).await, Some(0));
    assert!(place.log().contains("\"message\":\"stopped\""), "{}", place.log());
    let status = place.json(&["status", "--json"]);
    assert_eq!(status["running"], false);
    assert_eq!(status["upstreams"][0]["activity"], Value::Null, "nothing is in progress");
}

/// P19 over HTTP: a reader that follows `updated_since` alone, whose pages straddle publications.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_changes_ends_with_what_is_served() {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.upstream(&upstream.url, "sync = {interval = \"1s\", page_size = 100}");
    let approve = |names: &[&str], denied: &str| {
        let mut text = format!("servers:\n  - {{name: {denied}, approval: {{state: denied}}}}\n");
        for name in names {
            text.push_str(&format!("  - {{name: {name}, approval: {{state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}}}\n"));
        }
        text
    };
    place.overlay("policy.yaml", &approve(&["com.other/*"], "com.other/tool-03"));
    let daemon = place.start().await;
    daemon.walked().await;
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
    for _ in 0..40 {
        reader.read_page(&daemon).await;
    }
    let mut served = daemon.get("/v0.1/servers?limit=100").await.items();
    served.sort();
    assert_eq!(reader.copy.iter().cloned().collect::<Vec<_>>(), served);
    assert!(served.iter().all(|item| !item.contains("tool-20")), "{served:?}");
}

#[derive(Default)]
struct Reader {
    copy: std::collections::BTreeSet<String>,
    since: Option<String>,
    newest: Option<String>,
    cursor: Option<String>,
}

impl Reader {
    async fn read_page(&mut self, daemon: &support::daemon::Daemon) {
        let since = self.since.as_deref().unwrap_or("1970-01-01T00:00:00Z");
        let path = match &self.cursor {
            Some(cursor) => format!("/v0.1/servers?limit=3&cursor={cursor}"),
            None => format!("/v0.1/servers?limit=3&updated_since={since}"),
        };
        let page = daemon.get(&path).await;
        let body = page.json();
        for (key, item) in page.items().into_iter().zip(body["servers"].as_array().expect("items"))
        {
            let official = &item["_meta"][support::registry::OFFICIAL];
            let updated = official["updatedAt"].as_str().expect("a time").to_owned();
            self.newest = self.newest.take().max(Some(updated));
            match official["status"] == "deleted" {
                true => self.copy.remove(&key),
                false => self.copy.insert(key),
            };
        }
        self.cursor = body["metadata"]["nextCursor"].as_str().map(str::to_owned);
        if self.cursor.is_none() {
            self.since.clone_from(&self.newest);
        }
    }
}

/// Flips everything of one row, as a failing disk does.
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

/// P10: one damaged row hides itself and holds back nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_row_is_hidden_with_an_alert_and_the_rest_is_served() {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", APPROVE_TOOL);
    let daemon = place.start().await;
    daemon.walked().await;
    daemon.lists(&["com.example/tool@1.0.0", "com.example/tool@1.1.0"]).await;
    assert_eq!(daemon.signal("TERM").await, Some(0));
    damage(&place, "bodies");
    let daemon = place.start().await;
    daemon.lists(&["com.example/tool@1.1.0"]).await;
    let status = daemon.operate("/status").await.json();
    assert_eq!(status["alerts"][0]["kind"], "damaged-row");
    let verified = place.run(&["verify"]);
    assert_eq!(verified.status.code(), Some(1));
    assert_eq!(daemon.signal("TERM").await, Some(0));
    damage(&place, "ledger");
    damage(&place, "heads");
    let daemon = place.start().await;
    daemon.walked().await;
    eventually("what upstream sends takes the damaged head's place", async || {
        place.run(&["sync", "--full"]);
        let listed = daemon.get("/v0.1/servers").await.items();
        (listed == ["com.example/tool@1.0.0", "com.example/tool@1.1.0"]).then_some(())
    })
    .await;
    assert_eq!(place.run(&["list", "--all"]).status.code(), Some(0));
}

/// P10 for whoever compares names: neither the gate nor the alerts stop at a damaged head.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_head_keeps_no_other_name_from_being_compared() {
    let others = ["io.github.someone/stripe-mcp", "io.github.someone/weather"];
    let others = others.map(|name| Row::new(name, "1.0.0"));
    let upstream = Upstream::start(rows().into_iter().chain(others)).await;
    let place = Workplace::new(&upstream.url);
    let daemon = place.start().await;
    daemon.walked().await;
    assert_eq!(daemon.signal("TERM").await, Some(0));
    damage(&place, "heads");
    let approval = "approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}";
    let policy = format!(
        "namespaces: [{{name: com.stripe, protect: [stripe]}}]\nservers:\n- {{name: com.example/*, {approval}}}\n- {{name: io.github.someone/*, {approval}}}\n- {{name: com.example/tool, tier: 1}}\n"
    );
    place.overlay("policy.yaml", &policy);
    let daemon = place.start().await;
    daemon.ready().await;
    eventually("what resembles nothing is served", async || {
        let listed = daemon.get("/v0.1/servers").await.items();
        assert!(!listed.contains(&"io.github.someone/stripe-mcp@1.0.0".to_owned()));
        listed.contains(&"io.github.someone/weather@1.0.0".to_owned()).then_some(())
    })
    .await;
    eventually("the suspect is reported", async || {
        let alerts = daemon.operate("/alerts").await.json();
        let kinds = alerts.as_array().expect("a list").iter().map(|it| it["kind"].clone());
        kinds.into_iter().any(|kind| kind == "lookalike").then_some(())
    })
    .await;
}

/// What is no file must not be waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_among_overlays_is_refused_and_blocks_nothing() {
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
    assert!(status["overlays"]["findings"].to_string().contains("no regular file"), "{status}");
    assert_eq!(daemon.signal("TERM").await, Some(0));
}

/// A log whose reader has gone is no reason to stop, nor to be unable to.
#[tokio::test(flavor = "multi_thread")]
async fn a_closed_log_harms_nothing() {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", APPROVE_TOOL);
    let daemon = place.start_without_log().await;
    daemon.lists(&["com.example/tool@1.0.0", "com.example/tool@1.1.0"]).await;
    place.overlay("policy.yaml", "# nothing any more\n");
    daemon.lists(&[]).await;
    assert_eq!(daemon.signal("TERM").await, Some(0));
}
