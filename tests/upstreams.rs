//! Several upstreams: who speaks for a name, and what happens to whoever does not.

mod support;

use serde_json::Value;
use support::daemon::{Daemon, Workplace, text};
use support::registry::Row;
use support::upstream::Upstream;
use support::wait::eventually;

const APPROVE: &str = "
servers:
  - {name: com.*/*, approval: {state: approved, reviewed: 2099-01-01, expires: 2099-02-01}}
";

fn approve(extra: &str) -> String {
    let today = vidimus::daemon::Clock::system().to_string();
    APPROVE.replace("2099-01-01", &today[..10]) + extra
}

fn server(name: &str, version: &str) -> String {
    format!(r#"{{"name":"{name}","version":"{version}","description":"ours"}}"#)
}

/// An official registry with three names, and a folder of the organisation's own servers.
async fn two(upstream: &Upstream, overlays: &str) -> (Workplace, Daemon) {
    let place = Workplace::new(&upstream.url);
    place.write("ours/tool.json", &server("com.example/tool", "1.0.0"));
    place.write("ours/deep/own.json", &server("com.example/own", "1.0.0"));
    place.write("ours/broken.json", "{");
    let files = "kind = \"files\"\npath = \"ours\"\ntrust = \"internal\"\npriority = 10\n\
                 sync.interval = \"1s\"\n";
    place.write("upstreams/ours.toml", files);
    place.overlay("policy.yaml", overlays);
    let daemon = place.start().await;
    eventually("both were walked", async || {
        let status = daemon.operate("/status").await.json();
        let upstreams = status["upstreams"].as_array().expect("a list");
        upstreams.iter().all(|it| it["lastCompleteWalk"].is_string()).then_some(())
    })
    .await;
    (place, daemon)
}

fn official() -> Vec<Row> {
    ["com.example/tool", "com.example/other", "com.elsewhere/x"]
        .into_iter()
        .flat_map(|name| [Row::new(name, "1.0.0"), Row::new(name, "2.0.0")])
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_belongs_whole_to_the_upstream_of_the_lowest_priority() {
    let upstream = Upstream::start(official()).await;
    let (place, daemon) = two(&upstream, &approve("")).await;
    daemon
        .lists(&[
            "com.elsewhere/x@1.0.0",
            "com.elsewhere/x@2.0.0",
            "com.example/other@1.0.0",
            "com.example/other@2.0.0",
            "com.example/own@1.0.0",
            "com.example/tool@1.0.0",
        ])
        .await;
    let item = daemon.get("/v0.1/servers/com.example%2Ftool/versions/1.0.0").await.json();
    assert_eq!(item["server"]["description"], "ours");
    assert_eq!(item["_meta"]["local.vidimus/curation"]["upstream"], "ours");
    let explained = text(&place.run(&["explain", "com.example/tool@2.0.0"]).stdout);
    assert!(
        explained.contains("fail  upstream may speak for this name: the name belongs to ours"),
        "{explained}"
    );
    let alerts = place.json(&["alerts", "--json"]);
    let shadowed = alerts.as_array().expect("a list").iter().find(|it| it["kind"] == "shadowed");
    assert_eq!(shadowed.expect("an alert")["subject"], "com.example/tool");
    let slip = alerts.as_array().expect("a list").iter().find(|it| it["kind"] == "quarantined");
    assert_eq!(slip.expect("an alert")["subject"], "ours", "a file that is not usable");
    let status = daemon.operate("/status").await.json();
    let ours = &status["upstreams"].as_array().expect("a list")[1];
    assert_eq!((&ours["rows"], &ours["quarantined"]), (&Value::from(2), &Value::from(1)));
}

/// Dependency confusion: what is internal is taken from internal upstreams only.
#[tokio::test(flavor = "multi_thread")]
async fn an_internal_namespace_takes_nothing_from_outside() {
    let upstream = Upstream::start(official()).await;
    let internal = "namespaces: [{name: Com.Example.*, internal: true}]\n";
    let (place, daemon) = two(&upstream, &approve(internal)).await;
    daemon
        .lists(&[
            "com.elsewhere/x@1.0.0",
            "com.elsewhere/x@2.0.0",
            "com.example/own@1.0.0",
            "com.example/tool@1.0.0",
        ])
        .await;
    let explained = text(&place.run(&["explain", "com.example/other"]).stdout);
    assert!(
        explained.contains("the namespace is internal, and the upstream is not"),
        "{explained}"
    );
    let alerts = place.json(&["alerts", "--json"]);
    let mut confused: Vec<&str> = alerts
        .as_array()
        .expect("a list")
        .iter()
        .filter(|it| it["kind"] == "internal-name" && it["suspect"] == "com.example")
        .map(|it| it["subject"].as_str().expect("a name"))
        .collect();
    confused.sort_unstable();
    assert_eq!(confused, ["com.example/other", "com.example/tool"]);
}

/// One bad upstream never starves another, be it of our own and what is protected come from there.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_not_there_keeps_nobody_waiting() {
    let upstream = Upstream::start(official()).await;
    let place = Workplace::new(&upstream.url);
    let files = "kind = \"files\"\npath = \"nowhere\"\ntrust = \"internal\"\npriority = 10\n";
    place.write("upstreams/ours.toml", files);
    place.overlay("policy.yaml", &approve("namespaces: [{name: com.acme, internal: true}]\n"));
    let daemon = place.start().await;
    daemon.ready().await;
    eventually("what others have is served", async || {
        let listed = daemon.get("/v0.1/servers").await.items();
        listed.contains(&"com.elsewhere/x@1.0.0".to_owned()).then_some(())
    })
    .await;
}

/// Nothing falls through: a name that passes to another upstream waits for a person.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_passes_to_another_upstream_is_hidden_until_an_overlay_names_it() {
    let upstream = Upstream::start(official()).await;
    let place = Workplace::new(&upstream.url);
    let files = "kind = \"files\"\npath = \"ours\"\ntrust = \"internal\"\npriority = 10\n\
                 [sync]\ninterval = \"1s\"\n[rails]\nmissing_walks = 1\npurge_after = \"1s\"\n";
    place.write("upstreams/ours.toml", files);
    place.write("ours/tool.json", &server("com.example/tool", "1.0.0"));
    place.write("ours/own.json", &server("com.example/own", "1.0.0"));
    let only = "servers: [{name: com.example/tool, approval: {state: approved, reviewed: DAY, expires: 2099-02-01}}]";
    let today = vidimus::daemon::Clock::system().to_string();
    place.overlay("policy.yaml", &only.replace("DAY", &today[..10]));
    let daemon = place.start().await;
    daemon.lists(&["com.example/tool@1.0.0"]).await;
    place.remove("ours/tool.json");
    daemon.lists(&[]).await;
    eventually("it is purged and passes", async || {
        let explained = text(&place.run(&["explain", "com.example/tool"]).stdout);
        explained.contains("the name was served from ours before").then_some(())
    })
    .await;
    daemon.lists(&[]).await;
    let named = only
        .replace("DAY", &today[..10])
        .replace("com.example/tool,", "com.example/tool, upstream: official,");
    place.overlay("policy.yaml", &named);
    daemon.lists(&["com.example/tool@1.0.0", "com.example/tool@2.0.0"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_in_any_upstream_that_may_speak_hides() {
    let upstream = Upstream::start(official()).await;
    let (_place, daemon) = two(&upstream, &approve("")).await;
    eventually("the internal one is served", async || {
        (daemon.get("/v0.1/servers/com.example%2Ftool/versions/1.0.0").await.status == 200)
            .then_some(())
    })
    .await;
    let now = vidimus::daemon::Clock::system().to_string();
    upstream.put(Row::new("com.example/tool", "1.0.0").status("deleted", &now));
    eventually("it is hidden", async || {
        (daemon.get("/v0.1/servers/com.example%2Ftool/versions/1.0.0").await.status == 404)
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_upstream_is_withdrawn_and_a_removed_file_only_stops_its_syncs() {
    let upstream = Upstream::start(official()).await;
    let (place, daemon) = two(&upstream, &approve("")).await;
    let serves = async |name: &str| {
        daemon.get(&format!("/v0.1/servers/com.example%2F{name}/versions/latest")).await.status
            == 200
    };
    eventually("both are served", async || {
        (serves("own").await && serves("other").await).then_some(())
    })
    .await;
    place.remove("upstreams/ours.toml");
    eventually("the file is gone", async || {
        let status = daemon.operate("/status").await.json();
        (status["upstreams"].as_array().is_some_and(|it| it.len() == 1)).then_some(())
    })
    .await;
    assert!(serves("own").await && serves("other").await);
    place.upstream(&upstream.url, "enabled = false");
    eventually("what it had is withdrawn", async || {
        (!serves("other").await && serves("own").await).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_dead_upstream_starves_no_other() {
    let upstream = Upstream::start(official()).await;
    let gone = Upstream::start([]).await.url.clone();
    let place = Workplace::new(&upstream.url);
    place.write(
        "upstreams/dead.toml",
        &format!("kind = \"registry\"\nurl = \"{gone}\"\npriority = 1\nsync.interval = \"1s\"\n[namespaces]\nallow = [\"org.*\"]\n"),
    );
    place.overlay("policy.yaml", "servers: [{name: com.elsewhere/x, approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}]");
    // The official one has the higher number, and is then the second external one.
    place.upstream(&upstream.url, "sync = {interval = \"1s\"}\n[namespaces]\nallow = [\"com.*\"]\n[rails]\nfrozen_after = \"366d\"");
    let daemon = place.start().await;
    daemon.lists(&["com.elsewhere/x@1.0.0", "com.elsewhere/x@2.0.0"]).await;
    eventually("the dead one is told of", async || {
        let status = daemon.operate("/status").await.json();
        (status["alerts"][0]["kind"] == "upstream-failing").then_some(())
    })
    .await;
    // Its file goes while nothing runs.
    assert_eq!(daemon.signal("TERM").await, Some(0));
    place.remove("upstreams/dead.toml");
    let daemon = place.start().await;
    eventually("nobody is told of it any more", async || {
        let status = daemon.operate("/status").await.json();
        (status["alerts"].as_array().map(Vec::len) == Some(0)).then_some(())
    })
    .await;
}
