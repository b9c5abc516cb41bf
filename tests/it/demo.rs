//! The demo: the product without a network.

use crate::support::daemon::Workplace;
use crate::support::wait::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn demo_serves_its_entries_and_removes_its_folder_at_the_end() {
    let place = Workplace::new("https://registry.example");
    let folders = || {
        let all =
            std::fs::read_dir(place.path()).expect("a folder").map(|entry| entry.expect("one"));
        all.filter(|entry| entry.file_name().to_string_lossy().starts_with("vidimus-demo-")).count()
    };
    let daemon = place.start_demo().await;
    assert_eq!(folders(), 1);
    eventually("more than twenty entries are served", async || {
        let answer = daemon.get("/v0.1/servers?limit=100").await;
        (answer.status == 200 && answer.items().len() > 20).then_some(())
    })
    .await;
    let view = daemon.get("/views/platform/v0.1/servers?limit=100").await;
    assert!((1..20).contains(&view.items().len()), "tier 1 alone: {:?}", view.items());
    assert_eq!(daemon.signal("INT").await, Some(0));
    assert_eq!(folders(), 0, "the folder of the demo is left");
}
