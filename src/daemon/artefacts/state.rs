use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::budget::Budget;
use crate::artefact::PackageKey;
use crate::model::{Name, Timestamp};

/// Looks that run at the same time.
const PARALLEL: usize = 4;
/// The wait after a look that could not be stored.
const POSTPONED: Duration = Duration::from_mins(5);

#[derive(Debug)]
pub(super) enum Event {
    /// A look of an earlier process, at this time.
    Remembered {
        key: PackageKey,
        at: Timestamp,
    },
    /// The packages of a name.
    Read {
        name: Name,
        packages: Vec<Named>,
    },
    /// A look ended: its next look, and true if the facts changed. `None` if it could not be stored.
    Ended {
        key: PackageKey,
        found: Option<(Timestamp, bool)>,
    },
    Tick,
}

/// A package of a name.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) key: PackageKey,
    /// Its stored next look.
    pub(super) next: Option<Timestamp>,
    /// True if a view shows it.
    pub(super) is_shown: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Look(PackageKey),
    /// These names are evaluated again.
    Touch(BTreeSet<Name>),
    /// The budget of the day is spent, and so many packages wait.
    Exhausted(usize),
}

/// The packages to look at: those that a view shows, and behind them the others, in the order of their next looks.
#[derive(Debug)]
pub(super) struct State {
    packages: BTreeMap<PackageKey, Tracked>,
    names: BTreeMap<Name, BTreeSet<PackageKey>>,
    shown: BTreeSet<(Timestamp, PackageKey)>,
    others: BTreeSet<(Timestamp, PackageKey)>,
    budget: Budget,
    under_way: usize,
    is_exhausted: bool,
}

#[derive(Debug)]
struct Tracked {
    /// Each with true if a view shows the package under it.
    names: BTreeMap<Name, bool>,
    /// `None` while it is looked at.
    next: Option<Timestamp>,
}

impl State {
    pub(super) const fn new(daily_requests: u32) -> Self {
        Self {
            packages: BTreeMap::new(),
            names: BTreeMap::new(),
            shown: BTreeSet::new(),
            others: BTreeSet::new(),
            budget: Budget::new(daily_requests),
            under_way: 0,
            is_exhausted: false,
        }
    }

    pub(super) fn step(&mut self, event: Event, now: Timestamp) -> Vec<Effect> {
        match event {
            Event::Remembered { key, at } => {
                self.budget.count(&key, at);
                Vec::new()
            }
            Event::Read { name, packages } => {
                self.read(name, packages, now);
                Vec::new()
            }
            Event::Ended { key, found } => self.ended(&key, found, now),
            Event::Tick => self.start(now),
        }
    }

    /// Returns true if a name has the package.
    pub(super) fn has(&self, key: &PackageKey) -> bool {
        self.packages.contains_key(key)
    }

    fn read(&mut self, name: Name, packages: Vec<Named>, now: Timestamp) {
        let keys: BTreeSet<PackageKey> = packages.iter().map(|named| named.key.clone()).collect();
        let before = self.names.remove(&name).unwrap_or_default();
        for gone in before.difference(&keys) {
            self.forget(gone, &name);
        }
        for Named { key, next, is_shown } in packages {
            let queued = self.unqueue(&key);
            let tracked = self.packages.entry(key.clone()).or_insert_with(|| {
                let next = Some(next.unwrap_or(now));
                Tracked { names: BTreeMap::new(), next }
            });
            tracked.names.insert(name.clone(), is_shown);
            let next = queued.or(tracked.next);
            self.queue(&key, next);
        }
        if !keys.is_empty() {
            self.names.insert(name, keys);
        }
    }

    fn forget(&mut self, key: &PackageKey, name: &Name) {
        let queued = self.unqueue(key);
        let Some(tracked) = self.packages.get_mut(key) else { return };
        tracked.names.remove(name);
        if tracked.names.is_empty() {
            self.packages.remove(key);
        } else {
            self.queue(key, queued);
        }
    }

    /// Removes a package from its queue; returns its next look if it was there.
    fn unqueue(&mut self, key: &PackageKey) -> Option<Timestamp> {
        let next = self.packages.get(key)?.next?;
        let queued = (next, key.clone());
        if !self.shown.remove(&queued) {
            self.others.remove(&queued);
        }
        Some(next)
    }

    /// Inserts a package into the queue of those that a view shows, or of the others; `None` while it is looked at.
    fn queue(&mut self, key: &PackageKey, next: Option<Timestamp>) {
        let (Some(next), Some(tracked)) = (next, self.packages.get_mut(key)) else { return };
        tracked.next = Some(next);
        let is_shown = tracked.names.values().any(|is_shown| *is_shown);
        let queue = if is_shown { &mut self.shown } else { &mut self.others };
        queue.insert((next, key.clone()));
    }

    fn ended(
        &mut self,
        key: &PackageKey,
        found: Option<(Timestamp, bool)>,
        now: Timestamp,
    ) -> Vec<Effect> {
        self.under_way = self.under_way.saturating_sub(1);
        let mut effects = Vec::new();
        // No name may have it any more.
        if self.has(key) {
            let (next, is_changed) = found.unwrap_or((now.plus(POSTPONED), false));
            // A name that was removed and came back queued it already.
            self.unqueue(key);
            self.queue(key, Some(next));
            let names = self.packages.get(key).filter(|_| is_changed);
            effects.extend(
                names.map(|tracked| Effect::Touch(tracked.names.keys().cloned().collect())),
            );
        }
        effects.extend(self.start(now));
        effects
    }

    /// Starts as many looks as may run at the same time and as the budget has room for.
    fn start(&mut self, now: Timestamp) -> Vec<Effect> {
        let mut effects = Vec::new();
        while self.under_way < PARALLEL {
            let queues = [&self.shown, &self.others];
            let is_due = |(at, _): &&(Timestamp, PackageKey)| *at <= now;
            let first = queues.into_iter().filter_map(BTreeSet::first).find(is_due);
            let Some((_, key)) = first.cloned() else { break };
            if !self.budget.spend(&key, now) {
                if !self.is_exhausted {
                    let waiting: usize =
                        queues.map(|queue| queue.iter().take_while(is_due).count()).iter().sum();
                    effects.push(Effect::Exhausted(waiting));
                }
                self.is_exhausted = true;
                break;
            }
            self.is_exhausted = false;
            self.unqueue(&key);
            if let Some(tracked) = self.packages.get_mut(&key) {
                tracked.next = None;
            }
            self.under_way += 1;
            effects.push(Effect::Look(key));
        }
        effects
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_micros(hour * 3_600_000_000)
    }

    fn key(kind: &str, name: &str) -> PackageKey {
        let base = Url::parse("https://packages.example").expect("a URL");
        PackageKey::new(kind, &base, name, Some("1.0.0")).expect("a key")
    }

    fn name(text: &str) -> Name {
        Name::parse(text).expect("a name")
    }

    fn read(state: &mut State, of: &str, packages: &[(&PackageKey, Option<Timestamp>)]) {
        read_as(state, of, packages, false);
    }

    fn read_as(
        state: &mut State,
        of: &str,
        packages: &[(&PackageKey, Option<Timestamp>)],
        is_shown: bool,
    ) {
        let named =
            |(key, next): &(&PackageKey, _)| Named { key: (*key).clone(), next: *next, is_shown };
        let packages = packages.iter().map(named).collect();
        assert_eq!(state.step(Event::Read { name: name(of), packages }, at(0)), []);
    }

    /// Names of a stranger that wait for a verdict use up a day; what a view shows is looked at all the same.
    #[test]
    fn package_that_a_view_shows_comes_before_every_other_one() {
        let others: Vec<PackageKey> =
            (0..6).map(|index| key("npm", &format!("p{index}"))).collect();
        let (shown, later) = (key("npm", "shown"), key("npm", "later"));
        let mut state = State::new(4);
        let packages: Vec<_> = others.iter().map(|key| (key, Some(at(1)))).collect();
        read(&mut state, "a.b/x", &packages);
        read_as(&mut state, "a.b/y", &[(&shown, Some(at(2))), (&later, Some(at(9)))], true);
        // A view begins to show a package that waits, and ends to show another one.
        read_as(&mut state, "a.b/z", &[(&others[5], None)], true);
        let first = [&others[5], &shown].map(|key| Effect::Look(key.clone()));
        let waiting = Effect::Exhausted(5);
        assert_eq!(
            state.step(Event::Tick, at(2)),
            first.into_iter().chain([waiting]).collect::<Vec<_>>()
        );
        read_as(&mut state, "a.b/y", &[(&shown, None), (&later, None)], false);
        let next = [&others[0], &others[1]].map(|key| Effect::Look(key.clone()));
        assert_eq!(state.step(Event::Tick, at(26)), next);
    }

    #[test]
    fn new_package_is_due_at_once_and_a_known_one_at_its_stored_time() {
        let (one, other) = (key("npm", "one"), key("npm", "other"));
        let mut state = State::new(100);
        read(&mut state, "a.b/x", &[(&one, None), (&other, Some(at(5)))]);
        // The same package of another name is looked at once.
        read(&mut state, "a.b/y", &[(&one, None)]);
        assert_eq!(state.step(Event::Tick, at(0)), [Effect::Look(one.clone())]);
        assert_eq!(state.step(Event::Tick, at(1)), []);
        let ended = Event::Ended { key: one, found: Some((at(200), true)) };
        let both = BTreeSet::from([name("a.b/x"), name("a.b/y")]);
        assert_eq!(state.step(ended, at(1)), [Effect::Touch(both)]);
        assert_eq!(state.step(Event::Tick, at(6)), [Effect::Look(other.clone())]);
        // A look that could not be stored is repeated soon.
        assert_eq!(state.step(Event::Ended { key: other.clone(), found: None }, at(6)), []);
        assert_eq!(state.step(Event::Tick, at(7)), [Effect::Look(other)]);
    }

    #[test]
    fn package_that_no_name_has_any_more_is_not_looked_at() {
        let one = key("npm", "one");
        let mut state = State::new(100);
        read(&mut state, "a.b/x", &[(&one, None)]);
        read(&mut state, "a.b/x", &[]);
        assert!(!state.has(&one));
        assert_eq!(state.step(Event::Tick, at(1)), []);
        // It goes and comes back while it is looked at.
        read(&mut state, "a.b/x", &[(&one, None)]);
        assert_eq!(state.step(Event::Tick, at(1)), [Effect::Look(one.clone())]);
        read(&mut state, "a.b/x", &[]);
        read(&mut state, "a.b/x", &[(&one, Some(at(9)))]);
        assert_eq!(
            state.step(Event::Ended { key: one.clone(), found: Some((at(100), false)) }, at(2)),
            []
        );
        assert_eq!(state.step(Event::Tick, at(50)), []);
        assert_eq!(state.step(Event::Tick, at(100)), [Effect::Look(one)]);
    }

    #[test]
    fn budget_of_a_day_is_never_exceeded_and_a_restart_remembers_it() {
        let keys: Vec<PackageKey> = (0..6).map(|index| key("npm", &format!("p{index}"))).collect();
        let mut state = State::new(5);
        for (kind, identifier) in [("npm", "one"), ("mcpb", "https://files.example/i")] {
            let remembered = Event::Remembered { key: key(kind, identifier), at: at(1) };
            assert_eq!(state.step(remembered, at(2)), []);
        }
        let packages: Vec<_> = keys.iter().map(|key| (key, None)).collect();
        read(&mut state, "a.b/x", &packages);
        let effects = state.step(Event::Tick, at(2));
        assert_eq!(effects, [Effect::Look(keys[0].clone()), Effect::Exhausted(5)]);
        assert_eq!(state.step(Event::Tick, at(3)), [], "it is said once");
        assert_eq!(
            state.step(Event::Ended { key: keys[0].clone(), found: Some((at(300), false)) }, at(3)),
            []
        );
        let next_day = state.step(Event::Tick, at(24));
        let two = keys[1..3].iter().map(|key| Effect::Look(key.clone()));
        assert_eq!(next_day, two.chain([Effect::Exhausted(3)]).collect::<Vec<_>>());
    }
}
