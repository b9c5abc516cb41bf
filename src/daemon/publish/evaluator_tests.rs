//! Rows change while a generation is built. Evaluation and rendering use one snapshot.

use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;

use super::candidates::Evaluator;
use super::state::{Selection, Work};
use super::view::ViewState;
use crate::catalog::{Catalogue, Ledger};
use crate::curation::{
    OwnershipPolicy, PolicyDifference, PolicySnapshot, Screening, UpstreamPolicy, View,
};
use crate::history::RuleDigests;
use crate::lint::Source;
use crate::model::{Entry, Name, NamespaceRules, OFFICIAL_META, Timestamp};
use crate::overlay::{Context, Terms, read};
use crate::store::{Acceptance, Batch, Destination, Hold, Snapshot, Store};
use crate::sync::{Row, RunChanges, SafetyLimits, UpstreamState};

const NAME: &str = "com.example/tool";

pub(super) fn now() -> Timestamp {
    Timestamp::parse("2026-03-01T00:00:00Z").expect("a time")
}

const APPROVED: &str =
    "{name: com.example/*, approval: {state: approved, reviewed: 2026-02-01T00:00:00Z}}";

pub(super) fn work() -> Work {
    work_under(&format!("servers: [{APPROVED}]"))
}

/// Returns the work under a policy that denies the entry, too.
pub(super) fn denying_work() -> Work {
    work_under(&format!("servers: [{APPROVED}, {{name: {NAME}, approval: {{state: denied}}}}]"))
}

/// The same, for one upstream only.
pub(super) fn denying_work_of(upstream: &str) -> Work {
    let denial = format!("name: {NAME}, upstream: {upstream}, approval: {{state: denied}}");
    work_under(&format!("servers: [{APPROVED}, {{{denial}}}]"))
}

fn work_under(text: &str) -> Work {
    let context = Context { terms: Terms::default(), now: now(), upstreams: None };
    let set = read(&[Source::new("x.yaml", text)], &context).into();
    let upstream = UpstreamPolicy {
        id: "up".into(),
        priority: 1,
        internal: false,
        enabled: true,
        trust_dates: false,
        namespaces: NamespaceRules::default(),
    };
    let ownership = OwnershipPolicy { enabled: false, ..OwnershipPolicy::default() };
    let views = vec![View::unlimited("default")];
    Work {
        selection: Selection {
            names: [].into(),
            due: [].into(),
            compared: [].into(),
            difference: Some(PolicyDifference::Everything),
        },
        policy: Arc::new(PolicySnapshot::new(
            Arc::new(set),
            vec![upstream],
            views,
            ownership,
            false,
        )),
        screening: Arc::new(Screening::default()),
        now: now(),
        is_moved_back: false,
        is_first: true,
    }
}

pub(super) fn send(store: &Store, description: &str) {
    send_with(store, &format!(r#""description":"{description}""#), "active");
}

/// Stores the entry with these members of its `server` object, and this status.
pub(super) fn send_with(store: &Store, members: &str, status: &str) {
    commit(store, members, &official(status), Destination::Live);
}

/// Stores the entry with these members of its `server` object and of its official block.
pub(super) fn send_official(store: &Store, members: &str, official: &str) {
    commit(store, members, official, Destination::Live);
}

/// Stores the entry if it is new, as a fetch of single names does.
pub(super) fn fetch(store: &Store, description: &str) {
    let members = format!(r#""description":"{description}""#);
    commit(store, &members, &official("active"), Destination::LiveUnlessPresent);
}

fn official(status: &str) -> String {
    format!(
        r#""status":"{status}","publishedAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:00Z""#
    )
}

fn commit(store: &Store, members: &str, official: &str, destination: Destination) {
    let json = format!(
        r#"{{"server":{{"name":"{NAME}","version":"1.0.0",{members}}},"_meta":{{"{OFFICIAL_META}":{{{official}}}}}}}"#
    );
    let item: Box<RawValue> = serde_json::from_str(&json).expect("a JSON text");
    let rows = [Row::Entry(Entry::read(&item, now()).expect("well-formed"))];
    let batch = Batch::of("up", &rows, destination, now());
    store.commit(&batch).expect("committed");
}

/// Accepts full syncs without the entry until it is purged.
fn purge(store: &Store) {
    let (state, hold) = (UpstreamState::default(), Hold::default());
    let safety_limits =
        SafetyLimits { missing_syncs: 1, purge_after: Duration::ZERO, ..SafetyLimits::default() };
    for _ in 0..2 {
        let acceptance = Acceptance {
            upstream: "up",
            state: &state,
            complete: true,
            safety_limits: &safety_limits,
            hold: &hold,
            changes: &RunChanges::default(),
            whole: &state,
            backdated_before: None,
            now: now(),
        };
        store.accept(&acceptance).expect("accepted");
    }
}

/// Returns the bytes that a generation renders from this snapshot.
fn rendered(snapshot: &Snapshot, work: &Work) -> Vec<String> {
    let (ledger, catalogue) = (Ledger::default(), Arc::new(Catalogue::default()));
    let views = [ViewState { name: "default".into(), ledger, catalogue }];
    let rules = RuleDigests::of(work.policy.overlays.rules());
    let evaluator = Evaluator { views: &views, work, snapshot, rules: &rules };
    let name = Name::parse(NAME).expect("a name");
    let evaluated = evaluator.evaluate_name(&name).expect("readable");
    let candidates = evaluated.within(0).candidates;
    let bodies = candidates.iter().filter_map(|candidate| candidate.loaded.as_ref());
    bodies.map(|loaded| loaded.entry.server.to_string()).collect()
}

#[test]
fn purged_entry_that_is_replaced_between_evaluation_and_rendering_is_never_served() {
    let store = Store::ephemeral(now()).expect("a store");
    let (work, snapshot) = (work(), || store.snapshot().expect("a snapshot"));
    send(&store, "first");
    let before = snapshot();
    purge(&store);
    let purged = snapshot();
    send(&store, "something else");
    let replaced = snapshot();
    send(&store, "first");
    let restored = snapshot();
    // Each generation keeps the snapshot that it began with, whatever was committed since.
    let [before, restored] = [before, restored].map(|snapshot| rendered(&snapshot, &work));
    assert_eq!(before.len(), 1);
    assert!(before[0].contains("first"), "{before:?}");
    assert_eq!(before, restored, "it came back as it was");
    assert_eq!(rendered(&purged, &work), [""; 0]);
    assert_eq!(rendered(&replaced, &work), [""; 0], "it waits for a reviewer");
}
