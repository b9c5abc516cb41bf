//! Limits of the system that are reached: work goes on more slowly, writes fail, and nothing ends.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::Command;

use rustix::process::getuid;

use crate::support::daemon::{Daemon, Workplace, text};
use crate::support::registry::Row;
use crate::support::skip::skipped;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;
use vidimus::daemon::Clock;

/// The users of these tests; no other process counts for their limits.
const USERS: [u32; 2] = [61_301, 61_302];

/// Gives a folder with everything in it to a user.
fn give(folder: &Path, user: u32) {
    chown(folder, Some(user), Some(user)).expect("given");
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("one")) {
        if entry.file_type().expect("a type").is_dir() {
            give(&entry.path(), user);
        } else {
            chown(entry.path(), Some(user), Some(user)).expect("given");
        }
    }
}

/// Runs the commands as a user who may have so many threads; returns false where that is not possible.
fn limit_threads(place: &mut Workplace, user: u32, threads: u32) -> bool {
    if !getuid().is_root() {
        return false;
    }
    give(place.path(), user);
    let id = |flag: &str| format!("--{flag}={user}");
    let (user, group, limit) = (id("reuid"), id("regid"), format!("--nproc={threads}"));
    place.run_within(&["setpriv", &user, &group, "--clear-groups", "prlimit", &limit]);
    // The user may have no access to the program.
    place.run(&["--version"]).status.success()
}

async fn is_alert_open(daemon: &Daemon, kind: &str, subject: &str) -> bool {
    let alerts = daemon.operate("/alerts").await.json();
    let mut alerts = alerts.as_array().expect("a list").iter();
    alerts.any(|alert| {
        alert["kind"] == kind && alert["subject"] == subject && alert["state"] == "open"
    })
}

fn deny(place: &Workplace, name: &str) {
    let rule = format!("servers: [{{name: {name}, reason: x, approval: {{state: denied}}}}]\n");
    place.overlay("deny.yaml", &rule);
}

/// P105: the process was aborted, or neither synchronised nor published.
#[tokio::test(flavor = "multi_thread")]
async fn threads_that_run_out_end_neither_the_daemon_nor_its_work() {
    let rows = ["com.a/x", "com.a/y", "com.a/z"].map(|name| Row::new(name, "1.0.0"));
    let upstream = Upstream::start(rows).await;
    let mut place = Workplace::new(&upstream.url);
    place.approve("com.a/*");
    if !limit_threads(&mut place, USERS[0], 500) {
        return skipped("only root can limit the threads of another user");
    }
    let daemon = place.start().await;
    daemon.lists(&["com.a/x@1.0.0", "com.a/y@1.0.0", "com.a/z@1.0.0"]).await;
    let limit_to = |threads: u32| {
        let [user, group] = ["reuid", "regid"].map(|flag| format!("--{flag}={}", USERS[0]));
        let [limit, pid] = [format!("--nproc={threads}:"), format!("--pid={}", daemon.pid())];
        let words = [&user, &group, "--clear-groups", "prlimit", &limit, &pid];
        assert!(Command::new("setpriv").args(words).status().expect("it runs").success());
    };
    limit_to(1);
    // Another folder needs another notifier, which needs a thread.
    let overlays = place.path().join("overlays");
    fs::rename(&overlays, place.path().join("before")).expect("renamed");
    place.approve("com.a/*");
    deny(&place, "com.a/x");
    daemon.lists(&["com.a/y@1.0.0", "com.a/z@1.0.0"]).await;
    let now = Clock::system().to_string();
    upstream.put(Row::new("com.a/y", "1.0.0").status("deleted", &now));
    daemon.lists(&["com.a/z@1.0.0"]).await;
    for (kind, subject) in [("system-refused", "threads"), ("overlays-unwatched", "overlays")] {
        eventually(&format!("{kind} is open"), async || {
            is_alert_open(&daemon, kind, subject).await.then_some(())
        })
        .await;
    }
    limit_to(500);
    eventually("the alert ends", async || {
        (!is_alert_open(&daemon, "system-refused", "threads").await).then_some(())
    })
    .await;
    assert_eq!(daemon.signal("TERM").await, Some(0));
    assert!(!place.log().contains("panicked"), "{}", place.log());
}

/// P105: it waited without a word.
#[tokio::test(flavor = "multi_thread")]
async fn start_with_too_few_threads_is_refused_and_with_few_it_serves() {
    let rows = ["com.a/x", "com.a/y"].map(|name| Row::new(name, "1.0.0"));
    let upstream = Upstream::start(rows).await;
    let mut place = Workplace::new(&upstream.url);
    place.approve("com.a/*");
    if !limit_threads(&mut place, USERS[1], 8) {
        return skipped("only root can limit the threads of another user");
    }
    let refused = place.refused_start();
    assert_eq!(refused.status.code(), Some(3));
    let refused = text(&refused.stderr);
    assert!(refused.contains("the system gives 7 further threads"), "{refused}");
    assert!(!place.data().exists(), "nothing was begun");
    assert!(limit_threads(&mut place, USERS[1], 18));
    let daemon = place.start().await;
    daemon.lists(&["com.a/x@1.0.0", "com.a/y@1.0.0"]).await;
    deny(&place, "com.a/x");
    daemon.lists(&["com.a/y@1.0.0"]).await;
    assert_eq!(daemon.signal("TERM").await, Some(0));
    assert!(!place.log().contains("panicked"), "{}", place.log());
}

/// P105: the signal of the system ended the process without a line in the log.
#[tokio::test(flavor = "multi_thread")]
async fn file_that_reaches_the_limit_of_its_size_is_a_failed_write_and_ends_nothing() {
    const LIMIT: u64 = 8 * 1024 * 1024;
    let rows = ["com.a/x", "com.a/y"].map(|name| Row::new(name, "1.0.0"));
    let upstream = Upstream::start(rows).await;
    let mut place = Workplace::new(&upstream.url);
    place.write("vidimus.toml", "ready_requires_store = true\n");
    place.approve("com.a/*");
    let limit = format!("--fsize={LIMIT}");
    place.run_within(&["prlimit", &limit]);
    if !place.run(&["--version"]).status.success() {
        return skipped("prlimit is not installed");
    }
    let daemon = place.start().await;
    daemon.lists(&["com.a/x@1.0.0", "com.a/y@1.0.0"]).await;
    let now = Clock::system().to_string();
    for number in 0..300 {
        let large = noise(number, 60_000);
        let name = format!("com.b/n{number}");
        upstream.put(Row::new(&name, "1.0.0").described(&large).published(&now));
    }
    eventually("a write fails", async || {
        (daemon.operate("/readyz").await.status == 503).then_some(())
    })
    .await;
    deny(&place, "com.a/x");
    daemon.lists(&["com.a/y@1.0.0"]).await;
    assert_eq!(daemon.signal("TERM").await, Some(0));
    // The log is full at the start.
    let log = place.path().join("full.log");
    let full = fs::File::create(&log).expect("a log");
    full.set_len(LIMIT).expect("full");
    let script = format!("exec prlimit {limit} \"$0\" \"$@\" 2>>full.log");
    place.run_within(&["sh", "-c", &script]);
    let daemon = place.start().await;
    daemon.lists(&["com.a/y@1.0.0"]).await;
    deny(&place, "com.a/*");
    daemon.lists(&[]).await;
    assert_eq!(daemon.signal("TERM").await, Some(0));
    assert_eq!(fs::metadata(&log).expect("a log").size(), LIMIT);
}

/// Returns a text that packing makes hardly smaller.
fn noise(mut seed: u32, bytes: usize) -> String {
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'a' + u8::try_from((seed >> 24) % 26).expect("a character"))
    };
    (0..bytes).map(|_| next()).collect()
}
