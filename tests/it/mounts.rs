//! Overlays in a folder that Kubernetes mounts: links through `..data`, which is swapped as one.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::daemon::Workplace;
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;

const APPROVAL: &str = "approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}";

/// Writes a version of two files, and swaps the folder to it.
fn swap(place: &Workplace, version: &str, names: [&str; 2]) {
    let overlays = place.path().join("overlays");
    for (file, name) in ["one.yaml", "two.yaml"].into_iter().zip(names) {
        let text = format!("servers: [{{name: {name}, {APPROVAL}}}]\n");
        place.overlay(&format!("{version}/{file}"), &text);
        if !overlays.join(file).is_symlink() {
            symlink(format!("..data/{file}"), overlays.join(file)).expect("a link");
        }
    }
    symlink(version, overlays.join("..data_tmp")).expect("a link");
    fs::rename(overlays.join("..data_tmp"), overlays.join("..data")).expect("swapped");
}

#[tokio::test(flavor = "multi_thread")]
async fn mounted_overlays_that_are_swapped_as_one_are_enforced_as_one_set() {
    let names = ["com.a/x", "com.b/x", "com.c/x"];
    let upstream = Upstream::start(names.map(|name| Row::new(name, "1.0.0"))).await;
    let place = Workplace::new(&upstream.url);
    place.remove("overlays/policy.yaml");
    swap(&place, "..2026_01", ["com.a/x", "com.b/x"]);
    let daemon = place.start().await;
    daemon.lists(&["com.a/x@1.0.0", "com.b/x@1.0.0"]).await;
    // Half of the swap would approve `com.b/x` and `com.c/x`, and `com.a/x` not.
    swap(&place, "..2026_02", ["com.c/x", "com.a/x"]);
    fs::remove_dir_all(place.path().join("overlays/..2026_01")).expect("removed");
    eventually("the second set is enforced", async || {
        let items = daemon.get("/v0.1/servers?limit=100").await.items();
        assert_eq!(items.first().map(String::as_str), Some("com.a/x@1.0.0"), "{items:?}");
        // What is hidden goes before what is shown comes.
        assert!(items.len() <= 2, "{items:?}");
        (items.last()? == "com.c/x@1.0.0").then_some(())
    })
    .await;
    let alerts = place.json(&["alerts", "--kind", "overlays-refused", "--all", "--json"]);
    assert!(!alerts.to_string().contains("overlays-refused"), "{alerts}");
}
