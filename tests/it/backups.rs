//! Copies of the store: made while a daemon uses it, and put back.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::daemon::{Workplace, text};
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;

/// Returns the names of the copies that commands have not moved out of the data folder.
fn copies_in(place: &Workplace) -> Vec<String> {
    let entries = fs::read_dir(place.data()).expect("a folder").flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("vidimus.redb.copy")).collect()
}

/// P33: the epoch of a restored store is another one, so that followers read it again.
#[tokio::test(flavor = "multi_thread")]
async fn copy_that_a_running_daemon_makes_returns_what_it_served() {
    let upstream = Upstream::start([Row::new("com.example/tool", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.approve("com.example/tool");
    let mut daemon = place.start().await;
    daemon.lists(&["com.example/tool@1.0.0"]).await;
    let before = daemon.get("/v0.1/servers").await.header("vidimus-epoch").to_owned();
    let backup = place.json(&["backup", "copy.redb", "--json"]);
    assert!(backup["rows"].as_u64() > Some(5), "{backup}");
    let file = place.path().join("copy.redb");
    assert_eq!(fs::metadata(&file).expect("a copy").permissions().mode() & 0o777, 0o600);
    assert_eq!(copies_in(&place), [""; 0], "it was moved out of the data folder");
    place.write("data/vidimus.redb.copy.0123", "what a command that was killed left");
    let unwritable = place.run(&["backup", "/proc/copy"]);
    assert!(!unwritable.status.success(), "{}", text(&unwritable.stdout));
    assert_eq!(copies_in(&place), ["vidimus.redb.copy.0123"], "another command may be moving it");
    let again = place.run(&["backup", "copy.redb"]);
    assert_eq!(again.status.code(), Some(1), "it overwrites nothing: {}", text(&again.stdout));
    assert!(text(&again.stderr).contains("name a new file"), "{}", text(&again.stderr));
    let nowhere = place.run(&["backup", "absent/copy.redb"]);
    assert!(text(&nowhere.stderr).contains("the folder that it is in is absent"));
    let refused = place.run(&["restore", "copy.redb"]);
    assert!(text(&refused.stderr).contains("stop the daemon"), "{}", text(&refused.stderr));

    upstream.put(Row::new("com.example/other", "1.0.0"));
    place.json(&["sync", "--full", "--json"]);
    daemon.kill();
    drop(daemon);
    let restored = place.run(&["restore", "copy.redb"]);
    let printed = text(&restored.stdout) + &text(&restored.stderr);
    assert!(restored.status.success() && printed.contains("1 entry"), "{printed}");
    let daemon = place.start().await;
    assert_eq!(copies_in(&place), [""; 0], "no other daemon makes one");
    daemon.lists(&["com.example/tool@1.0.0"]).await;
    assert_ne!(daemon.get("/v0.1/servers").await.header("vidimus-epoch"), before);
    assert!(place.data().join("vidimus.redb.before").exists());
}

/// A file that is copied while the store is written is broken, and opens without its tables.
#[tokio::test(flavor = "multi_thread")]
async fn file_that_is_no_sound_copy_is_refused_and_changes_nothing() {
    let upstream = Upstream::start([Row::new("com.example/tool", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.json(&["sync", "--json"]);
    let store = place.data().join("vidimus.redb");
    let whole = fs::read(&store).expect("a store");
    for cut in [0, 100, whole.len() / 2] {
        fs::write(place.path().join("copy.redb"), &whole[..cut]).expect("written");
        let refused = place.run(&["restore", "copy.redb"]);
        assert!(!refused.status.success(), "{cut} bytes: {}", text(&refused.stdout));
        let printed = text(&refused.stderr);
        assert!(printed.contains("copy.redb is not a sound copy"), "{printed}");
        assert!(
            !printed.contains("Database file") && !printed.contains("move it away"),
            "{printed}"
        );
    }
    assert_eq!(place.run(&["verify"]).status.code(), Some(0));
}

/// P106: what the first daemon stored was lost, a second one took its folder, and no command reached it.
#[tokio::test(flavor = "multi_thread")]
async fn store_that_is_removed_while_it_is_used_can_be_saved_and_admits_no_second_daemon() {
    let upstream = Upstream::start([Row::new("com.example/tool", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.approve("com.example/tool");
    let daemon = place.start().await;
    daemon.lists(&["com.example/tool@1.0.0"]).await;
    fs::remove_file(place.data().join("vidimus.redb")).expect("removed");
    let is_in_use = || {
        let second = place.refused_start();
        let restored = place.run(&["restore", "copy.redb"]);
        [(second, "in use"), (restored, "uses the store")]
            .map(|(output, why)| text(&output.stderr).contains(why))
    };
    let backup = place.json(&["backup", "copy.redb", "--json"]);
    assert!(backup["rows"].as_u64() > Some(5), "{backup}");
    assert_eq!(is_in_use(), [true; 2]);
    eventually("it is an alert", async || {
        let alerts = place.print(&["alerts", "--kind", "system-refused", "--json"]);
        (alerts.contains("vidimus.redb was moved") && alerts.contains("vidimus backup"))
            .then_some(())
    })
    .await;
    // The folder is replaced, too: the socket and the lock are there again.
    fs::rename(place.data(), place.path().join("moved")).expect("renamed");
    fs::create_dir(place.data()).expect("a folder");
    eventually("commands reach the daemon", async || {
        place.run(&["status"]).status.success().then_some(())
    })
    .await;
    assert_eq!(is_in_use(), [true; 2]);
    fs::remove_file(place.path().join("copy.redb")).expect("removed");
    place.json(&["backup", "copy.redb", "--json"]);
    assert_eq!(daemon.signal("TERM").await, Some(0));
    assert!(place.run(&["restore", "copy.redb"]).status.success());
    let daemon = place.start().await;
    daemon.lists(&["com.example/tool@1.0.0"]).await;
}
