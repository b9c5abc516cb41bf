//! The services of a daemon, composed as `run` does, and their loops turn by turn.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use tokio::sync::watch;

use super::disk::Disk;
use super::owners::Owners;
use crate::config::{Locations, Settings, read_upstreams};
use crate::daemon::Services;
use crate::daemon::mirror::{define, is_known, retry_quarantine};
use crate::daemon::policy::{CurrentPolicy, PolicyDrive, load_overlays};
use crate::daemon::publish::{PublishDrive, Turn};
use crate::daemon::run::{LONGEST_INDEXING, publish_inputs, screening_inputs};
use crate::daemon::runtime::Clock;
use crate::daemon::screening::ScreeningDrive;
use crate::daemon::verification::VerificationDrive;
use crate::model::{Timestamp, reason};
use crate::store::{Store, StoreError};

pub(super) struct Daemon {
    pub(super) services: Arc<Services>,
    pub(super) policy: PolicyDrive,
    denials: watch::Receiver<Arc<CurrentPolicy>>,
    is_enforced: bool,
    publish: PublishDrive,
    screening: ScreeningDrive,
    verification: VerificationDrive,
    started: Duration,
}

/// The loops, each of which takes turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loop {
    Policy,
    Denials,
    Screening,
    Verification,
    Publish,
    Facts,
}

impl Loop {
    pub(super) const ALL: [Self; 6] = [
        Self::Policy,
        Self::Denials,
        Self::Screening,
        Self::Verification,
        Self::Publish,
        Self::Facts,
    ];
}

impl Daemon {
    /// Opens the store and starts the services.
    ///
    /// # Errors
    /// The reason why the process ends at once.
    pub(super) fn start(
        folder: &Path,
        disk: &Disk,
        micros: &Arc<AtomicI64>,
        elapsed: Duration,
    ) -> Result<Self, String> {
        let failed = |error: StoreError| reason(&error);
        let settings = settings(folder);
        let upstreams = read_upstreams(&settings.upstreams).expect("valid upstream files");
        let store = Store::on_backend(disk.clone(), Timestamp::MIN).map_err(failed)?;
        let floor = store.snapshot().and_then(|read| read.newest_timestamp()).map_err(failed)?;
        let clock = Clock::manual(floor, Arc::clone(micros));
        let ids: Vec<String> = upstreams.iter().map(|upstream| upstream.id.clone()).collect();
        let overlays = load_overlays(&settings, Some(&ids), Some(&store), clock.now(), true)
            .map_err(failed)?;
        let overlays = overlays.map_err(|findings| findings[0].to_string())?;
        let services = Services::new(settings, Arc::new(store), Arc::new(clock), overlays);
        let services = services.map_err(failed)?;
        // The next start tries again.
        let _ = retry_quarantine(&services.store, &services.clock);
        let now = services.clock.now();
        let _ = services.store.begin_ownership_checks(&services.settings.views, now);
        define(&services.mirror, upstreams);
        Ok(Self {
            policy: PolicyDrive::new(&services),
            denials: services.policy.subscribe(),
            is_enforced: false,
            publish: PublishDrive::new(
                Arc::clone(&services.publication),
                publish_inputs(&services),
            ),
            screening: ScreeningDrive::new(screening_inputs(&services)),
            verification: VerificationDrive::new(&services),
            services,
            started: elapsed,
        })
    }

    /// Lets one loop handle everything that arrived.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(super) fn turn(
        &mut self,
        which: Loop,
        elapsed: Duration,
        look_at_marks: bool,
        owners: &mut Owners,
    ) -> Result<Turn, StoreError> {
        let busy = |is_busy| if is_busy { Turn::Busy } else { Turn::Idle };
        Ok(match which {
            Loop::Policy => busy(self.policy.turn()?),
            Loop::Denials => busy(self.enforce_denials()),
            Loop::Screening => busy(self.screening.turn()?),
            Loop::Verification => {
                busy(self.verification.turn(&mut |namespace| owners.answer(namespace))?)
            }
            Loop::Publish => {
                self.become_ready(elapsed);
                self.publish.turn(elapsed, look_at_marks)?
            }
            Loop::Facts => {
                let Services { policy, clock, .. } = self.services.as_ref();
                policy.confirm_all_but(clock.unconfirmed());
                if look_at_marks && !self.services.mirror.settling().borrow().any() {
                    let Services { store, clock, .. } = self.services.as_ref();
                    store.refresh_facts(None, clock.now())?;
                }
                Turn::Idle
            }
        })
    }

    /// Hides what a new policy denies; returns true if there is a new one.
    fn enforce_denials(&mut self) -> bool {
        let is_changed = self.denials.has_changed().is_ok_and(|changed| changed);
        if !is_changed && self.is_enforced {
            return false;
        }
        self.is_enforced = true;
        let current = Arc::clone(&self.denials.borrow_and_update().snapshot);
        self.services.publication.enforce(current);
        true
    }

    fn become_ready(&self, elapsed: Duration) {
        let Services { ready, mirror, screening, .. } = self.services.as_ref();
        let is_indexed = screening.current().protection.is_some()
            || elapsed.saturating_sub(self.started) >= LONGEST_INDEXING;
        if !*ready.borrow() && is_indexed && is_known(mirror) {
            ready.send_replace(true);
        }
    }
}

fn settings(folder: &Path) -> Settings {
    let locations = Locations {
        data: Some(folder.join("data")),
        upstreams: Some(folder.join("upstreams")),
        overlays: Some(folder.join("overlays")),
        ..Locations::default()
    };
    Settings::load(&folder.join("vidimus.toml"), true, locations).expect("valid settings")
}
