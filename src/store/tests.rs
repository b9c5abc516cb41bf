//! Tests with redb in a temporary folder, opened again where it matters.

use std::collections::BTreeSet;

use serde_json::value::RawValue;

use super::place::FILE;
use super::*;
use crate::artefact::{PackageKey, PackageLookup, PackageRecord};
use crate::curation::tests::fixtures;
use crate::curation::{Screening, View, evaluate};
use crate::lint::Source;
use crate::model::{
    Approved, Digest, Entry, LedgerRecord, Name, OFFICIAL_META, Quarantined, Shown, Timestamp,
    Version,
};
use crate::ownership::{DeclarationRecord, VerificationRecord};
use crate::sync::{Row, RunChanges, SafetyLimits, SyncKind, SyncRun, UpstreamState};

pub(super) const NOW: Timestamp = Timestamp::from_micros(1_000);

pub(super) fn entry(name: &str, version: &str, text: &str) -> Entry {
    let json = format!(
        r#"{{"server":{{"name":"{name}", "version":"{version}","description":"{text}"}},"_meta":{{"{OFFICIAL_META}":{{"status":"active","publishedAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:00Z"}},"x":[1]}}}}"#
    );
    let item: Box<RawValue> = serde_json::from_str(&json).expect("a JSON text");
    Entry::read(&item, NOW).expect("well-formed")
}

pub(super) fn quarantined(name: &str, version: &str) -> Row {
    let (name, version) = (name.to_owned(), version.to_owned());
    Row::Quarantined(Quarantined { name, version, reason: "why".into(), item: "[7]".into() })
}

fn state(cursor: &str) -> UpstreamState {
    let mut run = SyncRun::new(SyncKind::Full, NOW);
    run.cursor = Some(cursor.into());
    UpstreamState { run: Some(run), ..UpstreamState::default() }
}

pub(super) fn commit(store: &Store, destination: Destination, rows: &[Row], cursor: &str) {
    let state = state(cursor);
    let batch = Batch { state: Some(&state), ..Batch::of("up", rows, destination, NOW) };
    store.commit(&batch).expect("committed");
}

pub(super) fn accept(store: &Store, state: &UpstreamState) -> Result<BTreeSet<Name>, StoreError> {
    let hold = Hold::default();
    let safety_limits = SafetyLimits::default();
    store.accept(&Acceptance {
        upstream: "up",
        state,
        complete: false,
        safety_limits: &safety_limits,
        hold: &hold,
        changes: &RunChanges::default(),
        whole: state,
        backdated_before: None,
        now: NOW,
    })
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn create(&self) -> Store {
        Store::create(self.0.path(), NOW).expect("a store")
    }

    fn file(&self) -> std::path::PathBuf {
        self.0.path().join(FILE)
    }
}

#[test]
fn rows_before_the_first_sync_run_are_found_by_name() {
    let store = Store::ephemeral(NOW).expect("a store");
    let rows = [Row::Entry(entry("a.b/c", "1.0.0", "x"))];
    let destination = Destination::LiveUnlessPresent;
    let batch = Batch::of("up", &rows, destination, NOW);
    store.commit(&batch).expect("committed");
    let name = Name::parse("a.b/c").expect("a name");
    assert_eq!(store.snapshot().expect("a snapshot").heads_of(&name).expect("heads").len(), 1);
}

#[test]
fn committed_rows_survive_reopening() {
    let folder = Folder::new();
    let entries = [entry("a.b/c", "1.0.0", "é – x"), entry("a.b/c", "2.0.0", "y")];
    let store = folder.create();
    let rows: Vec<Row> = entries.iter().cloned().map(Row::Entry).collect();
    commit(&store, Destination::Live, &rows, "a.b/c:2.0.0");
    let epoch = store.snapshot().expect("a snapshot").epoch().expect("an epoch");
    drop(store);
    let snapshot =
        Store::open(folder.0.path(), NOW).expect("a store").snapshot().expect("a snapshot");
    assert_eq!(snapshot.epoch().expect("an epoch"), epoch);
    assert_eq!(snapshot.upstream("up").expect("a state").run, state("a.b/c:2.0.0").run);
    let heads = snapshot.heads_of(&Name::parse("a.b/c").expect("a name")).expect("heads");
    let found: Vec<(Box<str>, Box<str>)> = heads
        .iter()
        .map(|head| snapshot.entry(head).expect("an entry"))
        .map(|entry| (entry.server, entry.meta))
        .collect();
    let entries = entries.map(|entry| (entry.server, entry.meta));
    assert_eq!(found, entries, "byte for byte");
    assert_eq!(snapshot.count("up").expect("counted"), (2, 0));
    assert!(snapshot.verify().expect("verified").is_sound());
}

/// P60.
#[test]
fn two_stores_have_different_epochs() {
    let epoch =
        || Folder::new().create().snapshot().expect("a snapshot").epoch().expect("an epoch");
    assert_ne!(epoch(), epoch());
    assert_eq!(epoch().len(), 32);
}

#[test]
fn invalid_successor_leaves_the_entry_and_valid_one_ends_the_quarantine() {
    let folder = Folder::new();
    let store = folder.create();
    commit(&store, Destination::Live, &[Row::Entry(entry("a.b/c", "1", "x"))], "1");
    commit(&store, Destination::Live, &[quarantined("a.b/c", "1")], "2");
    let snapshot = store.snapshot().expect("a snapshot");
    assert_eq!(snapshot.count("up").expect("counted"), (1, 1));
    let row = snapshot.quarantined().expect("rows").next().expect("a row").expect("readable");
    assert_eq!(
        (row.upstream.as_str(), &*row.row.item, row.row.reason.as_str()),
        ("up", "[7]", "why")
    );
    commit(&store, Destination::Live, &[Row::Entry(entry("a.b/c", "1", "y"))], "3");
    assert_eq!(store.snapshot().expect("a snapshot").count("up").expect("counted"), (1, 0));
}

/// A full sync that no longer lists a row in quarantine frees its name for other upstreams, unless what it does
/// not list waits for a person.
#[test]
fn vanished_row_in_quarantine_frees_its_name_once_absences_are_accepted() {
    let folder = Folder::new();
    let store = folder.create();
    commit(&store, Destination::Live, &[quarantined("a.b/c", "1")], "1");
    let full_sync = |absences: bool| {
        let hold = Hold { absences, ..Hold::default() };
        let (state, safety_limits) = (UpstreamState::default(), SafetyLimits::default());
        let acceptance = Acceptance {
            upstream: "up",
            state: &state,
            complete: true,
            safety_limits: &safety_limits,
            hold: &hold,
            changes: &RunChanges::default(),
            whole: &state,
            backdated_before: None,
            now: NOW,
        };
        let touched = store.accept(&acceptance).expect("accepted");
        let name = Name::parse("a.b/c").expect("a name");
        let (_, quarantined) = store.snapshot().expect("a snapshot").count("up").expect("counted");
        (touched.contains(&name), quarantined)
    };
    assert_eq!(full_sync(true), (false, 1));
    assert_eq!(full_sync(false), (true, 0));
}

#[test]
fn deletion_in_an_invalid_row_marks_the_entry_live_and_staged() {
    for destination in [Destination::Live, Destination::Staged] {
        let folder = Folder::new();
        let store = folder.create();
        commit(&store, Destination::Live, &[Row::Entry(entry("a.b/c", "1", "x"))], "1");
        let Row::Quarantined(row) = quarantined("a.b/c", "1") else { panic!("a row") };
        commit(&store, destination, &[Row::Deleted(row)], "2");
        accept(&store, &UpstreamState::default()).expect("accepted");
        let snapshot = store.snapshot().expect("a snapshot");
        let head = snapshot.head("up", "a.b/c", "1").expect("read").expect("a head");
        assert_eq!(head.status, crate::model::Status::Deleted);
        assert_eq!(snapshot.count("up").expect("counted"), (1, 1));
        assert!(snapshot.verify().expect("verified").is_sound());
    }
}

#[test]
fn settled_row_leaves_quarantine_live_and_staged() {
    for destination in [Destination::Live, Destination::Staged] {
        let folder = Folder::new();
        let store = folder.create();
        let (name, version) = ("a.b/c".to_owned(), "1".to_owned());
        commit(&store, Destination::Live, &[Row::Entry(entry("a.b/c", "1", "x"))], "1");
        commit(&store, Destination::Live, &[quarantined("a.b/c", "1")], "2");
        assert!(
            store.snapshot().expect("a snapshot").is_unsettled("up", "a.b/c", "1").expect("read")
        );
        commit(&store, destination, &[Row::Settled { name, version }], "3");
        accept(&store, &UpstreamState::default()).expect("accepted");
        assert_eq!(store.snapshot().expect("a snapshot").count("up").expect("counted"), (1, 0));
    }
}

#[test]
fn released_row_leaves_quarantine_and_replaces_nothing() {
    let folder = Folder::new();
    let store = folder.create();
    let stored = entry("a.b/c", "1", "newer");
    commit(&store, Destination::Live, &[Row::Entry(stored.clone())], "1");
    commit(
        &store,
        Destination::Live,
        &[quarantined("a.b/c", "1"), quarantined("", "sha256:0")],
        "2",
    );
    let rows: Vec<QuarantinedRow> = {
        let snapshot = store.snapshot().expect("a snapshot");
        snapshot.quarantined().expect("rows").map(|row| row.expect("readable")).collect()
    };
    let released: Vec<(QuarantinedRow, Entry)> = rows
        .into_iter()
        .zip([entry("a.b/d", "1", "was unreadable"), entry("a.b/c", "1", "older")])
        .collect();
    store.release(&released, NOW).expect("released");
    let snapshot = store.snapshot().expect("a snapshot");
    assert_eq!(snapshot.count("up").expect("counted"), (2, 0));
    let heads = snapshot.heads_of(&stored.name).expect("heads");
    assert_eq!(snapshot.entry(&heads[0]).expect("an entry").server, stored.server);
}

#[test]
fn staged_rows_are_invisible_until_they_are_accepted_or_dropped() {
    let folder = Folder::new();
    let store = folder.create();
    let rows = [Row::Entry(entry("a.b/c", "1", "x")), quarantined("", "sha256:0")];
    commit(&store, Destination::Staged, &rows, "1");
    assert_eq!(store.snapshot().expect("a snapshot").count("up").expect("counted"), (0, 0));
    store.discard_staged("up", &UpstreamState::default(), NOW).expect("dropped");
    let touched = accept(&store, &UpstreamState::default()).expect("accepted");
    assert!(touched.is_empty());
    commit(&store, Destination::Staged, &rows, "1");
    let accepted = UpstreamState { last_success: Some(NOW), ..UpstreamState::default() };
    let touched = accept(&store, &accepted).expect("accepted");
    assert_eq!(touched.iter().map(Name::as_str).collect::<Vec<_>>(), ["a.b/c"]);
    let snapshot = store.snapshot().expect("a snapshot");
    assert_eq!(snapshot.count("up").expect("counted"), (1, 1));
    assert_eq!(snapshot.upstream("up").expect("a state").last_success, Some(NOW));
    assert_eq!(snapshot.verify().expect("verified").staged, 0);
}

#[test]
fn accepting_an_upstream_does_not_touch_one_with_a_longer_id() {
    let folder = Folder::new();
    let store = folder.create();
    for upstream in ["up", "upper"] {
        let rows = [Row::Entry(entry("a.b/c", "1", upstream))];
        let state = UpstreamState::default();
        let batch =
            Batch { state: Some(&state), ..Batch::of(upstream, &rows, Destination::Staged, NOW) };
        store.commit(&batch).expect("committed");
    }
    accept(&store, &UpstreamState::default()).expect("accepted");
    let snapshot = store.snapshot().expect("a snapshot");
    assert_eq!(snapshot.count("up").expect("counted"), (1, 0));
    assert_eq!(snapshot.count("upper").expect("counted"), (0, 0));
}

#[test]
fn snapshot_does_not_see_later_writes() {
    let folder = Folder::new();
    let store = folder.create();
    let before = store.snapshot().expect("a snapshot");
    commit(&store, Destination::Live, &[Row::Entry(entry("a.b/c", "1", "x"))], "1");
    assert_eq!(before.count("up").expect("counted"), (0, 0));
}

#[test]
fn ledger_and_overlays_are_kept() {
    let folder = Folder::new();
    let store = folder.create();
    let key = (Name::parse("a.b/c").expect("a name"), Version::parse("1").expect("usable"));
    let record = LedgerRecord {
        shown: Shown::Tombstone,
        changed_at: Timestamp::from_micros(5),
        digest: Digest::of(b"x"),
        published_at: Timestamp::from_micros(3),
        approved: Approved::any(),
    };
    let changes = [(key.clone(), record)];
    let changes = ViewChanges { view: "default", changes: &changes };
    store
        .commit_ledger(&[changes], &[], &Evaluated::default(), NewEvents::default(), NOW)
        .expect("committed");
    store
        .keep_overlays(
            &LastGood {
                sources: vec![Source::new("old.yaml", "x: 1")],
                ended: BTreeSet::from([("old.yaml".to_owned(), 7)]),
                denying: vec![Source::new("old.yaml", "x: 3")],
            },
            NOW,
        )
        .expect("kept");
    let last = LastGood { sources: vec![Source::new("a.yaml", "x: 2")], ..LastGood::default() };
    store.keep_overlays(&last, Timestamp::from_micros(2000)).expect("kept");
    let snapshot = store.snapshot().expect("a snapshot");
    let records = |view| -> Vec<_> {
        snapshot.ledger(view).expect("records").map(|entry| entry.expect("readable")).collect()
    };
    assert_eq!(records("default"), [(key, record)]);
    assert_eq!(records("other"), []);
    assert_eq!(snapshot.overlays().expect("sources"), last);
    assert_eq!(snapshot.newest_timestamp().expect("a timestamp"), Timestamp::from_micros(2000));
}

#[test]
fn failed_file_is_reopened_while_a_snapshot_is_alive() {
    let folder = Folder::new();
    let store = folder.create();
    commit(&store, Destination::Live, &[Row::Entry(entry("a.b/c", "1", "x"))], "1");
    let snapshot = store.snapshot().expect("a snapshot");
    store.reopen();
    commit(&store, Destination::Live, &[Row::Entry(entry("a.b/d", "1", "x"))], "2");
    assert_eq!(store.snapshot().expect("a snapshot").count("up").expect("counted"), (2, 0));
    drop(snapshot);
    assert!(matches!(Store::open(folder.0.path(), NOW), Err(StoreError::Locked { .. })));
}

/// P58.
#[test]
fn second_process_is_refused() {
    let folder = Folder::new();
    let _open = folder.create();
    assert!(matches!(Store::open(folder.0.path(), NOW), Err(StoreError::Locked { .. })));
}

#[test]
fn missing_foreign_and_truncated_files_are_refused() {
    let folder = Folder::new();
    assert!(matches!(Store::open(folder.0.path(), NOW), Err(StoreError::Absent { .. })));
    std::fs::write(folder.file(), b"this is a note to a friend and not a store").expect("written");
    let refused = Store::create(folder.0.path(), NOW).expect_err("refused").to_string();
    assert!(refused.contains("is not a vidimus store"), "{refused}");
    std::fs::remove_file(folder.file()).expect("removed");
    commit(&folder.create(), Destination::Live, &[Row::Entry(entry("a.b/c", "1", "x"))], "1");
    let bytes = std::fs::read(folder.file()).expect("read");
    std::fs::write(folder.file(), &bytes[..bytes.len() / 3]).expect("written");
    assert!(Store::create(folder.0.path(), NOW).is_err());
}

#[test]
fn newer_format_is_refused_with_both_numbers() {
    let folder = Folder::new();
    let store = folder.create();
    store
        .write(NOW, |transaction| {
            let mut meta = transaction.open_table(tables::META)?;
            meta.insert("format", 10_u64.to_le_bytes().as_slice())?;
            Ok(())
        })
        .expect("written");
    drop(store);
    let refused = Store::create(folder.0.path(), NOW).expect_err("refused").to_string();
    assert!(refused.contains("has format 10, this release reads and writes format 9"), "{refused}");
}

#[test]
fn store_of_a_release_with_fewer_tables_gets_the_others() {
    let folder = Folder::new();
    let store = folder.create();
    let lacks = |transaction: &redb::WriteTransaction| {
        assert!(transaction.delete_table(tables::RECENT_CHANGES)?);
        Ok(())
    };
    store.write(NOW, lacks).expect("written");
    drop(store);
    let store = folder.create();
    let recent = store.snapshot().and_then(|now| now.recent_changes("up")).expect("read");
    assert!(!recent.has_counted());
}

#[test]
fn verify_reports_inconsistent_rows() {
    let folder = Folder::new();
    let store = folder.create();
    let rows = [Row::Entry(entry("a.b/c", "1", "x")), Row::Entry(entry("a.b/d", "1", "y"))];
    commit(&store, Destination::Live, &rows, "1");
    let key = (Name::parse("a.b/gone").expect("a name"), Version::parse("1").expect("usable"));
    let record = LedgerRecord {
        shown: Shown::Visible,
        changed_at: NOW,
        digest: Digest::of(b"x"),
        published_at: NOW,
        approved: Approved::any(),
    };
    let changes = [(key, record)];
    let changes = ViewChanges { view: "default", changes: &changes };
    store
        .commit_ledger(&[changes], &[], &Evaluated::default(), NewEvents::default(), NOW)
        .expect("committed");
    store
        .write(NOW, |transaction| {
            let mut bodies = transaction.open_table(tables::BODIES)?;
            let swapped = bodies.remove(("up", "a.b/d", "1"))?.map(|value| value.value().to_vec());
            bodies.insert(("up", "a.b/c", "1"), swapped.unwrap_or_default().as_slice())?;
            bodies.insert(("up", "a.b/orphan", "1"), [0].as_slice())?;
            transaction
                .open_table(tables::QUARANTINE)?
                .insert(("up", "", "x"), [1, 2].as_slice())?;
            Ok(())
        })
        .expect("written");
    let found = store.snapshot().expect("a snapshot").verify().expect("verified");
    assert_eq!(
        found.problems,
        [
            "the bytes are not those of the digests: up a.b/c@1",
            "the body is missing or does not decode: up a.b/d@1",
            "a body without its head: up a.b/orphan@1",
            "the row in quarantine does not decode: up @x",
            "382 bytes are noted for 316 of the rows of up",
            "the ledger shows what is not stored: default a.b/gone@1",
        ]
    );
}

#[test]
fn undamaged_file_withstands_redbs_own_check() {
    let folder = Folder::new();
    let mut store = folder.create();
    commit(&store, Destination::Live, &[Row::Entry(entry("a.b/c", "1", "x"))], "1");
    assert!(store.check_file().expect("checked"));
}

#[test]
fn verification_records_are_found_regardless_of_case() {
    let folder = Folder::new();
    let store = folder.create();
    let record = VerificationRecord {
        unclear: 3,
        evidence: vec!["x".into()],
        ..VerificationRecord::default()
    };
    let declarations = DeclarationRecord { account: Some(7), ..DeclarationRecord::default() };
    let name = Name::parse("Com.Example/tool").expect("a name");
    let records = VerificationRecords {
        verifications: vec![("com.example".into(), record.clone())],
        declarations: vec![(name.clone(), declarations.clone())],
    };
    store.store_verification(&records, NOW).expect("kept");
    let snapshot = store.snapshot().expect("a snapshot");
    assert_eq!(snapshot.record("Com.Example").expect("read"), Some(record.clone()));
    assert_eq!(snapshot.declarations(&name).expect("read"), Some(declarations));
    assert_eq!(snapshot.verifications().expect("read"), [("com.example".to_owned(), record)]);
    assert_eq!(snapshot.record("com.other").expect("read"), None);
}

#[test]
fn records_of_packages_are_kept_for_a_while_after_the_last_entry_that_names_them() {
    let store = Store::ephemeral(NOW).expect("a store");
    let day = |days: u64| NOW.plus(std::time::Duration::from_hours(24 * days));
    let base = url::Url::parse("https://packages.example").expect("a URL");
    let key = |name: &str| PackageKey::new("npm", &base, name, Some("1.0.0")).expect("a key");
    for (name, days) in [("old", 0), ("named", 0), ("recent", 50)] {
        let observed = PackageLookup::Unclear("no answer".into());
        let record = PackageRecord::default().after(&key(name), &observed, Vec::new(), day(days));
        store.store_artefacts(&key(name), &record, day(50)).expect("kept");
        let stored = store.snapshot().expect("a snapshot").artefacts_of(&key(name));
        assert_eq!(stored.expect("read"), Some(record));
    }
    store.prune_artefacts(|of| *of == key("named"), day(10), day(100)).expect("pruned");
    let records = store.snapshot().expect("a snapshot").artefacts().expect("read");
    let kept: Vec<PackageKey> = records.into_iter().map(|(key, _)| key).collect();
    assert_eq!(kept, [key("named"), key("recent")]);
}

/// P99.
#[test]
fn records_are_kept_for_a_while_after_the_last_name_of_their_namespace() {
    let store = Store::ephemeral(NOW).expect("a store");
    let day = |days: u64| NOW.plus(std::time::Duration::from_hours(24 * days));
    let looked_up =
        |days| VerificationRecord { checked_at: Some(day(days)), ..VerificationRecord::default() };
    let name = |text: &str| Name::parse(text).expect("a name");
    let declarations = DeclarationRecord::default();
    let records = VerificationRecords {
        verifications: vec![
            ("com.old".into(), looked_up(0)),
            ("com.listed".into(), looked_up(0)),
            ("com.recent".into(), looked_up(50)),
            ("com.shown".into(), looked_up(0)),
        ],
        declarations: vec![
            (name("Com.Old/tool"), declarations.clone()),
            (name("com.older/tool"), declarations),
        ],
    };
    store.store_verification(&records, day(50)).expect("kept");
    let version = Version::parse("1").expect("usable");
    let record = LedgerRecord {
        shown: Shown::Tombstone,
        changed_at: day(50),
        digest: Digest::of(b"x"),
        published_at: NOW,
        approved: Approved::any(),
    };
    let changes = [((name("Com.Shown/tool"), version), record)];
    let changes = [ViewChanges { view: "default", changes: &changes }];
    let (evaluated, events) = (Evaluated::default(), NewEvents::default());
    store.commit_ledger(&changes, &[], &evaluated, events, day(50)).expect("committed");
    let has_names = |namespace: &str| namespace == "com.listed";
    store.prune_verification(has_names, day(10), day(100)).expect("pruned");
    let snapshot = store.snapshot().expect("a snapshot");
    let kept: Vec<String> = snapshot
        .verifications()
        .expect("read")
        .into_iter()
        .map(|(namespace, _)| namespace)
        .collect();
    assert_eq!(kept, ["com.listed", "com.recent", "com.shown"]);
    assert_eq!(snapshot.declarations(&name("Com.Old/tool")).expect("read"), None);
    assert!(snapshot.declarations(&name("com.older/tool")).expect("read").is_some());
}

#[test]
fn entries_served_before_ownership_was_checked_are_exempted() {
    let folder = Folder::new();
    let store = folder.create();
    let record = |shown| LedgerRecord {
        shown,
        changed_at: NOW,
        digest: Digest::of(b"x"),
        published_at: NOW,
        approved: Approved::any(),
    };
    let name = |text: &str| Name::parse(text).expect("a name");
    let version = Version::parse("1").expect("usable");
    let changes = [
        ((name("a.b/shown"), version.clone()), record(Shown::Visible)),
        ((name("a.b/gone"), version.clone()), record(Shown::Tombstone)),
    ];
    let of_old_view = [((name("a.b/old"), version), record(Shown::Visible))];
    let changes = [("default", changes.as_slice()), ("removed from the settings", &of_old_view)];
    let changes = changes.map(|(view, changes)| ViewChanges { view, changes });
    store
        .commit_ledger(&changes, &[], &Evaluated::default(), NewEvents::default(), NOW)
        .expect("committed");
    let exempted = |store: &Store, text: &str| {
        let version = Version::parse("1").expect("usable");
        let snapshot = store.snapshot().expect("a snapshot");
        snapshot.exempted_versions(&name(text)).expect("read").contains(&version)
    };
    let views = [View::unlimited("default")];
    assert!(!exempted(&store, "a.b/shown"), "nothing is exempted before ownership is checked");
    store.begin_ownership_checks(&views, NOW).expect("begun");
    assert!(exempted(&store, "a.b/shown") && !exempted(&store, "a.b/gone"));
    assert!(!exempted(&store, "a.b/old"), "a view that is not configured serves nothing");
    let snapshot = store.snapshot().expect("a snapshot");
    assert_eq!(snapshot.count_shown(&views).expect("read"), 1);
    assert!(!snapshot.shows(&views, "a.b/old", "1").expect("read"));
    assert!(!snapshot.has_shown(&views, "a.b/old", "1").expect("read"));
    assert!(!snapshot.shows_any(&views, &name("a.b/old")).expect("read"));
    drop(snapshot);
    let later =
        [((name("a.b/later"), Version::parse("1").expect("usable")), record(Shown::Visible))];
    let later = ViewChanges { view: "default", changes: &later };
    store
        .commit_ledger(&[later], &[], &Evaluated::default(), NewEvents::default(), NOW)
        .expect("committed");
    store.begin_ownership_checks(&views, NOW).expect("begun once");
    assert!(exempted(&store, "a.b/shown") && !exempted(&store, "a.b/later"));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(32))]
    /// No entry of one namespace changes the verdict on another: the results of a namespace and of its
    /// names are stored under their own keys only.
    #[test]
    fn verification_of_one_namespace_never_changes_another(
        others in proptest::collection::vec("[a-cA-C]{1,2}(\\.[a-cA-C]{1,2}){0,2}", 1..20),
    ) {
        let store = Store::ephemeral(NOW).expect("a store");
        let keep = |namespace: &str, unclear| {
            let record = VerificationRecord { unclear, ..VerificationRecord::default() };
            let name = Name::parse(&format!("{namespace}/tool")).expect("a name");
            let declarations = DeclarationRecord { account: Some(u64::from(unclear)), ..DeclarationRecord::default() };
            let verifications = vec![(namespace.to_ascii_lowercase(), record)];
            store.store_verification(&VerificationRecords { verifications, declarations: vec![(name, declarations)] }, NOW).expect("kept");
        };
        let mine = "a.b";
        keep(mine, 1);
        for other in others.iter().filter(|other| !other.eq_ignore_ascii_case(mine)) {
            keep(other, 2);
        }
        let snapshot = store.snapshot().expect("a snapshot");
        let record = snapshot.record(mine).expect("read").expect("kept");
        let declarations = snapshot.declarations(&Name::parse("a.b/tool").expect("a name")).expect("read");
        proptest::prop_assert_eq!((record.unclear, declarations.and_then(|declarations| declarations.account)), (1, Some(1)));
    }
}

/// A removed view comes back: what it showed once must not admit a name without a comparison.
/// P19, P101: a reader remembers the time of a tombstone too, and the clock may have gone back since.
#[test]
fn tombstones_of_a_removed_view_are_newer_than_everything_that_it_showed() {
    let store = Store::ephemeral(NOW).expect("a store");
    let record = |version: &str, shown, micros| {
        let key = (Name::parse("a.b/c").expect("a name"), Version::parse(version).expect("usable"));
        let changed_at = Timestamp::from_micros(micros);
        let digest = Digest::of(b"x");
        let approved = Approved::any();
        (key, LedgerRecord { shown, changed_at, digest, published_at: NOW, approved })
    };
    let changes = [record("1", Shown::Visible, 5_000), record("2", Shown::Tombstone, 9_000)];
    let changes = [ViewChanges { view: "team", changes: &changes }];
    store
        .commit_ledger(&changes, &[], &Evaluated::default(), NewEvents::default(), NOW)
        .expect("committed");
    store.retire_views(&[View::unlimited("default")], NOW).expect("retired");
    let snapshot = store.snapshot().expect("a snapshot");
    let times: Vec<Timestamp> = snapshot
        .ledger("team")
        .expect("a ledger")
        .map(|entry| entry.expect("readable").1.changed_at)
        .collect();
    assert!(times[0] > times[1], "{times:?}");
    assert_eq!(snapshot.newest_timestamp().expect("a time"), NOW, "the counter leads no clock");
}

#[test]
fn removed_view_vouches_for_nothing_when_it_is_added_again() {
    let store = Store::ephemeral(NOW).expect("a store");
    let rows = ["1", "2"].map(|version| Row::Entry(entry("a.b/c", version, "x")));
    commit(&store, Destination::Live, &rows, "1");
    let record = LedgerRecord {
        shown: Shown::Visible,
        changed_at: NOW,
        digest: Digest::of(b"x"),
        published_at: NOW,
        approved: Approved::any(),
    };
    let shown = |version: &str| {
        let key = Name::parse("a.b/c").expect("a name");
        [((key, Version::parse(version).expect("usable")), record)]
    };
    let (first, second) = (shown("1"), shown("2"));
    let changes = [("default", &first), ("team", &second)];
    let changes = changes.map(|(view, changes)| ViewChanges { view, changes });
    store
        .commit_ledger(&changes, &[], &Evaluated::default(), NewEvents::default(), NOW)
        .expect("committed");
    let now = Timestamp::parse("2026-03-01T00:00:00Z").expect("a time");
    let [default, team] = ["default", "team"].map(View::unlimited);
    let served = || -> Vec<String> {
        let text = "namespaces: [{name: com.q, protect: [stripe]}]\nservers: [{name: a.b/*, approval: {state: approved, reviewed: 2026-02-01}}]";
        let mut policy = fixtures::policy(fixtures::overlays(text, now));
        policy.views = vec![default.clone(), team.clone()];
        policy.upstreams.iter_mut().for_each(|upstream| upstream.id = "up".into());
        let name = Name::parse("a.b/c").expect("a name");
        let dossier = store.snapshot().expect("a snapshot").dossier(&name, &policy).expect("read");
        let screening = Screening::default();
        let evaluation = evaluate(&dossier, &policy, &screening, now);
        let served = evaluation.entries.iter().filter(|entry| entry.is_served());
        served.map(|entry| entry.row.version.to_string()).collect()
    };
    let both = [default.clone(), team.clone()];
    assert_eq!(store.retire_views(&both, now).expect("written"), 0);
    assert_eq!(served(), ["1", "2"]);
    assert_eq!(store.retire_views(&both[..1], now).expect("written"), 1);
    assert_eq!(served(), ["1"], "it waits for a comparison");
    assert_eq!(store.retire_views(&both[..1], now).expect("written"), 0);
}
