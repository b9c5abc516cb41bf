//! Change sets on hold in the store: what a decision covers, and what it leaves behind.

use std::collections::BTreeSet;

use super::tests::{NOW, entry};
use super::*;
use crate::model::{Actor, Digest, Name, Timestamp};
use crate::sync::{
    ChangeKind, DecisionRequest, ExceededLimit, HoldDecision, Measure, NamesBefore, RecentChanges,
    Row, RunChanges, SafetyLimit, SafetyLimits, UpstreamState, short_id, shown,
};

/// Stages rows, and accepts the run with all of them on hold.
fn hold_rows(store: &Store, rows: &[Row]) {
    let state = UpstreamState::default();
    let batch = Batch { state: Some(&state), ..Batch::of("up", rows, Destination::Staged, NOW) };
    store.commit(&batch).expect("staged");
    accept(store, rows, &state, BTreeSet::new());
}

/// Stages rows and accepts them on hold, since they exceed the limit of deletions.
fn hold_beyond_the_limit(store: &Store, rows: &[Row], changes: &RunChanges) {
    let state = &UpstreamState::default();
    let batch = Batch { state: Some(state), ..Batch::of("up", rows, Destination::Staged, NOW) };
    store.commit(&batch).expect("staged");
    let (found, allowed) = (String::new(), String::new());
    let exceeded = vec![ExceededLimit {
        limit: SafetyLimit::Deleted,
        measure: Measure::Words { found, allowed },
    }];
    let acceptance = Acceptance {
        upstream: "up",
        state,
        complete: false,
        safety_limits: &SafetyLimits::default(),
        hold: &Hold { rows: rows.iter().map(Row::key).collect(), exceeded, ..Hold::default() },
        changes,
        whole: state,
        backdated_before: None,
        now: NOW,
    };
    store.accept(&acceptance).expect("accepted");
}

/// Accepts the staged rows, on hold, as they were judged while these changes waited.
fn accept(store: &Store, rows: &[Row], state: &UpstreamState, waiting: BTreeSet<Digest>) {
    let keys = rows.iter().map(Row::key).collect();
    let acceptance = Acceptance {
        upstream: "up",
        state,
        complete: false,
        safety_limits: &SafetyLimits::default(),
        hold: &Hold { rows: keys, waiting, ..Hold::default() },
        changes: &RunChanges::default(),
        whole: state,
        backdated_before: None,
        now: NOW,
    };
    store.accept(&acceptance).expect("accepted");
}

fn rows() -> [Row; 2] {
    ["a.b/c", "a.b/d"].map(|name| Row::Entry(entry(name, "1", "x")))
}

fn names_on_hold(store: &Store) -> Vec<String> {
    let changes = store.snapshot().expect("a snapshot").changes_on_hold("up").expect("changes");
    changes.into_iter().map(|change| change.name).collect()
}

fn decide(store: &Store, decision: HoldDecision, only: Option<&str>) {
    let changes = store.snapshot().expect("a snapshot").changes_on_hold("up").expect("changes");
    let seen = shown("up", &changes);
    let request = DecisionRequest {
        decision,
        id: short_id(seen),
        seen,
        only: only.map(str::to_owned),
        by: "alice".into(),
        reason: "reviewed".into(),
        actor: Actor::LocalUser(1),
    };
    let decided = store.decide_hold("up", &request, &SafetyLimits::default(), NOW);
    decided.expect("written").expect("decided");
}

fn live(store: &Store) -> u64 {
    store.snapshot().expect("a snapshot").count("up").expect("counted").0
}

#[test]
fn released_name_leaves_the_others_on_hold() {
    let store = Store::ephemeral(NOW).expect("a store");
    hold_rows(&store, &rows());
    decide(&store, HoldDecision::Release, Some("a.b/c"));
    assert_eq!((names_on_hold(&store), live(&store)), (vec!["a.b/d".to_owned()], 1));
    let on_hold = store.snapshot().expect("a snapshot").upstream("up").expect("a state").on_hold;
    let changes = store.snapshot().expect("a snapshot").changes_on_hold("up").expect("changes");
    let on_hold = on_hold.expect("a set");
    assert_eq!((on_hold.rows, on_hold.shown), (1, shown("up", &changes)));
}

#[test]
fn only_the_release_of_a_whole_set_begins_the_windows_of_its_kinds_again() {
    let gone = Name::parse("a.b/gone").expect("a name");
    let before = NamesBefore { all: 9, weight: 9, served: 9 };
    let changes = RunChanges { before, changed: vec![(ChangeKind::Deleted, gone)] };
    let mut added = RecentChanges::default();
    added.add(NOW, before, changes.changed.clone());
    let mut cleared = added.clone();
    cleared.clear([ChangeKind::Deleted]);
    for (first, begins_again) in [(HoldDecision::Release, true), (HoldDecision::Discard, false)] {
        let store = Store::ephemeral(NOW).expect("a store");
        let recent = || store.snapshot().and_then(|now| now.recent_changes("up")).expect("read");
        hold_beyond_the_limit(&store, &rows(), &changes);
        decide(&store, first, Some("a.b/c"));
        assert_eq!(recent(), added, "a part of the set waits");
        decide(&store, HoldDecision::Release, None);
        assert_eq!(recent() == cleared, begins_again, "{first:?}");
        assert_eq!(recent() == added, !begins_again, "{first:?}");
    }
}

#[test]
fn run_that_is_on_hold_as_a_whole_changes_nothing_over_time_and_another_registry_begins_again() {
    let store = Store::ephemeral(NOW).expect("a store");
    let recent = || store.snapshot().and_then(|now| now.recent_changes("up")).expect("read");
    let gone = Name::parse("a.b/gone").expect("a name");
    let before = NamesBefore { all: 9, weight: 9, served: 9 };
    let changes = RunChanges { before, changed: vec![(ChangeKind::Removed, gone)] };
    let state = UpstreamState { url: Some("https://one".into()), ..UpstreamState::default() };
    let accept = |all| {
        let batch = Batch { state: Some(&state), ..Batch::of("up", &[], Destination::Staged, NOW) };
        store.commit(&batch).expect("staged");
        let acceptance = Acceptance {
            upstream: "up",
            state: &state,
            complete: all,
            safety_limits: &SafetyLimits::default(),
            hold: &Hold { all, ..Hold::default() },
            changes: &changes,
            whole: &state,
            backdated_before: None,
            now: NOW,
        };
        store.accept(&acceptance).expect("accepted");
    };
    store
        .commit(&Batch::of("up", &[Row::Entry(entry("a.b/c", "1", "x"))], Destination::Live, NOW))
        .expect("written");
    accept(true);
    assert_eq!(recent(), RecentChanges::default(), "its absence waits for a person");
    decide(&store, HoldDecision::Discard, None);
    accept(false);
    assert!(recent().has_counted());
    let other = UpstreamState { url: Some("https://two".into()), ..UpstreamState::default() };
    store.discard_staged("up", &other, NOW).expect("begun");
    assert_eq!(recent(), RecentChanges::default());
}

#[test]
fn row_that_is_released_while_a_run_waits_for_acceptance_does_not_go_on_hold_again() {
    let store = Store::ephemeral(NOW).expect("a store");
    hold_rows(&store, &rows());
    let changes = store.snapshot().expect("a snapshot").changes_on_hold("up").expect("changes");
    let waiting = changes.iter().map(|change| change.digest).collect();
    let state = UpstreamState::default();
    store
        .commit(&Batch {
            state: Some(&state),
            ..Batch::of("up", &rows(), Destination::Staged, NOW)
        })
        .expect("staged");
    decide(&store, HoldDecision::Release, Some("a.b/c"));
    accept(&store, &rows(), &state, waiting);
    assert_eq!((names_on_hold(&store), live(&store)), (vec!["a.b/d".to_owned()], 1));
}

const EARLIER: Timestamp = Timestamp::from_micros(1_000);

#[test]
fn rewind_that_is_released_during_a_run_stays_released() {
    let newest = UpstreamState { newest_updated_at: Some(NOW), ..UpstreamState::default() };
    let mut released = newest.clone();
    released.release_rewind(Some(EARLIER));
    let mut run = newest.clone();
    run.keep_decisions(&released);
    assert_eq!((run.newest_of_full_sync, run.released_rewinds), (Some(EARLIER), 1));
    // The next run has its own newest time.
    let mut next = UpstreamState { newest_updated_at: Some(NOW), ..run.clone() };
    next.keep_decisions(&run);
    assert_eq!(next.newest_updated_at, Some(NOW));
}

#[test]
fn discarded_change_is_dropped_when_it_arrives_again_and_another_one_is_not() {
    let store = Store::ephemeral(NOW).expect("a store");
    hold_rows(&store, &rows());
    decide(&store, HoldDecision::Discard, None);
    assert_eq!(names_on_hold(&store), <[&str; 0]>::default());
    hold_rows(&store, &rows());
    assert_eq!((names_on_hold(&store), live(&store)), (Vec::new(), 0));
    hold_rows(&store, &[Row::Entry(entry("a.b/c", "1", "other"))]);
    assert_eq!(names_on_hold(&store), ["a.b/c"]);
    // The discarded change counts as another one now.
    hold_rows(&store, &rows()[..1]);
    assert_eq!(names_on_hold(&store), ["a.b/c"]);
}

#[test]
fn decision_is_recorded_with_person_reason_digest_and_time() {
    let store = Store::ephemeral(NOW).expect("a store");
    hold_rows(&store, &rows());
    decide(&store, HoldDecision::Discard, Some("a.b/d"));
    let history = store.snapshot().expect("a snapshot").hold_history("up").expect("a history");
    let [record] = history.decisions.as_slice() else { panic!("one decision: {history:?}") };
    assert_eq!((record.by.as_str(), record.reason.as_str()), ("alice", "reviewed"));
    assert_eq!((record.at, record.rows, &record.actor), (NOW, 1, &Actor::LocalUser(1)));
    assert_eq!(record.only.as_deref(), Some("a.b/d"));
}

#[test]
fn change_set_of_another_registry_under_the_same_id_is_forgotten() {
    let store = Store::ephemeral(NOW).expect("a store");
    hold_rows(&store, &rows());
    decide(&store, HoldDecision::Discard, Some("a.b/c"));
    let of_source = |url: &str| UpstreamState { url: Some(url.into()), ..UpstreamState::default() };
    let later = Timestamp::from_micros(2_000);
    store.discard_staged("up", &of_source("https://one.example"), later).expect("written");
    assert_eq!(names_on_hold(&store), ["a.b/d"], "an older state had no URL");
    store.discard_staged("up", &of_source("https://two.example"), later).expect("written");
    assert_eq!(names_on_hold(&store), <[&str; 0]>::default());
    hold_rows(&store, &rows()[..1]);
    assert_eq!(names_on_hold(&store), ["a.b/c"], "the discarded change was of another registry");
}

/// P6: a fetch by name is judged by no limit, so it brings nothing that a person decides about.
#[test]
fn fetch_by_name_accepts_nothing_that_is_on_hold_or_was_discarded() {
    let store = Store::ephemeral(NOW).expect("a store");
    hold_rows(&store, &rows());
    decide(&store, HoldDecision::Discard, Some("a.b/d"));
    let others = ["a.b/c", "a.b/d", "a.b/e"].map(|name| Row::Entry(entry(name, "1", "x")));
    let batch = Batch::of("up", &others, Destination::LiveUnlessPresent, NOW);
    store.commit(&batch).expect("committed");
    assert_eq!((names_on_hold(&store), live(&store)), (vec!["a.b/c".to_owned()], 1));
}

/// P95: a name that another upstream is given meanwhile would not come back.
#[test]
fn name_on_hold_may_belong_to_its_upstream_until_a_person_decides() {
    let store = Store::ephemeral(NOW).expect("a store");
    let state = UpstreamState { last_full_sync: Some(NOW), ..UpstreamState::default() };
    let (rows, destination) = (rows(), Destination::Staged);
    store
        .commit(&Batch { state: Some(&state), ..Batch::of("up", &rows, destination, NOW) })
        .expect("staged");
    accept(&store, &rows, &state, BTreeSet::new());
    let knows = |name: &str| {
        let snapshot = store.snapshot().expect("a snapshot");
        let known = snapshot.synchronised_upstreams(&Name::parse(name).expect("a name"));
        known.expect("read").contains("up")
    };
    assert_eq!(["a.b/c", "a.b/d", "a.b/e"].map(knows), [false, false, true]);
    decide(&store, HoldDecision::Discard, None);
    assert_eq!(["a.b/c", "a.b/d", "a.b/e"].map(knows), [true, true, true]);
    let dirty = store.snapshot().and_then(|snapshot| snapshot.dirty_names()).expect("read").names;
    assert_eq!(dirty, ["a.b/c", "a.b/d"].map(|name| Name::parse(name).expect("a name")).into());
}

/// P40: a full list that is cut off brings nothing, and so no reason to ask a person again.
#[test]
fn discarded_change_stays_discarded_when_its_entry_is_absent_once() {
    let store = Store::ephemeral(NOW).expect("a store");
    let first = [Row::Entry(entry("a.b/c", "1", "x"))];
    store.commit(&Batch::of("up", &first, Destination::Live, NOW)).expect("written");
    let other = [Row::Entry(entry("a.b/c", "1", "other"))];
    hold_rows(&store, &other);
    assert_eq!(names_on_hold(&store), ["a.b/c"]);
    decide(&store, HoldDecision::Discard, None);
    let state = UpstreamState::default();
    let cut_off = Acceptance {
        upstream: "up",
        state: &state,
        complete: true,
        safety_limits: &SafetyLimits::default(),
        hold: &Hold::default(),
        changes: &RunChanges::default(),
        whole: &state,
        backdated_before: None,
        now: NOW,
    };
    store.accept(&cut_off).expect("accepted");
    hold_rows(&store, &other);
    let asked = names_on_hold(&store);
    assert!(!asked.contains(&"a.b/c".to_owned()), "{asked:?}");
}
