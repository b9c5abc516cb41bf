use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwapOption, Guard};
use tokio::sync::watch;
use tracing::info;

use super::generation::{Published, Views, without};
use super::newness::Newness;
use super::waiting::Waiting;
use crate::catalog::Catalogue;
use crate::config::Settings;
use crate::curation::PolicySnapshot;
use crate::daemon::runtime::{Clock, Feed};
use crate::history::EntryKey;
use crate::model::{Name, Timestamp, Version};
use crate::overlay::{NameRules, OverlaySet, Rule};
use crate::store::Store;

/// The inputs and outputs of publishing, and the current generation for readers.
pub(crate) struct Publication {
    pub(super) settings: Arc<Settings>,
    pub(super) store: Arc<Store>,
    pub(super) clock: Arc<Clock>,
    /// Names with changed rows or verification records.
    pub(super) touched: Feed,
    /// Names that generations evaluated.
    pub(super) evaluated: Feed,
    published: ArcSwapOption<Published>,
    /// It is locked while a generation is replaced.
    enforced: Mutex<Enforced>,
    /// The approved names that wait for first information about them.
    waiting: Mutex<Waiting>,
    /// The gaps in the knowledge of the store, while it is new.
    newness: ArcSwapOption<Newness>,
    /// The number of the current generation; 0 before the first.
    generation: watch::Sender<u64>,
}

/// The denials in effect, and what they hid before it was committed.
#[derive(Default)]
struct Enforced {
    /// The policy with the denials that every generation obeys, also one that was built under an earlier policy.
    policy: Option<Arc<PolicySnapshot>>,
    /// The entries that were hidden before their tombstones were committed, with the time.
    hidden_at: BTreeMap<EntryKey, Timestamp>,
}

impl Enforced {
    fn hide(&mut self, entries: &BTreeSet<EntryKey>, now: Timestamp) {
        for entry in entries {
            self.hidden_at.entry(entry.clone()).or_insert(now);
        }
    }
}

impl Publication {
    pub(in crate::daemon) fn new(
        settings: Arc<Settings>,
        store: Arc<Store>,
        clock: Arc<Clock>,
    ) -> Self {
        Self {
            settings,
            store,
            clock,
            touched: Feed::default(),
            evaluated: Feed::default(),
            published: ArcSwapOption::empty(),
            enforced: Mutex::default(),
            waiting: Mutex::default(),
            newness: ArcSwapOption::empty(),
            generation: watch::Sender::new(0),
        }
    }

    /// Returns the feed of names to evaluate again.
    pub(in crate::daemon) fn touched(&self) -> &Feed {
        &self.touched
    }

    /// Returns the feed of names that generations evaluated.
    pub(in crate::daemon) fn evaluated(&self) -> &Feed {
        &self.evaluated
    }

    /// Returns the current generation, for the time that one request takes: without touching a
    /// counter that all threads share.
    pub(crate) fn answering(&self) -> Guard<Option<Arc<Published>>> {
        self.published.load()
    }

    /// Returns the current generation; `None` before the first.
    #[must_use]
    pub(crate) fn published(&self) -> Option<Arc<Published>> {
        self.published.load_full()
    }

    /// Returns true if the store is new, and does not know yet whether the view will show the name.
    pub(in crate::daemon) fn may_show_later(&self, view: &str, name: &Name) -> bool {
        let newness = self.newness.load();
        newness.as_ref().is_some_and(|newness| newness.concerns(view, name, self.clock.now()))
    }

    /// Records what a generation found to be unknown.
    pub(super) fn set_newness(&self, newness: Option<Newness>) {
        let newness = newness.map(|newness| {
            let waiting = self.waiting();
            Arc::new(newness.with_unverified(waiting.unverified().cloned()))
        });
        self.newness.store(newness);
    }

    pub(super) fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Subscribes to the number of the current generation.
    pub(in crate::daemon) fn generations(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// Hides what a policy denies, at once: it waits for no evaluation, for no row and for no commit. The tombstones
    /// follow with the next generation that is committed.
    pub(in crate::daemon) fn enforce(&self, policy: Arc<PolicySnapshot>) {
        let mut enforced = self.enforced();
        let hidden =
            self.published().and_then(|published| denied(&published.views, &policy.overlays));
        enforced.policy = Some(policy);
        if let Some((views, entries)) = hidden {
            self.show(views, 0, Duration::ZERO);
            enforced.hide(&entries, self.clock.now());
            let names = names_of(entries);
            info!(names = names.len(), "denied names are hidden");
            self.touched.touch(names);
        }
    }

    /// Hides entries of the current generation before their tombstones are committed. Returns true if it showed any.
    pub(super) fn hide(&self, leaving: &BTreeMap<&str, BTreeSet<(Name, Version)>>) -> bool {
        let mut enforced = self.enforced();
        let hidden = self.published().and_then(|published| {
            without(&published.views, |view, catalogue| {
                let leaving = leaving.get(view).into_iter().flatten();
                let is_visible = |(name, version): &&(Name, Version)| {
                    catalogue.version(name.as_str(), version.as_str(), false).is_some()
                };
                leaving.filter(is_visible).cloned().collect()
            })
        });
        let Some((views, entries)) = hidden else { return false };
        self.show(views, 0, Duration::ZERO);
        enforced.hide(&entries, self.clock.now());
        true
    }

    /// Returns the entries that were hidden before their tombstones are committed, with the time.
    pub(super) fn hidden_at(&self) -> BTreeMap<EntryKey, Timestamp> {
        self.enforced().hidden_at.clone()
    }

    /// Shows a generation that was built under a policy. What a later policy denies stays hidden, and is evaluated again.
    pub(super) fn swap(
        &self,
        views: Views,
        policy: &PolicySnapshot,
        changed: usize,
        took: Duration,
    ) -> Arc<Published> {
        let mut enforced = self.enforced();
        let later = enforced.policy.as_ref().filter(|later| later.revision != policy.revision);
        let hidden = later.and_then(|later| denied(&views, &later.overlays));
        let (views, entries) = hidden.unwrap_or_else(|| (views, BTreeSet::new()));
        // What this generation hides is committed; what a later policy denies is not, and may be hidden since before.
        enforced.hidden_at.retain(|entry, _| entries.contains(entry));
        enforced.hide(&entries, self.clock.now());
        if !entries.is_empty() {
            self.touched.touch(names_of(entries));
        }
        self.show(views, changed, took)
    }

    /// Returns the policy with the denials that are enforced now; `None` before the first.
    pub(super) fn enforced_policy(&self) -> Option<Arc<PolicySnapshot>> {
        self.enforced().policy.clone()
    }

    /// Returns true if readers have exactly these catalogues.
    pub(super) fn shows<'v>(
        &self,
        views: impl IntoIterator<Item = (&'v str, &'v Arc<Catalogue>)>,
    ) -> bool {
        let Some(published) = self.published() else { return false };
        views.into_iter().all(|(view, catalogue)| {
            published.view(view).is_some_and(|shown| Arc::ptr_eq(shown, catalogue))
        })
    }

    fn enforced(&self) -> MutexGuard<'_, Enforced> {
        self.enforced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Numbers a generation and shows it; the caller has the lock.
    fn show(&self, views: Views, changed: usize, took: Duration) -> Arc<Published> {
        let generation = self.published.load().as_ref().map_or(0, |before| before.generation) + 1;
        let published = Arc::new(Published::new(generation, views, changed, took));
        self.published.store(Some(Arc::clone(&published)));
        self.generation.send_replace(generation);
        published
    }
}

fn names_of(entries: BTreeSet<EntryKey>) -> BTreeSet<Name> {
    entries.into_iter().map(|(_, name, _)| name).collect()
}

/// Returns views without what the overlays deny; `None` if they show none of that.
fn denied(views: &Views, overlays: &OverlaySet) -> Option<(Views, BTreeSet<EntryKey>)> {
    if !overlays.rules().iter().any(Rule::hides) {
        return None;
    }
    without(views, |_, catalogue| {
        let mut hidden = BTreeSet::new();
        let mut rules_of: Option<(&Name, NameRules<'_>)> = None;
        for item in catalogue.items() {
            let rules = match rules_of.take() {
                Some((name, rules)) if *name == item.name => rules,
                _ => overlays.rules_for(&item.name),
            };
            if rules.hiding(&item.version, &item.upstream).is_some() {
                hidden.insert((item.name.clone(), item.version.clone()));
            }
            rules_of = Some((&item.name, rules));
        }
        hidden
    })
}

impl fmt::Debug for Publication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publication").finish_non_exhaustive()
    }
}
