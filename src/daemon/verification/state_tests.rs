//! Which namespaces are looked up, and when.

use super::super::places::PARALLEL;
use super::*;
use crate::lint::Source;
use crate::overlay::{Context as Reading, Terms, read};

const START: u64 = 1_000_000;
const MENTIONED: &str =
    "servers: [{name: com.mentioned/x, tier: 1}, {name: io.github.a/x, tier: 1}]";

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_micros(0).plus(Duration::from_secs(START + seconds))
}

fn overlays(text: &str) -> OverlaySet {
    let context = Reading { terms: Terms::default(), now: at(0), upstreams: None };
    read(&[Source::new("x.yaml", text)], &context).into()
}

fn names(texts: &[&str]) -> Vec<Name> {
    texts.iter().map(|text| Name::parse(text).expect("a name")).collect()
}

/// A queue under overlays that mention one domain and one account.
struct Bench {
    state: State<&'static str>,
    overlays: OverlaySet,
    resembling: BTreeSet<String>,
    github_blocked: bool,
}

impl Bench {
    fn new(enabled: bool) -> Self {
        Self {
            state: State::new(enabled),
            overlays: overlays(MENTIONED),
            resembling: BTreeSet::new(),
            github_blocked: false,
        }
    }

    fn step(&mut self, event: Event<'_, &'static str>, seconds: u64) -> Vec<Effect<&'static str>> {
        let context = Context {
            overlays: &self.overlays,
            resembling: &self.resembling,
            github_blocked: self.github_blocked,
            now: at(seconds),
        };
        self.state.step(event, &context)
    }

    fn load(&mut self, texts: &[&str]) {
        assert_eq!(self.step(Event::Loaded(names(texts), &Records::new()), 0), []);
    }

    /// Returns the namespaces that begin a lookup at a time.
    fn tick(&mut self, seconds: u64) -> Vec<String> {
        namespaces(&self.step(Event::Tick, seconds))
    }

    fn end(&mut self, namespace: &str, next: u64, seconds: u64) -> Vec<Effect<&'static str>> {
        let found = Some(Found {
            next_check: Some(at(next)),
            changed: false,
            is_silent: false,
            is_complete: true,
        });
        self.step(Event::Ended { namespace: namespace.to_owned(), found }, seconds)
    }

    fn request(&mut self, namespace: &str, reply: &'static str, seconds: u64) -> Vec<String> {
        let namespace = namespace.to_owned();
        namespaces(&self.step(Event::Requested { namespace, reply }, seconds))
    }
}

fn namespaces(effects: &[Effect<&'static str>]) -> Vec<String> {
    let looked_up = effects.iter().filter_map(|effect| match effect {
        Effect::LookupTask(lookup) => Some(lookup.namespace.clone()),
        _ => None,
    });
    looked_up.collect()
}

#[test]
fn mentioned_namespaces_go_first_and_the_rest_is_paced() {
    let mut bench = Bench::new(true);
    bench.resembling.insert("com.alike".to_owned());
    bench.load(&["com.a/x", "com.b/x", "com.mentioned/x", "com.alike/x"]);
    assert_eq!(bench.tick(0), ["com.mentioned", "com.alike", "com.a"]);
    assert_eq!(bench.tick(2), <[&str; 0]>::default());
    assert_eq!(bench.tick(3), ["com.b"]);
}

#[test]
fn domains_are_looked_up_in_parallel_and_accounts_one_by_one() {
    let mut bench = Bench::new(true);
    bench.overlays = overlays("servers: [{name: \"*\", approval: {state: denied}}]");
    let domains: Vec<String> = (0..20).map(|index| format!("com.n{index:02}/x")).collect();
    let mut all: Vec<&str> = domains.iter().map(String::as_str).collect();
    all.extend(["io.github.a/x", "io.github.b/x"]);
    bench.load(&all);
    let first = bench.tick(0);
    assert_eq!(first.len(), PARALLEL + 1, "{first:?}");
    assert_eq!(first.last().map(String::as_str), Some("io.github.a"));
    assert_eq!(namespaces(&bench.end("io.github.a", 9999, 1)), ["io.github.b"]);
    assert_eq!(namespaces(&bench.end("com.n00", 9999, 1)), ["com.n16"]);
}

#[test]
fn accounts_wait_while_github_is_blocked() {
    let mut bench = Bench::new(true);
    bench.load(&["io.github.a/x"]);
    bench.github_blocked = true;
    assert_eq!(bench.tick(0), <[&str; 0]>::default());
    bench.github_blocked = false;
    assert_eq!(bench.tick(299), <[&str; 0]>::default());
    assert_eq!(bench.tick(300), ["io.github.a"]);
}

#[test]
fn restart_keeps_due_times_but_mentioned_namespaces_wait_at_most_a_day() {
    let mut bench = Bench::new(true);
    let record = Record { checked_at: Some(at(0)), next_check: Some(at(500_000)) };
    let records = ["com.mentioned", "com.a"].map(|namespace| (namespace.to_owned(), record));
    bench.step(Event::Loaded(names(&["com.mentioned/x", "com.a/x"]), &records.into()), 0);
    assert_eq!(bench.tick(86_399), <[&str; 0]>::default());
    assert_eq!(bench.tick(86_400), ["com.mentioned"]);
    assert_eq!(bench.tick(500_000), ["com.a"]);
}

#[test]
fn request_waits_for_the_lookup_under_way_and_gets_its_own() {
    let mut bench = Bench::new(true);
    bench.load(&["com.mentioned/x", "com.mentioned/y"]);
    assert_eq!(bench.tick(0), ["com.mentioned"]);
    assert_eq!(bench.request("com.Mentioned", "a", 1), <[&str; 0]>::default());
    let effects = bench.end("com.mentioned", 9999, 2);
    let [Effect::LookupTask(lookup)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!((lookup.namespace.as_str(), lookup.reply), ("com.Mentioned", Some("a")));
    assert_eq!(lookup.asked.len(), 2, "all of its names");
}

#[test]
fn lookup_for_a_request_replaces_the_one_that_was_due() {
    let mut bench = Bench::new(true);
    bench.load(&["com.mentioned/x"]);
    assert_eq!(bench.request("com.mentioned", "a", 0), ["com.mentioned"]);
    assert_eq!(bench.tick(0), <[&str; 0]>::default());
    bench.end("com.mentioned", 500, 1);
    assert_eq!(bench.tick(499), <[&str; 0]>::default());
    assert_eq!(bench.tick(500), ["com.mentioned"]);
}

#[test]
fn namespace_without_names_is_looked_up_once_for_a_request() {
    let mut bench = Bench::new(true);
    assert_eq!(bench.request("com.unknown", "a", 0), ["com.unknown"]);
    bench.end("com.unknown", 1, 1);
    assert_eq!(bench.tick(9999), <[&str; 0]>::default());
}

#[test]
fn disabled_verification_looks_up_only_requests() {
    let mut bench = Bench::new(false);
    bench.step(Event::NamesTouched(names(&["com.mentioned/x"]), &Records::new()), 0);
    assert_eq!(bench.tick(0), <[&str; 0]>::default());
    assert_eq!(bench.request("com.mentioned", "a", 0), ["com.mentioned"]);
    assert_eq!(bench.end("com.mentioned", 1, 1), []);
    assert_eq!(bench.tick(9999), <[&str; 0]>::default());
}

#[test]
fn failed_lookup_is_repeated_after_five_minutes() {
    let mut bench = Bench::new(true);
    bench.load(&["com.mentioned/x"]);
    bench.tick(0);
    bench.step(Event::Ended { namespace: "com.mentioned".to_owned(), found: None }, 10);
    assert_eq!(bench.tick(309), <[&str; 0]>::default());
    assert_eq!(bench.tick(310), ["com.mentioned"]);
}

#[test]
fn changed_names_are_looked_up_at_once_but_no_more_than_every_ten_seconds() {
    let mut bench = Bench::new(true);
    bench.load(&["com.mentioned/x"]);
    bench.tick(0);
    bench.end("com.mentioned", 50_000, 0);
    let record = Record { checked_at: Some(at(0)), next_check: Some(at(50_000)) };
    let records = Records::from([("com.mentioned".to_owned(), record)]);
    bench.step(Event::NamesTouched(names(&["com.mentioned/x"]), &records), 6);
    assert_eq!(bench.tick(9), <[&str; 0]>::default());
    assert_eq!(bench.tick(10), ["com.mentioned"]);
    bench.step(Event::NamesTouched(names(&["com.mentioned/x"]), &records), 11);
    bench.end("com.mentioned", 50_000, 12);
    assert_eq!(bench.tick(21), <[&str; 0]>::default(), "it changed during the lookup");
    assert_eq!(bench.tick(22), ["com.mentioned"]);
}

#[test]
fn newly_mentioned_namespace_is_due_at_once() {
    let mut bench = Bench::new(true);
    bench.load(&["com.a/x", "com.b/x"]);
    assert_eq!(bench.tick(0), ["com.a"]);
    bench.end("com.a", 50_000, 1);
    let before =
        std::mem::replace(&mut bench.overlays, overlays("servers: [{name: com.a/x, tier: 1}]"));
    bench.step(Event::PolicyChanged { before: &before }, 2);
    assert_eq!(bench.tick(2), ["com.a"]);
}

#[test]
fn names_with_changed_evidence_are_evaluated_again() {
    let mut bench = Bench::new(true);
    bench.load(&["com.mentioned/x"]);
    bench.tick(0);
    let found = Some(Found {
        next_check: Some(at(9999)),
        changed: true,
        is_silent: false,
        is_complete: true,
    });
    let effects = bench.step(Event::Ended { namespace: "com.mentioned".to_owned(), found }, 1);
    assert_eq!(effects, [Effect::Touch(names(&["com.mentioned/x"]))]);
}

#[test]
fn namespaces_of_one_domain_share_two_places_and_delay_no_other() {
    let mut bench = Bench::new(true);
    bench.overlays = overlays("servers: [{name: \"*\", approval: {state: denied}}]");
    let below: Vec<String> = (0..500).map(|index| format!("com.dark.n{index:03}/x")).collect();
    let mut all: Vec<&str> = below.iter().map(String::as_str).collect();
    all.extend(["org.good/x", "org.other/x"]);
    bench.load(&all);
    let first = bench.tick(0);
    assert_eq!(first, ["com.dark.n000", "com.dark.n001", "org.good", "org.other"]);
    assert_eq!(namespaces(&bench.end("com.dark.n000", 9999, 20)), ["com.dark.n002"]);
    assert_eq!(namespaces(&bench.end("org.good", 9999, 21)), <[&str; 0]>::default());
    // An edit, a request and a change of a waiting name do not lose it.
    let before = std::mem::replace(&mut bench.overlays, overlays(MENTIONED));
    bench.step(Event::PolicyChanged { before: &before }, 22);
    assert_eq!(bench.request("com.dark.n003", "a", 22), ["com.dark.n003"]);
    let waiting = (4..500)
        .filter(|index| bench.state.queue.position(&format!("com.dark.n{index:03}")).is_some());
    assert_eq!(waiting.count(), 496);
}

#[test]
fn namespaces_without_an_answer_use_half_of_the_places() {
    let mut bench = Bench::new(true);
    bench.overlays = overlays("servers: [{name: \"*\", approval: {state: denied}}]");
    let dark: Vec<String> = (0..30).map(|index| format!("com.d{index:02}/x")).collect();
    bench.load(&dark.iter().map(String::as_str).collect::<Vec<_>>());
    let mut begun = bench.tick(0);
    while let Some(namespace) = begun.pop() {
        let found =
            Found { next_check: Some(at(600)), changed: false, is_silent: true, is_complete: true };
        let effects = bench.step(Event::Ended { namespace, found: Some(found) }, 20);
        begun.extend(namespaces(&effects));
    }
    assert_eq!(bench.tick(600).len(), PARALLEL / 2);
}

#[test]
fn name_that_arrives_during_a_lookup_is_evaluated_after_it() {
    let mut bench = Bench::new(true);
    bench.load(&["com.mentioned/x"]);
    assert_eq!(bench.tick(0), ["com.mentioned"]);
    bench.step(Event::NamesTouched(names(&["com.mentioned/y"]), &Records::new()), 1);
    let effects = bench.end("com.mentioned", 50_000, 2);
    assert_eq!(effects, [Effect::Touch(names(&["com.mentioned/x", "com.mentioned/y"]))]);
    assert_eq!(bench.tick(12), ["com.mentioned"], "it is looked up for the new name too");
}

#[test]
fn lookup_that_did_not_reach_all_packages_continues_soon() {
    let mut bench = Bench::new(true);
    bench.load(&["com.mentioned/x"]);
    bench.tick(0);
    let found = Found {
        next_check: Some(at(50_000)),
        changed: false,
        is_silent: false,
        is_complete: false,
    };
    bench.step(Event::Ended { namespace: "com.mentioned".to_owned(), found: Some(found) }, 1);
    assert_eq!(bench.tick(600), <[&str; 0]>::default());
    assert_eq!(bench.tick(601), ["com.mentioned"]);
}

/// P100: a person accepted a clock that is behind the times in the store.
#[test]
fn namespace_that_was_checked_in_the_future_is_checked_again() {
    let mut bench = Bench::new(true);
    let record = |checked| Record { checked_at: Some(at(checked)), next_check: Some(at(900_000)) };
    let records = [("com.a".to_owned(), record(800_000)), ("com.b".to_owned(), record(0))];
    bench.step(Event::Loaded(names(&["com.a/x", "com.b/x"]), &records.into()), 1);
    assert_eq!(bench.tick(1), ["com.a"]);
}
