//! kill -9 at random moments of a full sync loses nothing and repeats nothing.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::path::Path;
use std::time::Duration;

use crate::support::daemon::Workplace;
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use vidimus::daemon::Clock;
use vidimus::store::Store;

const KILLS: usize = 20;

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for name in 0..300 {
        for version in 0..4 {
            let name = format!("com.example/tool-{name:03}");
            rows.push(Row::new(&name, &format!("1.{version}.0")));
        }
    }
    for index in 0..20 {
        let item = format!(
            r#"{{"server":{{"name":"com.example/bad-{index}","version":"1","version":"2"}},"_meta":{{}}}}"#
        );
        rows.push(Row::raw(&format!("com.example/bad-{index:02}"), "1", &item));
    }
    rows.push(
        Row::new("com.example/gone", "1.0.0").status("deleted", "2026-02-01T00:00:00.000000Z"),
    );
    rows
}

/// Returns the contents of a store, without the times of observation.
fn contents(data: &Path) -> Vec<String> {
    let store = Store::open(data, Clock::system()).expect("a store");
    let snapshot = store.snapshot().expect("a snapshot");
    assert!(snapshot.verify().expect("verified").is_sound());
    let mut contents = Vec::new();
    for head in snapshot.heads().expect("heads") {
        let head = head.expect("a head");
        let entry = snapshot.entry(&head).expect("an entry");
        let (status, received, sent) = (head.head.status, head.head.received, head.head.sent);
        let times = (head.head.published_at, head.head.updated_at);
        contents.push(format!(
            "{} {}@{} {status} {times:?} {received} {sent} {} {}",
            head.upstream, head.name, head.version, entry.server, entry.meta
        ));
    }
    for row in snapshot.quarantined().expect("rows") {
        contents.push(format!("{:?}", row.expect("a row")));
    }
    let state = snapshot.upstream("official").expect("a state");
    assert!(state.run.is_none() && state.last_full_sync.is_some(), "{state:?}");
    contents
}

/// A small generator: the printed seed repeats a run.
struct Random(u64);

impl Random {
    fn seeded() -> Self {
        let seed = match std::env::var("VIDIMUS_TEST_SEED") {
            Ok(seed) => seed.parse().expect("a number"),
            Err(_) => RandomState::new().build_hasher().finish() | 1,
        };
        println!("VIDIMUS_TEST_SEED={seed}");
        Self(seed)
    }

    /// Returns a number below `bound`, by xorshift64*.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % bound
    }
}

/// P2, P11, P57.
#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_during_a_full_sync_leave_the_store_of_an_undisturbed_one() {
    let mut random = Random::seeded();
    let upstream = Upstream::start(rows()).await;
    let overlay = "servers: [{name: com.example/tool-007, approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}]";
    let place = |name: &str| {
        let place = Workplace::new(&upstream.url);
        place.upstream(&upstream.url, "sync = {interval = \"1h\", page_size = 5}");
        place.overlay(&format!("{name}.yaml"), overlay);
        place
    };
    let (disturbed, undisturbed) = (place("disturbed"), place("undisturbed"));
    upstream.slow_down(Duration::from_millis(20));
    let mut interrupted = 0;
    for _ in 0..KILLS {
        let mut daemon = disturbed.start().await;
        let seen = upstream.requests();
        // The moment of the kill: a number of requests, and microseconds into the next one.
        let requests = random.below(16);
        crate::support::wait::eventually("some pages were asked for", async || {
            let is_synced =
                daemon.operate("/status").await.json()["upstreams"][0]["lastFullSync"].is_string();
            (is_synced || upstream.requests() - seen >= requests).then_some(())
        })
        .await;
        let spin = std::time::Instant::now();
        let moment = Duration::from_micros(random.below(20_000));
        while spin.elapsed() < moment {
            std::hint::spin_loop();
        }
        daemon.kill();
        let store = Store::open(&disturbed.data(), Clock::system()).expect("opens after a kill");
        let state = store.snapshot().expect("a snapshot").upstream("official").expect("a state");
        interrupted += usize::from(state.last_full_sync.is_none());
    }
    println!("{interrupted} of {KILLS} kills hit the full sync");
    assert!(interrupted >= KILLS / 2, "the full sync ended before the kills");
    upstream.slow_down(Duration::ZERO);
    for place in [&disturbed, &undisturbed] {
        let daemon = place.start().await;
        daemon.synced().await;
        assert_eq!(daemon.signal("TERM").await, Some(0));
    }
    assert_eq!(contents(&disturbed.data()), contents(&undisturbed.data()));
}
