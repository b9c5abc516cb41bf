use std::sync::Arc;

use super::client::Operator;
use super::error::CliError;
use crate::config::{Settings, Upstream, read_upstreams};
use crate::curation::{OwnershipPolicy, Policy, Speaker, View};
use crate::daemon::{Clock, Doubts, InForce, load_overlays};
use crate::model::Instant;
use crate::store::{Store, StoreError};

/// Whoever can answer about the store.
#[derive(Debug)]
pub(super) enum Target {
    Store(Box<Offline>),
    Daemon(Operator),
}

/// The store itself, with what a daemon would judge it by.
#[derive(Debug)]
pub(super) struct Offline {
    pub store: Arc<Store>,
    pub clock: Arc<Clock>,
    pub in_force: InForce,
    pub upstreams: Vec<Upstream>,
    views: Vec<View>,
    ownership: OwnershipPolicy,
    withhold: bool,
}

impl Target {
    /// Opens the store, or finds the daemon that holds it.
    pub(super) fn open(settings: &Settings) -> Result<Self, CliError> {
        match Store::open(&settings.data, Clock::system()) {
            Ok(store) => Ok(Self::Store(Box::new(Offline::new(settings, store)?))),
            Err(StoreError::Locked { .. }) => Ok(Self::Daemon(Operator::of(settings)?)),
            Err(error) => Err(error.into()),
        }
    }
}

impl Offline {
    fn new(settings: &Settings, store: Store) -> Result<Self, CliError> {
        let upstreams = read_upstreams(&settings.upstreams).map_err(CliError::Findings)?;
        let now = clock_of(&store)?.now();
        let in_force = in_force(settings, &upstreams, &store, now, false)?;
        Self::over(settings, store, in_force, upstreams)
    }

    pub(super) fn over(
        settings: &Settings,
        store: Store,
        in_force: InForce,
        upstreams: Vec<Upstream>,
    ) -> Result<Self, CliError> {
        let clock = clock_of(&store)?;
        let (store, clock) = (Arc::new(store), Arc::new(clock));
        Ok(Self {
            store,
            clock,
            in_force,
            upstreams,
            views: settings.views.clone(),
            ownership: settings.ownership.policy,
            withhold: settings.withhold,
        })
    }

    pub(super) fn with_policy<T>(&self, run: impl FnOnce(&Policy<'_>) -> T) -> T {
        run(&self.policy(&self.speakers()))
    }

    pub(super) fn doubts(&self) -> Doubts {
        Doubts::offline(self.withhold)
    }

    pub(super) fn speakers(&self) -> Vec<Speaker> {
        self.upstreams.iter().map(Upstream::speaker).collect()
    }

    pub(super) fn policy<'p>(&'p self, speakers: &'p [Speaker]) -> Policy<'p> {
        let now = self.clock.now();
        let (overlays, views) = (&self.in_force.set, self.views.as_slice());
        Policy { overlays, speakers, views, ownership: &self.ownership, now }
    }
}

/// The clock of a store: never below what was stored.
pub(super) fn clock_of(store: &Store) -> Result<Clock, StoreError> {
    Ok(Clock::starting_at(store.snapshot()?.newest_instant()?))
}

/// Judges the overlay folder where there is no store yet, and so no last good set.
pub(super) fn first_overlays(
    settings: &Settings,
    upstreams: &[Upstream],
) -> Result<InForce, CliError> {
    let now = Clock::system();
    load_overlays(settings, Some(&ids(upstreams)), None, now, false)?.map_err(CliError::Findings)
}

fn ids(upstreams: &[Upstream]) -> Vec<String> {
    upstreams.iter().map(|upstream| upstream.id.clone()).collect()
}

/// The overlays that decide, with the last good set to fall back to.
pub(super) fn in_force(
    settings: &Settings,
    upstreams: &[Upstream],
    store: &Store,
    now: Instant,
    keep: bool,
) -> Result<InForce, CliError> {
    load_overlays(settings, Some(&ids(upstreams)), Some(store), now, keep)?
        .map_err(CliError::Findings)
}
