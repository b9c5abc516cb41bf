//! The daemon goes on without what the system refuses: an alert says so while it lasts.

use std::fs::{Permissions, create_dir, metadata, remove_dir, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::support::daemon::{Daemon, Workplace, text};
use crate::support::registry::Row;
use crate::support::skip::skipped;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;

/// Waits until an alert about a subject is open, or is not; returns its detail.
async fn refused(daemon: &Daemon, subject: &str, is_open: bool) -> String {
    eventually(&format!("an alert about {subject} is open: {is_open}"), async || {
        let alerts = daemon.operate("/alerts").await.json();
        let is_meant = |alert: &&Value| {
            alert["kind"] == "system-refused"
                && alert["subject"] == subject
                && alert["state"] == "open"
        };
        let found = alerts.as_array().expect("a list").iter().find(is_meant);
        let detail = |alert: &Value| alert["detail"].as_str().expect("a text").to_owned();
        (found.is_some() == is_open).then(|| found.map(detail).unwrap_or_default())
    })
    .await
}

fn mode(path: &Path) -> u32 {
    metadata(path).expect("it exists").permissions().mode() & 0o7777
}

/// P104.
#[tokio::test(flavor = "multi_thread")]
async fn socket_and_folder_that_the_system_refuses_are_alerts_that_end_with_their_causes() {
    let upstream = Upstream::start([Row::new("a.b/c", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    create_dir(place.data()).expect("a folder");
    set_permissions(place.data(), Permissions::from_mode(0o1777)).expect("a mode");
    let socket = place.data().join("ops.sock");
    create_dir(&socket).expect("a folder");
    let daemon = place.start().await;
    let detail = refused(&daemon, "operations socket", true).await;
    assert!(detail.contains("ops.sock") && detail.contains("--ops-listen"), "{detail}");
    let detail = refused(&daemon, "data folder", true).await;
    assert!(detail.contains("1777") && detail.contains("`data`"), "{detail}");
    let status = place.run(&["status"]);
    assert_eq!(status.status.code(), Some(3));
    let advice = format!("--ops-listen {}", daemon.operations.trim_start_matches("http://"));
    assert!(text(&status.stderr).contains(&advice), "{}", text(&status.stderr));
    // The daemon that could not be asked hid what was found in the files.
    let checked = place.run(&["check"]);
    let printed = text(&checked.stdout) + &text(&checked.stderr);
    assert!(printed.contains("names were not compared"), "{printed}");
    assert!(printed.contains("0 errors"), "{printed}");
    remove_dir(&socket).expect("removed");
    set_permissions(place.data(), Permissions::from_mode(0o755)).expect("a mode");
    refused(&daemon, "operations socket", false).await;
    refused(&daemon, "data folder", false).await;
    assert_eq!(mode(&place.data()), 0o700);
    assert_eq!(place.json(&["status", "--json"])["running"], true, "without a restart");
    let lines = place.log().matches("the daemon goes on without it").count();
    assert_eq!(lines, 2, "one line for each: {}", place.log());
}

/// The usual soft limit of 1,024 was what connections used up, though the hard one is far above.
#[tokio::test(flavor = "multi_thread")]
async fn soft_limit_of_open_files_is_raised_to_the_hard_one() {
    let mut place = Workplace::new("http://127.0.0.1:9");
    place.limit("-Sn 256");
    let daemon = place.start().await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", daemon.pid()));
    let Ok(limits) = limits else { return skipped("this system shows no limits of a process") };
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a limit");
    let [soft, hard] = [3, 4].map(|at| line.split_whitespace().nth(at).expect("a number"));
    assert!(soft == hard && soft != "256", "{line}");
}

/// P104: fewer connections than the settings say were accepted, and a line in the log alone said so.
#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_of_open_files_are_an_alert_and_none_in_a_demo() {
    let upstream = Upstream::start([Row::new("a.b/c", "1.0.0")]).await;
    let mut place = Workplace::new(&upstream.url);
    place.limit("-n 200");
    let mut daemon = place.start().await;
    let detail = refused(&daemon, "connections", true).await;
    assert!(detail.contains("4096, and with 200 open files at most 100"), "{detail}");
    daemon.kill();
    place.write("vidimus.toml", "[limits]\nconnections = 100\n");
    let daemon = place.start().await;
    refused(&daemon, "connections", false).await;
    let demo = place.start_demo().await;
    demo.ready().await;
    // An alert of a later look shows that the watches ran.
    eventually("a rewritten entry is reported", async || {
        let alerts = demo.operate("/alerts").await.json();
        let kinds = alerts.as_array().expect("a list").iter().map(|alert| alert["kind"].clone());
        let kinds: Vec<Value> = kinds.collect();
        assert!(!kinds.contains(&Value::from("system-refused")), "{kinds:?}");
        kinds.contains(&Value::from("drift")).then_some(())
    })
    .await;
}

/// P104: a disk without room for the reserve.
#[tokio::test(flavor = "multi_thread")]
async fn reserve_without_room_is_an_alert_until_there_is_some() {
    let upstream = Upstream::start([Row::new("a.b/c", "1.0.0")]).await;
    let mut place = Workplace::new(&upstream.url);
    if !place.mount(24) {
        return skipped("a folder cannot have a disk of its own here");
    }
    place.write("vidimus.toml", "store.min_free = \"0MiB\"\n");
    let mut daemon = place.start().await;
    daemon.synced().await;
    let reserve = place.data().join("reserve");
    eventually("the reserve is made", async || reserve.exists().then_some(())).await;
    daemon.kill();
    std::fs::remove_file(&reserve).expect("removed");
    place.disk().fill();
    // What the store needs for the alert; the least reserve needs twice a MiB.
    place.disk().free_some(1024 * 1024);
    daemon = place.start().await;
    let detail = refused(&daemon, "disk reserve", true).await;
    assert!(detail.contains("No space left on device"), "{detail}");
    place.disk().free();
    refused(&daemon, "disk reserve", false).await;
    assert!(reserve.exists());
}
