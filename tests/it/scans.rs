//! Scan results: a rule demands them, and they count for one content until they end.

use serde_json::{Value, json};

use crate::support::daemon::{Daemon, Workplace, text};
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;

const WIKI: &str = "com.example/wiki";
const LISTED: &[&str] = &["com.example/wiki@1.0.0"];

/// Approves the server, and demands a result of one tool.
fn demanding(place: &Workplace, demand: &str) {
    let approval = "{state: approved, reviewed: 2026-03-01, expires: 2099-01-01}";
    place.overlay(
        "policy.yaml",
        &format!(
            "servers:\n- {{name: {WIKI}, approval: {approval}}}\n- {{name: '*', conditions: {{scan: {demand}}}}}\n"
        ),
    );
}

const DEMAND: &str = "{tools: [mcp-scan], verdict: pass}";

fn result(verdict: &str, digest: &str, time: &str, expires: &str) -> String {
    format!(
        "tool: {{name: mcp-scan, version: 0.4.2}}\n\
         subject: {{name: {WIKI}, version: 1.0.0, digest: \"{digest}\"}}\n\
         verdict: {verdict}\ntime: {time}\nexpires: {expires}\n"
    )
}

/// Returns what `explain` says about the version.
fn explained(place: &Workplace) -> Value {
    place.json(&["explain", WIKI, "--json"])["versions"][0].clone()
}

/// Returns the digest of the content as it was received, after the first sync.
async fn received(place: &Workplace, daemon: &Daemon) -> String {
    daemon.synced().await;
    eventually("the entry is known", async || {
        let output = place.run(&["explain", WIKI, "--json"]);
        let explained: Value = serde_json::from_str(&text(&output.stdout)).ok()?;
        Some(explained["versions"][0]["digest"].as_str()?.to_owned())
    })
    .await
}

async fn alert(daemon: &Daemon) -> Option<Value> {
    let alerts = daemon.operate("/alerts").await.json();
    let mut open = alerts.as_array().expect("a list").iter();
    open.find(|alert| alert["kind"] == "evidence-unreadable" && alert["state"] == "open").cloned()
}

/// P80.
#[tokio::test]
async fn demanded_scan_result_shows_its_content_until_it_ends_and_no_other_content() {
    let upstream = Upstream::start([Row::new(WIKI, "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    demanding(&place, DEMAND);
    let daemon = place.start().await;
    let digest = received(&place, &daemon).await;
    daemon.lists(&[]).await;
    let unmet = explained(&place)["unmetConditions"][0].to_string();
    assert!(unmet.contains("the tool mcp-scan has no result about this version"), "{unmet}");

    let other = format!("sha256:{}", "0".repeat(64));
    place.write(
        "evidence/other.yaml",
        &result("pass", &other, "2026-01-02T00:00:00Z", "2099-01-01"),
    );
    eventually("a result about another content is void", async || {
        let scans = explained(&place)["scans"].to_string();
        scans.contains("void: it is about another content").then_some(())
    })
    .await;
    let unmet = explained(&place)["unmetConditions"][0].to_string();
    assert!(unmet.contains(&format!("there is one about {other}")), "{unmet}");
    assert_eq!(daemon.get("/v0.1/servers").await.items(), [""; 0]);

    let passed = result("pass", &digest, "2026-01-02T00:00:00Z", "2099-01-01");
    place.write("evidence/tools/mcp-scan.yaml", &passed);
    daemon.lists(LISTED).await;
    let scans = explained(&place)["scans"][0].to_string();
    assert!(scans.contains("mcp-scan 0.4.2 of 2026-01-02") && scans.contains("it counts until"));
    let sheet = place.print(&["review", WIKI]);
    assert!(sheet.contains("it counts until") && sheet.contains("void:"), "{sheet}");

    // A later result decides, in JSON too.
    let failed = json!({
        "tool": {"name": "mcp-scan", "version": "0.4.3"},
        "subject": {"name": WIKI, "version": "1.0.0", "digest": digest},
        "verdict": "fail",
        "time": "2026-01-03T00:00:00Z",
        "expires": "2099-01-01",
        "findings": [{"id": "W001", "severity": "high", "message": "a tool deletes files"}],
    });
    place.write("evidence/later.json", &failed.to_string());
    daemon.lists(&[]).await;
    let unmet = explained(&place)["unmetConditions"][0].to_string();
    assert!(unmet.contains("the tool mcp-scan has the verdict fail"), "{unmet}");
    place.remove("evidence/later.json");
    daemon.lists(LISTED).await;

    // It ends without any other change.
    let now = place.json(&["status", "--json"])["now"].as_str().expect("a time").to_owned();
    let seconds = now[..19].parse::<jiff::civil::DateTime>().expect("a time");
    let end = seconds.saturating_add(jiff::Span::new().seconds(4));
    let ending = result("pass", &digest, "2026-01-02T00:00:00Z", &format!("{end}Z"));
    place.write("evidence/tools/mcp-scan.yaml", &ending);
    daemon.lists(&[]).await;
    let unmet = explained(&place)["unmetConditions"][0].to_string();
    assert!(unmet.contains("has a result that expired at"), "{unmet}");
    let checked = place.run(&["check"]);
    let printed = text(&checked.stdout);
    assert_eq!(checked.status.code(), Some(0), "{printed}");
    assert!(printed.contains("mcp-scan.yaml:1:1: the result expired at"), "{printed}");
}

#[tokio::test]
async fn file_that_breaks_keeps_what_it_said_also_over_a_restart_and_commands_agree_without_a_daemon()
 {
    let upstream = Upstream::start([Row::new(WIKI, "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    demanding(&place, "{tools: [mcp-scan], max_age: 366d, verdict: pass}");
    let mut daemon = place.start().await;
    let digest = received(&place, &daemon).await;
    let now = place.json(&["status", "--json"])["now"].as_str().expect("a time").to_owned();
    let passed = result("pass", &digest, &format!("{}Z", &now[..19]), "2099-01-01");
    place.write("evidence/wiki.yaml", &passed);
    daemon.lists(LISTED).await;

    place.write("evidence/wiki.yaml", &passed.replace("verdict: pass", "verdict: past"));
    let unreadable = eventually("an alert", async || alert(&daemon).await).await;
    let detail = unreadable["detail"].to_string();
    assert!(detail.contains("wiki.yaml:3:10: `past`; did you mean `pass`?"), "{detail}");
    let checked = place.run(&["check"]);
    assert_eq!(checked.status.code(), Some(1));
    let printed = text(&checked.stdout);
    assert!(printed.contains("evidence/wiki.yaml:3:10"), "{printed}");
    let checked = place.print(&["check", "evidence/wiki.yaml"]);
    assert!(checked.contains("evidence/wiki.yaml:3:10"), "{checked}");
    assert_eq!(daemon.get("/v0.1/servers").await.items(), LISTED);

    let commands = [
        &["list"][..],
        &["explain", WIKI],
        &["show", WIKI],
        &["review", WIKI, "--json"],
        &["plan", "--overlays", "overlays"],
    ];
    let print = || commands.map(|arguments| without_times(&place.print(arguments)));
    let with_a_daemon = print();
    assert!(with_a_daemon[1].contains("it counts until 2099-01-01"), "{}", with_a_daemon[1]);
    daemon.kill();
    drop(daemon);
    assert_eq!(print(), with_a_daemon);
    let daemon = place.start().await;
    daemon.lists(LISTED).await;

    // A folder that is gone ends nothing; a removed file ends its result.
    let (folder, away) = (place.path().join("evidence"), place.path().join("away"));
    std::fs::rename(&folder, &away).expect("renamed");
    eventually("an alert about the folder", async || {
        let detail = alert(&daemon).await?["detail"].to_string();
        detail.contains("the folder cannot be read").then_some(())
    })
    .await;
    assert_eq!(daemon.get("/v0.1/servers").await.items(), LISTED);
    std::fs::rename(&away, &folder).expect("renamed");
    place.write("evidence/none.yaml", "# none\n");
    place.remove("evidence/wiki.yaml");
    daemon.lists(&[]).await;
    eventually("the alert is resolved", async || alert(&daemon).await.is_none().then_some(()))
        .await;
}

/// Removes the lines and members that state the time of an answer.
fn without_times(printed: &str) -> String {
    let lines = printed.lines().filter(|line| !line.contains("asOf") && !line.contains("as of"));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn waiver_lifts_the_demand_for_one_server() {
    let upstream = Upstream::start([Row::new(WIKI, "1.0.0"), Row::new("com.other/x", "1.0.0")]);
    let upstream = upstream.await;
    let place = Workplace::new(&upstream.url);
    let approval = "approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}";
    let waive = "waive: {condition: scan, reason: no scanner reads it, reviewer: alice, expires: 2099-01-01}";
    place.overlay(
        "policy.yaml",
        &format!("servers:\n- {{name: com.*/*, {approval}}}\n- {{name: '*', conditions: {{scan: {DEMAND}}}}}\n- {{name: {WIKI}, {waive}}}\n"),
    );
    let daemon = place.start().await;
    daemon.lists(LISTED).await;
}
