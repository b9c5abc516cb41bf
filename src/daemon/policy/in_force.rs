use std::sync::Arc;

use tokio::sync::watch;

use super::overlays::LoadedOverlays;
use crate::config::Settings;
use crate::curation::{PolicySnapshot, UpstreamPolicy};
use crate::overlay::OverlaySet;

/// The policy in force, with what the lint says of the files behind it.
#[derive(Debug, Clone)]
pub struct InForce {
    pub snapshot: Arc<PolicySnapshot>,
    /// The overlays of the snapshot.
    pub set: Arc<OverlaySet>,
    pub overlays: LoadedOverlays,
}

/// Combines overlays, upstream definitions and settings into the policy snapshot in force.
///
/// Readers hold a receiver; every change is one new value, so none of them ever sees the overlays of
/// one moment with the upstreams of another.
#[derive(Debug)]
pub(in crate::daemon) struct Policy {
    settings: Arc<Settings>,
    in_force: watch::Sender<Arc<InForce>>,
}

impl Policy {
    pub(in crate::daemon) fn new(settings: Arc<Settings>, overlays: LoadedOverlays) -> Self {
        let in_force = combine(&settings, overlays, Vec::new());
        Self { settings, in_force: watch::Sender::new(Arc::new(in_force)) }
    }

    /// Returns the policy of this moment.
    pub(in crate::daemon) fn current(&self) -> Arc<InForce> {
        Arc::clone(&self.in_force.borrow())
    }

    pub(in crate::daemon) fn subscribe(&self) -> watch::Receiver<Arc<InForce>> {
        self.in_force.subscribe()
    }

    /// Puts loaded overlays in force.
    pub(in crate::daemon) fn enforce(&self, overlays: LoadedOverlays) {
        self.in_force.send_modify(|in_force| {
            let upstreams = in_force.snapshot.upstreams.clone();
            *in_force = Arc::new(combine(&self.settings, overlays, upstreams));
        });
    }

    /// Puts upstream definitions in force.
    pub(in crate::daemon) fn define_upstreams(&self, upstreams: Vec<UpstreamPolicy>) {
        self.in_force.send_modify(|in_force| {
            let overlays = in_force.overlays.clone();
            *in_force = Arc::new(combine(&self.settings, overlays, upstreams));
        });
    }
}

/// Combines what is in force, here and in commands that run without a daemon.
#[must_use]
pub fn combine(
    settings: &Settings,
    overlays: LoadedOverlays,
    upstreams: Vec<UpstreamPolicy>,
) -> InForce {
    let snapshot = PolicySnapshot::new(
        Arc::clone(&overlays.set),
        upstreams,
        settings.views.clone(),
        settings.ownership.policy,
        settings.withhold,
    );
    InForce { snapshot: Arc::new(snapshot), set: Arc::clone(&overlays.set), overlays }
}
