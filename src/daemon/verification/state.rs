//! Decides which namespaces are looked up, and when.
//!
//! Namespaces that overlays speak of come first, each within a day; the others as far as a slow pace
//! allows. Domains are looked up side by side, GitHub accounts one after another and only as fast as
//! GitHub's limits say. A lookup that cannot be made is put off, and counts as nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::queue::{Lane, Queue, lane};
use crate::model::{Instant, Name, NamespacePattern};
use crate::overlay::{Changes, OverlaySet};
use crate::ownership::{Claim, Urgency};

/// Domains that are looked up at the same time.
const SIDE_BY_SIDE: usize = 16;
/// Between two namespaces that no overlay speaks of: 28,800 a day.
const REST_EVERY: Duration = Duration::from_secs(3);
/// How long a verdict on what overlays speak of holds, at most, after a restart.
const SPOKEN: Duration = Duration::from_hours(24);
/// A namespace of a busy publisher is not looked up more often.
const AT_MOST_EVERY: Duration = Duration::from_mins(10);
/// How long a lookup waits that failed, or that GitHub's limits put off.
const PUT_OFF: Duration = Duration::from_mins(5);

/// The facts that a step depends on beside its event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) overlays: &'a OverlaySet,
    /// Namespaces with a name that resembles something protected.
    pub(super) resembling: &'a BTreeSet<String>,
    pub(super) github_blocked: bool,
    pub(super) now: Instant,
}

/// When a namespace was looked up, and is due, as the store remembers it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Record {
    pub(super) checked_at: Option<Instant>,
    pub(super) next_check: Option<Instant>,
}

/// Records of namespaces in small letters.
pub(super) type Records = BTreeMap<String, Record>;

#[derive(Debug)]
pub(super) enum Event<'a, R> {
    /// The names that upstreams from outside list, when the loop starts.
    Loaded(Vec<Name>, &'a Records),
    /// Names from outside that came, or that changed.
    NamesTouched(Vec<Name>, &'a Records),
    PolicyChanged {
        before: &'a OverlaySet,
    },
    /// A client waits for a namespace to be verified.
    Requested {
        namespace: String,
        reply: R,
    },
    /// A lookup ended; `None` when it failed, or could not be stored.
    Ended {
        namespace: String,
        found: Option<Found>,
    },
    Tick,
}

/// What a lookup found, as far as it matters for what is next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) next_check: Option<Instant>,
    /// Something else is known of the names than before.
    pub(super) changed: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect<R> {
    Lookup(Lookup<R>),
    /// These names are decided about again.
    Touch(Vec<Name>),
    /// More namespaces came; these domains have many below them.
    Crowded(Vec<(String, u64)>),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lookup<R> {
    /// As it was asked for.
    pub(super) namespace: String,
    pub(super) urgency: Urgency,
    /// All of its names.
    pub(super) names: Vec<Name>,
    /// Those of which repositories and packages are asked: the ones that overlays speak of, or all
    /// when a client waits.
    pub(super) asked: Vec<Name>,
    pub(super) reply: Option<R>,
}

/// The queue, and the lookups under way.
#[derive(Debug)]
pub(super) struct State<R> {
    /// Whether lookups are made without a request.
    enabled: bool,
    queue: Queue,
    under_way: BTreeMap<String, (Lane, Urgency)>,
    /// When the next namespace that no overlay speaks of may be looked up.
    rest_from: BTreeMap<Lane, Instant>,
    /// Requests that wait for a lookup under way to end: each goes on from what the one before
    /// remembers.
    waiting: Vec<(String, R)>,
    /// Namespaces that changed while they were looked up.
    again: BTreeSet<String>,
}

impl<R> State<R> {
    pub(super) fn new(enabled: bool) -> Self {
        Self {
            enabled,
            queue: Queue::default(),
            under_way: BTreeMap::new(),
            rest_from: BTreeMap::new(),
            waiting: Vec::new(),
            again: BTreeSet::new(),
        }
    }

    pub(super) fn step(&mut self, event: Event<'_, R>, context: &Context<'_>) -> Vec<Effect<R>> {
        let mut effects = Vec::new();
        match event {
            Event::Loaded(names, records) => {
                let new = self.queue.add(names);
                self.plan(&new, records, context);
            }
            Event::NamesTouched(names, records) => {
                effects.extend(self.names_touched(names, records, context));
            }
            Event::PolicyChanged { before } => self.reorder(before, context),
            Event::Requested { namespace, reply } => {
                effects.extend(self.request(namespace, reply, context));
            }
            Event::Ended { namespace, found } => {
                effects.extend(self.ended(&namespace, found, context));
                for (namespace, reply) in std::mem::take(&mut self.waiting) {
                    effects.extend(self.request(namespace, reply, context));
                }
                effects.extend(self.start(context));
            }
            Event::Tick => effects.extend(self.start(context)),
        }
        effects
    }

    /// Returns the names of a namespace, in any case.
    pub(super) fn names(&self, namespace: &str) -> impl Iterator<Item = &Name> {
        self.queue.names(namespace)
    }

    pub(super) fn crowded(&self, overlays: &OverlaySet) -> Vec<(String, u64)> {
        self.queue.crowded(&overlays.shared_hosts())
    }

    /// Returns the priority of a namespace now.
    pub(super) fn urgency(&self, namespace: &str, context: &Context<'_>) -> Urgency {
        if self.names(namespace).any(|name| !context.overlays.about(name).is_silent()) {
            return Urgency::Spoken;
        }
        if context.resembling.contains(namespace) { Urgency::Resembling } else { Urgency::Rest }
    }

    /// Queues namespaces: as it is stored, or at once. Overlays may have changed while no daemon
    /// ran, so what they speak of waits no longer than it would have.
    fn plan(&mut self, namespaces: &[String], records: &Records, context: &Context<'_>) {
        let hosts = context.overlays.shared_hosts();
        for namespace in namespaces {
            let urgency = self.urgency(namespace, context);
            let due = records.get(namespace).and_then(|record| match urgency {
                Urgency::Rest => record.next_check,
                _ => Some(record.next_check?.min(record.checked_at?.plus(SPOKEN))),
            });
            let lane = lane(&Claim::of(namespace, &hosts));
            self.queue.set(namespace, lane, urgency, due.unwrap_or(context.now));
        }
    }

    fn names_touched(
        &mut self,
        names: Vec<Name>,
        records: &Records,
        context: &Context<'_>,
    ) -> Option<Effect<R>> {
        let touched: BTreeSet<String> =
            names.iter().map(|name| name.namespace().to_ascii_lowercase()).collect();
        let new = self.queue.add(names);
        self.plan(&new, records, context);
        // An entry that is served, waits or could mislead has changed.
        for namespace in &touched {
            let urgency = self.urgency(namespace, context);
            if urgency == Urgency::Rest {
                continue;
            }
            let checked = records.get(namespace).and_then(|record| record.checked_at);
            let earliest = checked.map_or(Instant::MIN, |at| at.plus(AT_MOST_EVERY));
            let soon = context.now.max(earliest);
            if let Some((lane, _, at)) = self.queue.turn(namespace) {
                self.queue.set(namespace, lane, urgency, at.min(soon));
            } else if self.under_way.contains_key(namespace) {
                self.again.insert(namespace.clone());
            }
        }
        (!new.is_empty()).then(|| Effect::Crowded(self.crowded(context.overlays)))
    }

    /// After an edit of overlays: priorities may have changed, and a namespace is due of which
    /// something else is stated.
    fn reorder(&mut self, before: &OverlaySet, context: &Context<'_>) {
        let after = context.overlays;
        let changes = Changes::between(before, after);
        let restated: &[NamespacePattern] = changes.namespaces();
        let (hosts_before, hosts) = (before.shared_hosts(), after.shared_hosts());
        let all: Vec<String> = self.queue.namespaces().map(str::to_owned).collect();
        for namespace in all {
            let urgency = self.urgency(&namespace, context);
            let claim = Claim::of(&namespace, &hosts);
            let is_restated = restated.iter().any(|pattern| pattern.covers_namespace(&namespace))
                || claim != Claim::of(&namespace, &hosts_before);
            let Some((_, urgency_before, at)) = self.queue.turn(&namespace) else {
                // It is being looked up, as things stood before.
                self.again.extend(is_restated.then_some(namespace));
                continue;
            };
            // The publisher waits for a verdict that was not due for days.
            let is_due = is_restated || urgency < urgency_before;
            let at = if is_due { at.min(context.now) } else { at };
            self.queue.set(&namespace, lane(&claim), urgency, at);
        }
    }

    fn request(&mut self, namespace: String, reply: R, context: &Context<'_>) -> Option<Effect<R>> {
        let folded = namespace.to_ascii_lowercase();
        if self.under_way.contains_key(&folded) {
            self.waiting.push((namespace, reply));
            return None;
        }
        self.queue.remove(&folded);
        let lane = lane(&Claim::of(&namespace, &context.overlays.shared_hosts()));
        self.under_way.insert(folded, (lane, Urgency::Spoken));
        let names: Vec<Name> = self.names(&namespace).cloned().collect();
        let (urgency, asked, reply) = (Urgency::Spoken, names.clone(), Some(reply));
        Some(Effect::Lookup(Lookup { namespace, urgency, names, asked, reply }))
    }

    fn ended(
        &mut self,
        namespace: &str,
        found: Option<Found>,
        context: &Context<'_>,
    ) -> Option<Effect<R>> {
        let folded = namespace.to_ascii_lowercase();
        let (lane_before, urgency_before) = self.under_way.remove(&folded)?;
        let names: Vec<Name> = self.names(&folded).cloned().collect();
        if names.is_empty() {
            // A client may have asked about a namespace that no upstream lists.
            self.again.remove(&folded);
            return None;
        }
        let Some(Found { next_check, changed }) = found else {
            let again = context.now.plus(PUT_OFF);
            self.queue.set(&folded, lane_before, urgency_before, again);
            return None;
        };
        let next = if self.again.remove(&folded) {
            context.now.plus(AT_MOST_EVERY)
        } else {
            next_check.unwrap_or(context.now)
        };
        let lane = lane(&Claim::of(&folded, &context.overlays.shared_hosts()));
        let urgency = self.urgency(&folded, context);
        self.queue.set(&folded, lane, urgency, next);
        changed.then_some(Effect::Touch(names))
    }

    /// Starts as many lookups as may go on at the same time.
    fn start(&mut self, context: &Context<'_>) -> Vec<Effect<R>> {
        let mut effects = Vec::new();
        if !self.enabled {
            return effects;
        }
        for (lane, most) in [(Lane::Domains, SIDE_BY_SIDE), (Lane::GitHub, 1)] {
            while self.under_way.values().filter(|(other, _)| *other == lane).count() < most {
                let rests = self.rest_from.get(&lane).is_none_or(|from| context.now >= *from);
                let Some((namespace, urgency)) = self.queue.take(lane, rests, context.now) else {
                    break;
                };
                if urgency == Urgency::Rest {
                    self.rest_from.insert(lane, context.now.plus(REST_EVERY));
                }
                if lane == Lane::GitHub && context.github_blocked {
                    self.queue.set(&namespace, lane, urgency, context.now.plus(PUT_OFF));
                    continue;
                }
                self.under_way.insert(namespace.clone(), (lane, urgency));
                let names: Vec<Name> = self.names(&namespace).cloned().collect();
                let is_spoken = |name: &&Name| !context.overlays.about(name).is_silent();
                let asked = names.iter().filter(is_spoken).cloned().collect();
                let lookup = Lookup { namespace, urgency, names, asked, reply: None };
                effects.push(Effect::Lookup(lookup));
            }
        }
        effects
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::Source;
    use crate::overlay::{Context as Reading, Terms, read};

    const START: u64 = 1_000_000;
    const SPOKEN_OF: &str =
        "servers: [{name: com.spoken/x, tier: 1}, {name: io.github.a/x, tier: 1}]";

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(0).plus(Duration::from_secs(START + seconds))
    }

    fn overlays(text: &str) -> OverlaySet {
        let context = Reading { terms: Terms::default(), now: at(0), upstreams: None };
        read(&[Source::new("x.yaml", text)], &context).into()
    }

    fn names(texts: &[&str]) -> Vec<Name> {
        texts.iter().map(|text| Name::parse(text).expect("a name")).collect()
    }

    /// A queue under overlays that speak of one domain and one account.
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
                overlays: overlays(SPOKEN_OF),
                resembling: BTreeSet::new(),
                github_blocked: false,
            }
        }

        fn step(
            &mut self,
            event: Event<'_, &'static str>,
            seconds: u64,
        ) -> Vec<Effect<&'static str>> {
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

        /// The namespaces that are looked up at a moment.
        fn tick(&mut self, seconds: u64) -> Vec<String> {
            namespaces(&self.step(Event::Tick, seconds))
        }

        fn end(&mut self, namespace: &str, next: u64, seconds: u64) -> Vec<Effect<&'static str>> {
            let found = Some(Found { next_check: Some(at(next)), changed: false });
            self.step(Event::Ended { namespace: namespace.to_owned(), found }, seconds)
        }

        fn request(&mut self, namespace: &str, reply: &'static str, seconds: u64) -> Vec<String> {
            let namespace = namespace.to_owned();
            namespaces(&self.step(Event::Requested { namespace, reply }, seconds))
        }
    }

    fn namespaces(effects: &[Effect<&'static str>]) -> Vec<String> {
        let looked_up = effects.iter().filter_map(|effect| match effect {
            Effect::Lookup(lookup) => Some(lookup.namespace.clone()),
            _ => None,
        });
        looked_up.collect()
    }

    #[test]
    fn what_overlays_speak_of_goes_first_and_the_rest_is_paced() {
        let mut bench = Bench::new(true);
        bench.resembling.insert("com.alike".to_owned());
        bench.load(&["com.a/x", "com.b/x", "com.spoken/x", "com.alike/x"]);
        assert_eq!(bench.tick(0), ["com.spoken", "com.alike", "com.a"]);
        assert_eq!(bench.tick(2), <[&str; 0]>::default());
        assert_eq!(bench.tick(3), ["com.b"]);
    }

    #[test]
    fn domains_are_looked_up_side_by_side_and_accounts_one_by_one() {
        let mut bench = Bench::new(true);
        bench.overlays = overlays("servers: [{name: \"*\", tier: 1}]");
        let domains: Vec<String> = (0..20).map(|index| format!("com.n{index:02}/x")).collect();
        let mut all: Vec<&str> = domains.iter().map(String::as_str).collect();
        all.extend(["io.github.a/x", "io.github.b/x"]);
        bench.load(&all);
        let first = bench.tick(0);
        assert_eq!(first.len(), SIDE_BY_SIDE + 1, "{first:?}");
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
    fn a_restart_keeps_what_is_due_but_lets_nothing_spoken_of_wait_longer_than_a_day() {
        let mut bench = Bench::new(true);
        let record = Record { checked_at: Some(at(0)), next_check: Some(at(500_000)) };
        let records = ["com.spoken", "com.a"].map(|namespace| (namespace.to_owned(), record));
        bench.step(Event::Loaded(names(&["com.spoken/x", "com.a/x"]), &records.into()), 0);
        assert_eq!(bench.tick(86_399), <[&str; 0]>::default());
        assert_eq!(bench.tick(86_400), ["com.spoken"]);
        assert_eq!(bench.tick(500_000), ["com.a"]);
    }

    #[test]
    fn a_request_waits_for_the_lookup_under_way_and_gets_one_of_its_own() {
        let mut bench = Bench::new(true);
        bench.load(&["com.spoken/x", "com.spoken/y"]);
        assert_eq!(bench.tick(0), ["com.spoken"]);
        assert_eq!(bench.request("com.Spoken", "a", 1), <[&str; 0]>::default());
        let effects = bench.end("com.spoken", 9999, 2);
        let [Effect::Lookup(lookup)] = effects.as_slice() else { panic!("{effects:?}") };
        assert_eq!((lookup.namespace.as_str(), lookup.reply), ("com.Spoken", Some("a")));
        assert_eq!(lookup.asked.len(), 2, "all of its names");
    }

    #[test]
    fn a_lookup_for_a_request_takes_the_place_of_the_one_that_was_due() {
        let mut bench = Bench::new(true);
        bench.load(&["com.spoken/x"]);
        assert_eq!(bench.request("com.spoken", "a", 0), ["com.spoken"]);
        assert_eq!(bench.tick(0), <[&str; 0]>::default());
        bench.end("com.spoken", 500, 1);
        assert_eq!(bench.tick(499), <[&str; 0]>::default());
        assert_eq!(bench.tick(500), ["com.spoken"]);
    }

    #[test]
    fn a_namespace_without_names_is_looked_up_once_for_a_request() {
        let mut bench = Bench::new(true);
        assert_eq!(bench.request("com.unknown", "a", 0), ["com.unknown"]);
        bench.end("com.unknown", 1, 1);
        assert_eq!(bench.tick(9999), <[&str; 0]>::default());
    }

    #[test]
    fn without_ownership_only_requests_are_looked_up() {
        let mut bench = Bench::new(false);
        bench.step(Event::NamesTouched(names(&["com.spoken/x"]), &Records::new()), 0);
        assert_eq!(bench.tick(0), <[&str; 0]>::default());
        assert_eq!(bench.request("com.spoken", "a", 0), ["com.spoken"]);
        assert_eq!(bench.end("com.spoken", 1, 1), []);
        assert_eq!(bench.tick(9999), <[&str; 0]>::default());
    }

    #[test]
    fn a_failed_lookup_is_made_again_after_five_minutes() {
        let mut bench = Bench::new(true);
        bench.load(&["com.spoken/x"]);
        bench.tick(0);
        bench.step(Event::Ended { namespace: "com.spoken".to_owned(), found: None }, 10);
        assert_eq!(bench.tick(309), <[&str; 0]>::default());
        assert_eq!(bench.tick(310), ["com.spoken"]);
    }

    #[test]
    fn names_that_change_bring_a_lookup_forward_by_ten_minutes_at_most() {
        let mut bench = Bench::new(true);
        bench.load(&["com.spoken/x"]);
        bench.tick(0);
        bench.end("com.spoken", 50_000, 0);
        let record = Record { checked_at: Some(at(0)), next_check: Some(at(50_000)) };
        let records = Records::from([("com.spoken".to_owned(), record)]);
        bench.step(Event::NamesTouched(names(&["com.spoken/x"]), &records), 60);
        assert_eq!(bench.tick(599), <[&str; 0]>::default());
        assert_eq!(bench.tick(600), ["com.spoken"]);
        bench.step(Event::NamesTouched(names(&["com.spoken/x"]), &records), 601);
        bench.end("com.spoken", 50_000, 602);
        assert_eq!(bench.tick(1201), <[&str; 0]>::default(), "it changed during the lookup");
        assert_eq!(bench.tick(1202), ["com.spoken"]);
    }

    #[test]
    fn a_namespace_that_overlays_speak_of_anew_is_due_at_once() {
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
    fn names_are_decided_about_again_when_something_else_is_known_of_them() {
        let mut bench = Bench::new(true);
        bench.load(&["com.spoken/x"]);
        bench.tick(0);
        let found = Some(Found { next_check: Some(at(9999)), changed: true });
        let effects = bench.step(Event::Ended { namespace: "com.spoken".to_owned(), found }, 1);
        assert_eq!(effects, [Effect::Touch(names(&["com.spoken/x"]))]);
    }
}
