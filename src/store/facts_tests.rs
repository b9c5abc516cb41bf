//! Facts beside bodies, and marks of names to evaluate.

use redb::ReadableTable;

use super::place::FILE;
use super::tables::{BODIES, FACTS, HEADS, META};
use super::tests::{NOW, accept, commit, entry, quarantined};
use super::*;
use crate::curation::tests::fixtures;
use crate::curation::{ContentFacts, DossierRow, PolicySnapshot, QuarantinedFacts};
use crate::model::{Digest, Name, Timestamp};
use crate::sync::{Row, UpstreamState};

fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

fn only_row(snapshot: &Snapshot) -> DossierRow {
    let mut rows = snapshot.dossier(&name("a.b/c"), &pinning(&[])).expect("a dossier").rows;
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

/// Returns a policy with approvals that pin these contents of `a.b/c`.
fn pinning(pins: &[(&str, Digest)]) -> PolicySnapshot {
    let item = |(version, pin): &(&str, Digest)| {
        format!(
            "- {{name: a.b/c, versions: '{version}', approval: {{state: approved, reviewed: 2026-01-01, expires: 2099-01-01, digest: '{pin}'}}}}\n"
        )
    };
    let text = format!("servers:\n{}", pins.iter().map(item).collect::<String>());
    let text = if pins.is_empty() { "servers: [{name: a.b/*, tier: 1}]" } else { &text };
    let reviewed = Timestamp::parse("2026-01-02T00:00:00Z").expect("a time");
    fixtures::policy(fixtures::overlays(text, reviewed))
}

fn first_facts(snapshot: &Snapshot) -> Option<ContentFacts> {
    only_row(snapshot).content.facts
}

/// Returns the number of contents with facts.
fn kept(store: &Store) -> usize {
    let snapshot = store.snapshot().expect("a snapshot");
    let rows = snapshot.tables.facts().expect("a table").range(("", "", "")..).expect("rows");
    rows.count()
}

fn refresh(store: &Store) {
    let mut cursor = store.refresh_facts(None, NOW).expect("begun");
    while cursor.is_some() {
        cursor = store.refresh_facts(cursor, NOW).expect("continued");
    }
}

fn dirty(store: &Store) -> (bool, Vec<String>) {
    let found = store.snapshot().expect("a snapshot").dirty_names().expect("names");
    (found.everything, found.names.iter().map(ToString::to_string).collect())
}

fn settle(store: &Store, evaluated: &Evaluated<'_>) {
    store.commit_ledger(&[], &[], evaluated, NewEvents::default(), NOW).expect("committed");
}

#[test]
fn facts_match_the_bytes_before_and_after_completion() {
    let store = Store::ephemeral(NOW).expect("a store");
    let sent = entry("a.b/c", "1", "see https://example.com");
    let expected = Some(ContentFacts::of(&sent.server));
    commit(&store, Destination::Live, &[Row::Entry(sent)], "1");
    for completed in [false, true] {
        let snapshot = store.snapshot().expect("a snapshot");
        assert_eq!(kept(&store), usize::from(completed));
        assert_eq!(first_facts(&snapshot), expected);
        assert!(snapshot.verify().expect("verified").is_sound());
        refresh(&store);
    }
    assert_eq!(store.refresh_facts(None, NOW).expect("read"), None, "nothing is due twice");
}

#[test]
fn facts_of_other_rules_are_computed_again() {
    let store = Store::ephemeral(NOW).expect("a store");
    let sent = entry("a.b/c", "1", "x");
    let expected = Some(ContentFacts::of(&sent.server));
    commit(&store, Destination::Staged, &[Row::Entry(sent)], "1");
    accept(&store, &UpstreamState::default()).expect("accepted");
    let outdate = |transaction: &redb::WriteTransaction| {
        let other = (ContentFacts::RULES + 1).to_le_bytes();
        transaction.open_table(FACTS)?.insert(("up", "a.b/c", "1"), other.as_slice())?;
        transaction.open_table(META)?.remove("facts")?;
        Ok(())
    };
    store.write(NOW, outdate).expect("written");
    let facts = || first_facts(&store.snapshot().expect("a snapshot"));
    assert_eq!(facts(), expected);
    refresh(&store);
    let drop_bodies = |transaction: &redb::WriteTransaction| {
        Ok(transaction.open_table(BODIES)?.retain(|_, _| false)?)
    };
    store.write(NOW, drop_bodies).expect("written");
    assert_eq!(facts(), expected, "they do not depend on the body");
}

#[test]
fn facts_follow_their_content() {
    let store = Store::ephemeral(NOW).expect("a store");
    commit(&store, Destination::Live, &[Row::Entry(entry("a.b/c", "1.0.0", "first"))], "1");
    refresh(&store);
    let other = entry("a.b/c", "1.0.0", "second");
    let expected = Some(ContentFacts::of(&other.server));
    commit(&store, Destination::Live, &[Row::Entry(other.clone())], "2");
    assert_eq!(kept(&store), 2);
    let snapshot = store.snapshot().expect("a snapshot");
    let pin = pinning(&[("1.0.0", other.head.received)]);
    let contents = snapshot.dossier(&name("a.b/c"), &pin).expect("a dossier").rows.remove(0).others;
    assert_eq!(contents.len(), 1);
    assert_eq!((contents[0].head.received, &contents[0].facts), (other.head.received, &expected));
    let first = ContentFacts::of(&entry("a.b/c", "1.0.0", "first").server);
    assert_eq!(first_facts(&snapshot), Some(first));
    assert!(snapshot.verify().expect("verified").is_sound());
}

#[test]
fn facts_of_each_version_are_found_beside_those_of_its_later_contents() {
    let store = Store::ephemeral(NOW).expect("a store");
    // In key order, `1.0.0` with its later content comes before `1.0.0-a`, and that before `1.1.0`.
    let versions = ["1.0.0", "1.0.0-a", "1.1.0", "1.1.0+b", "2.0.0"];
    let sent = |version: &str, text: &str| entry("a.b/c", version, text);
    let first: Vec<Row> =
        versions.iter().map(|version| Row::Entry(sent(version, version))).collect();
    commit(&store, Destination::Live, &first, "1");
    refresh(&store);
    let text = |version: &str| format!("later, see https://{version}/");
    let later = ["1.0.0", "1.1.0"].map(|version| Row::Entry(sent(version, &text(version))));
    commit(&store, Destination::Live, &later, "2");
    let damage = |transaction: &redb::WriteTransaction| {
        let mut facts = transaction.open_table(FACTS)?;
        let mut kept = facts.get(("up", "a.b/c", "1.0.0-a"))?.expect("kept").value().to_vec();
        let last = kept.last_mut().expect("bytes");
        *last ^= 1;
        facts.insert(("up", "a.b/c", "1.0.0-a"), kept.as_slice())?;
        transaction.open_table(HEADS)?.insert(("up", "a.b/c", "1.1.0+b"), [1].as_slice())?;
        Ok(())
    };
    store.write(NOW, damage).expect("written");
    let pins =
        ["1.0.0", "1.1.0"].map(|version| (version, sent(version, &text(version)).head.received));
    let snapshot = store.snapshot().expect("a snapshot");
    let dossier = snapshot.dossier(&name("a.b/c"), &pinning(&pins)).expect("a dossier");
    let found: Vec<_> = dossier
        .rows
        .iter()
        .map(|row| (row.version.as_str(), row.content.facts.clone(), row.others.len()))
        .collect();
    let expected =
        [("1.0.0", 1), ("1.0.0-a", 0), ("1.1.0", 1), ("2.0.0", 0)].map(|(version, others)| {
            (version, Some(ContentFacts::of(&sent(version, version).server)), others)
        });
    assert_eq!(found, expected);
    for row in dossier.rows.iter().filter(|row| !row.others.is_empty()) {
        let version = row.version.as_str();
        let expected = ContentFacts::of(&sent(version, &text(version)).server);
        assert_eq!(row.others[0].facts, Some(expected));
    }
    assert_eq!(dossier.damaged.len(), 1);
    let unpinned = snapshot.dossier(&name("a.b/c"), &pinning(&[])).expect("a dossier");
    let others = unpinned.rows.iter().flat_map(|row| &row.others);
    assert!(others.clone().count() == 2 && others.clone().all(|other| other.facts.is_none()));
}

#[test]
fn too_large_facts_are_not_computed_again() {
    let store = Store::ephemeral(NOW).expect("a store");
    commit(&store, Destination::Live, &[Row::Entry(entry("a.b/c", "1", "x"))], "1");
    refresh(&store);
    let too_large = |transaction: &redb::WriteTransaction| {
        let rules = ContentFacts::RULES.to_le_bytes();
        transaction.open_table(FACTS)?.insert(("up", "a.b/c", "1"), rules.as_slice())?;
        Ok(())
    };
    store.write(NOW, too_large).expect("written");
    assert_eq!(first_facts(&store.snapshot().expect("a snapshot")), None);
}

#[test]
fn verify_reports_facts_that_do_not_match_the_bytes() {
    let store = Store::ephemeral(NOW).expect("a store");
    commit(&store, Destination::Live, &[Row::Entry(entry("a.b/c", "1", "x"))], "1");
    let foreign = super::codec::facts(&ContentFacts::of(r#"{"title":"y"}"#));
    let write = |transaction: &redb::WriteTransaction| {
        let mut facts = transaction.open_table(FACTS)?;
        facts.insert(("up", "a.b/c", "1"), foreign.as_slice())?;
        facts.insert(("up", "a.b/gone", "1"), foreign.as_slice())?;
        Ok(())
    };
    store.write(NOW, write).expect("written");
    let found = store.snapshot().expect("a snapshot").verify().expect("verified");
    assert_eq!(
        found.problems,
        [
            "the facts are not those of the bytes: up a.b/c@1",
            "facts without their entry: up a.b/gone@1",
            "191 bytes are noted for 430 of the rows of up",
        ]
    );
}

#[test]
fn accepted_rows_mark_their_names_and_evaluation_removes_only_marks_that_it_saw() {
    let store = Store::ephemeral(NOW).expect("a store");
    let stage = |of: &str, text: &str| {
        commit(&store, Destination::Staged, &[Row::Entry(entry(of, "1", text))], "1");
        accept(&store, &UpstreamState::default()).expect("accepted");
    };
    stage("a.b/c", "x");
    stage("a.b/d", "x");
    assert_eq!(dirty(&store), (false, vec!["a.b/c".into(), "a.b/d".into()]));
    let as_of = store.snapshot().expect("a snapshot").ingest_mark().expect("a mark");
    stage("a.b/d", "changed while it was evaluated");
    let names = [(name("a.b/c"), Some(Timestamp::from_micros(7))), (name("a.b/d"), None)];
    settle(&store, &Evaluated { as_of, everything: false, names: &names });
    assert_eq!(dirty(&store), (false, vec!["a.b/d".into()]));
    let snapshot = store.snapshot().expect("a snapshot");
    let holds = || snapshot.holds_until().expect("rows").map(|row| row.expect("sound"));
    assert_eq!(holds().collect::<Vec<_>>(), [(name("a.b/c"), Timestamp::from_micros(7))]);
}

#[test]
fn first_sync_marks_every_name_until_all_are_evaluated() {
    let store = Store::ephemeral(NOW).expect("a store");
    commit(&store, Destination::Live, &[Row::Entry(entry("a.b/c", "1", "x"))], "1");
    let as_of = store.snapshot().expect("a snapshot").ingest_mark().expect("a mark");
    let one = [(name("a.b/c"), None)];
    settle(&store, &Evaluated { as_of, everything: false, names: &one });
    assert_eq!(dirty(&store), (true, vec![]));
    settle(&store, &Evaluated { as_of, everything: true, names: &one });
    assert_eq!(dirty(&store), (false, vec![]));
    let rows = [Row::Entry(entry("a.b/d", "1", "x"))];
    let (destination, upstream) = (Destination::LiveUnlessPresent, "up");
    let batch = Batch::of(upstream, &rows, destination, NOW);
    store.commit(&batch).expect("committed");
    assert_eq!(dirty(&store), (false, vec!["a.b/d".into()]));
}

#[test]
fn quarantine_reason_is_read_without_the_row() {
    let store = Store::ephemeral(NOW).expect("a store");
    commit(&store, Destination::Live, &[quarantined("a.b/c", "1")], "1");
    let snapshot = store.snapshot().expect("a snapshot");
    let facts = snapshot.quarantined_facts(&name("a.b/c")).expect("rows");
    let expected =
        QuarantinedFacts { upstream: "up".into(), version: "1".into(), rule: "why".into() };
    assert_eq!(facts.map(|row| row.expect("sound")).collect::<Vec<_>>(), [expected]);
}

#[test]
fn threads_share_a_snapshot() {
    let store = Store::ephemeral(NOW).expect("a store");
    let rows: Vec<Row> =
        ["a.b/c", "a.b/d"].map(|of| Row::Entry(entry(of, "1", of))).into_iter().collect();
    commit(&store, Destination::Live, &rows, "1");
    let snapshot = &store.snapshot().expect("a snapshot");
    std::thread::scope(|scope| {
        for of in ["a.b/c", "a.b/d"] {
            scope.spawn(move || {
                let heads = snapshot.heads_of(&name(of)).expect("heads");
                let found = snapshot.entry(&heads[0]).expect("an entry");
                assert_eq!(found.server, entry(of, "1", of).server);
            });
        }
    });
}

#[test]
fn other_format_is_refused_with_both_numbers_and_the_way_out() {
    for (format, way_out) in [
        (1_u64, "format 9; move the file away and start again"),
        (8, "format 9; move the file away and start again"),
        (10, "format 9; run the release"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(folder.path(), NOW).expect("a store");
        let other = format.to_le_bytes();
        let write = |transaction: &redb::WriteTransaction| {
            transaction.open_table(META)?.insert("format", other.as_slice())?;
            Ok(())
        };
        store.write(NOW, write).expect("written");
        drop(store);
        let refused = Store::open(folder.path(), NOW).expect_err("refused").to_string();
        let numbers = format!("has format {format}, this release reads");
        assert!(refused.contains(FILE) && refused.contains(&numbers), "{refused}");
        assert!(refused.contains(way_out), "{refused}");
    }
}
