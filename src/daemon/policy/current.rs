use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;

use super::overlays::LoadedOverlays;
use crate::advisory::OwnAdvisories;
use crate::config::Settings;
use crate::curation::{PolicySnapshot, UpstreamPolicy};
use crate::overlay::{OverlaySet, Reading};
use crate::scan::ScanResults;

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
        self.current_policy.send_modify(|current_policy| {
            let before = &current_policy.snapshot;
            let combined = combine(&self.settings, overlays, before.upstreams.clone());
            *current_policy = Arc::new(combined.with_reports_of(before));
        });
    }

    /// Applies the readable denials of files that are not linted yet, on top of the current overlays.
    /// The next overlays replace them.
    pub(in crate::daemon) fn hide(&self, denials: &Reading) {
        self.current_policy.send_if_modified(|current_policy| {
            let overlays = current_policy.overlays.clone().hiding(denials);
            let is_changed = !Arc::ptr_eq(&overlays.set, &current_policy.set);
            if is_changed {
                let before = &current_policy.snapshot;
                let combined = combine(&self.settings, overlays, before.upstreams.clone());
                *current_policy = Arc::new(combined.with_reports_of(before));
            }
            is_changed
        });
    }

    /// Makes upstream definitions the current ones.
    pub(in crate::daemon) fn define_upstreams(
        &self,
        upstreams: Vec<UpstreamPolicy>,
        removed_internal: BTreeSet<String>,
    ) {
        self.current_policy.send_modify(|current_policy| {
            let overlays = current_policy.overlays.clone();
            let combined = combine(&self.settings, overlays, upstreams);
            let before = &current_policy.snapshot;
            let combined = combined.with_removed_internal(removed_internal);
            let (advisories, scans) = (Arc::clone(&before.advisories), Arc::clone(&before.scans));
            *current_policy = Arc::new(combined.with_reports(advisories, scans));
        });
    }

    /// Makes the organisation's advisories the current ones.
    pub(in crate::daemon) fn advise(&self, advisories: Arc<OwnAdvisories>) {
        self.report(|before| (advisories, Arc::clone(&before.scans)));
    }

    /// Makes scan results the current ones.
    pub(in crate::daemon) fn scanned(&self, scans: Arc<ScanResults>) {
        self.report(|before| (Arc::clone(&before.advisories), scans));
    }

    fn report(
        &self,
        reports: impl FnOnce(&PolicySnapshot) -> (Arc<OwnAdvisories>, Arc<ScanResults>),
    ) {
        self.current_policy.send_modify(|current_policy| {
            let before = &current_policy.snapshot;
            let (overlays, upstreams) = (current_policy.overlays.clone(), before.upstreams.clone());
            let (advisories, scans) = reports(before);
            let combined = combine(&self.settings, overlays, upstreams);
            let combined = combined.with_removed_internal(before.removed_internal.clone());
            *current_policy = Arc::new(combined.with_reports(advisories, scans));
        });
    }
}

impl CurrentPolicy {
    /// Returns this policy with the organisation's advisories and with scan results.
    #[must_use]
    pub fn with_reports(self, advisories: Arc<OwnAdvisories>, scans: Arc<ScanResults>) -> Self {
        let snapshot = Arc::unwrap_or_clone(self.snapshot).with_advisories(advisories);
        Self { snapshot: Arc::new(snapshot.with_scans(scans)), ..self }
    }

    /// Returns this policy with the internal upstreams that have no file any more.
    #[must_use]
    pub fn with_removed_internal(self, removed: BTreeSet<String>) -> Self {
        let snapshot = Arc::unwrap_or_clone(self.snapshot).with_removed_internal(removed);
        Self { snapshot: Arc::new(snapshot), ..self }
    }

    /// Returns this policy with everything in another one that neither overlays nor settings say: removed upstreams,
    /// advisories and scan results.
    #[must_use]
    pub fn with_reports_of(self, other: &PolicySnapshot) -> Self {
        let this = self.with_removed_internal(other.removed_internal.clone());
        this.with_reports(Arc::clone(&other.advisories), Arc::clone(&other.scans))
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
