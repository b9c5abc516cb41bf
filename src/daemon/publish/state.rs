//! Selects the names that a publication has to evaluate, and when: a pure step over received events.
//!
//! The selection follows from the difference between the current inputs and those that the last
//! generation was *committed* under, never from the last event alone: a failed publication and a
//! coalesced message lose nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::curation::{PolicyDifference, PolicySnapshot, Screening};
use crate::daemon::runtime::wait_after;
use crate::history::Cause;
use crate::model::{Name, Timestamp};

/// Syncs touch names all the time; clients see them in steps of this.
const BETWEEN_GENERATIONS: Duration = Duration::from_secs(1);

/// The current time, by the clock that decisions use, and as time since the process started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: Timestamp,
    pub(super) elapsed: Duration,
}

/// The events that a publication reacts to.
#[derive(Debug)]
pub(super) enum Event {
    Policy(Arc<PolicySnapshot>),
    Screening(Arc<Screening>),
    /// Rows or verification records of these names changed.
    Touched(BTreeSet<Name>),
    /// Enough is known for a first generation, and there is an index to compare names with.
    Ready,
    /// The enabled upstreams that were never synchronised completely.
    Unsynchronised(BTreeSet<String>),
    /// Time passed.
    Tick,
    Committed(Committed),
    /// The publication under way failed.
    Failed,
}

/// The result of a successful publication.
#[derive(Debug, Default)]
pub(super) struct Committed {
    /// For every selected name, when time alone may change its evaluation.
    pub(super) holds_until: Vec<(Name, Option<Timestamp>)>,
    /// True if every name was selected: evaluations of names that are not listed do not end.
    pub(super) everything: bool,
    /// The selected names that wait for a comparison or a reviewer.
    pub(super) withheld: BTreeSet<Name>,
    /// True if clients see a new generation.
    pub(super) is_published: bool,
}

impl Committed {
    /// Records an evaluated name. After an evaluation of everything, names that are not listed have no end.
    pub(super) fn add(&mut self, name: Name, holds_until: Option<Timestamp>, is_withheld: bool) {
        if is_withheld {
            self.withheld.insert(name.clone());
        }
        if holds_until.is_some() || !self.everything {
            self.holds_until.push((name, holds_until));
        }
    }

    /// Records skipped names.
    pub(super) fn add_silent(&mut self, names: Vec<Name>) {
        if !self.everything {
            self.holds_until.extend(names.into_iter().map(|name| (name, None)));
        }
    }
}

/// The next action after an event.
#[derive(Debug)]
pub(super) enum Step {
    Publish(Box<Work>),
    /// Wait for the next event, at most until this wake-up.
    Wait(Option<Wake>),
}

/// The time at which to decide again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wake {
    /// When this much time has passed since the process started.
    Elapsed(Duration),
    /// When the clock shows this.
    Clock(Timestamp),
}

/// One publication to make.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) selection: Selection,
    pub(super) policy: Arc<PolicySnapshot>,
    pub(super) screening: Arc<Screening>,
    pub(super) now: Timestamp,
    /// True for the first one of this process.
    pub(super) is_first: bool,
    /// True if a person moved the clock back.
    pub(super) is_moved_back: bool,
}

impl Work {
    /// Returns the reason to evaluate a name again.
    pub(super) fn cause(&self, name: &Name) -> Cause {
        let Selection { due, compared, difference, .. } = &self.selection;
        if self.is_first {
            Cause::Start
        } else if self.is_moved_back {
            Cause::Time
        } else if difference.as_ref().is_some_and(|difference| difference.concerns(name)) {
            Cause::Policy
        } else if compared.contains(name) {
            Cause::Screening
        } else if due.contains(name) {
            Cause::Time
        } else {
            Cause::Data
        }
    }
}

/// The names to evaluate.
#[derive(Debug)]
pub(super) struct Selection {
    /// Names with rows that have to be read again.
    pub(super) names: BTreeSet<Name>,
    /// Those of them for which only time has come.
    pub(super) due: BTreeSet<Name>,
    /// Those of them with another result of screening.
    pub(super) compared: BTreeSet<Name>,
    /// The difference of the policy.
    pub(super) difference: Option<PolicyDifference>,
}

impl Selection {
    /// Returns true if every name that could be visible is evaluated.
    pub(super) fn is_everything(&self) -> bool {
        matches!(self.difference, Some(PolicyDifference::Everything))
    }
}

/// The received inputs, the committed ones, and the publication under way.
#[derive(Debug)]
pub(super) struct State {
    policy: Arc<PolicySnapshot>,
    screening: Arc<Screening>,
    is_ready: bool,
    unsynchronised: BTreeSet<String>,
    /// The number of changes of them: a publication reads the present state of the store, so one that began before a
    /// change may have seen it, and the earlier set may return.
    synchronisations: u64,
    committed: Option<Basis>,
    dirty: BTreeSet<Name>,
    withheld: BTreeSet<Name>,
    ends: Ends,
    under_way: Option<UnderWay>,
    /// Touched names wait until then; a changed policy does not.
    not_before: Duration,
    /// Publications that failed since the last success.
    failures: u32,
    /// After a failure everything waits until then, except a changed policy.
    retry_at: Option<Duration>,
    /// The last time.
    latest: Timestamp,
    /// True if a person moved the clock back after the last evaluation of everything.
    is_moved_back: bool,
}

/// A publication that has not ended, with the names that it was given.
#[derive(Debug)]
struct UnderWay {
    basis: Basis,
    names: BTreeSet<Name>,
    is_moved_back: bool,
}

/// The times at which evaluations end, for names that time alone may change.
#[derive(Debug, Default)]
struct Ends {
    by_name: BTreeMap<Name, Timestamp>,
    by_time: BTreeSet<(Timestamp, Name)>,
}

impl Ends {
    fn set(&mut self, name: Name, until: Option<Timestamp>) {
        if let Some(before) = self.by_name.remove(&name) {
            self.by_time.remove(&(before, name.clone()));
        }
        if let Some(until) = until {
            self.by_time.insert((until, name.clone()));
            self.by_name.insert(name, until);
        }
    }

    fn until(&self, now: Timestamp) -> impl Iterator<Item = &Name> {
        self.by_time.iter().take_while(move |(until, _)| *until <= now).map(|(_, name)| name)
    }

    fn first(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(until, _)| *until)
    }
}

/// The inputs that a generation is built from.
#[derive(Debug, Clone)]
struct Basis {
    policy: Arc<PolicySnapshot>,
    screening: Arc<Screening>,
    synchronisations: u64,
}

impl State {
    pub(super) fn new(policy: Arc<PolicySnapshot>, screening: Arc<Screening>) -> Self {
        Self {
            policy,
            screening,
            is_ready: false,
            unsynchronised: BTreeSet::new(),
            synchronisations: 0,
            committed: None,
            dirty: BTreeSet::new(),
            withheld: BTreeSet::new(),
            ends: Ends::default(),
            under_way: None,
            not_before: Duration::ZERO,
            failures: 0,
            retry_at: None,
            latest: Timestamp::MIN,
            is_moved_back: false,
        }
    }

    /// Applies an event, and returns the next action.
    pub(super) fn step(&mut self, event: Event, at: Moment) -> Step {
        self.is_moved_back |= at.now < self.latest;
        self.latest = at.now;
        match event {
            Event::Policy(policy) => {
                self.policy = policy;
                self.retry_at = None;
            }
            Event::Screening(screening) => self.screening = screening,
            Event::Touched(names) => self.dirty.extend(names),
            Event::Ready => self.is_ready = true,
            Event::Unsynchronised(upstreams) if upstreams != self.unsynchronised => {
                self.unsynchronised = upstreams;
                self.synchronisations += 1;
            }
            Event::Unsynchronised(_) => {}
            Event::Tick => {}
            Event::Committed(committed) => self.commit(committed, at),
            Event::Failed => self.fail(at),
        }
        self.next(at)
    }

    fn commit(&mut self, committed: Committed, at: Moment) {
        let Committed { everything, holds_until, withheld, is_published } = committed;
        if everything {
            (self.ends, self.withheld) = (Ends::default(), BTreeSet::new());
        }
        for (name, until) in holds_until {
            self.withheld.remove(&name);
            self.ends.set(name, until);
        }
        self.withheld.extend(withheld);
        self.committed = self.under_way.take().map(|under_way| under_way.basis);
        self.failures = 0;
        if is_published {
            self.not_before = at.elapsed + BETWEEN_GENERATIONS;
        }
    }

    /// Keeps everything that the publication would have settled.
    fn fail(&mut self, at: Moment) {
        if let Some(UnderWay { names, is_moved_back, .. }) = self.under_way.take() {
            self.dirty.extend(names);
            self.is_moved_back |= is_moved_back;
        }
        self.retry_at = Some(at.elapsed + wait_after(self.failures));
        self.failures = self.failures.saturating_add(1);
    }

    fn next(&mut self, at: Moment) -> Step {
        if !self.is_ready || self.under_way.is_some() {
            return Step::Wait(None);
        }
        if let Some(retry_at) = self.retry_at.filter(|retry_at| at.elapsed < *retry_at) {
            return Step::Wait(Some(Wake::Elapsed(retry_at)));
        }
        self.retry_at = None;
        let difference = self.difference();
        let mut names: BTreeSet<Name> = self.ends.until(at.now).cloned().collect();
        let reconsidered = self.reconsidered();
        if difference.is_none() && names.is_empty() {
            if self.dirty.is_empty() && reconsidered.is_empty() {
                return Step::Wait(self.ends.first().map(Wake::Clock));
            }
            if at.elapsed < self.not_before {
                return Step::Wait(Some(Wake::Elapsed(self.not_before)));
            }
        }
        let due = names.difference(&self.dirty).cloned().collect();
        names.append(&mut self.dirty);
        names.extend(reconsidered.iter().cloned());
        let basis = Basis {
            policy: Arc::clone(&self.policy),
            screening: Arc::clone(&self.screening),
            synchronisations: self.synchronisations,
        };
        let is_moved_back = std::mem::take(&mut self.is_moved_back);
        let under_way = UnderWay { basis: basis.clone(), names: names.clone(), is_moved_back };
        self.under_way = Some(under_way);
        Step::Publish(Box::new(Work {
            selection: Selection { names, due, compared: reconsidered, difference },
            policy: basis.policy,
            screening: basis.screening,
            now: at.now,
            is_first: self.committed.is_none(),
            is_moved_back,
        }))
    }

    /// Returns the difference from the policy that the last generation was committed under.
    fn difference(&self) -> Option<PolicyDifference> {
        let Some(committed) = &self.committed else { return Some(PolicyDifference::Everything) };
        if self.is_moved_back || committed.synchronisations != self.synchronisations {
            // Names wait for such upstreams, and an evaluation says nothing of the time before it.
            return Some(PolicyDifference::Everything);
        }
        let is_other = committed.policy.revision != self.policy.revision;
        is_other.then(|| self.policy.difference(&committed.policy))
    }

    /// Returns the withheld names with a changed screening result.
    fn reconsidered(&self) -> BTreeSet<Name> {
        let Some(committed) = &self.committed else { return BTreeSet::new() };
        if committed.screening.revision == self.screening.revision
            && committed.policy.protection == self.policy.protection
        {
            return BTreeSet::new();
        }
        let is_same_index = committed.screening.protection == self.screening.protection
            && committed.policy.protection == self.policy.protection;
        let is_changed = |name: &&Name| {
            !is_same_index || committed.screening.get(name) != self.screening.get(name)
        };
        self.withheld.iter().filter(is_changed).cloned().collect()
    }
}
