//! The loop that notices names resembling what is protected.
//!
//! # What is kept
//! In memory: the protected corpus, what many call their servers, and what each name resembles.
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
use super::doubts::{Evidence, Told, Watched};
use super::likeness::{LOOKALIKE, LOOKALIKES, Yardstick, alert_of, commonness, protected};
use super::{InForce, Shared, outside};
use crate::alert::Observation;
use crate::lookalike::{Corpus, Protected, Resemblance};
use crate::model::{Digest, Name, reason};
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
    /// What the yardstick was made for.
    in_force: Arc<InForce>,
    found: BTreeMap<Name, Vec<Resemblance>>,
    told: Arc<Told>,
    /// Which of those that were found were served when that was told.
    served: BTreeSet<Name>,
    /// The generation that was served then.
    generation: u64,
    /// Whether an upstream of the organisation's own was waited for.
    awaits: bool,
    owed: Owed,
}

/// What has to be done still.
struct Owed {
    /// Reading what is protected.
    protection: bool,
    /// Comparing all names.
    comparison: bool,
    /// Telling what was found.
    telling: bool,
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
    shared.unseen.take_now();
    let mut lookout = Lookout {
        protected: BTreeSet::new(),
        quiet: Vec::new(),
        hosts: SharedHosts::default(),
        yardstick: Yardstick::default(),
        in_force: shared.in_force(),
        found: BTreeMap::new(),
        told: Arc::default(),
        served: BTreeSet::new(),
        generation: 0,
        awaits: true,
        owed: Owed { protection: true, comparison: true, telling: false },
        shared,
    };
    // The first generation waits for no more than this.
    lookout.owed.protection = lookout.protect().is_err();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            Ok(()) = overlays_changed.changed() => lookout.work(Lookout::protect),
            _ = tick.tick() => lookout.work(Lookout::look_at_news),
        }
    }
}

impl Lookout {
    /// Does something that a store that fails for a while cannot stop.
    fn work(&mut self, work: impl FnOnce(&mut Self) -> Result<(), StoreError>) {
        if let Err(error) = work(self).and_then(|()| self.compare_owed()) {
            // Which names it had come to, and what is protected, is not known any more.
            (self.owed.comparison, self.owed.protection) = (true, true);
            warn!(reason = %reason(&error), "names could not be compared; it is tried again");
        }
        let generation = self.shared.published().map_or(0, |published| published.generation);
        if self.generation != generation {
            self.generation = generation;
            self.owed.telling |= self.served_of_found() != self.served;
        }
        if self.owed.telling {
            self.tell();
        }
    }

    /// Takes what overlays protect now, and has everything compared with it when that is news.
    fn protect(&mut self) -> Result<(), StoreError> {
        let in_force = self.shared.in_force();
        let snapshot = self.shared.store.snapshot()?;
        let protected = self.shared.with_policy(|policy| protected(policy, &snapshot))?;
        let (quiet, hosts) = (in_force.set.no_lookalikes(), in_force.set.shared_hosts());
        if protected != self.protected || hosts != self.hosts {
            let corpus = Corpus::new(protected.iter().cloned(), hosts.clone());
            info!(protected = corpus.len(), "names are compared with what is protected");
            self.yardstick.corpus = Arc::new(corpus);
            self.owed.comparison = true;
        }
        self.owed.comparison |= quiet != self.quiet;
        (self.protected, self.quiet, self.hosts) = (protected, quiet.to_vec(), hosts);
        self.in_force = in_force;
        self.owed.protection = false;
        // Whoever decides about names needs no more than this.
        self.watch();
        Ok(())
    }

    fn look_at_news(&mut self) -> Result<(), StoreError> {
        if self.owed.protection {
            self.protect()?;
        }
        let awaits = self.in_force.set.has_internal() && self.shared.awaits_internal();
        if std::mem::replace(&mut self.awaits, awaits) && !awaits {
            // It may have nothing to tell, or be down: nobody waits for it any more.
            self.shared.reconsider();
        }
        let Some((news, snapshot)) = self.shared.unseen.take_with(&self.shared.store)? else {
            return Ok(());
        };
        let (speakers, in_force) = (self.shared.speakers(), self.shared.in_force());
        let subjects: BTreeSet<&str> =
            self.protected.iter().map(|it| it.subject.as_str()).collect();
        let is_protecting =
            |name: &Name| in_force.set.is_internal(name) || subjects.contains(name.as_str());
        let is_protecting = news.iter().any(is_protecting);
        let mut names = Vec::new();
        for name in news {
            if outside::lists(&snapshot, &speakers, &name)? {
                names.push(name);
            } else {
                self.owed.telling |= self.found.remove(&name).is_some();
            }
        }
        if is_protecting {
            // What is protected may say something else now, or be more.
            self.protect()?;
        }
        self.owed.comparison |= self.shared.is_settling();
        if !self.owed.comparison {
            self.compare(&names)?;
            self.owed.telling = true;
        }
        Ok(())
    }

    /// Compares all names where that is owed and everything is known that it takes.
    fn compare_owed(&mut self) -> Result<(), StoreError> {
        if self.owed.comparison && !self.shared.is_settling() {
            let names = outside::names(&self.shared.store.snapshot()?, &self.shared.speakers())?;
            self.yardstick.common = Arc::new(commonness(&names, self.shared.clock.now()));
            self.found.clear();
            self.compare(names.keys())?;
            self.owed.comparison = false;
            self.owed.telling = true;
        }
        Ok(())
    }

    fn compare<'n>(&mut self, names: impl IntoIterator<Item = &'n Name>) -> Result<(), StoreError> {
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
        let served = self.served_of_found();
        let mut alerts: BTreeMap<(&str, String), Vec<(&Name, &Resemblance)>> = BTreeMap::new();
        let mut told = Told::new();
        for (name, found) in &self.found {
            let namespace = name.namespace().to_ascii_lowercase();
            for resemblance in found {
                let target = resemblance.target.as_str();
                let evidence = Evidence::of(resemblance);
                told.entry(name.clone()).or_default().insert(alert_of(target, name), evidence);
                let key = (target, namespace.clone());
                alerts.entry(key).or_default().push((name, resemblance));
            }
        }
        let seen = alerts.into_iter().map(|((target, namespace), all)| {
            let is_served = all.iter().any(|(name, _)| served.contains(*name));
            observation(target, &namespace, all).about_served(is_served)
        });
        let seen: Vec<Observation> = seen.collect();
        if observe(&self.shared.store, &self.shared.clock, LOOKALIKES, seen) {
            self.told = Arc::new(told);
            self.served = served;
            self.owed.telling = false;
            self.watch();
        } else {
            self.owed.telling = true;
        }
    }

    /// Those that were found and are served; as before, while nothing is published yet.
    fn served_of_found(&self) -> BTreeSet<Name> {
        let snapshot = self.shared.store.snapshot().ok();
        let is_shown = |name: &&Name| {
            let Some(snapshot) = &snapshot else { return self.served.contains(*name) };
            let heads = outside::heads_of(snapshot, name).unwrap_or_default();
            let mut versions = heads.iter().map(|it| it.version.as_str());
            versions.any(|version| snapshot.shows(name.as_str(), version).unwrap_or_default())
        };
        self.found.keys().filter(is_shown).cloned().collect()
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
    if all.len() > 1 {
        // Whoever has looked at this has looked at exactly this.
        let evidence: Vec<String> =
            all.iter().map(|(name, it)| format!("{name} {}", it.evidence)).collect();
        let digest = Digest::of(evidence.join("\n").as_bytes()).short(8);
        detail.push_str(&format!(" (evidence {digest})"));
    }
    let score = all.iter().map(|(_, it)| it.score).max();
    let observation = Observation::new(LOOKALIKE, target, detail).of_namespace(namespace);
    Observation { count: all.len() as u64, score, ..observation }
}
