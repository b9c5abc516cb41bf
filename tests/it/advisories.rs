//! Advisories: a server is hidden while its package is reported as malicious, whatever approves it.

use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::daemon::{Daemon, Workplace};
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;

const FEED: &str = "[[advisory_feeds]]\nname = \"osv\"\nfrom = \"feed\"\nevery = \"200ms\"\n";

/// Returns a row with a package.
fn row(name: &str, identifier: &str, version: &str) -> Row {
    let item = json!({
        "server": {
            "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
            "name": name,
            "description": "A server",
            "version": "1.0.0",
            "packages": [{
                "registryType": "npm",
                "identifier": identifier,
                "version": version,
                "transport": {"type": "stdio"},
            }],
        },
        "_meta": {"io.modelcontextprotocol.registry/official": {
            "status": "active",
            "statusChangedAt": "2026-01-01T00:00:00Z",
            "publishedAt": "2026-01-01T00:00:00Z",
            "updatedAt": "2026-01-01T00:00:00Z",
            "isLatest": true,
        }},
    });
    Row::raw(name, "1.0.0", &item.to_string())
}

fn advisory(id: &str, package: &str, more: &Value) -> String {
    let mut advisory = json!({
        "schema_version": "1.7.0",
        "id": id,
        "modified": "2026-11-01T00:00:00Z",
        "summary": "it sends keys away",
        "affected": [{"package": {"ecosystem": "npm", "name": package}, "versions": ["1.2.3"]}],
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        advisory[key] = value.clone();
    }
    advisory.to_string()
}

fn write(place: &Workplace, id: &str, package: &str, more: &Value) {
    // By a rename, as a mirror of the feed does.
    let text = advisory(id, package, more);
    place.write("feed.part", &text);
    let target = place.path().join(format!("feed/{id}.json"));
    std::fs::create_dir_all(target.parent().expect("a parent")).expect("a folder");
    std::fs::rename(place.path().join("feed.part"), target).expect("renamed");
}

async fn alert(daemon: &Daemon, kind: &str) -> Option<Value> {
    let alerts = daemon.operate("/alerts").await.json();
    let mut open = alerts.as_array().expect("a list").iter();
    open.find(|alert| alert["kind"] == kind && alert["state"] == "open").cloned()
}

async fn raised(daemon: &Daemon, kind: &str) -> Value {
    eventually(&format!("{kind} is open"), async || alert(daemon, kind).await).await
}

async fn resolved(daemon: &Daemon, kind: &str) {
    eventually(&format!("{kind} is resolved"), async || {
        alert(daemon, kind).await.is_none().then_some(())
    })
    .await;
}

/// P90: a feed on the disk waited for its interval, six hours by default.
#[tokio::test]
async fn changed_folder_or_archive_of_a_feed_is_read_before_its_interval_ends() {
    let upstream = Upstream::start([row("com.bad/wiki", "evil", "1.2.3")]).await;
    let place = Workplace::new(&upstream.url);
    place.write(
        "vidimus.toml",
        "[[advisory_feeds]]\nname = \"osv\"\nfrom = \"feed\"\nevery = \"6h\"\n",
    );
    place.approve("com.bad/wiki");
    write(&place, "GHSA-1", "fine", &json!({}));
    let daemon = place.start().await;
    daemon.lists(&["com.bad/wiki@1.0.0"]).await;
    eventually("the feed was read", async || {
        place.log().contains("a feed of advisories was read").then_some(())
    })
    .await;
    write(&place, "MAL-2026-1", "evil", &json!({}));
    daemon.lists(&[]).await;
    // The list of the folder stays as it is.
    write(&place, "MAL-2026-1", "evil", &json!({"withdrawn": "2026-03-01T00:00:00Z"}));
    daemon.lists(&["com.bad/wiki@1.0.0"]).await;
}

/// P76.
#[tokio::test]
async fn approved_server_is_hidden_while_its_package_is_malicious_and_returns_when_that_is_withdrawn()
 {
    let rows = [row("com.bad/wiki", "evil", "1.2.3"), row("com.good/wiki", "fine", "1.2.3")];
    let upstream = Upstream::start(rows).await;
    let place = Workplace::new(&upstream.url);
    place.write("vidimus.toml", FEED);
    place.overlay(
        "policy.yaml",
        "servers:\n- {name: com.bad/wiki, approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}\n- {name: com.good/wiki, approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}\n",
    );
    write(&place, "GHSA-1", "fine", &json!({"database_specific": {"severity": "HIGH"}}));
    let daemon = place.start().await;
    daemon.lists(&["com.bad/wiki@1.0.0", "com.good/wiki@1.0.0"]).await;
    let concerned = raised(&daemon, "advisory").await;
    assert_eq!(concerned["subject"], "com.good/wiki");
    assert!(
        concerned["detail"].as_str().expect("a text").contains("GHSA-1 concerns it"),
        "{concerned}"
    );

    write(&place, "MAL-2026-1", "evil", &json!({}));
    daemon.lists(&["com.good/wiki@1.0.0"]).await;
    let explained = place.json(&["explain", "com.bad/wiki", "--json"]);
    let gates = explained["versions"][0]["gates"].as_array().expect("gates");
    assert_eq!(
        (gates[1]["gate"].as_str(), gates[1]["outcome"].as_str()),
        (Some("no advisory"), Some("failed"))
    );
    let evidence = gates[1]["evidence"].as_str().expect("a text");
    assert_eq!(
        evidence,
        "MAL-2026-1 hides it: the npm package evil 1.2.3 is affected: it sends keys away"
    );
    let served = daemon.get("/v0.1/servers/com.good%2Fwiki/versions/1.0.0").await.json();
    let ours = &served["_meta"]["local.vidimus/curation"];
    assert_eq!(ours["advisories"], json!([{"id": "GHSA-1", "severity": "high"}]), "{ours}");
    assert_eq!(ours["packages"], json!([{"identifier": "fine", "advisories": ["GHSA-1"]}]));
    eventually("an alert about each", async || {
        let alerts = daemon.operate("/alerts").await.json();
        let alerts = alerts.as_array().expect("a list").iter();
        (alerts.filter(|alert| alert["kind"] == "advisory").count() == 2).then_some(())
    })
    .await;

    write(&place, "MAL-2026-1", "evil", &json!({"withdrawn": "2026-11-02T00:00:00Z"}));
    daemon.lists(&["com.bad/wiki@1.0.0", "com.good/wiki@1.0.0"]).await;
}

#[tokio::test]
async fn waiver_with_an_expiry_admits_what_one_advisory_hides() {
    let upstream = Upstream::start([row("com.bad/wiki", "evil", "1.2.3")]).await;
    let place = Workplace::new(&upstream.url);
    place.write("vidimus.toml", FEED);
    place.approve("com.bad/wiki");
    let daemon = place.start().await;
    daemon.lists(&["com.bad/wiki@1.0.0"]).await;
    write(&place, "MAL-2026-1", "evil", &json!({}));
    write(&place, "MAL-2026-2", "evil", &json!({}));
    daemon.lists(&[]).await;
    let waived = |id: &str| {
        let text = format!(
            "servers: [{{name: com.bad/wiki, waive: {{advisory: {id}, reason: a false report, reviewer: alice, expires: 2099-01-01}}}}]\n"
        );
        place.overlay(&format!("{id}.yaml"), &text);
    };
    waived("MAL-2026-1");
    eventually("the first is waived", async || {
        let explained = place.print(&["explain", "com.bad/wiki", "--json"]);
        explained.contains("MAL-2026-2 hides it").then_some(())
    })
    .await;
    assert_eq!(daemon.get("/v0.1/servers").await.items(), [""; 0]);
    waived("MAL-2026-2");
    daemon.lists(&["com.bad/wiki@1.0.0"]).await;
    let explained = place.print(&["explain", "com.bad/wiki", "--json"]);
    assert!(
        explained.contains("would hide it") && explained.contains("waived until 2099-01-01"),
        "{explained}"
    );
}

#[tokio::test]
async fn feed_that_shrinks_or_breaks_changes_nothing_and_raises_an_alert() {
    let upstream = Upstream::start([row("com.bad/wiki", "evil", "1.2.3")]).await;
    let place = Workplace::new(&upstream.url);
    place.write("vidimus.toml", FEED);
    place.approve("com.bad/wiki");
    for number in 1..=5 {
        write(&place, &format!("MAL-2026-{number}"), "other", &json!({}));
    }
    write(&place, "MAL-2026-9", "evil", &json!({}));
    let daemon = place.start().await;
    let count = async || {
        daemon.operate("/status").await.json()["advisories"]["feeds"][0]["advisories"].clone()
    };
    eventually("all are read", async || (count().await == 6).then_some(())).await;
    daemon.synced().await;
    daemon.lists(&[]).await;

    // A document that cannot be read says nothing about its advisory.
    place.write("feed/MAL-2026-9.json", "<html>");
    place.write("feed/NEW-1.json", r#"{"id":"NEW-1","affected":[{"package":{"ecosystem":"npm","name":"x"},"ranges":[{"type":"SEMVER","events":[{"introduced":"2.0.0"},{"fixed":"1.0.0"}]}]}]}"#);
    let unreadable = raised(&daemon, "advisories-unreadable").await;
    let detail = unreadable["detail"].to_string();
    assert!(detail.contains("MAL-2026-9.json: expected value"), "{detail}");
    assert!(
        detail.contains("NEW-1.json: a range of `x`: it ends at 1.0.0 before it begins"),
        "{detail}"
    );
    assert_eq!(daemon.get("/v0.1/servers").await.items(), [""; 0]);

    for id in ["MAL-2026-1", "MAL-2026-2", "MAL-2026-3", "MAL-2026-4", "MAL-2026-9", "NEW-1"] {
        place.remove(&format!("feed/{id}.json"));
    }
    let stale = raised(&daemon, "advisories-stale").await;
    assert!(stale["detail"].to_string().contains("more than half of them are gone"), "{stale}");
    assert_eq!(count().await, 5);
    assert_eq!(daemon.get("/v0.1/servers").await.items(), [""; 0]);
    let shown = place.json(&["advisories", "MAL-2026-9", "--json"]);
    assert_eq!(shown["names"][0]["name"], "com.bad/wiki", "{shown}");

    write(&place, "MAL-2026-2", "other", &json!({}));
    write(&place, "MAL-2026-3", "other", &json!({}));
    resolved(&daemon, "advisories-stale").await;
    daemon.lists(&["com.bad/wiki@1.0.0"]).await;
}

/// A mistyped path was found after three days.
#[tokio::test(flavor = "multi_thread")]
async fn feed_that_is_not_where_the_settings_say_is_an_alert_at_once_and_a_warning_of_check() {
    let upstream = Upstream::start([row("com.example/tool", "tool", "1.2.3")]).await;
    let place = Workplace::new(&upstream.url);
    place.write("vidimus.toml", &FEED.replace("\"feed\"", "\"feeed.zip\""));
    let checked = place.print(&["check"]);
    assert!(checked.contains("`osv` is read from feeed.zip, which is not there"), "{checked}");
    let daemon = place.start().await;
    let found = raised(&daemon, "advisories-stale").await;
    assert!(found.to_string().contains("cannot be read"), "{found}");
}

#[tokio::test]
async fn feed_without_room_raises_an_alert_at_once() {
    let upstream = Upstream::start([row("com.bad/wiki", "evil", "1.2.3")]).await;
    let place = Workplace::new(&upstream.url);
    place.write("vidimus.toml", &format!("store.min_free = \"1024TiB\"\n{FEED}"));
    write(&place, "MAL-2026-9", "evil", &json!({}));
    let daemon = place.start().await;
    let stale = raised(&daemon, "advisories-stale").await;
    assert!(stale["detail"].to_string().contains("`min_free`"), "{stale}");
}

#[tokio::test]
async fn feed_under_another_name_ends_the_earlier_one_only_after_it_was_read() {
    let upstream = Upstream::start([row("com.bad/wiki", "evil", "1.2.3")]).await;
    let place = Workplace::new(&upstream.url);
    place.write("vidimus.toml", FEED);
    place.approve("com.bad/wiki");
    write(&place, "MAL-2026-1", "evil", &json!({}));
    let mut daemon = place.start().await;
    eventually("the advisory hides it", async || {
        let explained = place.print(&["explain", "com.bad/wiki"]);
        explained.contains("MAL-2026-1 hides it").then_some(())
    })
    .await;
    daemon.kill();
    drop(daemon);
    let other = FEED.replace("\"osv\"", "\"other\"").replace("\"feed\"", "\"later\"");
    place.write("vidimus.toml", &other);
    let daemon = place.start().await;
    eventually("the new feed cannot be read", async || {
        let status = daemon.operate("/status").await.json();
        let feeds = status["advisories"]["feeds"].as_array().expect("feeds").clone();
        feeds
            .iter()
            .any(|feed| feed["name"] == "other" && feed["failure"].is_object())
            .then_some(())
    })
    .await;
    daemon.synced().await;
    daemon.lists(&[]).await;
    // An archive of another ecosystem, or a folder of links, has nothing either.
    place.write("later/DEBIAN-1.json", r#"{"id":"DEBIAN-1","affected":[]}"#);
    let empty = raised(&daemon, "advisories-unreadable").await;
    assert!(empty["detail"].to_string().contains("it has no advisory about a package"), "{empty}");
    assert_eq!(daemon.get("/v0.1/servers").await.items(), [""; 0]);
    place.write("part.json", &advisory("OTHER-1", "other", &json!({})));
    let (part, whole) = ("part.json", "later/OTHER-1.json");
    std::fs::rename(place.path().join(part), place.path().join(whole)).expect("renamed");
    resolved(&daemon, "advisories-unreadable").await;
    daemon.lists(&["com.bad/wiki@1.0.0"]).await;
}

#[tokio::test]
async fn own_advisory_hides_at_once_and_one_that_hides_much_waits_for_an_operator() {
    let names: Vec<String> = (0..10).map(|index| format!("com.n{index}/tool")).collect();
    let upstream = Upstream::start(names.iter().map(|name| row(name, "fine", "1.2.3"))).await;
    let place = Workplace::new(&upstream.url);
    let approval = "{state: approved, reviewed: 2026-03-01, expires: 2099-01-01}";
    let rules: Vec<String> =
        names.iter().map(|name| format!("- {{name: {name}, approval: {approval}}}\n")).collect();
    place.overlay("policy.yaml", &format!("servers:\n{}", rules.concat()));
    let mut daemon = place.start().await;
    daemon.serves(10).await;
    place.write(
        "advisories/one.yaml",
        "id: EX-1\nvidimus: {action: hide, servers: [com.n0/Tool]}\n",
    );
    daemon.serves(9).await;
    // A wider text is on hold, and what the file said before stays in effect.
    place.write("advisories/one.yaml", "id: EX-1\nvidimus: {action: hide, servers: [com.*/*]}\n");
    raised(&daemon, "advisory-on-hold").await;
    let explained = place.print(&["explain", "com.n0/tool"]);
    assert!(explained.contains("EX-1 hides it"), "{explained}");
    let explained = place.print(&["explain", "com.n1/tool"]);
    assert!(!explained.contains("EX-1"), "{explained}");
    place.write(
        "advisories/one.yaml",
        "id: EX-1\nvidimus: {action: hide, servers: [com.n0/Tool]}\n",
    );
    resolved(&daemon, "advisory-on-hold").await;
    place.write("advisories/all.yaml", "id: EX-2\nsummary: all of them\naffected: [{package: {ecosystem: npm, name: fine}}]\nvidimus: {action: hide}\n");
    let on_hold = raised(&daemon, "advisory-on-hold").await;
    assert!(
        on_hold["detail"].to_string().contains("it would hide 9 of 9 served names"),
        "{on_hold}"
    );
    daemon.serves(9).await;

    // A restart does not decide.
    daemon.kill();
    drop(daemon);
    let mut daemon = place.start().await;
    daemon.serves(9).await;
    // A mistake keeps what the file said before.
    place
        .write("advisories/one.yaml", "id: EX-1\nvidimus: {action: hid, servers: [com.n0/tool]}\n");
    raised(&daemon, "advisories-unreadable").await;
    daemon.serves(9).await;

    let checked = place.print(&["check"]);
    assert!(checked.contains("advisories/one.yaml:2:19"), "{checked}");

    let shown = place.json(&["advisories", "EX-2", "--json"]);
    let digest = shown["own"]["digest"].as_str().expect("a digest").to_owned();
    assert_eq!(shown["own"]["state"], "on-hold");
    let release = |digest: &str| {
        place.run(&[
            "advisories",
            "release",
            "EX-2",
            "--seen",
            digest,
            "--by",
            "bob",
            "--reason",
            "it is true",
        ])
    };
    assert_eq!(release(&format!("sha256:{}", "0".repeat(64))).status.code(), Some(1));
    daemon.serves(9).await;
    assert_eq!(release(&digest).status.code(), Some(0));
    daemon.serves(0).await;
    resolved(&daemon, "advisory-on-hold").await;
    let printed = [&["advisories"][..], &["advisories", "EX-2"], &["advisories", "EX-1", "--json"]];
    let with_a_daemon = printed.map(|arguments| place.print(arguments));
    assert!(with_a_daemon[0].contains("released by bob"), "{}", with_a_daemon[0]);
    assert!(
        with_a_daemon[1].contains("It concerns 10 versions with a rule:"),
        "{}",
        with_a_daemon[1]
    );
    daemon.kill();
    drop(daemon);
    assert_eq!(printed.map(|arguments| place.print(arguments)), with_a_daemon);
    let daemon = place.start().await;
    daemon.serves(0).await;
    // A deployment may remove a file before it writes it again: the release stays.
    let text = std::fs::read_to_string(place.path().join("advisories/all.yaml")).expect("a file");
    std::fs::remove_file(place.path().join("advisories/all.yaml")).expect("removed");
    daemon.serves(9).await;
    place.write("advisories/all.yaml", &text);
    daemon.serves(0).await;
    place.write("advisories/all.yaml", "# it ended\n");
    place.write("advisories/one.yaml", "# it ended\n");
    daemon.serves(10).await;
}

/// A server of one archive, with an `ETag`.
#[derive(Default)]
struct Archive {
    bytes: Vec<u8>,
    tag: u32,
    /// The statuses that it answered.
    answered: Vec<u16>,
}

async fn answer(State(archive): State<Arc<Mutex<Archive>>>, headers: HeaderMap) -> Response {
    let mut archive = archive.lock().expect("not poisoned");
    let tag = format!("\"{}\"", archive.tag);
    let is_known = headers.get("if-none-match").is_some_and(|known| *known == tag);
    let status = match archive.tag {
        0 => StatusCode::BAD_GATEWAY,
        _ if is_known => StatusCode::NOT_MODIFIED,
        _ => StatusCode::OK,
    };
    archive.answered.push(status.as_u16());
    let body = if status == StatusCode::OK { archive.bytes.clone() } else { Vec::new() };
    (status, [("etag", tag)], body).into_response()
}

fn archive(documents: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in documents {
        writer.start_file(*name, SimpleFileOptions::default()).expect("a file");
        writer.write_all(text.as_bytes()).expect("written");
    }
    writer.finish().expect("an archive").into_inner()
}

#[tokio::test]
async fn archive_at_a_url_is_fetched_again_only_with_another_tag_and_a_broken_one_changes_nothing()
{
    let upstream = Upstream::start([row("com.bad/wiki", "evil", "1.2.3")]).await;
    let state = Arc::new(Mutex::new(Archive::default()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/all.zip", listener.local_addr().expect("an address"));
    let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
    let stop = tokio_util::sync::CancellationToken::new();
    tokio::spawn(vidimus::api::serve(listener, router, vidimus::api::Door::plain(), stop.clone()));
    let set = |bytes: Vec<u8>, tag: u32| {
        let mut archive = state.lock().expect("not poisoned");
        (archive.bytes, archive.tag) = (bytes, tag);
    };
    let answered = |status: u16| {
        state
            .lock()
            .expect("not poisoned")
            .answered
            .iter()
            .filter(|other| **other == status)
            .count()
    };
    let place = Workplace::new(&upstream.url);
    place.write(
        "vidimus.toml",
        &format!("[[advisory_feeds]]\nname = \"npm\"\nfrom = \"{url}\"\nevery = \"100ms\"\nstale_after = \"1s\"\n"),
    );
    place.approve("com.bad/wiki");
    let daemon = place.start().await;
    daemon.lists(&["com.bad/wiki@1.0.0"]).await;
    let stale = raised(&daemon, "advisories-stale").await;
    assert!(stale["detail"].to_string().contains("the server answered 502"), "{stale}");

    let evil = advisory("MAL-2026-1", "evil", &json!({}));
    set(archive(&[("MAL-2026-1.json", &evil), ("../up.json", &evil), ("README.md", "text")]), 1);
    daemon.lists(&[]).await;
    resolved(&daemon, "advisories-stale").await;
    let unreadable = raised(&daemon, "advisories-unreadable").await;
    assert!(unreadable["detail"].to_string().contains("leads out of the archive"), "{unreadable}");
    eventually("it is not fetched again", async || (answered(304) > 2).then_some(())).await;
    let again = advisory("MAL-2026-3", "evil", &json!({}));
    // A server that says for ever that nothing changed is asked for everything after `stale_after`.
    set(archive(&[("MAL-2026-3.json", &again)]), 1);
    eventually("another advisory is read under the same tag", async || {
        (daemon.operate("/advisories/MAL-2026-3").await.status == 200).then_some(())
    })
    .await;

    set(b"<html>busy</html>".to_vec(), 2);
    let stale = raised(&daemon, "advisories-stale").await;
    assert!(stale["detail"].to_string().contains("it is not a ZIP archive"), "{stale}");
    assert_eq!(daemon.get("/v0.1/servers").await.items(), [""; 0]);
    set(archive(&[("MAL-2026-2.json", &advisory("MAL-2026-2", "other", &json!({})))]), 3);
    daemon.lists(&["com.bad/wiki@1.0.0"]).await;
    stop.cancel();
}
