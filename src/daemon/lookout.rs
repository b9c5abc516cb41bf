//! The loop that notices names resembling what is protected.
//!
//! # What is kept
//! In memory: the protected corpus, all names from outside, and what each resembles. All of it is worked out
//! anew at each start; only the alerts are stored, with who has acknowledged them.
//!
//! # When what is compared
//! A name that comes, or changes, is compared within a second. When overlays protect something else, everything is
//! compared again, on this thread, which nothing waits for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::alerts::observe;
use super::pass::reason;
use super::publisher::undamaged;
use super::{Shared, outside};
use crate::alert::Observation;
use crate::curation::Policy;
use crate::lookalike::{Commonness, Corpus, Protected, Resemblance, Why, settle};
use crate::model::Name;
use crate::overlay::{NoLookalike, OverlaySet};
use crate::ownership::{Offer, RepositoryLink, SharedHosts};
use crate::store::{Snapshot, StoreError};

/// Where alerts about lookalikes come from.
pub(super) const LOOKALIKES: &str = "lookalikes";
const TICK: Duration = Duration::from_secs(1);

struct Lookout {
    shared: Arc<Shared>,
    protected: BTreeSet<Protected>,
    /// What is no lookalike by somebody's word.
    quiet: Vec<NoLookalike>,
    hosts: SharedHosts,
    corpus: Corpus,
    /// Names that somebody outside may have published.
    names: BTreeSet<Name>,
    found: BTreeMap<Name, Vec<Resemblance>>,
}

/// Compares names until it is stopped.
///
/// # Errors
/// When the store cannot be read at the start.
pub(super) async fn look_out(
    shared: Arc<Shared>,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let mut overlays_changed = shared.overlays_changed();
    let mut lookout = Lookout {
        protected: BTreeSet::new(),
        quiet: Vec::new(),
        hosts: SharedHosts::default(),
        corpus: Corpus::default(),
        names: BTreeSet::new(),
        found: BTreeMap::new(),
        shared,
    };
    lookout.shared.unseen.take();
    lookout.names = outside::names(&lookout.shared.store.snapshot()?, &lookout.shared.speakers())?;
    told(lookout.protect());
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            Ok(()) = overlays_changed.changed() => told(lookout.protect()),
            _ = tick.tick() => told(lookout.look_at_news()),
        }
    }
}

/// What a store that fails for a while cannot stop.
fn told(worked: Result<(), StoreError>) {
    if let Err(error) = worked {
        warn!(reason = %reason(&error), "names could not be compared; it is tried again");
    }
}

impl Lookout {
    /// Takes what overlays protect now, and compares everything with it when that is news.
    fn protect(&mut self) -> Result<(), StoreError> {
        let in_force = self.shared.in_force();
        let protected = protected(&in_force.set, &self.shared.store.snapshot()?)?;
        let (quiet, hosts) = (in_force.set.no_lookalikes(), in_force.set.shared_hosts());
        if protected != self.protected || quiet != self.quiet || hosts != self.hosts {
            let common = Commonness::of(&self.names);
            self.corpus = Corpus::new(protected.iter().cloned(), common, hosts.clone());
            info!(protected = self.corpus.len(), "names are compared with what is protected");
            self.found.clear();
            let names: Vec<Name> = self.names.iter().cloned().collect();
            self.compare(&names, &in_force.set)?;
            // Only now: when the store fails in between, the next look does it all again.
            (self.protected, self.quiet, self.hosts) = (protected, quiet.to_vec(), hosts);
        }
        self.tell();
        Ok(())
    }

    fn look_at_news(&mut self) -> Result<(), StoreError> {
        let Some((news, snapshot)) = self.shared.unseen.take_with(&self.shared.store)? else {
            return Ok(());
        };
        let speakers = self.shared.speakers();
        let mut names = Vec::new();
        let in_force = self.shared.in_force();
        let mut is_protecting = false;
        for name in news {
            is_protecting |= in_force.set.is_internal(&name);
            self.found.remove(&name);
            if outside::lists(&snapshot, &speakers, &name)? {
                self.names.insert(name.clone());
                names.push(name);
            }
        }
        // A name in an internal namespace is protected from now on.
        if is_protecting && protected(&in_force.set, &snapshot)? != self.protected {
            return self.protect();
        }
        self.compare(&names, &in_force.set)?;
        self.tell();
        Ok(())
    }

    fn compare(&mut self, names: &[Name], set: &OverlaySet) -> Result<(), StoreError> {
        let snapshot = self.shared.store.snapshot()?;
        for name in names {
            let found = resembling(&self.corpus, set, &snapshot, name)?;
            if !found.is_empty() {
                self.found.insert(name.clone(), found);
            }
        }
        Ok(())
    }

    /// One alert for each protected subject and suspect namespace, whatever number of names.
    fn tell(&self) {
        self.shared.resemble(&self.found.keys().collect::<Vec<_>>());
        let published = self.shared.published();
        let mut alerts: BTreeMap<(String, String), Vec<(&Name, &Resemblance)>> = BTreeMap::new();
        for (name, found) in &self.found {
            for resemblance in found {
                let key = (resemblance.target.clone(), name.namespace().to_ascii_lowercase());
                alerts.entry(key).or_default().push((name, resemblance));
            }
        }
        let seen = alerts.into_iter().filter_map(|((target, namespace), mut all)| {
            all.sort_by_key(|(name, it)| (std::cmp::Reverse(it.level), (*name).clone()));
            let (name, first) = all.first()?;
            let detail = format!("{}: {name} resembles {target}: {}", first.level, first.evidence);
            let served = all
                .iter()
                .any(|(name, _)| published.as_ref().is_some_and(|published| published.has(name)));
            let observation = Observation::new("lookalike", target.clone(), detail);
            let count = all.len() as u64;
            let observation = observation.of_namespace(&namespace).about_served(served);
            Some(Observation { count, ..observation })
        });
        observe(&self.shared.store, &self.shared.clock, LOOKALIKES, seen.collect());
    }
}

/// What is protected: what overlays say, and the names in internal namespaces.
fn protected(set: &OverlaySet, snapshot: &Snapshot) -> Result<BTreeSet<Protected>, StoreError> {
    let mut protected: BTreeSet<Protected> = set.protected().into_iter().collect();
    if set.has_internal() {
        for head in undamaged(snapshot.heads()?) {
            let name = head?.name;
            if set.is_internal(&name) {
                protected.insert(Protected {
                    subject: name.to_string(),
                    why: Why::Internal,
                    home: None,
                });
            }
        }
    }
    Ok(protected)
}

fn resembling(
    corpus: &Corpus,
    set: &OverlaySet,
    snapshot: &Snapshot,
    name: &Name,
) -> Result<Vec<Resemblance>, StoreError> {
    let mut found = corpus.resemblances(name);
    found.retain(|it| !set.is_no_lookalike(name, &it.target));
    if found.is_empty() || set.is_internal(name) {
        return Ok(Vec::new());
    }
    let suspect = repository_of(snapshot, name)?;
    let mut targets: BTreeMap<String, Option<RepositoryLink>> = BTreeMap::new();
    for resemblance in &found {
        let repository = match Name::parse(&resemblance.target) {
            Ok(target) => repository_of(snapshot, &target)?,
            Err(_) => None,
        };
        targets.insert(resemblance.target.clone(), repository);
    }
    Ok(settle(found, suspect.as_ref(), |target| targets.get(target).cloned().flatten()))
}

/// The repository that the newest version of a name points to.
fn repository_of(snapshot: &Snapshot, name: &Name) -> Result<Option<RepositoryLink>, StoreError> {
    let heads = snapshot.heads_of(name)?;
    let Some(newest) = heads.iter().max_by_key(|it| it.head.published_at) else { return Ok(None) };
    match snapshot.entry(newest) {
        Err(StoreError::Damaged { .. }) => Ok(None),
        entry => Ok(Offer::read(&entry?.server).and_then(|offer| offer.repository)),
    }
}

/// What a name resembles, worked out for whoever asks.
///
/// # Errors
/// When the store cannot be read.
pub fn lookalikes_of(
    snapshot: &Snapshot,
    policy: &Policy<'_>,
    name: &Name,
) -> Result<Vec<Resemblance>, StoreError> {
    let set = policy.overlays;
    let names = outside::names(snapshot, policy.speakers)?;
    let common = Commonness::of(&names);
    let corpus = Corpus::new(protected(set, snapshot)?, common, set.shared_hosts());
    resembling(&corpus, set, snapshot, name)
}
