//! A model of the publisher over [`State::step`]: names with dossiers, policies and screenings that
//! change in any order, publications that fail, and restarts. In every order, once nothing is left to do,
//! the result for every name equals a fresh evaluation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::state::{Committed, Event, Moment, State, Step, Wake, Work};
use crate::curation::{
    Authorities, Compared, ContentFacts, ContentHead, Dossier, DossierRow, EntryEvaluation,
    Evidence, Gate, OwnershipPolicy, PolicySnapshot, Screening, UpstreamPolicy, View, ViewRecord,
    evaluate,
};
use crate::lint::Source;
use crate::model::{
    Approved, Digest, Head, LedgerRecord, Name, NamespaceRules, Shown, Status, Timestamp, Version,
};
use crate::overlay::{Context, Terms, read};

const NAMES: [&str; 4] = ["com.a/x", "com.a/y", "com.b/x", "com.c/z"];
const OVERLAYS: [&str; 5] = [
    "servers: [{name: com.a/*, approval: {state: approved, reviewed: 2026-02-01}}]",
    "servers: [{name: com.a/x, approval: {state: approved, reviewed: 2026-02-01, expires: 2026-03-02}}, {name: com.b/*, approval: {state: approved, reviewed: 2026-02-01}}]",
    "servers: [{name: com.A/*, approval: {state: denied}}, {name: com.b/x, approval: {state: approved, reviewed: 2026-02-01}}]",
    "namespaces: [{name: com.q, protect: [stripe]}]\nservers: [{name: com.a/*, approval: {state: approved, reviewed: 2026-02-01, expires: 2026-03-03}}, {name: com.b/*, approval: {state: approved, reviewed: 2026-02-01}}]",
    "namespaces: [{name: com.q, protect: [paypal]}]\nservers: [{name: com.b/*, tier: 2, approval: {state: approved, reviewed: 2026-02-01}}, {name: com.c/*, approval: {state: approved, reviewed: 2026-02-01}}]",
];

fn begin() -> Timestamp {
    Timestamp::parse("2026-03-01T00:00:00Z").expect("a time")
}

fn name(index: usize) -> Name {
    Name::parse(NAMES[index]).expect("a name")
}

fn policy(index: usize, enabled: bool) -> Arc<PolicySnapshot> {
    let context = Context { terms: Terms::default(), now: begin(), upstreams: None };
    let set = read(&[Source::new("x.yaml", OVERLAYS[index])], &context).into();
    let upstream = UpstreamPolicy {
        id: "official".into(),
        priority: 1,
        internal: false,
        enabled,
        trust_dates: false,
        namespaces: NamespaceRules::default(),
    };
    let first =
        UpstreamPolicy { id: "first".into(), priority: 0, enabled: true, ..upstream.clone() };
    let ownership = OwnershipPolicy { enabled: false, ..OwnershipPolicy::default() };
    let views = vec![View::unlimited("default")];
    Arc::new(PolicySnapshot::new(Arc::new(set), vec![first, upstream], views, ownership, true))
}

fn row(content: u8, status: Status) -> DossierRow {
    let published = Timestamp::parse("2026-01-01T00:00:00Z").expect("a time");
    let server = format!(r#"{{"name":"a.b/c","description":"{content}","version":"1"}}"#);
    let head = Head {
        status,
        missing: false,
        rewritten: false,
        replaced: false,
        contentless: false,
        status_since: None,
        initial: true,
        published_at: published,
        updated_at: published,
        first_seen: published,
        received: Digest::of(&[content]),
        sent: Digest::of(&[content]),
    };
    DossierRow {
        upstream: "official".into(),
        version: Version::parse("1").expect("usable"),
        content: ContentHead { head, facts: Some(ContentFacts::of(&server)) },
        others: Vec::new(),
    }
}

/// One step of a random sequence.
#[derive(Debug, Clone)]
enum Happening {
    Policy(usize, bool),
    /// The upstream sends other content for a name.
    Row(usize, u8, bool),
    /// The screening compares a name with the names that the current policy protects.
    Compare(usize),
    Advance(u64),
    /// The first full sync of the upstream is accepted, or it becomes another registry.
    Synchronise(bool),
    /// The publication under way ends, with success or not.
    End(bool),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Happening>> {
    let step = prop_oneof![
        (0..OVERLAYS.len(), prop::bool::weighted(0.8))
            .prop_map(|(at, on)| Happening::Policy(at, on)),
        (0..NAMES.len(), 0..3_u8, any::<bool>())
            .prop_map(|(at, content, on)| Happening::Row(at, content, on)),
        (0..NAMES.len()).prop_map(Happening::Compare),
        (0..40_u64).prop_map(Happening::Advance),
        any::<bool>().prop_map(Happening::Synchronise),
        prop::bool::weighted(0.7).prop_map(Happening::End),
        Just(Happening::Restart),
    ];
    prop::collection::vec(step, 1..60)
}

struct Model {
    state: State,
    policy: Arc<PolicySnapshot>,
    screening: Arc<Screening>,
    dossiers: BTreeMap<Name, Dossier>,
    synchronised: Arc<BTreeSet<String>>,
    /// The result of the last evaluation of each name.
    evaluated: BTreeMap<Name, Vec<bool>>,
    under_way: Option<Work>,
    at: Moment,
}

impl Model {
    fn new() -> Self {
        let (policy, screening) = (policy(0, true), Arc::new(Screening::default()));
        let mut model = Self {
            state: State::new(Arc::clone(&policy), Arc::clone(&screening)),
            policy,
            screening,
            dossiers: BTreeMap::new(),
            synchronised: Arc::new(["first".to_owned()].into()),
            evaluated: BTreeMap::new(),
            under_way: None,
            at: Moment { now: begin(), elapsed: Duration::ZERO },
        };
        model.feed(Event::Ready);
        model
    }

    fn feed(&mut self, event: Event) -> Option<Wake> {
        match self.state.step(event, self.at) {
            Step::Publish(work) => {
                assert!(self.under_way.is_none(), "one publication at a time");
                self.under_way = Some(*work);
                None
            }
            Step::Wait(wake) => wake,
        }
    }

    fn apply(&mut self, step: &Happening) {
        match *step {
            Happening::Policy(index, enabled) => {
                self.policy = policy(index, enabled);
                self.feed(Event::Policy(Arc::clone(&self.policy)));
            }
            Happening::Row(index, content, is_active) => {
                let status = if is_active { Status::Active } else { Status::Deleted };
                let name = name(index);
                let synchronised = Arc::clone(&self.synchronised);
                let known = || Dossier { synchronised, ..Dossier::empty(name.clone()) };
                let dossier = self.dossiers.entry(name.clone()).or_insert_with(known);
                dossier.rows = vec![row(content, status)];
                self.feed(Event::Touched(BTreeSet::from([name])));
            }
            Happening::Compare(index) => {
                let name = name(index);
                let Some(dossier) = self.dossiers.get(&name) else { return };
                let rules = self.policy.overlays.rules_for(&name);
                let authorities = Authorities::of(dossier, &self.policy, &rules);
                let contents = dossier.screened_contents(&authorities, &rules);
                let contents = contents.map(|(_, content)| content.screening_digest()).collect();
                let base = if self.screening.protection == Some(self.policy.protection) {
                    Screening::clone(&self.screening)
                } else {
                    self.screening.restarted(self.policy.protection)
                };
                let compared = Compared { contents, matches: Vec::new() };
                self.screening = Arc::new(base.with([(name, Some(compared))]));
                self.feed(Event::Screening(Arc::clone(&self.screening)));
            }
            Happening::Advance(hours) => {
                self.advance(Duration::from_hours(hours));
                self.feed(Event::Tick);
            }
            Happening::Synchronise(is_complete) => {
                let synchronised: BTreeSet<String> =
                    is_complete.then(|| "first".to_owned()).into_iter().collect();
                self.synchronised = Arc::new(synchronised);
                for dossier in self.dossiers.values_mut() {
                    dossier.synchronised = Arc::clone(&self.synchronised);
                }
                let unsynchronised = (!is_complete).then(|| "first".to_owned());
                self.feed(Event::Unsynchronised(unsynchronised.into_iter().collect()));
            }
            Happening::End(succeeds) => self.end(succeeds),
            Happening::Restart => self.restart(),
        }
    }

    /// Restarts the loop, as after a panic; the published generation stays.
    fn restart(&mut self) {
        self.under_way = None;
        self.state = State::new(Arc::clone(&self.policy), Arc::clone(&self.screening));
        let unsynchronised = self.synchronised.is_empty().then(|| "first".to_owned());
        self.feed(Event::Unsynchronised(unsynchronised.into_iter().collect()));
        self.feed(Event::Ready);
    }

    fn advance(&mut self, time: Duration) {
        self.at = Moment { now: self.at.now.plus(time), elapsed: self.at.elapsed + time };
    }

    /// Ends the publication under way, as the publisher would.
    fn end(&mut self, succeeds: bool) {
        let Some(work) = self.under_way.take() else { return };
        if !succeeds {
            self.feed(Event::Failed);
            return;
        }
        let everything = work.selection.is_everything();
        let mut committed = Committed { everything, is_published: true, ..Committed::default() };
        let concerned = |name: &Name| {
            let difference = work.selection.difference.as_ref();
            work.selection.names.contains(name)
                || difference.is_some_and(|difference| difference.concerns(name))
        };
        for (name, dossier) in self.dossiers.iter_mut().filter(|(name, _)| concerned(name)) {
            // The publisher skips names that no rule concerns and no view shows.
            if work.policy.overlays.rules_for(name).is_silent() && dossier.ledger.is_empty() {
                committed.holds_until.push((name.clone(), None));
                self.evaluated.insert(name.clone(), vec![false; dossier.rows.len()]);
                continue;
            }
            let evaluation = evaluate(dossier, &work.policy, &work.screening, work.now);
            let served: Vec<bool> =
                evaluation.entries.iter().map(EntryEvaluation::is_served).collect();
            let is_withheld = evaluation.entries.iter().any(|entry| {
                let hidden = entry.hidden_by();
                matches!(hidden, Some((Gate::NoOpenLookalikeAlert, Evidence::NotCompared)))
            });
            committed.holds_until.push((name.clone(), evaluation.holds_until));
            if is_withheld {
                committed.withheld.insert(name.clone());
            }
            if served.contains(&true) || !dossier.ledger.is_empty() {
                dossier.ledger = ledger(&served, work.now);
            }
            self.evaluated.insert(name.clone(), served);
        }
        self.feed(Event::Committed(committed));
    }

    /// Runs until nothing is under way, due or retried.
    fn settle(&mut self) {
        for _ in 0..100 {
            self.end(true);
            match self.feed(Event::Tick) {
                Some(Wake::Elapsed(until)) => {
                    self.at.elapsed = self.at.elapsed.max(until);
                    self.feed(Event::Tick);
                }
                Some(Wake::Clock(at)) if at <= self.at.now => {}
                _ if self.under_way.is_none() => return,
                _ => {}
            }
        }
        panic!("there is always something left to do");
    }
}

fn ledger(served: &[bool], now: Timestamp) -> Vec<ViewRecord> {
    let is_visible = served.contains(&true);
    let record = LedgerRecord {
        shown: if is_visible { Shown::Visible } else { Shown::Tombstone },
        changed_at: now,
        digest: Digest::of(b"x"),
        published_at: now,
        approved: Approved::any(),
    };
    let version = Version::parse("1").expect("usable");
    vec![ViewRecord { view: "default".into(), version, record }]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_order_of_steps_ends_with_the_result_of_a_fresh_evaluation(steps in steps()) {
        let mut model = Model::new();
        for step in &steps {
            model.apply(step);
        }
        model.settle();
        for (name, dossier) in &model.dossiers {
            let evaluation = evaluate(dossier, &model.policy, &model.screening, model.at.now);
            let fresh: Vec<bool> =
                evaluation.entries.iter().map(EntryEvaluation::is_served).collect();
            prop_assert_eq!(model.evaluated.get(name), Some(&fresh), "{}", name);
        }
    }
}

/// A property found it: the set of the committed publication returned while a newer one failed.
#[test]
fn upstream_that_is_incomplete_again_hides_what_a_publication_saw_meanwhile() {
    let mut model = Model::new();
    for step in [
        Happening::Row(0, 0, true),
        Happening::Synchronise(false),
        Happening::Restart,
        Happening::Synchronise(true),
        Happening::End(true),
        Happening::End(false),
        Happening::Synchronise(false),
    ] {
        model.apply(&step);
    }
    model.settle();
    let dossier = &model.dossiers[&name(0)];
    let evaluation = evaluate(dossier, &model.policy, &model.screening, model.at.now);
    let fresh: Vec<bool> = evaluation.entries.iter().map(EntryEvaluation::is_served).collect();
    assert_eq!(model.evaluated[&name(0)], fresh);
}

#[test]
fn touched_names_wait_for_a_second_and_a_policy_does_not() {
    let mut model = Model::new();
    model.apply(&Happening::Row(0, 0, true));
    model.end(true);
    model.apply(&Happening::Row(0, 1, true));
    assert!(model.under_way.is_none(), "touched names wait");
    model.apply(&Happening::Policy(1, true));
    let work = model.under_way.as_ref().expect("a policy takes effect at once");
    assert!(work.selection.names.contains(&name(0)), "the names that waited are included");
}

#[test]
fn failed_publication_is_tried_again_after_a_wait_with_all_its_names() {
    let mut model = Model::new();
    model.apply(&Happening::Row(0, 0, true));
    model.end(true);
    model.advance(Duration::from_secs(2));
    model.apply(&Happening::Row(1, 0, true));
    model.end(false);
    assert!(model.under_way.is_none(), "it waits");
    model.apply(&Happening::Row(2, 0, true));
    assert!(model.under_way.is_none(), "other names wait with it");
    model.advance(Duration::from_secs(1));
    model.feed(Event::Tick);
    let work = model.under_way.as_ref().expect("it is tried again");
    assert_eq!(work.selection.names, BTreeSet::from([name(0), name(1), name(2)]));
    model.end(false);
    model.apply(&Happening::Policy(1, true));
    let work = model.under_way.as_ref().expect("a policy does not wait for the store");
    assert!(work.selection.names.contains(&name(1)));
}

/// P100: a person accepted a clock, which moved time back: evaluations say nothing of the time before them.
#[test]
fn clock_that_is_moved_back_leads_to_an_evaluation_of_everything_also_after_a_failure() {
    let hour = Duration::from_hours(1);
    let at = |hours: u32, elapsed| Moment {
        now: begin().plus(hour * hours),
        elapsed: Duration::from_mins(elapsed),
    };
    let everything = || Event::Committed(Committed { everything: true, ..Committed::default() });
    let is_everything = |step: Step| match step {
        Step::Publish(work) => work.is_moved_back && work.selection.is_everything(),
        Step::Wait(_) => false,
    };
    let mut state = State::new(policy(0, true), Arc::default());
    assert!(matches!(state.step(Event::Ready, at(9, 1)), Step::Publish(_)));
    assert!(matches!(state.step(everything(), at(9, 1)), Step::Wait(_)));
    assert!(is_everything(state.step(Event::Tick, at(2, 2))));
    assert!(matches!(state.step(Event::Failed, at(2, 3)), Step::Wait(_)));
    assert!(is_everything(state.step(Event::Tick, at(2, 4))));
    assert!(matches!(state.step(everything(), at(2, 5)), Step::Wait(_)));
    assert!(matches!(state.step(Event::Tick, at(2, 6)), Step::Wait(_)));
}
