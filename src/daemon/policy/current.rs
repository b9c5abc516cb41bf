use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::super::runtime::Clock;
use super::overlays::LoadedOverlays;
use crate::advisory::OwnAdvisories;
use crate::config::Settings;
use crate::curation::{PolicySnapshot, RemovedUpstreams, UnconfirmedTime, UpstreamPolicy};
use crate::model::Timestamp;
use crate::overlay::{OverlaySet, Reading};
use crate::scan::ScanResults;

/// The difference that clocks have by and by.
const DRIFT: Duration = Duration::from_mins(1);

/// The current policy, with the lint findings of its files.
#[derive(Debug, Clone)]
pub struct CurrentPolicy {
    pub snapshot: Arc<PolicySnapshot>,
    /// The overlays of the snapshot.
    pub set: Arc<OverlaySet>,
    pub overlays: LoadedOverlays,
}

/// Combines overlays, upstream definitions and settings into the current policy snapshot.
///
/// Readers watch a channel; every change is one new value, so a reader never sees the overlays of one
/// moment with the upstreams of another.
#[derive(Debug)]
pub(in crate::daemon) struct Policy {
    settings: Arc<Settings>,
    current_policy: watch::Sender<Arc<CurrentPolicy>>,
}

impl Policy {
    pub(in crate::daemon) fn new(settings: Arc<Settings>, overlays: LoadedOverlays) -> Self {
        let current_policy = combine(&settings, overlays, Vec::new());
        Self { settings, current_policy: watch::Sender::new(Arc::new(current_policy)) }
    }

    /// Returns the current policy.
    pub(in crate::daemon) fn current(&self) -> Arc<CurrentPolicy> {
        Arc::clone(&self.current_policy.borrow())
    }

    pub(in crate::daemon) fn subscribe(&self) -> watch::Receiver<Arc<CurrentPolicy>> {
        self.current_policy.subscribe()
    }

    /// Makes loaded overlays the current ones.
    pub(in crate::daemon) fn enforce(&self, overlays: LoadedOverlays) {
        self.current_policy.send_modify(|current| {
            *current = self.changed(current, |parts| parts.overlays = overlays);
        });
    }

    /// Applies the readable denials of files that are not linted yet, on top of the current overlays.
    /// The next overlays replace them.
    pub(in crate::daemon) fn hide(&self, denials: &Reading) {
        self.current_policy.send_if_modified(|current| {
            let overlays = current.overlays.clone().hiding(denials);
            let is_changed = !Arc::ptr_eq(&overlays.set, &current.set);
            if is_changed {
                *current = self.changed(current, |parts| parts.overlays = overlays);
            }
            is_changed
        });
    }

    /// Makes upstream definitions the current ones.
    pub(in crate::daemon) fn define_upstreams(
        &self,
        upstreams: Vec<UpstreamPolicy>,
        removed: RemovedUpstreams,
    ) {
        self.current_policy.send_modify(|current| {
            *current = self.changed(current, |parts| {
                (parts.upstreams, parts.removed) = (upstreams, removed);
            });
        });
    }

    /// Makes the organisation's advisories the current ones.
    pub(in crate::daemon) fn advise(&self, advisories: Arc<OwnAdvisories>) {
        self.current_policy.send_modify(|current| {
            *current = self.changed(current, |parts| parts.advisories = advisories);
        });
    }

    /// Makes scan results the current ones.
    pub(in crate::daemon) fn scanned(&self, scans: Arc<ScanResults>) {
        self.current_policy.send_modify(|current| {
            *current = self.changed(current, |parts| parts.scans = scans);
        });
    }

    /// Makes the length of the time that is not confirmed the current one, if it is another by more than a tolerance:
    /// each other one is another evaluation of everything.
    pub(in crate::daemon) fn confirm_all_but(&self, (length, noted): (Duration, Timestamp)) {
        self.current_policy.send_if_modified(|current| {
            let before = current.snapshot.unconfirmed;
            let is_longer = length > before.length + DRIFT;
            let is_shorter = length + DRIFT.max(before.length / 16) < before.length;
            let unconfirmed = unconfirmed_time((length, noted));
            let has_ended = length.is_zero() && before != UnconfirmedTime::NONE;
            let is_changed = is_longer || is_shorter || has_ended;
            if is_changed {
                *current = self.changed(current, |parts| parts.unconfirmed = unconfirmed);
            }
            is_changed
        });
    }

    fn changed(
        &self,
        current: &CurrentPolicy,
        change: impl FnOnce(&mut Parts),
    ) -> Arc<CurrentPolicy> {
        let mut parts = Parts::of(current);
        change(&mut parts);
        Arc::new(parts.combine(&self.settings))
    }
}

fn unconfirmed_time((length, noted): (Duration, Timestamp)) -> UnconfirmedTime {
    match length {
        Duration::ZERO => UnconfirmedTime::NONE,
        length => UnconfirmedTime { length, noted },
    }
}

/// Everything that a policy consists of besides the settings.
struct Parts {
    overlays: LoadedOverlays,
    upstreams: Vec<UpstreamPolicy>,
    removed: RemovedUpstreams,
    advisories: Arc<OwnAdvisories>,
    scans: Arc<ScanResults>,
    unconfirmed: UnconfirmedTime,
}

impl Parts {
    fn of(current: &CurrentPolicy) -> Self {
        let snapshot = &current.snapshot;
        Self {
            overlays: current.overlays.clone(),
            upstreams: snapshot.upstreams.clone(),
            removed: snapshot.removed.clone(),
            advisories: Arc::clone(&snapshot.advisories),
            scans: Arc::clone(&snapshot.scans),
            unconfirmed: snapshot.unconfirmed,
        }
    }

    fn combine(self, settings: &Settings) -> CurrentPolicy {
        let Self { overlays, upstreams, removed, advisories, scans, unconfirmed } = self;
        combine(settings, overlays, upstreams)
            .with_removed(removed)
            .with_reports(advisories, scans)
            .with_unconfirmed(unconfirmed)
    }
}

impl CurrentPolicy {
    /// Returns this policy with the organisation's advisories and with scan results.
    #[must_use]
    pub fn with_reports(self, advisories: Arc<OwnAdvisories>, scans: Arc<ScanResults>) -> Self {
        let snapshot = Arc::unwrap_or_clone(self.snapshot).with_advisories(advisories);
        Self { snapshot: Arc::new(snapshot.with_scans(scans)), ..self }
    }

    /// Returns this policy with the upstreams that have no file any more.
    #[must_use]
    pub fn with_removed(self, removed: RemovedUpstreams) -> Self {
        let snapshot = Arc::unwrap_or_clone(self.snapshot).with_removed(removed);
        Self { snapshot: Arc::new(snapshot), ..self }
    }

    /// Returns this policy with everything in another one that neither overlays nor settings say.
    #[must_use]
    pub fn with_reports_of(self, other: &PolicySnapshot) -> Self {
        self.with_removed(other.removed.clone())
            .with_reports(Arc::clone(&other.advisories), Arc::clone(&other.scans))
            .with_unconfirmed(other.unconfirmed)
    }

    /// Returns this policy for a clock, a part of whose time is not confirmed.
    #[must_use]
    pub fn with_clock(self, clock: &Clock) -> Self {
        self.with_unconfirmed(unconfirmed_time(clock.unconfirmed()))
    }

    fn with_unconfirmed(self, unconfirmed: UnconfirmedTime) -> Self {
        let snapshot = Arc::unwrap_or_clone(self.snapshot).with_unconfirmed(unconfirmed);
        Self { snapshot: Arc::new(snapshot), ..self }
    }
}

/// Builds the policy from its parts, here and in commands that run without a daemon.
#[must_use]
pub fn combine(
    settings: &Settings,
    overlays: LoadedOverlays,
    upstreams: Vec<UpstreamPolicy>,
) -> CurrentPolicy {
    let snapshot = PolicySnapshot::new(
        Arc::clone(&overlays.set),
        upstreams,
        settings.views.clone(),
        settings.ownership.policy,
        settings.withhold,
    )
    .with_package_urls(settings.package_urls.clone())
    .with_asked_registries(settings.ownership.packages.clone())
    .with_provenance(settings.ownership.provenance.policy);
    CurrentPolicy { snapshot: Arc::new(snapshot), set: Arc::clone(&overlays.set), overlays }
}
