//! An upstream that answers from another store than before.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use vidimus::daemon::{Clock, SyncFailure};
use vidimus::model::Timestamp;
use vidimus::store::Store;
use vidimus::sync::{Epoch, RunReport, SyncKind};

use crate::support::daemon::{Daemon, Workplace};
use crate::support::registry::Row;
use crate::support::source::{Source, sync_at};
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;

const MINUTE: Duration = Duration::from_mins(1);

/// A mirror of an upstream with twelve entries, without a network.
struct Mirror {
    store: Arc<Store>,
    source: Source,
    begun: Timestamp,
}

impl Mirror {
    async fn new() -> Self {
        let begun = Clock::system();
        let store = Arc::new(Store::ephemeral(begun).expect("a store"));
        let mirror = Self { store, source: Source::default(), begun };
        let rows = (0..12).map(|index| Row::new(&format!("com.n{index:03}/tool"), "1.0.0"));
        mirror.source.lock().rows = rows.map(|row| (row.key(), row)).collect::<BTreeMap<_, _>>();
        mirror.answer_with(["one", "one"]);
        mirror.sync(0).await.expect("accepted");
        mirror
    }

    fn answer_with(&self, epochs: [&str; 2]) {
        self.source.lock().epochs = epochs.map(Epoch::parse);
    }

    /// Performs the run that is due so many minutes after the first one.
    async fn sync(&self, minute: u32) -> Result<RunReport, SyncFailure> {
        sync_at(&self.store, &self.source, false, self.begun.plus(MINUTE * minute)).await
    }

    fn is_missing(&self, name: &str) -> bool {
        let snapshot = self.store.snapshot().expect("a snapshot");
        let head = snapshot.head("official", name, "1.0.0").expect("read");
        head.expect("kept").missing
    }
}

#[tokio::test]
async fn entry_that_two_full_syncs_after_another_epoch_miss_is_hidden() {
    let mirror = Mirror::new().await;
    let incremental = mirror.sync(1).await.expect("accepted");
    assert_ne!(incremental.kind, SyncKind::Full, "the epoch is the same");
    // The upstream has a new store without one of its entries.
    mirror.answer_with(["two", "two"]);
    let lost = Row::new("com.n003/tool", "1.0.0").key();
    let lost = mirror.source.lock().rows.remove(&lost).expect("a row");
    let first = mirror.sync(2).await.expect("accepted");
    assert_eq!(first.kind, SyncKind::Full, "now, and not when the next one is due");
    assert_eq!(first.tally.unchanged, 11, "nothing is reset");
    let at = first.full_sync_at.expect("a second full sync");
    assert!(at >= mirror.begun.plus(MINUTE * 12), "{at:?}");
    assert_ne!(mirror.sync(5).await.expect("accepted").kind, SyncKind::Full);
    assert!(!mirror.is_missing("com.n003/tool"));
    // Another entry is missing for the first time.
    let other = Row::new("com.n004/tool", "1.0.0").key();
    let other = mirror.source.lock().rows.remove(&other).expect("a row");
    let second = mirror.sync(13).await.expect("accepted");
    assert_eq!((second.kind, second.full_sync_at), (SyncKind::Full, None));
    assert!(mirror.is_missing("com.n003/tool"));
    assert!(!mirror.is_missing("com.n004/tool"), "one full sync missed it");
    mirror.source.lock().rows.extend([(lost.key(), lost), (other.key(), other)]);
    // A third epoch within the hour is not followed yet.
    mirror.answer_with(["three", "three"]);
    assert_ne!(mirror.sync(30).await.expect("accepted").kind, SyncKind::Full);
    assert_eq!(mirror.sync(63).await.expect("accepted").kind, SyncKind::Full);
    assert!(!mirror.is_missing("com.n003/tool"), "it is back");
}

#[tokio::test]
async fn another_epoch_in_the_middle_of_a_run_discards_the_run() {
    let mirror = Mirror::new().await;
    mirror.answer_with(["two", "three"]);
    let failure = mirror.sync(2).await.expect_err("pages of two stores");
    assert!(matches!(failure, SyncFailure::TwoStores), "{failure}");
    let snapshot = mirror.store.snapshot().expect("a snapshot");
    assert_eq!(snapshot.upstream("official").expect("a state").run, None, "it begins again");
    mirror.answer_with(["two", "two"]);
    assert_eq!(mirror.sync(3).await.expect("accepted").kind, SyncKind::Full);
}

/// P60: an upstream that asks with every answer was read fully at every interval.
#[tokio::test]
async fn upstream_that_asks_for_a_resync_is_read_fully_twice_and_at_most_so_in_an_hour() {
    let mirror = Mirror::new().await;
    mirror.source.lock().resync = true;
    let lost = Row::new("com.n003/tool", "1.0.0").key();
    mirror.source.lock().rows.remove(&lost).expect("a row");
    let first = mirror.sync(1).await.expect("accepted");
    assert_eq!(first.kind, SyncKind::Full, "now, and not when the next one is due");
    assert!(first.full_sync_at.is_some_and(|at| at >= mirror.begun.plus(MINUTE * 11)));
    // Changes are read meanwhile; what they do not have is not absent.
    let new = Row::new("com.n100/tool", "1.0.0");
    mirror.source.lock().rows.insert(new.key(), new);
    let between = mirror.sync(5).await.expect("accepted");
    assert_ne!(between.kind, SyncKind::Full);
    assert!(!mirror.is_missing("com.n003/tool"));
    let second = mirror.sync(12).await.expect("accepted");
    assert_eq!((second.kind, second.full_sync_at), (SyncKind::Full, None));
    assert!(mirror.is_missing("com.n003/tool"), "both missed it");
    for minute in [13, 30, 60] {
        assert_ne!(mirror.sync(minute).await.expect("accepted").kind, SyncKind::Full);
    }
    // Changes since a later time say nothing of what was asked for before.
    mirror.source.lock().resync = false;
    assert_eq!(mirror.sync(62).await.expect("accepted").kind, SyncKind::Full);
    assert_eq!(mirror.sync(73).await.expect("accepted").kind, SyncKind::Full);
    for minute in [74, 140] {
        assert_ne!(mirror.sync(minute).await.expect("accepted").kind, SyncKind::Full);
    }
}

/// P33: a data folder that was put back from a copy has the epoch of the copy, and followers kept what it does not have.
#[tokio::test(flavor = "multi_thread")]
async fn changes_of_the_time_between_a_copy_and_its_return_ask_for_a_resync() {
    let upstream = Upstream::start([Row::new("com.example/tool", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.approve("com.example/tool");
    place.set_clock("2026-06-01T00:00:00Z");
    let asked = async |daemon: &Daemon, since: &str| {
        let answer = daemon.get(&format!("/v0.1/servers?updated_since={since}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.header("vidimus-resync").to_owned()
    };
    let mut daemon = place.start().await;
    daemon.lists(&["com.example/tool@1.0.0"]).await;
    assert_eq!(asked(&daemon, "2026-06-01T00:00:00Z").await, "");
    daemon.kill();
    drop(daemon);
    place.set_clock("2026-06-02T00:00:00Z");
    let daemon = place.start().await;
    daemon.lists(&["com.example/tool@1.0.0"]).await;
    for (since, wanted) in [
        ("1970-01-01T00:00:00Z", ""),
        ("2026-05-31T23:00:00Z", ""),
        ("2026-06-01T12:00:00Z", "gap"),
        ("2026-06-02T00:00:00Z", "gap"),
        ("2026-06-02T00:00:01Z", ""),
    ] {
        assert_eq!(asked(&daemon, since).await, wanted, "{since}");
    }
    assert_eq!(daemon.get("/v0.1/servers").await.header("vidimus-resync"), "");
}

/// P98: a follower that was away for more than 400 days would keep for good what is not served any more.
#[tokio::test(flavor = "multi_thread")]
async fn changes_from_before_removed_tombstones_ask_for_a_resync() {
    let rows = ["com.example/one", "com.example/two"].map(|name| Row::new(name, "1.0.0"));
    let upstream = Upstream::start(rows).await;
    let place = Workplace::new(&upstream.url);
    place.approve("com.example/*");
    place.set_clock("2026-06-01T00:00:00Z");
    let changes = async |daemon: &Daemon, since: &str| {
        let answer = daemon.get(&format!("/v0.1/servers?updated_since={since}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        (answer.items(), answer.header("vidimus-resync").to_owned())
    };
    let both = ["com.example/one@1.0.0", "com.example/two@1.0.0"];
    let before = "2026-05-01T00:00:00Z";
    let mut daemon = place.start().await;
    daemon.lists(&both).await;
    place.overlay("denied.yaml", "servers: [{name: com.example/two, approval: {state: denied}}]\n");
    daemon.lists(&both[..1]).await;
    eventually("a tombstone", async || (changes(&daemon, before).await.0 == both).then_some(()))
        .await;
    daemon.kill();
    drop(daemon);
    place.set_clock("2027-07-01T00:00:00Z");
    let mut daemon = place.start().await;
    daemon.lists(&both[..1]).await;
    assert_eq!(
        changes(&daemon, before).await,
        (both.map(String::from).to_vec(), String::new()),
        "395 days"
    );
    daemon.kill();
    drop(daemon);
    place.set_clock("2027-07-10T00:00:00Z");
    let daemon = place.start().await;
    daemon.lists(&both[..1]).await;
    let left = vec![both[0].to_owned()];
    eventually("the tombstone is removed", async || {
        let answer = changes(&daemon, before).await;
        // The header comes with the first answer that lacks it.
        let is_asked = answer.1 == "pruned";
        assert_eq!(answer.0 == left, is_asked, "{answer:?}");
        is_asked.then_some(())
    })
    .await;
    assert_eq!(changes(&daemon, "1970-01-01T00:00:00Z").await, (left, String::new()));
    assert_eq!(changes(&daemon, "2027-07-10T00:00:01Z").await.1, "");
}
