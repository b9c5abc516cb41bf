//! One bad member of an upstream neither stops nor hides the others, and is named.

use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::support::daemon::{Daemon, Workplace, text};
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;

fn server(name: &str) -> String {
    format!(r#"{{"name":"{name}","version":"1.0.0","description":"ours"}}"#)
}

/// Returns a place with own servers only: `com.example/one` and `com.example/two`.
fn own() -> Workplace {
    let place = Workplace::new("http://127.0.0.1:9");
    place.remove("upstreams/official.toml");
    let files = "kind = \"files\"\npath = \"ours\"\ntrust = \"internal\"\npriority = 10\n\
                 sync.interval = \"1h\"\nsafety_limits.missing_syncs = 2\n";
    place.write("upstreams/ours.toml", files);
    for name in ["one", "two"] {
        place.write(&format!("ours/{name}.json"), &server(&format!("com.example/{name}")));
    }
    let approval = "{state: approved, reviewed: 2026-03-01, expires: 2099-01-01}";
    let rules = ["one", "two"].map(|name| {
        format!("- {{name: com.example/{name}, versions: 1.0.0, approval: {approval}}}\n")
    });
    place.overlay("policy.yaml", &format!("servers:\n{}", rules.concat()));
    place
}

/// Returns the open alerts of a kind.
fn alerts(place: &Workplace, kind: &str) -> Vec<Value> {
    let alerts = place.json(&["alerts", "--json"]);
    let alerts = alerts.as_array().expect("a list").iter();
    alerts.filter(|alert| alert["kind"] == kind).cloned().collect()
}

async fn has_alert(place: &Workplace, kind: &str, end_of_subject: &str) -> Value {
    eventually(&format!("an alert {kind} about {end_of_subject}"), async || {
        let is_meant = |alert: &Value| {
            alert["subject"].as_str().is_some_and(|subject| subject.ends_with(end_of_subject))
        };
        alerts(place, kind).into_iter().find(is_meant)
    })
    .await
}

async fn serves_both(daemon: &Daemon) {
    daemon.lists(&["com.example/one@1.0.0", "com.example/two@1.0.0"]).await;
}

/// P92: one file that could not be read failed the whole upstream.
#[tokio::test(flavor = "multi_thread")]
async fn own_file_that_cannot_be_read_is_named_and_hides_nothing() {
    let place = own();
    let broken = place.path().join("ours/broken.json");
    symlink("nowhere", &broken).expect("a link");
    let daemon = place.start().await;
    serves_both(&daemon).await;
    has_alert(&place, "quarantined", "broken.json").await;
    // A file that could be read before is not absent.
    place.remove("ours/two.json");
    symlink("nowhere", place.path().join("ours/two.json")).expect("a link");
    for _ in 0..4 {
        let output = place.run(&["sync", "--full"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    serves_both(&daemon).await;
    has_alert(&place, "quarantined", "two.json").await;
    assert_eq!(alerts(&place, "missing"), Vec::<Value>::new());
    // What really is gone is hidden once everything can be read.
    place.remove("ours/two.json");
    place.remove("ours/broken.json");
    for _ in 0..2 {
        assert!(place.run(&["sync", "--full"]).status.success());
    }
    daemon.lists(&["com.example/one@1.0.0"]).await;
}

/// P92: of eight bad files five could be found by name nowhere, and one acknowledgement covered later ones.
#[tokio::test(flavor = "multi_thread")]
async fn each_bad_own_file_has_an_alert_of_its_own_and_many_are_a_flood() {
    let place = own();
    for (number, bad) in
        ["{", "[", "{}", "1", "null", "{\"name\":\"x\"}", "\"\"", "[{}]"].iter().enumerate()
    {
        place.write(&format!("ours/bad{number}.json"), bad);
    }
    let daemon = place.start().await;
    serves_both(&daemon).await;
    let flood = eventually("a flood", async || alerts(&place, "flood").pop()).await;
    let open = alerts(&place, "quarantined");
    let counted = flood["evidence"].to_string();
    for number in 0..8 {
        let file = format!("bad{number}.json");
        let is_open = open.iter().any(|alert| alert["subject"].to_string().contains(&file));
        assert!(is_open || counted.contains(&file), "{file} in {open:?} and {counted}");
    }
    assert_eq!(open.len(), 5, "{open:?}");
    let listed = place.print(&["list", "--quarantined"]);
    for number in 0..8 {
        assert!(listed.contains(&format!("bad{number}.json")), "{listed}");
    }
    // An acknowledgement is about one file.
    let id = open[0]["id"].as_str().expect("an id");
    let seen = open[0]["shown"].as_str().expect("a digest");
    let done =
        place.run(&["alerts", "ack", id, "--seen", seen, "--by", "alice", "--reason", "known"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    eventually("the next one takes its place", async || {
        let open = alerts(&place, "quarantined");
        let raised = open.iter().filter(|alert| alert["state"] != "acknowledged").count();
        (raised == 5).then_some(())
    })
    .await;
}

/// P92: an approved name that is not well-formed was not served, and nothing said so.
#[tokio::test(flavor = "multi_thread")]
async fn approved_name_in_quarantine_is_an_alert_and_check_gives_the_reason() {
    let item =
        r#"{"server":{"name":"com.example/bad","version":"1.0.0","description":7},"_meta":{}}"#;
    let upstream = Upstream::start([
        Row::new("com.example/good", "1.0.0"),
        Row::raw("com.example/bad", "1.0.0", item),
    ])
    .await;
    let place = Workplace::new(&upstream.url);
    let approval = "approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}";
    place.overlay(
        "policy.yaml",
        &format!(
            "servers:\n- {{name: com.example/good, {approval}}}\n- {{name: com.example/bad, versions: 1.0.0, {approval}}}\n"
        ),
    );
    let mut daemon = place.start().await;
    daemon.lists(&["com.example/good@1.0.0"]).await;
    let alert = has_alert(&place, "approved-quarantined", "com.example/bad").await;
    assert!(alert.to_string().contains("1.0.0 is in quarantine: "), "{alert}");
    let warns = |place: &Workplace| {
        let output = place.run(&["check"]);
        let printed = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{printed}");
        assert!(
            printed.contains("selects a row in quarantine, com.example/bad@1.0.0: "),
            "{printed}"
        );
        assert!(!printed.contains("selects no"), "{printed}");
    };
    warns(&place);
    daemon.kill();
    warns(&place);
    let daemon = place.start().await;
    daemon.synced().await;
    daemon.lists(&["com.example/good@1.0.0"]).await;
    assert_eq!(alerts(&place, "approved-quarantined").len(), 1, "a restart ends nothing");
    upstream.put(Row::new("com.example/bad", "1.0.0").described("a text"));
    assert!(place.run(&["sync", "--full"]).status.success());
    daemon.lists(&["com.example/bad@1.0.0", "com.example/good@1.0.0"]).await;
    eventually("the alert ends", async || {
        alerts(&place, "approved-quarantined").is_empty().then_some(())
    })
    .await;
}
