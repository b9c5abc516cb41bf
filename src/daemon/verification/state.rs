//! Decides which namespaces are looked up, and when.
//!
//! Namespaces that overlays mention come first, each within a day; the others follow at a slow pace. Domains
//! are looked up in parallel, GitHub accounts one by one and within GitHub's rate limits. A lookup that
//! cannot be made is postponed, and counts as nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::places::Places;
use super::queue::{Queue, RateLane, rate_lane};
use crate::model::{Name, NamespacePattern, Timestamp};
use crate::overlay::{Changes, OverlaySet};
use crate::ownership::{Claim, Priority};

/// Interval between two namespaces that no overlay mentions: 28,800 a day.
const REST_EVERY: Duration = Duration::from_secs(3);
/// After a restart, the longest age of a verdict on a namespace that overlays mention.
const MENTIONED_EVERY: Duration = Duration::from_hours(24);
/// The shortest interval between two lookups of one namespace after changes of its names, by lane: GitHub counts
/// requests.
const DOMAIN_AT_MOST_EVERY: Duration = Duration::from_secs(10);
const ACCOUNT_AT_MOST_EVERY: Duration = Duration::from_mins(2);
/// Wait for the repositories and packages that a lookup did not reach.
const CONTINUED: Duration = Duration::from_mins(10);
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
    /// True if the lookup gave no definite answer.
    pub(super) is_silent: bool,
    /// False if some repositories or packages were not asked.
    pub(super) is_complete: bool,
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
    places: Places,
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
            places: Places::default(),
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

    /// Returns true while a lookup of a namespace is under way: its record is about to change.
    pub(super) fn is_under_way(&self, namespace: &str) -> bool {
        self.places.is_under_way(namespace)
    }

    /// Returns the names of a namespace, in any case.
    pub(super) fn names(&self, namespace: &str) -> impl Iterator<Item = &Name> {
        self.queue.names(namespace)
    }

    /// Returns the number of requests that wait for the lookup under way.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Returns the mentioned namespaces that were due before a time.
    pub(super) fn overdue(&self, before: Timestamp) -> impl Iterator<Item = &str> {
        self.queue.overdue(before)
    }

    pub(super) fn all_names(&self) -> impl Iterator<Item = &Name> {
        self.queue.all_names()
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
    /// mentioned namespace waits no longer than the usual interval. A check in the future was dated by a clock that was
    /// wrong, so it is made again.
    fn enqueue(&mut self, namespaces: &[String], records: &Records, context: &Context<'_>) {
        let hosts = context.overlays.shared_hosts();
        for namespace in namespaces {
            let priority = self.priority(namespace, context);
            let is_past = |record: &&Record| record.checked_at <= Some(context.now);
            let record = records.get(namespace).filter(is_past);
            let due = record.and_then(|record| match priority {
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
            if let Some((rate_lane, _, at)) = self.queue.position(namespace) {
                let earliest =
                    checked.map_or(Timestamp::MIN, |at| at.plus(at_most_every(rate_lane)));
                let soon = context.now.max(earliest);
                self.queue.set(namespace, rate_lane, priority, at.min(soon));
            } else if self.places.is_under_way(namespace) {
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
                let is_lower =
                    self.places.priority(&namespace).is_some_and(|before| before > priority);
                self.again.extend((is_changed || is_lower).then_some(namespace));
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
        if self.places.is_under_way(&folded) {
            self.waiting.push((namespace, reply));
            return None;
        }
        self.queue.remove(&folded);
        self.queue.begun(&folded);
        let names: Vec<Name> = self.names(&namespace).cloned().collect();
        let claim = Claim::of(&folded, &context.overlays.shared_hosts());
        self.places.begin(&folded, &claim, Priority::Mentioned, names.len());
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
        let before = self.places.end(&folded)?;
        before.zones().for_each(|zone| self.queue.unpark(zone));
        let names: Vec<Name> = self.names(&folded).cloned().collect();
        if names.is_empty() {
            // A client may have asked about a namespace that no upstream lists.
            self.again.remove(&folded);
            return None;
        }
        let Some(Found { next_check, changed, is_silent, is_complete }) = found else {
            let again = context.now.plus(POSTPONED);
            self.queue.set(&folded, before.rate_lane, before.priority, again);
            return None;
        };
        self.places.set_silent(&folded, is_silent);
        let rate_lane = rate_lane(&Claim::of(&folded, &context.overlays.shared_hosts()));
        let mut next = next_check.unwrap_or(context.now);
        if !is_complete {
            next = next.min(context.now.plus(CONTINUED));
        }
        if self.again.remove(&folded) {
            next = next.min(context.now.plus(at_most_every(rate_lane)));
        }
        let priority = self.priority(&folded, context);
        self.queue.set(&folded, rate_lane, priority, next);
        (changed || names.len() != before.names).then_some(Effect::Touch(names))
    }

    /// Starts as many lookups as may run at the same time.
    fn start(&mut self, context: &Context<'_>) -> Vec<Effect<R>> {
        let mut effects = Vec::new();
        if !self.enabled {
            return effects;
        }
        let hosts = context.overlays.shared_hosts();
        for rate_lane in [RateLane::Domains, RateLane::GitHub] {
            while self.places.has_free(rate_lane) {
                let may_take_rest =
                    self.rest_from.get(&rate_lane).is_none_or(|from| context.now >= *from);
                let Some((namespace, priority, at)) =
                    self.queue.take(rate_lane, may_take_rest, context.now)
                else {
                    break;
                };
                let claim = Claim::of(&namespace, &hosts);
                if let Some(zone) = self.places.full_zone(&namespace, &claim) {
                    self.queue.park(&namespace, rate_lane, priority, &zone, at);
                    continue;
                }
                if priority == Priority::Rest {
                    self.rest_from.insert(rate_lane, context.now.plus(REST_EVERY));
                }
                if rate_lane == RateLane::GitHub && context.github_blocked {
                    self.queue.postpone(
                        &namespace,
                        rate_lane,
                        priority,
                        at,
                        context.now.plus(POSTPONED),
                    );
                    continue;
                }
                self.queue.begun(&namespace);
                let names: Vec<Name> = self.names(&namespace).cloned().collect();
                self.places.begin(&namespace, &claim, priority, names.len());
                let is_mentioned = |name: &&Name| !context.overlays.rules_for(name).is_silent();
                let asked = names.iter().filter(is_mentioned).cloned().collect();
                let lookup = LookupTask { namespace, priority, names, asked, reply: None };
                effects.push(Effect::LookupTask(lookup));
            }
        }
        effects
    }
}

const fn at_most_every(rate_lane: RateLane) -> Duration {
    match rate_lane {
        RateLane::Domains => DOMAIN_AT_MOST_EVERY,
        RateLane::GitHub => ACCOUNT_AT_MOST_EVERY,
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
