use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::look::{Look, Registries};
use super::named::packages_of;
use super::state::{Effect, Event, Named, State};
use crate::artefact::PackageKey;
use crate::attestation::Verifier;
use crate::config::ArtefactSettings;
use crate::daemon::policy::CurrentPolicy;
use crate::daemon::runtime::{Clock, Feed};
use crate::model::{Digest, Name, Timestamp, reason};
use crate::remote::{Packages, Watched};
use crate::store::{Snapshot, Store, StoreError};

/// Interval between two reads of the queue.
const TICK: Duration = Duration::from_secs(1);
/// Records are kept for this long after the last look at a package that no entry names any more.
const KEPT: Duration = Duration::from_hours(90 * 24);
/// Names whose packages are read at a time.
const MAX_NAMES: usize = 2_000;
const PRUNE_EVERY: Duration = Duration::from_hours(24);

/// The service that looks at packages, and the ports to the others.
pub(in crate::daemon) struct Looking {
    pub(in crate::daemon) store: Arc<Store>,
    pub(in crate::daemon) clock: Arc<Clock>,
    pub(in crate::daemon) policy: watch::Receiver<Arc<CurrentPolicy>>,
    pub(in crate::daemon) settings: ArtefactSettings,
    /// True if the settings name a registry.
    pub(in crate::daemon) is_enabled: bool,
    pub(in crate::daemon) packages: Arc<Packages>,
    /// Verifies the attestations of packages.
    pub(in crate::daemon) verifier: Arc<Watched<Verifier>>,
    /// Names that were evaluated.
    pub(in crate::daemon) evaluated: Feed,
    /// Takes names whose packages changed.
    pub(in crate::daemon) touched: Feed,
}

/// Looks at packages until it is stopped.
///
/// # Errors
/// When the store cannot be read or written.
pub(in crate::daemon) async fn look_at_packages(
    service: Arc<Looking>,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut prune = tokio::time::interval(PRUNE_EVERY);
    let state = State::new(service.settings.daily_requests);
    let (looks, keys, pending) = (JoinSet::new(), HashMap::new(), BTreeSet::new());
    let trust = service.verifier.current().trust();
    let mut driver = Driver { service, state, looks, keys, pending, trust };
    driver.load()?;
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            Some(joined) = driver.looks.join_next_with_id() => driver.ended(joined),
            _ = prune.tick() => driver.prune()?,
            _ = tick.tick() => {
                driver.take_names()?;
                driver.step(Event::Tick);
            }
        }
    }
}

struct Driver {
    service: Arc<Looking>,
    state: State,
    looks: JoinSet<Look>,
    /// The packages of the looks under way.
    keys: HashMap<Id, PackageKey>,
    /// Evaluated names whose packages are to be read.
    pending: BTreeSet<Name>,
    /// The trust under which the packages were read.
    trust: Digest,
}

impl Driver {
    fn step(&mut self, event: Event) {
        let now = self.service.clock.now();
        for effect in self.state.step(event, now) {
            match effect {
                Effect::Look(key) => {
                    let Looking { packages, verifier, .. } = &*self.service;
                    let (packages, verifier) = (Arc::clone(packages), verifier.current());
                    let (registries, asked) = (Registries { packages, verifier }, key.clone());
                    let task = self.looks.spawn(async move { registries.look(&asked).await });
                    self.keys.insert(task.id(), key);
                }
                Effect::Touch(names) => self.service.touched.touch(names),
                Effect::Exhausted(waiting) => {
                    info!(
                        waiting,
                        "the package registries received all requests of this day; the other packages wait"
                    );
                }
            }
        }
    }

    /// Counts the requests that an earlier process made today, and reads the packages of all names: an earlier loop may
    /// have taken names from the feed.
    fn load(&mut self) -> Result<(), StoreError> {
        if !self.service.is_enabled {
            return Ok(());
        }
        let snapshot = self.service.store.snapshot()?;
        for (key, record) in snapshot.artefacts()? {
            if let Some(at) = record.looked_at {
                self.step(Event::Remembered { key, at });
            }
        }
        self.add_names(&snapshot)
    }

    /// Adds all names that rules mention to those whose packages are to be read.
    fn add_names(&mut self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let policy = self.service.policy.borrow().snapshot.clone();
        let names = snapshot.names()?.into_iter();
        let names = names.filter(|name| !policy.overlays.rules_for(name).is_silent());
        self.pending.extend(names);
        Ok(())
    }

    /// Reads the packages of some of the names that were evaluated: a stop must not wait for all of them.
    fn take_names(&mut self) -> Result<(), StoreError> {
        let mut names = self.service.evaluated.take_now();
        if !self.service.is_enabled {
            return Ok(());
        }
        let trust = self.service.verifier.current().trust();
        if trust != self.trust {
            // What was verified under another trust is verified again.
            self.add_names(&self.service.store.snapshot()?)?;
            self.trust = trust;
        }
        self.pending.append(&mut names);
        while names.len() < MAX_NAMES
            && let Some(name) = self.pending.pop_first()
        {
            names.insert(name);
        }
        if names.is_empty() {
            return Ok(());
        }
        let service = Arc::clone(&self.service);
        // They were evaluated before, so a snapshot that is taken now shows their rows.
        let snapshot = service.store.snapshot()?;
        let policy = service.policy.borrow().snapshot.clone();
        for name in names {
            let dossier = snapshot.dossier(&name, &policy)?;
            let keys = packages_of(&dossier, &policy, service.settings.bundles);
            let next = |(key, is_shown): (PackageKey, bool)| {
                let record = dossier.artefacts.get(&key);
                let next = record.and_then(|record| record.next_look_under(trust));
                Named { key, next, is_shown }
            };
            let packages = keys.into_iter().map(next).collect();
            self.step(Event::Read { name, packages });
        }
        Ok(())
    }

    /// Stores what a look found. One that panicked, or cannot be stored, does not affect the others.
    fn ended(&mut self, joined: Result<(Id, Look), JoinError>) {
        let (task, look) = match joined {
            Ok(ended) => ended,
            Err(panicked) => (panicked.id(), Look::failed(panicked.to_string())),
        };
        let Some(key) = self.keys.remove(&task) else { return };
        let found = match self.record(&key, look) {
            Ok(found) => Some(found),
            Err(error) => {
                warn!(package = %key, reason = %reason(&error), "the files of a package cannot be recorded");
                None
            }
        };
        self.step(Event::Ended { key, found });
    }

    fn record(&self, key: &PackageKey, look: Look) -> Result<(Timestamp, bool), StoreError> {
        let Looking { store, clock, .. } = &*self.service;
        let before = store.snapshot()?.artefacts_of(key)?.unwrap_or_default();
        let now = clock.now();
        let record = before.clone().after(key, &look.observed, look.attested, now);
        debug!(package = %key, problem = record.problem, files = record.files.len(), "a package was looked at");
        store.store_artefacts(key, &record, now)?;
        let is_same = record.has_same_facts(&before) && record.unanswered() == before.unanswered();
        Ok((record.next_look.unwrap_or(now), !is_same))
    }

    /// Removes records of packages that no entry names any more. They are known once all names were read.
    fn prune(&self) -> Result<(), StoreError> {
        if !self.service.is_enabled || !self.pending.is_empty() {
            return Ok(());
        }
        let Looking { store, clock, .. } = &*self.service;
        let now = clock.now();
        store.prune_artefacts(|key| self.state.has(key), now.minus(KEPT), now)
    }
}
