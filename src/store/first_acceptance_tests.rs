//! First sight belongs to a content that was accepted alive, and decides what an approval covers.

use serde_json::value::RawValue;

use super::*;
use crate::curation::tests::fixtures::{overlays, policy};
use crate::curation::{Screening, evaluate};
use crate::model::{
    Actor, Entry, Head, Name, OFFICIAL_META, Quarantined, Timestamp, TombstoneStub,
};
use crate::sync::{
    DecisionRequest, ExceededLimit, HoldDecision, Measure, Row, RunChanges, SafetyLimit,
    SafetyLimits, SyncKind, SyncRun, short_id, shown,
};

const APPROVED: &str =
    "servers: [{name: a.b/c, approval: {state: approved, reviewed: 2026-03-15}}]";
const BEFORE: &str = "2026-03-01T00:00:00Z";
const AFTER: &str = "2026-04-01T00:00:00Z";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

fn row(version: &str, description: &str, status: &str) -> Row {
    let server =
        format!(r#"{{"name":"a.b/c","version":"{version}","description":"{description}"}}"#);
    read(&server, status)
}

fn stub(version: &str) -> Row {
    let stub = serde_json::to_string(&TombstoneStub::new("a.b/c", version)).expect("JSON");
    read(&stub, "deleted")
}

fn read(server: &str, status: &str) -> Row {
    let json = format!(
        r#"{{"server":{server},"_meta":{{"{OFFICIAL_META}":{{"status":"{status}","publishedAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:00Z"}}}}}}"#
    );
    let item: Box<RawValue> = serde_json::from_str(&json).expect("a JSON text");
    Row::Entry(Entry::read(&item, at(BEFORE)).expect("well-formed"))
}

fn quarantined(version: &str) -> Row {
    let (name, version) = ("a.b/c".to_owned(), version.to_owned());
    Row::Quarantined(Quarantined { name, version, reason: "why".into(), item: "[7]".into() })
}

/// An upstream and its store, under an approval by name as of 2026-03-15.
struct Mirror(Store);

impl Mirror {
    /// Accepts these rows as the first full sync, before the review.
    fn new(first: &[Row]) -> Self {
        let mirror = Self(Store::ephemeral(at(BEFORE)).expect("a store"));
        mirror.commit(Destination::Live, first, BEFORE);
        mirror.accept(&Hold::default(), BEFORE);
        mirror
    }

    fn commit(&self, destination: Destination, rows: &[Row], now: &str) {
        let now = at(now);
        let batch = Batch::of("official", rows, destination, now);
        self.0.commit(&batch).expect("committed");
    }

    fn accept(&self, hold: &Hold, now: &str) {
        let now = at(now);
        let stored = self.0.snapshot().expect("a snapshot").upstream("official").expect("a state");
        let mut run = SyncRun::new(SyncKind::Full, now);
        run.upstream_time = Some(now);
        let state = stored.accepted(&run, now, std::time::Duration::ZERO);
        let safety_limits = SafetyLimits::default();
        let acceptance = Acceptance {
            upstream: "official",
            state: &state,
            complete: false,
            safety_limits: &safety_limits,
            hold,
            changes: &RunChanges::default(),
            whole: &state,
            backdated_before: stored.backdated_before(),
            now,
        };
        self.0.accept(&acceptance).expect("accepted");
    }

    /// Accepts these rows in a later sync run.
    fn run(&self, rows: &[Row], now: &str) {
        self.commit(Destination::Staged, rows, now);
        self.accept(&Hold::default(), now);
    }

    fn head(&self, version: &str) -> Head {
        let snapshot = self.0.snapshot().expect("a snapshot");
        snapshot.head("official", "a.b/c", version).expect("readable").expect("stored")
    }

    /// Returns the versions that the approval serves.
    fn served(&self) -> Vec<String> {
        let now = at("2026-05-01T00:00:00Z");
        let (policy, screening) = (policy(overlays(APPROVED, now)), Screening::default());
        let name = Name::parse("a.b/c").expect("a name");
        let snapshot = self.0.snapshot().expect("a snapshot");
        assert!(snapshot.verify().expect("verified").is_sound());
        let dossier = snapshot.dossier(&name, &policy).expect("a dossier");
        let evaluation = evaluate(&dossier, &policy, &screening, now);
        let served = evaluation.entries.iter().filter(|entry| entry.is_served());
        served.map(|entry| entry.row.version.to_string()).collect()
    }
}

#[test]
fn backdated_version_of_a_later_run_is_not_served_under_an_earlier_review() {
    let mirror = Mirror::new(&[row("1", "x", "active")]);
    mirror.run(&[row("2", "x", "active")], AFTER);
    assert_eq!(mirror.served(), ["1"], "the first full sync counts by its own dates");
    mirror.commit(Destination::LiveUnlessPresent, &[row("3", "x", "active")], AFTER);
    assert_eq!(mirror.served(), ["1"], "nor does a fetch of single names");
    mirror.run(&[row("4", "x", "active")], "2026-03-14T00:00:00Z");
    assert_eq!(mirror.served(), ["1", "4"], "accepted before the review");
}

#[test]
fn new_content_dated_before_the_last_run_is_backdated_unless_a_person_or_a_newer_release_let_it_in()
{
    let backdated = |mirror: &Mirror| -> Vec<String> {
        let snapshot = mirror.0.snapshot().expect("a snapshot");
        let runs = snapshot.upstream("official").expect("a state").backdated;
        let items = runs.iter().flat_map(|run| &run.items);
        items.map(|item| format!("{}@{}", item.name, item.version)).collect()
    };
    let mirror =
        Mirror::new(&[row("1", "x", "active"), quarantined("2"), row("3", "x", "deleted")]);
    assert_eq!(backdated(&mirror), [""; 0], "the first full sync");
    mirror.run(&[row("1", "x", "deprecated"), row("2", "x", "active")], AFTER);
    assert_eq!(backdated(&mirror), [""; 0], "known content, and a row that leaves quarantine");
    mirror.run(&[row("3", "x", "active"), row("4", "x", "active"), row("1", "y", "active")], AFTER);
    assert_eq!(backdated(&mirror), ["a.b/c@3", "a.b/c@4"], "a rewrite has its own alert");
    mirror.commit(Destination::LiveUnlessPresent, &[row("5", "x", "active")], AFTER);
    assert_eq!(backdated(&mirror).len(), 2, "a fetch of one name is no run");
}

#[test]
fn row_released_from_a_hold_is_seen_first_when_it_is_released() {
    let mirror = Mirror::new(&[row("1", "x", "active")]);
    mirror.commit(Destination::Staged, &[row("2", "x", "active")], BEFORE);
    let exceeded = ExceededLimit {
        limit: SafetyLimit::Shrink,
        measure: Measure::Words { found: "1".into(), allowed: "0".into() },
    };
    mirror.accept(&Hold { exceeded: vec![exceeded], all: true, ..Hold::default() }, BEFORE);
    let on_hold = mirror.0.snapshot().expect("a snapshot").changes_on_hold("official");
    let seen = shown("official", &on_hold.expect("changes"));
    let request = DecisionRequest {
        decision: HoldDecision::Release,
        id: short_id(seen),
        seen,
        only: None,
        by: "alice".into(),
        reason: "reviewed".into(),
        actor: Actor::LocalUser(1),
    };
    let limits = SafetyLimits::default();
    let decided = mirror.0.decide_hold("official", &request, &limits, at(AFTER));
    decided.expect("written").expect("decided");
    assert_eq!(mirror.head("2").first_seen, at(AFTER));
    assert_eq!(mirror.served(), ["1"]);
}

#[test]
fn row_released_from_quarantine_is_seen_first_when_it_is_released() {
    let mirror = Mirror::new(&[row("1", "x", "active"), quarantined("2")]);
    let snapshot = mirror.0.snapshot().expect("a snapshot");
    let refused = snapshot.quarantined().expect("rows").next().expect("a row").expect("readable");
    let Row::Entry(entry) = row("2", "x", "active") else { panic!("an entry") };
    mirror.0.release(&[(refused, entry)], at(AFTER)).expect("released");
    assert_eq!(mirror.head("2").first_seen, at(AFTER));
    assert_eq!(mirror.served(), ["1"]);
}

/// P24: A publisher lists a version as deleted before the review, and as active after it.
#[test]
fn tombstone_before_the_review_is_no_acceptance_of_the_content() {
    for deleted in [row("2", "x", "deleted"), row("2", "other", "deleted"), stub("2")] {
        let mirror = Mirror::new(&[row("1", "x", "active"), deleted]);
        assert_eq!(mirror.served(), ["1"]);
        mirror.run(&[row("2", "x", "active")], AFTER);
        let head = mirror.head("2");
        assert_eq!(
            (head.first_seen, head.rewritten),
            (at(AFTER), false),
            "it is the first content"
        );
        assert_eq!(mirror.served(), ["1"]);
    }
}

/// A mirror of a mirror: the upstream withdraws an entry, and approves it again.
#[test]
fn stub_of_a_withdrawn_entry_changes_its_status_only() {
    let mirror = Mirror::new(&[row("1", "x", "active")]);
    let before = mirror.head("1");
    for _ in 0..2 {
        mirror.run(&[stub("1")], AFTER);
        let head = mirror.head("1");
        assert_eq!((head.received, head.rewritten), (before.received, false), "no drift");
        assert_eq!(mirror.served(), [""; 0]);
        mirror.run(&[row("1", "x", "active")], AFTER);
        let status_since = mirror.head("1").status_since;
        assert_eq!(status_since, Some(at(AFTER)), "it was another one in between");
        let again = Head { status_since, ..before };
        assert_eq!(mirror.head("1"), again, "the same content, with its dates");
        assert_eq!(mirror.served(), ["1"]);
    }
    mirror.run(&[row("1", "other", "deleted")], AFTER);
    assert!(mirror.head("1").rewritten, "any other content is drift");
}

/// The publisher of a name moves the upstream's definition, or it is defined again.
#[test]
fn upstream_under_another_url_gives_old_dates_no_weight() {
    let mirror = Mirror::new(&[row("1", "x", "active")]);
    let state = mirror.0.snapshot().expect("a snapshot").upstream("official").expect("a state");
    let moved = state.of_source("https://one.example/").of_source("https://two.example/");
    assert!(moved.accepts_batches(at(AFTER), true), "it is read as for the first time");
    mirror.0.discard_staged("official", &moved, at(AFTER)).expect("stored");
    mirror.commit(Destination::Live, &[row("1", "x", "active"), row("2", "x", "active")], AFTER);
    assert_eq!(mirror.served(), ["1"]);
}
