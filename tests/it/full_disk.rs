//! A disk without room: what hides works on, also after a restart, and what is new waits.

use crate::support::daemon::{Daemon, Workplace};
use crate::support::registry::Row;
use crate::support::skip::skipped;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;
use vidimus::daemon::Clock;

/// P26.
#[tokio::test(flavor = "multi_thread")]
async fn denials_and_deletions_take_effect_on_a_full_disk_and_after_a_restart_on_it() {
    let names: Vec<String> = (0..30).map(|index| format!("com.a/n{index:02}")).collect();
    let upstream = Upstream::start(names.iter().map(|name| Row::new(name, "1.0.0"))).await;
    let mut place = Workplace::new(&upstream.url);
    if !place.mount(24) {
        return skipped("a folder cannot have a disk of its own here");
    }
    place.write("vidimus.toml", "ready_requires_store = true\nstore.min_free = \"0MiB\"\n");
    place.approve("com.a/*");
    let mut daemon = place.start().await;
    daemon.serves(30).await;
    let reserve = || std::fs::metadata(place.data().join("reserve")).map_or(0, |file| file.len());
    eventually("the reserve is made", async || (reserve() > 1024).then_some(())).await;
    place.disk().fill();

    deny(&place, &names[0]);
    is_gone(&daemon, &names[0]).await;
    let now = Clock::system().to_string();
    upstream.put(Row::new(&names[1], "1.0.0").status("deleted", &now));
    upstream.put(Row::new("com.a/new", "1.0.0").published(&now));
    is_gone(&daemon, &names[1]).await;
    // More than the share of new content comes with the next deletion.
    for number in 0..60 {
        let name = format!("com.b/n{number}");
        let large = noise(number, 60_000);
        upstream.put(Row::new(&name, "1.0.0").described(&large).published(&now));
    }
    upstream.put(Row::new(&names[3], "1.0.0").status("deleted", &now));
    is_gone(&daemon, &names[3]).await;
    // Full syncs that leave content out are tried again soon, and count no absence.
    upstream.vanish(&names[5], "1.0.0");
    for _ in 0..4 {
        assert_eq!(place.run(&["sync", "--full"]).status.code(), Some(3), "content is left out");
    }
    let path = format!("/v0.1/servers/{}/versions/1.0.0", names[5].replace('/', "%2F"));
    assert_eq!(daemon.get(&path).await.status, 200, "it is not missing");
    let is_unready = async || (daemon.operate("/readyz").await.status == 503).then_some(());
    eventually("it is not ready", is_unready).await;
    assert_eq!(reserve(), 16, "the reserve was given up");

    daemon.kill();
    // A smaller reserve has the room now, and the former one has not.
    place.disk().free_some(4 * 1024 * 1024);
    daemon = place.start().await;
    let serves = async || (daemon.get("/v0.1/servers?limit=1").await.status == 200).then_some(());
    eventually("it serves", serves).await;
    is_gone(&daemon, &names[0]).await;
    deny(&place, &names[2]);
    is_gone(&daemon, &names[2]).await;
    assert_eq!(reserve(), 16, "no smaller reserve takes the place of the former one");

    place.disk().free();
    eventually("the reserve is back", async || (reserve() > 1024).then_some(())).await;
    eventually("it is ready", async || {
        (daemon.operate("/readyz").await.status == 200).then_some(())
    })
    .await;
    let is_known =
        async || place.run(&["explain", "com.a/new@1.0.0"]).status.success().then_some(());
    eventually("the new version is known", is_known).await;
}

/// Returns a text that packing makes hardly smaller: the store finds no room for it in its own file.
fn noise(mut seed: u32, bytes: usize) -> String {
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'a' + u8::try_from((seed >> 24) % 26).expect("a character"))
    };
    (0..bytes).map(|_| next()).collect()
}

fn deny(place: &Workplace, name: &str) {
    let file = format!("{}.yaml", name.replace('/', "-"));
    place.overlay(&file, &format!("servers: [{{name: {name}, approval: {{state: denied}}}}]\n"));
}

async fn is_gone(daemon: &Daemon, name: &str) {
    let path = format!("/v0.1/servers/{}/versions/1.0.0", name.replace('/', "%2F"));
    eventually(&format!("{name} is gone"), async || {
        (daemon.get(&path).await.status == 404).then_some(())
    })
    .await;
}
