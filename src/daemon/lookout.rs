//! The loop that notices names resembling what is protected.
//!
//! # What is kept
//! In memory: the protected corpus, all names from outside, what they call their servers, and what each resembles.
//! All of it is worked out anew at each start; only the alerts are stored, with who has acknowledged them.
//!
//! # When what is compared
//! A name that comes, or changes, is compared within a second. When overlays protect something else, everything is
//! compared again, on this thread, which nothing waits for. As long as an upstream is walked for the first time
//! nobody knows what is common speech: names are collected, and compared when it is over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::alerts::observe;
use super::likeness::{LOOKALIKE, LOOKALIKES, Told, Watched, Yardstick, protected};
use super::{InForce, Shared, outside};
use crate::alert::{Observation, id};
use crate::lookalike::{Corpus, Protected, Resemblance};
use crate::model::{Name, reason};
use crate::overlay::NoLookalike;
use crate::ownership::SharedHosts;
use crate::store::StoreError;

const TICK: Duration = Duration::from_secs(1);
/// More names of one namespace are counted in its alert, not named.
const MAX_NAMED: usize = 20;

struct Lookout {
    shared: Arc<Shared>,
    protected: BTreeSet<Protected>,
    /// What is no lookalike by somebody's word.
    quiet: Vec<NoLookalike>,
    hosts: SharedHosts,
    yardstick: Yardstick,
    /// Names that somebody outside may have published.
    names: BTreeSet<Name>,
    found: BTreeMap<Name, Vec<Resemblance>>,
    told: Arc<Told>,
    /// What the yardstick was made for.
    in_force: Arc<InForce>,
    /// Whether all names have to be compared.
    is_owed: bool,
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
        yardstick: Yardstick::default(),
        names: BTreeSet::new(),
        found: BTreeMap::new(),
        told: Arc::default(),
        in_force: shared.in_force(),
        is_owed: true,
        shared,
    };
    lookout.shared.unseen.take();
    let names = outside::names(&lookout.shared.store.snapshot()?, &lookout.shared.speakers())?;
    lookout.learn(names);
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
        let snapshot = self.shared.store.snapshot()?;
        let protected = self.shared.with_policy(|policy| protected(policy, &snapshot))?;
        let (quiet, hosts) = (in_force.set.no_lookalikes(), in_force.set.shared_hosts());
        if protected != self.protected || hosts != self.hosts {
            let corpus = Corpus::new(protected.iter().cloned(), hosts.clone());
            info!(protected = corpus.len(), "names are compared with what is protected");
            self.yardstick.corpus = Arc::new(corpus);
            self.is_owed = true;
        }
        self.is_owed |= quiet != self.quiet;
        (self.protected, self.quiet, self.hosts) = (protected, quiet.to_vec(), hosts);
        // Whoever decides about names needs no more than this.
        self.in_force = in_force;
        self.watch();
        self.compare_owed()
    }

    fn look_at_news(&mut self) -> Result<(), StoreError> {
        let Some((news, snapshot)) = self.shared.unseen.take_with(&self.shared.store)? else {
            return self.compare_owed();
        };
        let (speakers, in_force) = (self.shared.speakers(), self.shared.in_force());
        let is_subject = |name: &Name| self.protected.iter().any(|it| it.subject == name.as_str());
        let mut is_protecting = false;
        let mut names = Vec::new();
        for name in news {
            is_protecting |= in_force.set.is_internal(&name) || is_subject(&name);
            if outside::lists(&snapshot, &speakers, &name)? {
                names.push(name);
            } else {
                self.found.remove(&name);
                self.names.remove(&name);
            }
        }
        let is_news = self.learn(names.iter().cloned());
        if is_protecting {
            // What is protected may say something else now, or be more.
            self.protect()?;
        }
        if self.is_owed || self.shared.is_settling() {
            self.is_owed = true;
            return self.compare_owed();
        }
        if is_news {
            // What was rare may be common speech by now.
            names.extend(self.found.keys().cloned());
            names.sort();
            names.dedup();
        }
        self.compare(&names)?;
        self.tell();
        Ok(())
    }

    /// Compares all names where that is owed and everything is known that it takes.
    fn compare_owed(&mut self) -> Result<(), StoreError> {
        if self.is_owed && !self.shared.is_settling() {
            let names: Vec<Name> = self.names.iter().cloned().collect();
            self.found.clear();
            self.compare(&names)?;
            // Only now: when the store fails in between, the next look does it all again.
            self.is_owed = false;
            self.tell();
        }
        Ok(())
    }

    /// Takes note of names; whether what is common speech changed with them.
    fn learn(&mut self, names: impl IntoIterator<Item = Name>) -> bool {
        let mut names = names.into_iter().peekable();
        let mut is_news = false;
        if names.peek().is_none() {
            return is_news;
        }
        let common = Arc::make_mut(&mut self.yardstick.common);
        for name in names {
            is_news |= common.learn(&name);
            self.names.insert(name);
        }
        is_news
    }

    fn compare(&mut self, names: &[Name]) -> Result<(), StoreError> {
        let snapshot = self.shared.store.snapshot()?;
        let Self { shared, yardstick, found, .. } = self;
        shared.with_policy(|policy| {
            for name in names {
                let mut resemblances = yardstick.resemblances(&snapshot, policy, name)?;
                resemblances.retain(|it| it.quiet.is_none());
                match resemblances.is_empty() {
                    true => found.remove(name),
                    false => found.insert(name.clone(), resemblances),
                };
            }
            Ok(())
        })
    }

    /// One alert for each protected subject and suspect namespace, whatever number of names.
    fn tell(&mut self) {
        self.shared.resemble(&self.found.keys().collect::<Vec<_>>());
        let published = self.shared.published();
        let is_served =
            |name: &Name| published.as_ref().is_some_and(|published| published.has(name));
        let mut alerts: BTreeMap<(&str, String), Vec<(&Name, &Resemblance)>> = BTreeMap::new();
        let mut told = Told::new();
        for (name, found) in &self.found {
            let namespace = name.namespace().to_ascii_lowercase();
            for resemblance in found {
                let target = resemblance.target.as_str();
                let alert = id(LOOKALIKES, LOOKALIKE, target, &namespace);
                told.entry(name.clone()).or_default().insert(alert);
                let key = (target, namespace.clone());
                alerts.entry(key).or_default().push((name, resemblance));
            }
        }
        let seen = alerts.into_iter().map(|((target, namespace), all)| {
            let served = all.iter().any(|(name, _)| is_served(name));
            observation(target, &namespace, all).about_served(served)
        });
        let seen: Vec<Observation> = seen.collect();
        if observe(&self.shared.store, &self.shared.clock, LOOKALIKES, seen) {
            self.told = Arc::new(told);
            self.watch();
        }
    }

    /// Whoever decides about names compares them with this from now on, and those that were kept back again.
    fn watch(&self) {
        let (yardstick, told) = (self.yardstick.clone(), Arc::clone(&self.told));
        self.shared.watch(Watched { in_force: Arc::clone(&self.in_force), yardstick, told });
    }
}

fn observation(target: &str, namespace: &str, mut all: Vec<(&Name, &Resemblance)>) -> Observation {
    // By nothing that changes with time: an alert that says something else opens again.
    all.sort_by_key(|(name, it)| (it.technique, (*name).clone()));
    let mut detail = String::new();
    if let Some((name, first)) = all.first() {
        detail = format!("{name} resembles {target}: {}", first.evidence);
    }
    let others: Vec<&str> =
        all.iter().skip(1).take(MAX_NAMED).map(|(name, _)| name.as_str()).collect();
    if !others.is_empty() {
        detail.push_str(&format!("; also {}", others.join(", ")));
    }
    if all.len() > MAX_NAMED + 1 {
        detail.push_str(&format!(" and {} more", all.len() - MAX_NAMED - 1));
    }
    let score = all.iter().map(|(_, it)| it.score).max();
    let observation = Observation::new(LOOKALIKE, target, detail).of_namespace(namespace);
    Observation { count: all.len() as u64, score, ..observation }
}
