use std::sync::Arc;

use super::client::Operator;
use super::error::CliError;
use crate::api::own_uid;
use crate::config::{Settings, Upstream, read_upstreams};
use crate::curation::{PolicySnapshot, UpstreamPolicy};
use crate::daemon::{
    Clock, CurrentPolicy, LoadedOverlays, combine, is_anything_known, last_good_overlays,
    load_overlays, load_own, load_scans,
};
use crate::model::{Actor, Timestamp};
use crate::store::{Snapshot, Store, StoreError};

/// The process that can answer about the store.
#[derive(Debug)]
pub(super) enum Target {
    Store(Box<Offline>),
    Daemon(Operator),
}

/// The store itself, with the policy that a daemon would have.
#[derive(Debug)]
pub(super) struct Offline {
    pub store: Arc<Store>,
    pub clock: Arc<Clock>,
    pub current_policy: CurrentPolicy,
    pub upstreams: Vec<Upstream>,
    /// The user of this process.
    pub actor: Actor,
}

impl Target {
    /// Opens the store, or finds the daemon that holds it.
    pub(super) fn open(settings: &Settings) -> Result<Self, CliError> {
        Self::open_with(settings, |upstreams, store, now| overlays(settings, upstreams, store, now))
    }

    /// Does the same, with overlays that are loaded otherwise if the store is opened.
    fn open_with(
        settings: &Settings,
        load: impl FnOnce(&[Upstream], &Store, Timestamp) -> Result<LoadedOverlays, CliError>,
    ) -> Result<Self, CliError> {
        if settings.token_file.is_some() {
            return Ok(Self::Daemon(Operator::of(settings)));
        }
        match open_store(settings)? {
            Some(store) => Ok(Self::Store(Box::new(Offline::new(settings, store, load)?))),
            None => Ok(Self::Daemon(Operator::of(settings))),
        }
    }

    /// Opens it with the last valid set of the store in place of the folder.
    pub(super) fn open_last_good(settings: &Settings) -> Result<Self, CliError> {
        Self::open_with(settings, |_, store, now| Ok(last_good_overlays(settings, store, now)?))
    }
}

impl Offline {
    fn new(
        settings: &Settings,
        store: Store,
        load: impl FnOnce(&[Upstream], &Store, Timestamp) -> Result<LoadedOverlays, CliError>,
    ) -> Result<Self, CliError> {
        let upstreams = read_upstreams(&settings.upstreams).map_err(CliError::Findings)?;
        let now = clock_alone(&store, &upstreams)?.now();
        let overlays = load(&upstreams, &store, now)?;
        Self::over(settings, store, overlays, upstreams)
    }

    pub(super) fn over(
        settings: &Settings,
        store: Store,
        overlays: LoadedOverlays,
        upstreams: Vec<Upstream>,
    ) -> Result<Self, CliError> {
        let clock = clock_alone(&store, &upstreams)?;
        let policies: Vec<UpstreamPolicy> = upstreams.iter().map(Upstream::policy).collect();
        let removed = store.snapshot()?.removed_upstreams(&policies)?;
        let current_policy = combine(settings, overlays, policies).with_removed(removed);
        let advisories = load_own(settings, &store, &current_policy.snapshot, clock.now())?;
        let scans = load_scans(settings, &store)?;
        let current_policy = current_policy.with_reports(advisories, scans).with_clock(&clock);
        let unknown = |source| CliError::File { path: settings.data.clone(), source };
        let actor = Actor::LocalUser(own_uid().map_err(unknown)?);
        let (store, clock) = (Arc::new(store), Arc::new(clock));
        Ok(Self { store, clock, current_policy, upstreams, actor })
    }

    /// Returns the store at this moment, and the time by which entries are evaluated; an error before the first answer of
    /// an upstream.
    pub(super) fn known(&self) -> Result<(Snapshot, Timestamp), CliError> {
        let (snapshot, now) = (self.store.snapshot()?, self.clock.latest());
        if is_anything_known(&snapshot)? {
            Ok((snapshot, now))
        } else {
            Err(CliError::NothingKnown)
        }
    }

    pub(super) fn policy(&self) -> &PolicySnapshot {
        &self.current_policy.snapshot
    }
}

/// Opens the store; `None` if a daemon has it.
pub(super) fn open_store(settings: &Settings) -> Result<Option<Store>, CliError> {
    match Store::open(&settings.data, Clock::system()) {
        Ok(store) => Ok(Some(store)),
        Err(StoreError::Locked { .. }) => Ok(None),
        Err(source @ (StoreError::Absent { .. } | StoreError::File { .. })) => Err(match settings
            .decides("data")
        {
            Some(place) => CliError::NoStore { place: place.to_string(), source: Box::new(source) },
            None => source.into(),
        }),
        Err(error) => Err(error.into()),
    }
}

/// Returns the clock of a store: never below what was stored.
pub(super) fn clock_of(store: &Store) -> Result<Clock, StoreError> {
    let snapshot = store.snapshot()?;
    Ok(Clock::resuming(snapshot.newest_timestamp()?, snapshot.clock_record()?))
}

/// Returns the clock of a store as a daemon has it that starts now and hears from no upstream: nothing begins by a time
/// that this machine shows alone.
fn clock_alone(store: &Store, upstreams: &[Upstream]) -> Result<Clock, StoreError> {
    let clock = clock_of(store)?;
    let hears = upstreams.iter().any(Upstream::states_time);
    Ok(if hears { clock.without_a_date() } else { clock })
}

/// Loads the overlay folder where there is no store yet, and so no last good set.
pub(super) fn first_overlays(
    settings: &Settings,
    upstreams: &[Upstream],
    now: Timestamp,
) -> Result<LoadedOverlays, CliError> {
    load_overlays(settings, Some(&ids(upstreams)), None, now, false)?.map_err(CliError::Findings)
}

pub(super) fn ids(upstreams: &[Upstream]) -> Vec<String> {
    upstreams.iter().map(|upstream| upstream.id.clone()).collect()
}

/// Loads the overlays that decide, with the last good set to fall back to.
fn overlays(
    settings: &Settings,
    upstreams: &[Upstream],
    store: &Store,
    now: Timestamp,
) -> Result<LoadedOverlays, CliError> {
    load_overlays(settings, Some(&ids(upstreams)), Some(store), now, false)?
        .map_err(CliError::Findings)
}
