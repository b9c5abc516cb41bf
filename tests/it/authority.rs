//! Several upstreams: which one is authoritative for a name, and what happens to the rows of the others.

use crate::support::daemon::{Daemon, Workplace};
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;
use serde_json::Value;

const APPROVE: &str = "
servers:
  - {name: com.*/*, approval: {state: approved, reviewed: 2099-01-01, expires: 2099-02-01}}
";

fn approve(extra: &str) -> String {
    let today = crate::support::registry::now();
    APPROVE.replace("2099-01-01", &today[..10]) + extra
}

fn server(name: &str, version: &str) -> String {
    format!(r#"{{"name":"{name}","version":"{version}","description":"ours"}}"#)
}

/// Starts a daemon with an official registry and a folder of the organisation's own servers.
async fn two(upstream: &Upstream, overlays: &str) -> (Workplace, Daemon) {
    let place = Workplace::new(&upstream.url);
    place.write("ours/tool.json", &server("com.example/tool", "1.0.0"));
    place.write("ours/deep/own.json", &server("com.example/own", "1.0.0"));
    place.write("ours/broken.json", "{");
    let files = "kind = \"files\"\npath = \"ours\"\ntrust = \"internal\"\npriority = 10\n\
                 sync.interval = \"250ms\"\n";
    place.write("upstreams/ours.toml", files);
    place.overlay("policy.yaml", overlays);
    let daemon = place.start().await;
    eventually("both had a full sync", async || {
        full_syncs(&daemon).await.into_iter().all(|accepted| accepted).then_some(())
    })
    .await;
    (place, daemon)
}

/// Returns for each upstream whether a full sync of it was accepted.
async fn full_syncs(daemon: &Daemon) -> Vec<bool> {
    let status = daemon.operate("/status").await.json();
    let upstreams = status["upstreams"].as_array().expect("a list").iter();
    upstreams.map(|upstream| upstream["lastFullSync"].is_string()).collect()
}

fn official() -> Vec<Row> {
    ["com.example/tool", "com.example/other", "com.elsewhere/x"]
        .into_iter()
        .flat_map(|name| [Row::new(name, "1.0.0"), Row::new(name, "2.0.0")])
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn upstream_with_the_lowest_priority_is_authoritative_for_all_versions_of_a_name() {
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
    let explained = place.print(&["explain", "com.example/tool@2.0.0"]);
    assert!(explained.contains("upstream authoritative: the name belongs to ours"), "{explained}");
    let alerts = place.json(&["alerts", "--json"]);
    let shadowed =
        alerts.as_array().expect("a list").iter().find(|alert| alert["kind"] == "shadowed");
    let shadowed = shadowed.expect("an alert");
    assert_eq!(shadowed["evidence"][0]["name"], "com.example/tool", "{shadowed}");
    let invalid =
        alerts.as_array().expect("a list").iter().find(|alert| alert["kind"] == "quarantined");
    let subject = invalid.expect("an alert")["subject"].as_str().expect("a text");
    assert!(subject.ends_with("broken.json"), "{subject} is the file that is not usable");
    let status = daemon.operate("/status").await.json();
    let ours = &status["upstreams"].as_array().expect("a list")[1];
    assert_eq!((&ours["rows"], &ours["quarantined"]), (&Value::from(2), &Value::from(1)));
}

/// Dependency confusion: names of an internal namespace come from internal upstreams only.
#[tokio::test(flavor = "multi_thread")]
async fn internal_namespace_hides_entries_of_external_upstreams() {
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
    let explained = place.print(&["explain", "com.example/other"]);
    assert!(
        explained.contains("the namespace is internal, and the upstream is not"),
        "{explained}"
    );
    let alerts = place.json(&["alerts", "--json"]);
    let mut confused: Vec<&str> = alerts
        .as_array()
        .expect("a list")
        .iter()
        .filter(|alert| alert["kind"] == "internal-name" && alert["suspect"] == "com.example")
        .map(|alert| alert["subject"].as_str().expect("a name"))
        .collect();
    confused.sort_unstable();
    assert_eq!(confused, ["com.example/other", "com.example/tool"]);
}

/// P95: the folder of the organisation's own servers is missing at the first start, and its name is not given to the
/// public registry, from where it would not come back.
#[tokio::test(flavor = "multi_thread")]
async fn name_of_an_upstream_that_fails_at_first_is_not_given_to_another() {
    let upstream = Upstream::start(official()).await;
    let place = Workplace::new(&upstream.url);
    let files = "kind = \"files\"\npath = \"ours\"\ntrust = \"internal\"\npriority = 10\n\
                 sync.interval = \"250ms\"\n[namespaces]\nallow = [\"com.example\"]\n";
    place.write("upstreams/ours.toml", files);
    place.overlay("policy.yaml", &approve(""));
    let daemon = place.start().await;
    daemon.lists(&["com.elsewhere/x@1.0.0", "com.elsewhere/x@2.0.0"]).await;
    let waits = "the name may belong to ours, and no full sync of ours was accepted yet";
    let explained = place.print(&["explain", "com.example/tool"]);
    assert!(explained.contains(waits), "{explained}");
    // A new registry does not know the name; 404 would have an editor uninstall it.
    let path = "/v0.1/servers/com.example%2Ftool/versions/latest";
    let answer = daemon.get(path).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));
    assert_eq!(daemon.get("/v0.1/servers/org.other%2Fx/versions/latest").await.status, 404);
    assert_eq!(daemon.signal("TERM").await, Some(0));
    let explained = place.print(&["explain", "com.example/tool"]);
    assert!(explained.contains(waits), "the same without a daemon: {explained}");
    let daemon = place.start().await;
    place.write("ours/tool.json", &server("com.example/tool", "1.0.0"));
    daemon
        .lists(&[
            "com.elsewhere/x@1.0.0",
            "com.elsewhere/x@2.0.0",
            "com.example/other@1.0.0",
            "com.example/other@2.0.0",
            "com.example/tool@1.0.0",
        ])
        .await;
    let item = daemon.get(path).await.json();
    assert_eq!(item["server"]["description"], "ours");
}

/// Both ways out of waiting for an upstream that does not answer.
#[rstest::rstest]
#[case::disabled("enabled = false\n")]
#[case::limited("[namespaces]\nallow = [\"com.acme\"]\n")]
#[tokio::test(flavor = "multi_thread")]
async fn names_stop_waiting_when_the_upstream_is_disabled_or_limited(#[case] way_out: &str) {
    let upstream = Upstream::start(official()).await;
    let place = Workplace::new(&upstream.url);
    let files = "kind = \"files\"\npath = \"nowhere\"\ntrust = \"internal\"\npriority = 10\n";
    place.write("upstreams/ours.toml", files);
    place.approve("com.elsewhere/x");
    let daemon = place.start().await;
    eventually("the full sync of the other one is accepted", async || {
        full_syncs(&daemon).await.contains(&true).then_some(())
    })
    .await;
    let path = "/v0.1/servers/com.elsewhere%2Fx/versions/latest";
    assert_eq!(daemon.get(path).await.status, 503);
    place.write("upstreams/ours.toml", &format!("{files}{way_out}"));
    daemon.lists(&["com.elsewhere/x@1.0.0", "com.elsewhere/x@2.0.0"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_wait_for_ten_minutes_raise_one_alert() {
    let upstream = Upstream::start(official()).await;
    let place = Workplace::new(&upstream.url);
    let files = "kind = \"files\"\npath = \"nowhere\"\ntrust = \"internal\"\npriority = 10\n";
    place.write("upstreams/ours.toml", files);
    let approval =
        "approval: {state: approved, reviewed: 2026-11-01T08:00:00Z, expires: 2099-01-01}";
    let names = ["com.elsewhere/x", "com.example/tool", "com.unlisted/x"];
    let rules = names.map(|name| format!("  - {{name: {name}, {approval}}}\n"));
    place.overlay("policy.yaml", &format!("servers:\n{}", rules.concat()));
    place.set_clock("2026-11-01T08:00:00Z");
    let daemon = place.start().await;
    eventually("one full sync is accepted, and the other failed", async || {
        let status = daemon.operate("/status").await.json();
        let upstreams = status["upstreams"].as_array().expect("a list");
        let is_synced = upstreams.iter().any(|upstream| upstream["lastFullSync"].is_string());
        let has_failed = upstreams.iter().any(|upstream| upstream["lastFailure"].is_object());
        (is_synced && has_failed).then_some(())
    })
    .await;
    assert_eq!(daemon.signal("TERM").await, Some(0));
    let waiting = || place.json(&["alerts", "--kind", "names-waiting", "--json"]);
    assert_eq!(waiting().as_array().map(Vec::len), Some(0), "a first sync takes minutes");
    place.set_clock("2026-11-01T08:10:01Z");
    let daemon = place.start().await;
    let alert = eventually("the alert is raised", async || {
        let alerts = waiting();
        alerts.get(0).cloned()
    })
    .await;
    assert_eq!((&alert["subject"], &alert["count"]), (&Value::from("ours"), &Value::from(2)));
    let printed = place.print(&["alerts", "--kind", "names-waiting"]);
    let printed: Vec<&str> = printed.split_whitespace().collect();
    let printed = printed.join(" ");
    assert!(printed.contains("`enabled = false`"), "{printed}");
    assert!(printed.contains("`[namespaces] allow`"), "{printed}");
    place.write("upstreams/ours.toml", &format!("{files}enabled = false\n"));
    eventually("the alert is resolved", async || {
        (waiting().as_array().map(Vec::len) == Some(0)).then_some(())
    })
    .await;
    drop(daemon);
}

/// P42: a failing upstream never blocks another one, even if it is internal and its names are protected.
#[tokio::test(flavor = "multi_thread")]
async fn missing_folder_does_not_block_other_upstreams() {
    let upstream = Upstream::start(official()).await;
    let place = Workplace::new(&upstream.url);
    let files = "kind = \"files\"\npath = \"nowhere\"\ntrust = \"internal\"\npriority = 10\n\
                 [namespaces]\nallow = [\"com.acme\"]\n";
    place.write("upstreams/ours.toml", files);
    place.overlay("policy.yaml", &approve("namespaces: [{name: com.acme, internal: true}]\n"));
    let daemon = place.start().await;
    daemon.ready().await;
    eventually("entries of the other upstream are served", async || {
        let listed = daemon.get("/v0.1/servers").await.items();
        listed.contains(&"com.elsewhere/x@1.0.0".to_owned()).then_some(())
    })
    .await;
}

/// Ownership transfer between upstreams: the name stays hidden until an overlay names the new upstream.
#[tokio::test(flavor = "multi_thread")]
async fn transferred_name_is_hidden_until_an_overlay_names_the_new_upstream() {
    let upstream = Upstream::start(official()).await;
    let place = Workplace::new(&upstream.url);
    let files = "kind = \"files\"\npath = \"ours\"\ntrust = \"internal\"\npriority = 10\n\
                 [sync]\ninterval = \"250ms\"\n[safety_limits]\nmissing_syncs = 1\npurge_after = \"100ms\"\n";
    place.write("upstreams/ours.toml", files);
    place.write("ours/tool.json", &server("com.example/tool", "1.0.0"));
    place.write("ours/own.json", &server("com.example/own", "1.0.0"));
    let only = "servers: [{name: com.example/tool, approval: {state: approved, reviewed: DAY, expires: 2099-02-01}}]";
    let today = crate::support::registry::now();
    place.overlay("policy.yaml", &only.replace("DAY", &today[..10]));
    let daemon = place.start().await;
    daemon.lists(&["com.example/tool@1.0.0"]).await;
    place.remove("ours/tool.json");
    daemon.lists(&[]).await;
    eventually("the name is purged and transferred", async || {
        let explained = place.print(&["explain", "com.example/tool"]);
        explained.contains("the name was served from ours before").then_some(())
    })
    .await;
    daemon.lists(&[]).await;
    // A rule of one version lets nothing else through, also after a restart that finds that version served.
    let one = "- {name: com.example/tool, versions: 1.0.0, upstream: official, approval: {state: approved, expires: 2099-02-01}}";
    let only = only.replace("DAY", &today[..10]);
    let rule = only.replace("servers: [", "servers:\n- ").replace("}]", "}");
    place.overlay("policy.yaml", &format!("{rule}\n{one}\n"));
    daemon.lists(&["com.example/tool@1.0.0"]).await;
    assert_eq!(daemon.signal("TERM").await, Some(0));
    let daemon = place.start().await;
    daemon.lists(&["com.example/tool@1.0.0"]).await;
    let explained = place.print(&["explain", "com.example/tool@2.0.0"]);
    assert!(explained.contains("the name was served from ours before"), "{explained}");
    let named = only.replace("com.example/tool,", "com.example/tool, upstream: official,");
    place.overlay("policy.yaml", &named);
    daemon.lists(&["com.example/tool@1.0.0", "com.example/tool@2.0.0"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deletion_in_any_permitted_upstream_hides_the_entry() {
    let upstream = Upstream::start(official()).await;
    let (_place, daemon) = two(&upstream, &approve("")).await;
    eventually("the internal entry is served", async || {
        (daemon.get("/v0.1/servers/com.example%2Ftool/versions/1.0.0").await.status == 200)
            .then_some(())
    })
    .await;
    let now = crate::support::registry::now();
    upstream.put(Row::new("com.example/tool", "1.0.0").status("deleted", &now));
    eventually("it is hidden", async || {
        (daemon.get("/v0.1/servers/com.example%2Ftool/versions/1.0.0").await.status == 404)
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn disabled_upstream_is_withdrawn_and_a_removed_file_only_stops_its_syncs() {
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
        (status["upstreams"].as_array().is_some_and(|all| all.len() == 1)).then_some(())
    })
    .await;
    assert!(serves("own").await && serves("other").await);
    place.upstream(&upstream.url, "enabled = false");
    eventually("the disabled upstream is withdrawn", async || {
        (!serves("other").await && serves("own").await).then_some(())
    })
    .await;
}

/// An upstream was withdrawn after an incident; its names came back when its file was removed.
#[tokio::test(flavor = "multi_thread")]
async fn withdrawn_upstream_stays_so_when_its_file_is_removed_and_after_a_restart() {
    let upstream = Upstream::start(official()).await;
    let (place, daemon) = two(&upstream, &approve("")).await;
    let own = async |daemon: &Daemon| {
        daemon.get("/v0.1/servers/com.example%2Fown/versions/latest").await.status
    };
    eventually("it is served", async || (own(&daemon).await == 200).then_some(())).await;
    let ours = place.path().join("upstreams/ours.toml");
    let file = std::fs::read_to_string(ours).expect("a file");
    place.write("upstreams/ours.toml", &format!("enabled = false\n{file}"));
    eventually("it is withdrawn", async || (own(&daemon).await == 404).then_some(())).await;
    place.remove("upstreams/ours.toml");
    let only_one = |status: Value| status["upstreams"].as_array().is_some_and(|all| all.len() == 1);
    eventually("the file is gone", async || {
        only_one(daemon.operate("/status").await.json()).then_some(())
    })
    .await;
    let explained = place.print(&["explain", "com.example/own"]);
    assert!(!explained.contains("from ours: served"), "{explained}");
    assert_eq!(own(&daemon).await, 404);
    assert_eq!(daemon.signal("TERM").await, Some(0));
    let explained = place.print(&["explain", "com.example/own"]);
    assert!(!explained.contains("from ours: served"), "{explained}");
    let daemon = place.start().await;
    daemon.synced().await;
    eventually("what is served is known", async || (own(&daemon).await != 503).then_some(())).await;
    assert_eq!(own(&daemon).await, 404);
    place.write("upstreams/ours.toml", &file);
    eventually("it is served again", async || (own(&daemon).await == 200).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn removed_file_of_an_internal_upstream_keeps_its_names_in_internal_namespaces() {
    let upstream = Upstream::start(official()).await;
    let internal = "namespaces: [{name: com.example.*, internal: true}]\n";
    let (place, daemon) = two(&upstream, &approve(internal)).await;
    let served = [
        "com.elsewhere/x@1.0.0",
        "com.elsewhere/x@2.0.0",
        "com.example/own@1.0.0",
        "com.example/tool@1.0.0",
    ];
    daemon.lists(&served).await;
    place.remove("upstreams/ours.toml");
    eventually("the file is gone", async || {
        let status = daemon.operate("/status").await.json();
        (status["upstreams"].as_array().is_some_and(|all| all.len() == 1)).then_some(())
    })
    .await;
    assert_eq!(daemon.signal("TERM").await, Some(0));
    let explained = place.print(&["explain", "com.example/own"]);
    assert!(explained.contains("1.0.0 from ours: served"), "{explained}");
    let daemon = place.start().await;
    daemon.lists(&served).await;
    let status = daemon.get("/v0.1/servers/com.example%2Fown/versions/latest").await.status;
    assert_eq!(status, 200);
}

/// P12, P42.
#[tokio::test(flavor = "multi_thread")]
async fn dead_upstream_does_not_block_another() {
    let upstream = Upstream::start(official()).await;
    let gone = Upstream::start([]).await.url.clone();
    let place = Workplace::new(&upstream.url);
    place.write(
        "upstreams/dead.toml",
        &format!("kind = \"registry\"\nurl = \"{gone}\"\npriority = 1\nsync.interval = \"250ms\"\n[namespaces]\nallow = [\"org.*\"]\n"),
    );
    place.approve("com.elsewhere/x");
    // The official one has the higher priority number, so it is the second external upstream.
    place.upstream(&upstream.url, "sync = {interval = \"250ms\"}\n[namespaces]\nallow = [\"com.*\"]\n[safety_limits]\nfrozen_after = \"366d\"");
    let daemon = place.start().await;
    daemon.lists(&["com.elsewhere/x@1.0.0", "com.elsewhere/x@2.0.0"]).await;
    eventually("the dead upstream raises an alert", async || {
        let status = daemon.operate("/status").await.json();
        (status["alerts"][0]["kind"] == "upstream-failing").then_some(())
    })
    .await;
    // Its file is removed while the daemon is stopped.
    assert_eq!(daemon.signal("TERM").await, Some(0));
    place.remove("upstreams/dead.toml");
    let daemon = place.start().await;
    eventually("the alert is resolved", async || {
        let status = daemon.operate("/status").await.json();
        (status["alerts"].as_array().map(Vec::len) == Some(0)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reviewer_reads_what_the_authoritative_upstream_says() {
    let upstream = Upstream::start(official()).await;
    let (place, mut daemon) = two(&upstream, &approve("")).await;
    place.write("ours/next.json", &server("com.example/tool", "2.0.0").replace("ours", "ours too"));
    eventually("both versions are ours", async || {
        place.json(&["show", "com.example/tool@2.0.0", "--json"])["upstream"]
            .eq("ours")
            .then_some(())
    })
    .await;
    for is_running in [true, false] {
        let shown = |more: &[&str]| {
            let shown = place.json(&[&["show", "com.example/tool@1.0.0", "--json"], more].concat());
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            (text(&shown["upstream"]), text(&shown["content"]["description"]))
        };
        assert_eq!(shown(&[]), ("ours".into(), "ours".into()));
        let theirs = ("official".into(), "What com.example/tool does".into());
        assert_eq!(shown(&["--upstream", "official"]), theirs);
        let diff = ["show", "com.example/tool", "--diff", "1.0.0", "2.0.0"];
        let printed = place.print(&diff);
        assert!(printed.contains("1.0.0 from ours to 2.0.0 from ours"), "{printed}");
        assert!(printed.contains(r#"/description: "ours" became "ours too""#), "{printed}");
        let printed = place.print(&[&diff[..], &["--upstream", "official"]].concat());
        assert!(printed.contains("1.0.0 from official to 2.0.0 from official"), "{printed}");
        let unknown = place.run(&["show", "com.example/tool", "--upstream", "none"]);
        assert_eq!(unknown.status.code(), Some(1));
        if is_running {
            daemon.kill();
        }
    }
}
