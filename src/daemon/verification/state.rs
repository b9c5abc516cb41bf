//! Decides which namespaces are looked up, and when.
//!
//! Namespaces that overlays mention come first, each within a day; the others follow at a slow pace. Domains
//! are looked up in parallel, GitHub accounts one by one and within GitHub's rate limits. A lookup that
//! cannot be made is postponed, and counts as nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::queue::{Queue, RateLane, rate_lane};
use crate::model::{Name, NamespacePattern, Timestamp};
use crate::overlay::{Changes, OverlaySet};
use crate::ownership::{Claim, Priority};

/// Domains that are looked up at the same time.
const PARALLEL: usize = 16;
/// Interval between two namespaces that no overlay mentions: 28,800 a day.
const REST_EVERY: Duration = Duration::from_secs(3);
/// After a restart, the longest age of a verdict on a namespace that overlays mention.
const MENTIONED_EVERY: Duration = Duration::from_hours(24);
/// The shortest interval between two lookups of one namespace after changes of its names.
const AT_MOST_EVERY: Duration = Duration::from_mins(10);
/// Wait after a lookup that failed, or that GitHub's limits postponed.
const POSTPONED: Duration = Duration::from_mins(5);

/// The facts that a step depends on besides its event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) overlays: &'a OverlaySet,
    /// Namespaces with a name that resembles something protected.
    pub(super) resembling: &'a BTreeSet<String>,
    pub(super) github_blocked: bool,
    pub(super) now: Timestamp,
}

/// The stored times of the last and the next check of a namespace.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Record {
    pub(super) checked_at: Option<Timestamp>,
    pub(super) next_check: Option<Timestamp>,
}

/// Records by namespace in lower case.
pub(super) type Records = BTreeMap<String, Record>;

#[derive(Debug)]
pub(super) enum Event<'a, R> {
    /// The names that external upstreams list, when the loop starts.
    Loaded(Vec<Name>, &'a Records),
    /// External names that came or changed.
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

/// The parts of a lookup's result that matter for the next steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) next_check: Option<Timestamp>,
    /// True if the evidence of a name changed.
    pub(super) changed: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect<R> {
    LookupTask(LookupTask<R>),
    /// These names are evaluated again.
    Touch(Vec<Name>),
    /// New namespaces came; these domains have many below them.
    Crowded(Vec<(String, u64)>),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct LookupTask<R> {
    /// In the requested spelling.
    pub(super) namespace: String,
    pub(super) priority: Priority,
    /// All of its names.
    pub(super) names: Vec<Name>,
    /// Those with repositories and packages to look up: the ones that overlays mention, or all when a client
    /// waits.
    pub(super) asked: Vec<Name>,
    pub(super) reply: Option<R>,
}

/// The queue, and the lookups under way.
#[derive(Debug)]
pub(super) struct State<R> {
    /// True if lookups are made without a request.
    enabled: bool,
    queue: Queue,
    under_way: BTreeMap<String, (RateLane, Priority)>,
    /// When the next namespace that no overlay mentions may be looked up.
    rest_from: BTreeMap<RateLane, Timestamp>,
    /// Requests that wait for a lookup under way: each starts from the record that it leaves.
    waiting: Vec<(String, R)>,
    /// Namespaces that changed during their lookup.
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
                self.enqueue(&new, records, context);
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
    pub(super) fn priority(&self, namespace: &str, context: &Context<'_>) -> Priority {
        if self.names(namespace).any(|name| !context.overlays.rules_for(name).is_silent()) {
            return Priority::Mentioned;
        }
        if context.resembling.contains(namespace) { Priority::Resembling } else { Priority::Rest }
    }

    /// Queues namespaces at their stored time, or at once. Overlays may have changed while no daemon ran, so a
    /// mentioned namespace waits no longer than the usual interval.
    fn enqueue(&mut self, namespaces: &[String], records: &Records, context: &Context<'_>) {
        let hosts = context.overlays.shared_hosts();
        for namespace in namespaces {
            let priority = self.priority(namespace, context);
            let due = records.get(namespace).and_then(|record| match priority {
                Priority::Rest => record.next_check,
                _ => Some(record.next_check?.min(record.checked_at?.plus(MENTIONED_EVERY))),
            });
            let rate_lane = rate_lane(&Claim::of(namespace, &hosts));
            self.queue.set(namespace, rate_lane, priority, due.unwrap_or(context.now));
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
        self.enqueue(&new, records, context);
        // An entry changed that is served, waits, or resembles something protected.
        for namespace in &touched {
            let priority = self.priority(namespace, context);
            if priority == Priority::Rest {
                continue;
            }
            let checked = records.get(namespace).and_then(|record| record.checked_at);
            let earliest = checked.map_or(Timestamp::MIN, |at| at.plus(AT_MOST_EVERY));
            let soon = context.now.max(earliest);
            if let Some((rate_lane, _, at)) = self.queue.position(namespace) {
                self.queue.set(namespace, rate_lane, priority, at.min(soon));
            } else if self.under_way.contains_key(namespace) {
                self.again.insert(namespace.clone());
            }
        }
        (!new.is_empty()).then(|| Effect::Crowded(self.crowded(context.overlays)))
    }

    /// Adapts the queue to an edit of the overlays: priorities may have changed, and a namespace with other
    /// ownership rules is due.
    fn reorder(&mut self, before: &OverlaySet, context: &Context<'_>) {
        let after = context.overlays;
        let changes = Changes::between(before, after);
        let changed: &[NamespacePattern] = changes.namespaces();
        let (hosts_before, hosts) = (before.shared_hosts(), after.shared_hosts());
        let all: Vec<String> = self.queue.namespaces().map(str::to_owned).collect();
        for namespace in all {
            let priority = self.priority(&namespace, context);
            let claim = Claim::of(&namespace, &hosts);
            let is_changed = changed.iter().any(|pattern| pattern.covers_namespace(&namespace))
                || claim != Claim::of(&namespace, &hosts_before);
            let Some((_, priority_before, at)) = self.queue.position(&namespace) else {
                // It is being looked up under the earlier rules.
                self.again.extend(is_changed.then_some(namespace));
                continue;
            };
            // The reviewer who edited the rule waits for a verdict that was not due for days.
            let is_due = is_changed || priority < priority_before;
            let at = if is_due { at.min(context.now) } else { at };
            self.queue.set(&namespace, rate_lane(&claim), priority, at);
        }
    }

    fn request(&mut self, namespace: String, reply: R, context: &Context<'_>) -> Option<Effect<R>> {
        let folded = namespace.to_ascii_lowercase();
        if self.under_way.contains_key(&folded) {
            self.waiting.push((namespace, reply));
            return None;
        }
        self.queue.remove(&folded);
        let rate_lane = rate_lane(&Claim::of(&namespace, &context.overlays.shared_hosts()));
        self.under_way.insert(folded, (rate_lane, Priority::Mentioned));
        let names: Vec<Name> = self.names(&namespace).cloned().collect();
        let (priority, asked, reply) = (Priority::Mentioned, names.clone(), Some(reply));
        Some(Effect::LookupTask(LookupTask { namespace, priority, names, asked, reply }))
    }

    fn ended(
        &mut self,
        namespace: &str,
        found: Option<Found>,
        context: &Context<'_>,
    ) -> Option<Effect<R>> {
        let folded = namespace.to_ascii_lowercase();
        let (lane_before, priority_before) = self.under_way.remove(&folded)?;
        let names: Vec<Name> = self.names(&folded).cloned().collect();
        if names.is_empty() {
            // A client may have asked about a namespace that no upstream lists.
            self.again.remove(&folded);
            return None;
        }
        let Some(Found { next_check, changed }) = found else {
            let again = context.now.plus(POSTPONED);
            self.queue.set(&folded, lane_before, priority_before, again);
            return None;
        };
        let next = if self.again.remove(&folded) {
            context.now.plus(AT_MOST_EVERY)
        } else {
            next_check.unwrap_or(context.now)
        };
        let rate_lane = rate_lane(&Claim::of(&folded, &context.overlays.shared_hosts()));
        let priority = self.priority(&folded, context);
        self.queue.set(&folded, rate_lane, priority, next);
        changed.then_some(Effect::Touch(names))
    }

    /// Starts as many lookups as may run at the same time.
    fn start(&mut self, context: &Context<'_>) -> Vec<Effect<R>> {
        let mut effects = Vec::new();
        if !self.enabled {
            return effects;
        }
        for (rate_lane, most) in [(RateLane::Domains, PARALLEL), (RateLane::GitHub, 1)] {
            while self.under_way.values().filter(|(other, _)| *other == rate_lane).count() < most {
                let may_take_rest =
                    self.rest_from.get(&rate_lane).is_none_or(|from| context.now >= *from);
                let Some((namespace, priority)) =
                    self.queue.take(rate_lane, may_take_rest, context.now)
                else {
                    break;
                };
                if priority == Priority::Rest {
                    self.rest_from.insert(rate_lane, context.now.plus(REST_EVERY));
                }
                if rate_lane == RateLane::GitHub && context.github_blocked {
                    self.queue.set(&namespace, rate_lane, priority, context.now.plus(POSTPONED));
                    continue;
                }
                self.under_way.insert(namespace.clone(), (rate_lane, priority));
                let names: Vec<Name> = self.names(&namespace).cloned().collect();
                let is_mentioned = |name: &&Name| !context.overlays.rules_for(name).is_silent();
                let asked = names.iter().filter(is_mentioned).cloned().collect();
                let lookup = LookupTask { namespace, priority, names, asked, reply: None };
                effects.push(Effect::LookupTask(lookup));
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

        /// Returns the namespaces that begin a lookup at a time.
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
        bench.overlays = overlays("servers: [{name: \"*\", tier: 1}]");
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
    fn changed_names_are_looked_up_at_most_every_ten_minutes() {
        let mut bench = Bench::new(true);
        bench.load(&["com.mentioned/x"]);
        bench.tick(0);
        bench.end("com.mentioned", 50_000, 0);
        let record = Record { checked_at: Some(at(0)), next_check: Some(at(50_000)) };
        let records = Records::from([("com.mentioned".to_owned(), record)]);
        bench.step(Event::NamesTouched(names(&["com.mentioned/x"]), &records), 60);
        assert_eq!(bench.tick(599), <[&str; 0]>::default());
        assert_eq!(bench.tick(600), ["com.mentioned"]);
        bench.step(Event::NamesTouched(names(&["com.mentioned/x"]), &records), 601);
        bench.end("com.mentioned", 50_000, 602);
        assert_eq!(bench.tick(1201), <[&str; 0]>::default(), "it changed during the lookup");
        assert_eq!(bench.tick(1202), ["com.mentioned"]);
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
        let found = Some(Found { next_check: Some(at(9999)), changed: true });
        let effects = bench.step(Event::Ended { namespace: "com.mentioned".to_owned(), found }, 1);
        assert_eq!(effects, [Effect::Touch(names(&["com.mentioned/x"]))]);
    }
}
