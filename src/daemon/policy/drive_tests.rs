//! Takes turns of the policy loop without a runtime.

use std::sync::Arc;

use super::last_good;
use super::overlays::{LoadedOverlays, judge_folder};
use super::state::{Lint, State};
use crate::config::read_overlays;
use crate::daemon::Services;
use crate::lint::Source;
use crate::overlay::{Context, Reading, parse};
use crate::store::{LastGood, StoreError};

/// The loop; it begins with the overlays that the start loaded.
pub(in crate::daemon) struct PolicyDrive {
    services: Arc<Services>,
    state: State,
    /// The last good set that the store has; `None` until a failed write is made up for.
    stored: Option<LastGood>,
}

impl PolicyDrive {
    pub(in crate::daemon) fn new(services: &Arc<Services>) -> Self {
        let current = services.policy.current();
        let overlays = &current.overlays;
        Self {
            state: State::new(overlays.read.clone(), overlays.refused, services.clock.now()),
            stored: overlays.is_kept.then(|| overlays.last_good.clone()),
            services: Arc::clone(services),
        }
    }

    /// Reads the folder once, and enforces what follows; returns true if the next reading must follow soon.
    ///
    /// # Errors
    /// When the store cannot keep the last good set; the set is enforced nevertheless.
    pub(in crate::daemon) fn turn(&mut self) -> Result<bool, StoreError> {
        let services = Arc::clone(&self.services);
        let current = services.policy.current();
        let ids: Vec<String> =
            current.snapshot.upstreams.iter().map(|upstream| upstream.id.clone()).collect();
        let read = read_overlays(&services.settings.overlays);
        let step = self.state.read(read, &ids, services.clock.now());
        let is_busy = step.is_unsettled || !step.hide.is_empty() || step.lint.is_some();
        if !step.hide.is_empty() {
            services.policy.hide(&self.denials(&step.hide));
        }
        if let Some(lint) = step.lint {
            self.enforce(lint, ids)?;
        } else if self.stored.is_none() && self.state.begin() {
            self.keep(current.overlays.last_good.clone())?;
        }
        Ok(is_busy)
    }

    fn enforce(&mut self, lint: Lint, ids: Vec<String>) -> Result<(), StoreError> {
        let services = Arc::clone(&self.services);
        let (before, now) = (services.policy.current(), services.clock.now());
        let last_good = lint.with_applied(&before.overlays.last_good);
        let (settings, folder, parsed) = (&services.settings, lint.folder, &before.overlays.parsed);
        let judged = judge_folder(settings, folder.clone(), Some(&ids), &last_good, now, parsed);
        let loaded = judged.unwrap_or_else(LoadedOverlays::nothing);
        let unseen = self.state.linted(folder, ids, loaded.refused, now);
        let last_good = loaded.last_good.clone();
        if loaded.differs_from(&before.overlays) || !loaded.set.has_same_rules(&before.set) {
            services.policy.enforce(loaded.hiding(&self.denials(&unseen)));
        }
        self.keep(last_good)
    }

    fn keep(&mut self, last_good: LastGood) -> Result<(), StoreError> {
        let stored = self.stored.take();
        let kept = if stored.as_ref() == Some(&last_good) {
            Ok(())
        } else {
            let Services { store, settings, clock, .. } = &*self.services;
            last_good::keep(store, &settings.overlays, &last_good, clock.now())
        };
        self.stored = kept.is_ok().then_some(last_good);
        self.state.finish();
        kept
    }

    fn denials(&self, sources: &[Arc<Source>]) -> Reading {
        let (terms, now) = (self.services.settings.terms, self.services.clock.now());
        parse(sources, &Context { terms, now, upstreams: None })
    }

    /// Returns the files of the current set; `None` if it was refused.
    pub(in crate::daemon) fn good_files(&self) -> Option<Vec<Arc<Source>>> {
        let current = self.services.policy.current();
        let overlays = &current.overlays;
        let read = overlays.read.as_ref().filter(|_| !overlays.refused);
        read.map(|(folder, _)| folder.sources.clone())
    }
}
