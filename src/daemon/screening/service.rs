use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::alerts::{LOOKALIKES, listed_names, reported_alerts};
use super::comparer::{Comparer, Comparison, with_alerts};
use super::external::{external_names, is_silent};
use super::handle::ScreeningHandle;
use super::state::{Comparing, Event, State, Work};
use crate::alert::Report;
use crate::curation::{Compared, PolicyDifference, PolicySnapshot, Screening};
use crate::daemon::mirror::Settling;
use crate::daemon::policy::CurrentPolicy;
use crate::daemon::runtime::{Clock, report_alerts};
use crate::lookalike::Match;
use crate::model::Name;
use crate::store::{Snapshot, Store, StoreError};

/// The interval in which failed work is retried.
const TICK: Duration = Duration::from_secs(1);

/// Passes names to another service.
type Notify = Box<dyn Fn(&[&Name]) + Send + Sync>;

/// The inputs of the screening, and the service that it notifies.
pub(in crate::daemon) struct Inputs {
    pub(in crate::daemon) store: Arc<Store>,
    pub(in crate::daemon) clock: Arc<Clock>,
    pub(in crate::daemon) policy: watch::Receiver<Arc<CurrentPolicy>>,
    pub(in crate::daemon) settling: watch::Receiver<Settling>,
    /// The number of the current generation.
    pub(in crate::daemon) generation: watch::Receiver<u64>,
    /// Takes the names that resemble something protected.
    pub(in crate::daemon) resembling: Notify,
    pub(in crate::daemon) handle: ScreeningHandle,
}

impl fmt::Debug for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inputs").finish_non_exhaustive()
    }
}

/// Screens names until `stop`.
///
/// # Errors
/// When the store cannot be read.
pub(in crate::daemon) async fn screen(
    inputs: Arc<Inputs>,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let mut policy = inputs.policy.clone();
    let mut settling = inputs.settling.clone();
    let mut generation = inputs.generation.clone();
    let mut acknowledged = inputs.handle.acknowledged.subscribe();
    let touched = inputs.handle.touched.clone();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    settling.mark_changed();
    let mut screener = Screener::new(inputs);
    screener.forget();
    screener.handle(Event::Protection)?;
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            Ok(()) = policy.changed() => {
                policy.borrow_and_update();
                Event::Protection
            }
            Ok(()) = settling.changed() => {
                let is_known = settling.borrow_and_update().is_known();
                // The names of an internal upstream are read before anything is compared with them.
                screener.handle(screener.awaited())?;
                Event::Settling { is_known }
            }
            Ok(()) = generation.changed() => {
                generation.borrow_and_update();
                screener.generation_changed()
            }
            Ok(()) = acknowledged.changed() => {
                acknowledged.borrow_and_update();
                Event::Alerts
            }
            names = touched.take() => screener.touched(names)?,
            _ = tick.tick() => screener.tick(),
        };
        screener.handle(event)?;
    }
}

pub(super) struct Screener {
    inputs: Arc<Inputs>,
    state: State,
    comparer: Comparer,
    /// The policy of the comparisons.
    policy: Option<Arc<PolicySnapshot>>,
    found: BTreeMap<Name, Vec<Match>>,
    /// Names that were not compared completely: alerts about them do not end.
    incomplete: BTreeSet<Name>,
    /// The names with matches that were served at the last report.
    served: BTreeSet<Name>,
    /// True while an internal upstream is not mirrored yet: it decides which names are protected.
    awaits_internal: bool,
    /// True if alerts could not be stored.
    is_report_pending: bool,
}

impl Screener {
    pub(super) fn new(inputs: Arc<Inputs>) -> Self {
        Self {
            inputs,
            state: State::new(),
            comparer: Comparer::default(),
            policy: None,
            found: BTreeMap::new(),
            incomplete: BTreeSet::new(),
            served: BTreeSet::new(),
            awaits_internal: false,
            is_report_pending: false,
        }
    }

    /// Discards the screening of an earlier run of this loop: its index is lost.
    fn forget(&self) {
        self.inputs.handle.screening.send_modify(|screening| {
            *screening = Arc::new(screening.without_index());
        });
    }

    /// Retries a report that could not be stored.
    fn tick(&mut self) -> Event {
        if std::mem::take(&mut self.is_report_pending) { Event::Alerts } else { Event::Tick }
    }

    /// Handles an event, and the events that follow from it.
    pub(super) fn handle(&mut self, event: Event) -> Result<(), StoreError> {
        let mut work = self.state.step(event);
        while work != Work::default() {
            let event = self.perform(work)?;
            work = self.state.step(event);
        }
        Ok(())
    }

    fn perform(&mut self, work: Work) -> Result<Event, StoreError> {
        if work.index {
            return self.read_index();
        }
        match work.compare {
            Comparing::Nothing => {}
            Comparing::Names(names) => {
                let snapshot = self.inputs.store.snapshot()?;
                self.compare(&snapshot, &names)?;
            }
            Comparing::Everything => self.compare_everything()?,
        }
        if work.report {
            self.report()?;
        }
        Ok(Event::Tick)
    }

    fn policy(&self) -> Arc<PolicySnapshot> {
        Arc::clone(&self.inputs.policy.borrow().snapshot)
    }

    fn settling(&self) -> Settling {
        self.inputs.settling.borrow().clone()
    }

    /// Reads the protected subjects; after a change no name counts as compared.
    fn read_index(&mut self) -> Result<Event, StoreError> {
        let policy = self.policy();
        let awaits_internal = self.inputs.settling.borrow().internal;
        self.awaits_internal = policy.overlays.has_internal() && awaits_internal;
        if self.awaits_internal {
            return Ok(Event::IndexAwaited);
        }
        let snapshot = self.inputs.store.snapshot()?;
        let comparer = Comparer::load(&snapshot, &policy)?;
        let is_same = self.policy.as_ref().is_some_and(|before| {
            before.protection == policy.protection
                && matches!(policy.difference(before), PolicyDifference::Names(_))
        });
        let is_changed = !is_same || comparer.protected != self.comparer.protected;
        self.policy = Some(Arc::clone(&policy));
        if !is_changed {
            return Ok(Event::IndexUnchanged);
        }
        info!(protected = comparer.index.len(), "names are compared with what is protected");
        self.comparer = Comparer { frequent: Arc::clone(&self.comparer.frequent), ..comparer };
        self.inputs.handle.screening.send_modify(|screening| {
            *screening = Arc::new(screening.restarted(policy.protection));
        });
        Ok(Event::IndexChanged)
    }

    /// Returns the event after a change of the settling state: a mirrored internal upstream may protect new names.
    fn awaited(&self) -> Event {
        if self.awaits_internal { Event::Protection } else { Event::Tick }
    }

    /// Reads the protected subjects again if one of the names is, or may become, protected.
    fn touched(&mut self, names: BTreeSet<Name>) -> Result<Event, StoreError> {
        let policy = self.policy();
        let protected = &self.comparer.protected;
        let subjects: BTreeSet<&str> =
            protected.iter().map(|protected| protected.subject.as_str()).collect();
        let is_protecting =
            |name: &Name| policy.overlays.is_internal(name) || subjects.contains(name.as_str());
        if names.iter().any(is_protecting) {
            self.handle(Event::Protection)?;
        }
        Ok(Event::Touched(names))
    }

    /// Returns the event after a new generation: names with matches may be served now, or not any more.
    fn generation_changed(&self) -> Event {
        let is_same = self.served_of_found().is_ok_and(|served| served == self.served);
        if is_same { Event::Tick } else { Event::Alerts }
    }

    /// Compares all names of external upstreams, and all that alerts list.
    fn compare_everything(&mut self) -> Result<(), StoreError> {
        let (policy, settling) = (self.policy(), self.settling());
        let snapshot = self.inputs.store.snapshot()?;
        let now = self.inputs.clock.now();
        let external = external_names(&snapshot, &policy, &settling)?;
        self.comparer = std::mem::take(&mut self.comparer).with_frequent_names(&external, now);
        let mut names: BTreeSet<Name> = external.into_keys().collect();
        names.extend(listed_names(&snapshot)?);
        self.found.clear();
        self.incomplete.clear();
        self.compare(&snapshot, &names)
    }

    /// Compares names. Those of settling upstreams alone are compared for the gate, if a wildcard may admit them, and not
    /// reported: the frequent names are not known there.
    fn compare(&mut self, snapshot: &Snapshot, names: &BTreeSet<Name>) -> Result<(), StoreError> {
        let (policy, settling) = (self.policy(), self.settling());
        let may_be_admitted =
            |name: &Name| policy.withholds() && policy.overlays.rules_for(name).may_admit_unseen();
        let (mut silent, mut reported) = (Vec::new(), Vec::new());
        for name in names {
            if !is_silent(snapshot, &policy, &settling, name)? {
                reported.push(name);
            } else if may_be_admitted(name) {
                silent.push(name);
            }
        }
        let provisional = self.compare_all(snapshot, &policy, silent)?;
        self.publish(snapshot, &provisional)?;
        let found = self.compare_all(snapshot, &policy, reported)?;
        self.publish(snapshot, &found)?;
        for (name, comparison) in found {
            self.keep(name, comparison);
        }
        Ok(())
    }

    /// Keeps the reported matches of a name.
    fn keep(&mut self, name: Name, comparison: Option<Comparison>) {
        self.found.remove(&name);
        self.incomplete.remove(&name);
        let Some(Comparison { mut matches, is_complete, .. }) = comparison else { return };
        if !is_complete {
            self.incomplete.insert(name.clone());
        }
        matches.retain(|found| found.suppressed.is_none());
        if !matches.is_empty() {
            self.found.insert(name, matches);
        }
    }

    /// Compares names; the comparison is `None` for names that no external upstream lists.
    fn compare_all<'n>(
        &self,
        snapshot: &Snapshot,
        policy: &PolicySnapshot,
        names: impl IntoIterator<Item = &'n Name>,
    ) -> Result<Vec<(Name, Option<Comparison>)>, StoreError> {
        let now = self.inputs.clock.now();
        let compare = |name: &Name| {
            let dossier = snapshot.dossier(name, policy)?;
            let upstreams = dossier.rows.iter().map(|row| row.upstream.as_str());
            // The upstream of a damaged row is not known.
            let is_external = policy.is_external(upstreams) || !dossier.damaged.is_empty();
            let compare = || self.comparer.compare(snapshot, policy, &dossier, now);
            Ok((name.clone(), is_external.then(compare).transpose()?))
        };
        names.into_iter().map(compare).collect()
    }

    /// Publishes the part of comparisons that gates read.
    fn publish(
        &self,
        snapshot: &Snapshot,
        found: &[(Name, Option<Comparison>)],
    ) -> Result<(), StoreError> {
        let mut updates: Vec<(Name, Option<Compared>)> = Vec::with_capacity(found.len());
        for (name, comparison) in found {
            let compared = comparison.as_ref().map(|found| found.compared(snapshot, name));
            updates.push((name.clone(), compared.transpose()?));
        }
        self.update(updates);
        Ok(())
    }

    fn update(&self, updates: Vec<(Name, Option<Compared>)>) {
        if updates.is_empty() {
            return;
        }
        self.inputs.handle.screening.send_modify(|screening| {
            *screening = Arc::new(Screening::clone(screening).with(updates));
        });
    }

    /// Raises and resolves alerts, and publishes which matches are acknowledged.
    fn report(&mut self) -> Result<(), StoreError> {
        (self.inputs.resembling)(&self.found.keys().collect::<Vec<_>>());
        let served = self.served_of_found()?;
        let report = Report {
            seen: reported_alerts(&self.found, &served),
            unknown: self.unknown()?,
            ..Report::default()
        };
        if !report_alerts(&self.inputs.store, &self.inputs.clock, LOOKALIKES, report) {
            self.is_report_pending = true;
            return Ok(());
        }
        self.served = served;
        let snapshot = self.inputs.store.snapshot()?;
        let screening = self.inputs.handle.current();
        let mut updates = Vec::new();
        for (name, matches) in &self.found {
            let Some(before) = screening.get(name) else { continue };
            let matches = with_alerts(&snapshot, name, matches)?;
            if matches != before.matches {
                let compared = Compared { contents: before.contents.clone(), matches };
                updates.push((name.clone(), Some(compared)));
            }
        }
        self.update(updates);
        Ok(())
    }

    /// Returns the names about which alerts do not end: not everything of them was compared.
    fn unknown(&self) -> Result<BTreeSet<Name>, StoreError> {
        let mut unknown = self.incomplete.clone();
        let settling = self.settling();
        if !settling.any() {
            return Ok(unknown);
        }
        let (snapshot, policy) = (self.inputs.store.snapshot()?, self.policy());
        for name in listed_names(&snapshot)? {
            if is_silent(&snapshot, &policy, &settling, &name)? {
                unknown.insert(name);
            }
        }
        Ok(unknown)
    }

    /// Returns the names with matches that any view shows.
    fn served_of_found(&self) -> Result<BTreeSet<Name>, StoreError> {
        let (snapshot, policy) = (self.inputs.store.snapshot()?, self.policy());
        let mut served = BTreeSet::new();
        for name in self.found.keys() {
            if snapshot.shows_any(&policy.views, name)? {
                served.insert(name.clone());
            }
        }
        Ok(served)
    }
}

#[cfg(test)]
#[path = "drive_tests.rs"]
pub(super) mod drive_tests;
