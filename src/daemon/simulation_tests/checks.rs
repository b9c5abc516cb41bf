//! Conditions that hold after each step.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::actions::{NAMES, PROTECTING};
use super::overlays::{Condition, File, Rule, Selected};
use super::upstream::Key;
use super::world::{Recorded, Tally, VIEW_NAMES, World};
use crate::curation::evaluate;
use crate::daemon::publish::Published;
use crate::daemon::{ServedEntry, served_at};
use crate::model::{Digest, Name};

/// Every so many steps all names are checked; otherwise a sample.
const ALL_NAMES: usize = 40;
const SAMPLE: usize = 5;
/// Earlier times of one world that the history is asked about.
const HISTORY_SAMPLE: usize = 60;

/// An entry as a client reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Served {
    upstream: String,
    received: Digest,
}

type View = BTreeMap<Key, Served>;

impl World {
    pub(super) fn check(&mut self) {
        let Some(views) = self.views() else { return };
        self.check_fresh(&views);
        self.check_bounds(&views);
        self.check_latest();
        self.check_readers();
        self.check_alerts();
        self.record(&views, true);
        self.recorded.iter_mut().for_each(|recorded| recorded.is_committed = true);
        self.tally.checks += 1;
        self.tally.served += views.values().map(BTreeMap::len).sum::<usize>();
        self.served_before = views.values().flat_map(BTreeMap::keys).cloned().collect();
        self.protected_before = self.is_protecting();
    }

    /// Remembers what is served, for the comparison with the history at the end.
    fn record(&mut self, views: &BTreeMap<&'static str, View>, is_committed: bool) {
        let Some(daemon) = &self.daemon else { return };
        let at = daemon.services.clock.now();
        let of_view = |(view, entries): (&&'static str, &View)| {
            let key = |(name, version): &Key| ((*view).to_owned(), name.clone(), version.clone());
            entries.iter().map(|(entry, served)| (key(entry), served.received)).collect::<Vec<_>>()
        };
        let served = views.iter().flat_map(of_view).collect();
        // What changes from now on has another time, unless the clock was set back.
        self.advance(Duration::from_micros(1));
        if self.daemon.as_ref().is_some_and(|daemon| daemon.services.clock.now() > at) {
            self.recorded.push(Recorded { at, served, is_committed });
        }
    }

    /// Remembers what is served while the store fails: what it hides is recorded later, with its time.
    pub(super) fn record_failing(&mut self) {
        let Some(views) = self.views() else { return };
        self.record(&views, false);
    }

    /// Panics if the history says anything else about an earlier time than what was served then.
    fn check_history(&self) {
        let services = &self.daemon.as_ref().expect("it runs").services;
        let (snapshot, now) = (services.store.snapshot().expect("a store"), services.clock.now());
        let apart = self.recorded.len().div_ceil(HISTORY_SAMPLE).max(1);
        for Recorded { at, served, .. } in self.recorded.iter().step_by(apart) {
            let then = served_at(&snapshot, *at, now).expect("readable");
            let then = then.unwrap_or_else(|reason| panic!("{at:?}: {reason}"));
            let entries = then.entries.iter().map(|entry| {
                let (name, version) = (entry.name.to_string(), entry.version.to_string());
                ((entry.view.to_string(), name, version), entry.received)
            });
            let found: BTreeMap<_, _> = entries.collect();
            let differing: Vec<_> = found
                .iter()
                .filter(|(key, received)| served.get(*key) != Some(received))
                .chain(served.iter().filter(|(key, received)| found.get(*key) != Some(received)))
                .collect();
            let about = |(key, _): &(&(String, String, String), &Digest)| {
                let events = snapshot.events_about(&key.1).expect("readable");
                events.filter_map(Result::ok).collect::<Vec<_>>()
            };
            let events: Vec<_> = differing.iter().map(about).collect();
            assert_eq!(differing, [], "the history of {at:?}: {events:#?}");
            let is_known = |entry: &ServedEntry| then.rules.contains_key(&entry.rule);
            assert!(then.entries.iter().all(is_known), "each rule of {at:?} is recorded");
        }
    }

    fn published(&self) -> Option<std::sync::Arc<Published>> {
        self.daemon.as_ref()?.services.published()
    }

    /// Reads all views as clients do; `None` before the first generation.
    fn views(&self) -> Option<BTreeMap<&'static str, View>> {
        let published = self.published()?;
        let read = |view: &'static str| Some((view, self.view(&published, view)?));
        Some(VIEW_NAMES.into_iter().filter_map(read).collect())
    }

    fn view(&self, published: &Published, view: &str) -> Option<View> {
        let catalogue = published.view(view)?;
        let mut entries = BTreeMap::new();
        for item in catalogue.items() {
            let json: Value = serde_json::from_slice(&item.json).expect("JSON");
            let description = json["server"]["description"].as_str().expect("a description");
            let received = self.oracle.received.get(description).copied().expect("known content");
            let ours = &json["_meta"]["local.vidimus/curation"];
            let upstream = ours["upstream"].as_str().expect("an upstream").to_owned();
            let key = (item.name.to_string(), item.version.to_string());
            entries.insert(key, Served { upstream, received });
        }
        Some(entries)
    }

    /// Panics if a name of a view has no latest version, or several.
    fn check_latest(&self) {
        let Some(published) = self.published() else { return };
        for catalogue in VIEW_NAMES.into_iter().filter_map(|view| published.view(view)) {
            let mut latest: BTreeMap<&str, usize> = BTreeMap::new();
            for item in catalogue.items() {
                *latest.entry(item.name.as_str()).or_default() += usize::from(item.latest);
            }
            let wrong = latest.iter().find(|(_, count)| **count != 1);
            assert_eq!(wrong, None, "a name has one latest version");
        }
    }

    /// Panics if a view shows anything but the result of a fresh evaluation.
    fn check_fresh(&mut self, views: &BTreeMap<&'static str, View>) {
        let names: BTreeSet<&str> = if self.step.is_multiple_of(ALL_NAMES) {
            NAMES.into()
        } else {
            (0..SAMPLE).map(|_| self.dice.pick(&NAMES)).collect()
        };
        let Some(daemon) = &self.daemon else { return };
        let services = &daemon.services;
        let Ok(snapshot) = services.store.snapshot() else { return };
        let (policy, screening) = (services.policy(), services.screening.current());
        for text in names {
            let name = Name::parse(text).expect("a name");
            let dossier = snapshot.dossier(&name, &policy).expect("a dossier");
            let evaluation = evaluate(&dossier, &policy, &screening, services.clock.now());
            for (index, configured) in policy.views.iter().enumerate() {
                let shown = evaluation.entries.iter().filter(|entry| entry.views.contains(&index));
                let fresh: View = shown
                    .map(|entry| {
                        let key = (text.to_owned(), entry.row.version.to_string());
                        let upstream = entry.row.upstream.to_string();
                        (key, Served { upstream, received: entry.content.head.received })
                    })
                    .collect();
                let view = &views[configured.name.as_str()];
                let served: View = view
                    .iter()
                    .filter(|((name, _), _)| name == text)
                    .map(|(key, served)| (key.clone(), served.clone()))
                    .collect();
                assert_eq!(served, fresh, "{text} in {} is not as evaluated now", configured.name);
            }
        }
    }

    /// Panics if anything is served that no reviewer approved.
    fn check_bounds(&self, views: &BTreeMap<&'static str, View>) {
        let now = self.daemon.as_ref().expect("it runs").services.clock.now();
        let is_protecting = self.protected_before && self.is_protecting();
        let all: BTreeMap<&Key, &Served> = views.values().flatten().collect();
        for (key, Served { upstream, received }) in all {
            let entry = Selected { name: &key.0, version: &key.1, upstream };
            let counts_from = self.oracle.counts_from(upstream, key, *received);
            let counts_from = counts_from.unwrap_or_else(|| panic!("{key:?} was never live"));
            let covering: Vec<&Rule> = self
                .good
                .iter()
                .map(|(_, rule)| rule)
                .filter(|rule| rule.covers(entry, *received, counts_from, now))
                .collect();
            assert_ne!(covering, [] as [&Rule; 0], "{entry:?} has no approval");
            let is_named = covering.iter().any(|rule| rule.pattern == key.0);
            let (namespace, _) = key.0.split_once('/').expect("a name");
            assert!(
                is_named || upstream == "ours" || self.owners.shown.contains(namespace),
                "{entry:?} is served by a wildcard, and its namespace was never verified"
            );
            let is_new = !self.served_before.contains(key);
            // An approval that spells a name out makes it one of the protected names: for the versions that it covers,
            // and for all where no wildcard admits others.
            let spells_out = |rule: &Rule| rule.pattern.eq_ignore_ascii_case(&key.0);
            let is_whole = |rule: &Rule| rule.versions.is_none() && rule.upstream.is_none();
            let is_protected = is_named
                || self
                    .good
                    .iter()
                    .any(|(_, rule)| rule.approves() && spells_out(rule) && is_whole(rule));
            if is_protecting && is_new && !is_protected && key.0.contains("stripe") {
                assert!(
                    self.oracle.is_cleared(&key.0),
                    "{entry:?} resembles a protected name: {}",
                    self.known(&key.0)
                );
            }
        }
    }

    /// Returns what the daemon knows of a name, for a failure.
    fn known(&self, name: &str) -> String {
        let services = &self.daemon.as_ref().expect("it runs").services;
        let name = Name::parse(name).expect("a name");
        let (policy, screening) = (services.policy(), services.screening.current());
        let dossier = services.store.snapshot().and_then(|read| read.dossier(&name, &policy));
        format!("{:?} {:?} {dossier:?}", screening.get(&name), screening.protection)
    }

    fn is_protecting(&self) -> bool {
        let file = &self.files[2];
        let refused =
            self.daemon.as_ref().is_some_and(|it| it.services.current_policy().overlays.refused);
        !refused && file.condition == Condition::Whole && file.namespaces.contains(&PROTECTING)
    }

    /// Panics if anything is served that a readable file denies.
    pub(super) fn check_denials(&mut self) {
        let Some(views) = self.views() else { return };
        // A broken file ends in an error, and everything before it can be read.
        let is_readable =
            |file: &&File| matches!(file.condition, Condition::Whole | Condition::Broken);
        let readable = self.files.iter().filter(is_readable);
        let denials: Vec<&Rule> =
            readable.flat_map(|file| &file.rules).filter(|rule| rule.hides()).collect();
        for (key, Served { upstream, .. }) in views.values().flatten() {
            let entry = Selected { name: &key.0, version: &key.1, upstream };
            let denied = denials.iter().find(|rule| rule.denies(entry));
            assert_eq!(denied, None, "{entry:?} is served");
        }
        self.tally.denied += usize::from(!denials.is_empty());
    }

    /// Lets some readers read, and panics if one has not what its view shows.
    fn check_readers(&mut self) {
        let Some(published) = self.published() else { return };
        for index in 0..self.readers.len() {
            let (reads, limit) = (self.dice.chance(30), 1 + self.dice.below(20));
            let reader = &mut self.readers[index];
            let Some(catalogue) = published.view(&reader.view).filter(|_| reads) else { continue };
            reader.read(catalogue, limit);
            let difference = reader.difference(catalogue);
            assert_eq!(difference, None, "the reader of {} has another entry", reader.view);
            self.tally.read += 1;
        }
    }

    fn check_alerts(&mut self) {
        if !self.step.is_multiple_of(5) {
            return;
        }
        self.alerts().iter().for_each(|alert| self.oracle.check_acknowledgement(alert));
    }

    #[expect(clippy::print_stdout, reason = "the counts belong to a long simulation's result")]
    /// Checks the store as a whole, and that the simulation reached what it is about.
    pub(super) fn end(&mut self, steps: usize) {
        self.disk.mend();
        self.daemon = None;
        self.recorded.retain(|recorded| recorded.is_committed);
        self.start();
        assert!(self.drain(), "the loops rest on a disk without faults");
        self.remember_rules();
        self.check();
        let daemon = self.daemon.as_ref().expect("it starts on a disk without faults");
        self.check_history();
        let verified = daemon.services.store.snapshot().and_then(|read| read.verify());
        let verified = verified.expect("a store");
        assert!(verified.is_sound(), "{:?}", verified.problems);
        let Tally { checks, served, denied, read, .. } = self.tally;
        if steps >= 200 {
            assert!(checks > steps / 3, "{:?}", self.tally);
            assert!(served > steps && denied > 0 && read > 0, "{:?}", self.tally);
        }
        println!("{:?}", self.tally);
    }
}
