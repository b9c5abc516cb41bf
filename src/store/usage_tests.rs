//! Bytes that are counted in the commits that change them, and the room that follows from them.

use proptest::prelude::*;
use redb::ReadableTable;
use serde_json::value::RawValue;

use super::tables::UPSTREAMS;
use super::tests::{NOW, entry};
use super::*;
use crate::model::{Actor, Entry, Name, OFFICIAL_META, Quarantined, RoomLimit, Status, Timestamp};
use crate::sync::{
    DecisionRequest, HoldDecision, OutOfRoom, Row, RunChanges, SafetyLimits, SyncKind, SyncRun,
    UpstreamState, shown,
};

const IDS: [&str; 2] = ["one", "two"];

#[derive(Debug, Clone)]
enum Step {
    Commit { upstream: usize, destination: u8, rows: Vec<(u8, u8, u8, u16)>, max_size: u16 },
    Accept { upstream: usize, complete: bool, hold: u8 },
    Decide { upstream: usize, releases: bool },
    Discard { upstream: usize, moved: bool },
    Facts,
}

fn step() -> impl Strategy<Value = Step> {
    let rows = prop::collection::vec((0..6_u8, 0..5_u8, 0..3_u8, any::<u16>()), 0..8);
    let upstream = || 0..IDS.len();
    prop_oneof![
        6 => (upstream(), 0..3_u8, rows, any::<u16>()).prop_map(
            |(upstream, destination, rows, max_size)| Step::Commit {
                upstream,
                destination,
                rows,
                max_size
            }
        ),
        4 => (upstream(), any::<bool>(), 0..3_u8)
            .prop_map(|(upstream, complete, hold)| Step::Accept { upstream, complete, hold }),
        2 => (upstream(), any::<bool>())
            .prop_map(|(upstream, releases)| Step::Decide { upstream, releases }),
        1 => (upstream(), any::<bool>())
            .prop_map(|(upstream, moved)| Step::Discard { upstream, moved }),
        1 => Just(Step::Facts),
    ]
}

/// Returns a row of one of six keys: `kind` is its kind, `content` its content, `size` the size of it.
fn row((key, kind, content, size): (u8, u8, u8, u16)) -> Row {
    let (name, version) = (format!("a.b/n{}", key / 2), format!("{}.0.0", key % 2));
    let text = format!("{content}{}", noise(usize::from(size) / 40));
    match kind {
        0 => Row::Settled { name, version },
        1 => Row::Quarantined(bad(name, version, &text)),
        2 => Row::Deleted(bad(name, version, &text)),
        3 => Row::Entry(with_status(&name, &version, &text, Status::Deleted)),
        _ => Row::Entry(with_status(&name, &version, &text, Status::Active)),
    }
}

fn bad(name: String, version: String, text: &str) -> Quarantined {
    let item = serde_json::to_string(text).expect("JSON").into();
    Quarantined { name, version, reason: "why".into(), item }
}

fn with_status(name: &str, version: &str, text: &str, status: Status) -> Entry {
    let json = format!(
        r#"{{"server":{{"name":"{name}","version":"{version}","description":"{text}"}},"_meta":{{"{OFFICIAL_META}":{{"status":"{status}","publishedAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:00Z"}}}}}}"#
    );
    let item: Box<RawValue> = serde_json::from_str(&json).expect("a JSON text");
    Entry::read(&item, NOW).expect("well-formed")
}

/// Returns a text that packing makes hardly smaller.
fn noise(bytes: usize) -> String {
    let mut seed: u32 = 7;
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'a' + u8::try_from((seed >> 24) % 26).expect("a character"))
    };
    (0..bytes).map(|_| next()).collect()
}

fn running() -> UpstreamState {
    let run = Some(SyncRun::new(SyncKind::Full, NOW));
    UpstreamState { run, last_full_sync: Some(NOW), ..UpstreamState::default() }
}

fn commit(
    store: &Store,
    upstream: &str,
    destination: Destination,
    rows: &[Row],
    max_size: u64,
) -> Result<(), StoreError> {
    let state = UpstreamState {
        last_full_sync: (destination == Destination::Staged).then_some(NOW),
        ..running()
    };
    let (state, seen) = (Some(&state), None);
    store.commit(&Batch { upstream, rows, destination, state, seen, max_size, now: NOW })
}

fn accept(store: &Store, upstream: &str, complete: bool, hold: &Hold) {
    let state = UpstreamState { run: None, ..running() };
    let safety_limits = &SafetyLimits { missing_syncs: 1, ..SafetyLimits::default() };
    let (whole, backdated_before) = (&state, None);
    let acceptance = Acceptance {
        upstream,
        state: &state,
        complete,
        safety_limits,
        hold,
        changes: &RunChanges::default(),
        whole,
        backdated_before,
        // What is missing is hidden now, and purged by the next one.
        now: Timestamp::from_micros(i64::MAX / 2),
    };
    store.accept(&acceptance).expect("accepted");
}

fn perform(store: &Store, step: &Step) {
    match step {
        Step::Commit { upstream, destination, rows, max_size } => {
            let rows: Vec<Row> = rows.iter().copied().map(row).collect();
            let destination = match destination {
                0 => Destination::Live,
                1 => Destination::LiveUnlessPresent,
                _ => Destination::Staged,
            };
            match commit(store, IDS[*upstream], destination, &rows, u64::from(*max_size)) {
                Ok(()) | Err(StoreError::NoRoom(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        Step::Accept { upstream, complete, hold } => {
            let hold = Hold { all: *hold == 1, absences: *hold == 2, ..Hold::default() };
            accept(store, IDS[*upstream], *complete, &hold);
        }
        Step::Decide { upstream, releases } => {
            let id = IDS[*upstream];
            let changes = store.snapshot().and_then(|now| now.changes_on_hold(id)).expect("read");
            let request = DecisionRequest {
                id: String::new(),
                decision: if *releases { HoldDecision::Release } else { HoldDecision::Discard },
                seen: shown(id, &changes),
                only: None,
                by: "ada".into(),
                reason: "a test".into(),
                actor: Actor::LocalUser(0),
            };
            let decided = store.decide_hold(id, &request, &SafetyLimits::default(), NOW);
            let _ = decided.expect("written");
        }
        Step::Discard { upstream, moved } => {
            let url = if *moved { "https://b.example/" } else { "https://a.example/" };
            let state = UpstreamState { url: Some(url.into()), ..running() };
            store.discard_staged(IDS[*upstream], &state, NOW).expect("written");
        }
        Step::Facts => {
            let mut next = None;
            loop {
                next = store.refresh_facts(next, NOW).expect("written");
                if next.is_none() {
                    break;
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// P97.
    #[test]
    fn counted_bytes_are_those_of_the_rows_after_any_commits(
        steps in prop::collection::vec(step(), 1..30)
    ) {
        let store = Store::ephemeral(NOW).expect("a store");
        for step in &steps {
            perform(&store, step);
            let snapshot = store.snapshot().expect("a snapshot");
            for id in IDS {
                let noted = snapshot.upstream(id).expect("a state").bytes;
                let counted = snapshot.count_bytes(id).expect("read");
                prop_assert_eq!(noted.unwrap_or_default(), counted, "{} after {:?}", id, step);
            }
        }
        let problems = store.snapshot().and_then(|now| now.verify()).expect("verified").problems;
        let of_sums: Vec<_> = problems.iter().filter(|found| found.contains("bytes")).collect();
        prop_assert!(of_sums.is_empty(), "{:?}", of_sums);
    }
}

#[test]
fn store_of_an_earlier_release_is_counted_when_it_is_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::create(folder.path(), NOW).expect("a store");
    commit(&store, "one", Destination::Live, &[row((0, 4, 0, 9_000))], u64::MAX).expect("written");
    let counted = || Some(store.snapshot().and_then(|now| now.count_bytes("one")).expect("read"));
    let bytes = counted();
    store
        .write(NOW, |transaction| {
            let mut upstreams = transaction.open_table(UPSTREAMS)?;
            let mut json: serde_json::Value = {
                let state = upstreams.get("one")?.expect("a state");
                serde_json::from_slice(state.value()).expect("JSON")
            };
            json.as_object_mut().expect("an object").remove("bytes");
            upstreams.insert("one", json.to_string().as_bytes())?;
            Ok(())
        })
        .expect("written");
    drop(store);
    let store = Store::open(folder.path(), NOW).expect("a store");
    let state = store.snapshot().and_then(|now| now.upstream("one")).expect("read");
    assert!(bytes > Some(0), "{bytes:?}");
    assert_eq!(state.bytes, bytes);
}

fn stored(store: &Store, upstream: &str, name: &str) -> Option<Status> {
    let head = store.snapshot().and_then(|now| now.head(upstream, name, "0.0.0")).expect("read");
    head.map(|head| head.status)
}

fn limit_of(store: &Store, upstream: &str) -> Option<OutOfRoom> {
    store.snapshot().and_then(|now| now.upstream(upstream)).expect("read").out_of_room
}

/// P97: the first sync and later ones.
#[test]
fn content_beyond_the_limit_is_left_out_and_deletions_of_what_is_stored_are_applied() {
    for destination in [Destination::Live, Destination::Staged] {
        let store = Store::ephemeral(NOW).expect("a store");
        let large = noise(2_000);
        let active = |name: &str| {
            Row::Entry(with_status(name, "0.0.0", &format!("{name}{large}"), Status::Active))
        };
        commit(&store, "one", Destination::Live, &[active("a.b/old"), active("a.b/bad")], u64::MAX)
            .expect("written");
        let full = store.snapshot().and_then(|now| now.count_bytes("one")).expect("read");
        // The deletion comes with as much other content as may be.
        let deletion = with_status("a.b/old", "0.0.0", &noise(4_000), Status::Deleted);
        let unknown = with_status("a.b/gone", "0.0.0", &noise(4_000), Status::Deleted);
        let invalid = bad("a.b/bad".into(), "0.0.0".into(), &noise(4_000));
        let rows = [
            active("a.b/new"),
            Row::Entry(deletion),
            Row::Entry(unknown),
            Row::Deleted(invalid),
            Row::Quarantined(bad("a.b/odd".into(), "0.0.0".into(), &large)),
        ];
        commit(&store, "one", destination, &rows, full).expect("written");
        if destination == Destination::Staged {
            accept(&store, "one", false, &Hold::default());
        }
        let statuses = ["a.b/old", "a.b/bad", "a.b/new", "a.b/gone", "a.b/odd"]
            .map(|name| stored(&store, "one", name));
        let deleted = Some(Status::Deleted);
        assert_eq!(statuses, [deleted, deleted, None, None, None], "{destination:?}");
        assert_eq!(store.snapshot().expect("a snapshot").count("one").expect("read"), (2, 1));
        let bytes = store.snapshot().and_then(|now| now.count_bytes("one")).expect("read");
        assert!(bytes < full + 600, "{bytes} beside {full}");
        // Another upstream has its own room.
        commit(&store, "two", Destination::Live, &[active("a.b/new")], u64::MAX).expect("written");
        assert_eq!(stored(&store, "two", "a.b/new"), Some(Status::Active));
        assert_eq!(limit_of(&store, "two"), None);
    }
}

/// Names that found no room, or of which no row says that they are there, belong to no other upstream.
#[test]
fn upstream_that_left_something_out_is_not_known_completely() {
    let store = Store::ephemeral(NOW).expect("a store");
    let reached = OutOfRoom::new(RoomLimit::Disk, 1, 2);
    let known = UpstreamState { last_full_sync: Some(NOW), ..UpstreamState::default() };
    let crowded = ["bad.com".to_owned()].into();
    for (upstream, state) in [
        ("known", known.clone()),
        ("new", UpstreamState::default()),
        ("full", UpstreamState { out_of_room: Some(reached), ..known.clone() }),
        ("crowded", UpstreamState { crowded, ..known }),
    ] {
        let (rows, destination, state) = (&[], Destination::Staged, Some(&state));
        let (seen, max_size, now) = (None, u64::MAX, NOW);
        store
            .commit(&Batch { upstream, rows, destination, state, seen, max_size, now })
            .expect("written");
    }
    let snapshot = store.snapshot().expect("a snapshot");
    let of = |name: &str| {
        let name = Name::parse(name).expect("a name");
        let known = snapshot.synchronised_upstreams(&name).expect("read");
        known.iter().cloned().collect::<Vec<_>>()
    };
    assert_eq!(of("com.good/a"), ["crowded", "known"]);
    assert_eq!(of("com.bad.sub/a"), ["known"]);
}

/// A status that hides takes no room, and neither does a deletion of what the same run brought.
#[test]
fn deprecation_and_deletion_within_a_run_are_stored_without_room() {
    let store = Store::ephemeral(NOW).expect("a store");
    let text = noise(3_000);
    let with = |name: &str, status| Row::Entry(with_status(name, "0.0.0", &text, status));
    let (active, deprecated) = (Status::Active, Status::Deprecated);
    let first = [with("a.b/old", active), with("a.b/kept", deprecated)];
    commit(&store, "one", Destination::Live, &first, u64::MAX).expect("written");
    commit(&store, "one", Destination::Staged, &[with("a.b/new", active)], u64::MAX)
        .expect("written");
    let other = Row::Entry(with_status("a.b/kept", "0.0.0", "other", deprecated));
    let rows = [
        with("a.b/old", deprecated),
        other,
        with("a.b/unknown", deprecated),
        with("a.b/new", Status::Deleted),
    ];
    let bytes = || store.snapshot().and_then(|now| now.upstream("one")).expect("read").bytes;
    let before = bytes();
    commit(&store, "one", Destination::Staged, &rows[..1], 1).expect("written");
    let status = bytes().expect("counted") - before.expect("counted");
    assert!(status < 1_000, "without the content that it came with: {status}");
    commit(&store, "one", Destination::Staged, &rows, 1).expect("written");
    assert_eq!(store.snapshot().and_then(|all| all.verify()).expect("read").problems, [""; 0]);
    accept(&store, "one", false, &Hold::default());
    let snapshot = store.snapshot().expect("a snapshot");
    let staged = snapshot.head("one", "a.b/kept", "0.0.0").expect("read").expect("stored");
    assert!(!staged.is_rewritten(), "other content is left out");
    assert_eq!(
        ["a.b/old", "a.b/kept", "a.b/unknown", "a.b/new"].map(|name| stored(&store, "one", name)),
        [Some(deprecated), Some(deprecated), None, Some(Status::Deleted)]
    );
}

#[test]
fn limit_is_noted_with_the_time_at_which_it_was_first_reached() {
    let store = Store::ephemeral(NOW).expect("a store");
    commit(&store, "one", Destination::Live, &[row((0, 4, 0, 9_000))], 10).expect("written");
    let limit = limit_of(&store, "one").expect("a limit");
    assert_eq!((limit.limit, limit.allowed, limit.since), (RoomLimit::Upstream, 10, NOW));
    let state = running();
    let batch = Batch {
        upstream: "one",
        rows: &[row((1, 4, 0, 9_000))],
        destination: Destination::Live,
        state: Some(&state),
        seen: None,
        max_size: 11,
        now: Timestamp::from_micros(5_000),
    };
    store.commit(&batch).expect("written");
    let later = limit_of(&store, "one").expect("a limit");
    assert_eq!((later.allowed, later.since, limit.rows, later.rows), (11, NOW, 1, 2));
    let single = Batch { state: None, ..batch };
    store.commit(&single).expect("written");
    assert_eq!(limit_of(&store, "one").expect("a limit").rows, 2, "single names are no run");
    let begun = Timestamp::from_micros(6_000);
    let run = Some(SyncRun::new(SyncKind::Full, begun));
    let next = UpstreamState { run, ..state.clone() };
    store.commit(&Batch { state: Some(&next), ..batch }).expect("written");
    assert_eq!(limit_of(&store, "one").expect("a limit").rows, 1, "another run counts again");
    store.commit(&Batch { rows: &[], state: Some(&next), ..batch }).expect("written");
    assert_eq!(limit_of(&store, "one").expect("a limit").rows, 1, "so far");
    let mut earlier = serde_json::to_value(later).expect("JSON");
    earlier.as_object_mut().expect("an object").remove("rows");
    let earlier: OutOfRoom = serde_json::from_value(earlier).expect("a limit");
    assert_eq!(earlier, OutOfRoom { rows: 0, ..later });
}

/// P97: what all upstreams have counts, and so does the room of the disk.
#[test]
fn limits_on_all_upstreams_and_on_the_disk_leave_content_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = |max_size, min_free| crate::sync::DiskLimits { max_size, min_free };
    let store = Store::create(folder.path(), NOW).expect("a store").limited(limits(3_000, 0));
    let rows = [Row::Entry(entry("a.b/c", "0.0.0", &noise(2_000)))];
    commit(&store, "one", Destination::Live, &rows, u64::MAX).expect("written");
    commit(&store, "two", Destination::Live, &rows, u64::MAX).expect("written");
    assert_eq!(stored(&store, "one", "a.b/c"), Some(Status::Active));
    assert_eq!(stored(&store, "two", "a.b/c"), None);
    assert_eq!(limit_of(&store, "two").map(|found| found.limit), Some(RoomLimit::All));
    let store = store.limited(limits(u64::MAX, u64::MAX));
    let refused = commit(&store, "two", Destination::LiveUnlessPresent, &rows, u64::MAX);
    assert!(matches!(refused, Err(StoreError::NoRoom(found)) if found.limit == RoomLimit::Disk));
    assert_eq!(stored(&store, "two", "a.b/c"), None);
    let store = store.limited(limits(u64::MAX, 0));
    commit(&store, "two", Destination::LiveUnlessPresent, &rows, u64::MAX).expect("written");
    assert_eq!(stored(&store, "two", "a.b/c"), Some(Status::Active));
}
