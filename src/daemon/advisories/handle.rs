use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::{error, info, warn};

use super::alerts::report_own;
use super::judge::{Judged, judge};
use crate::advisory::{Hold, OwnAdvisories, Release, ReleaseRequest};
use crate::config::{Folder, Settings};
use crate::curation::PolicySnapshot;
use crate::daemon::policy::Policy;
use crate::daemon::runtime::Clock;
use crate::model::{Actor, Timestamp, reason};
use crate::store::{KeptOwn, Store, StoreError};

/// The advisories of the organisation, with everything that changes them.
pub(in crate::daemon) struct Advisories {
    pub(super) settings: Arc<Settings>,
    pub(super) store: Arc<Store>,
    pub(super) clock: Arc<Clock>,
    policy: Arc<Policy>,
    judged: Mutex<Judged>,
}

/// The reason why an advisory was not released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReleaseRefused {
    NotOnHold,
    /// The advisory was changed since it was shown.
    Changed,
}

impl fmt::Display for ReleaseRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOnHold => {
                "no advisory with this id is on hold; `vidimus advisories` lists those that are"
            }
            Self::Changed => {
                "the advisory has another digest than the one that was shown; read it again with `vidimus advisories ID`"
            }
        })
    }
}

impl Advisories {
    pub(in crate::daemon) fn new(
        settings: Arc<Settings>,
        store: Arc<Store>,
        clock: Arc<Clock>,
        policy: Arc<Policy>,
    ) -> Result<Self, StoreError> {
        let judged =
            super::judge::load(&settings, &store, &policy.current().snapshot, clock.now())?;
        policy.advise(Arc::clone(&judged.own));
        Ok(Self { settings, store, clock, policy, judged: Mutex::new(judged) })
    }

    /// Judges a folder, makes its advisories the current ones, and keeps them. Returns false if they could not be kept.
    pub(in crate::daemon) fn take(&self, folder: Folder) -> bool {
        let mut judged = self.judged();
        let now = self.clock.now();
        let path = &self.settings.advisories;
        let policy = self.policy.current();
        let next = judge(path, folder, &judged.kept, &self.store, &policy.snapshot, now);
        let next = match next {
            Ok(next) => next,
            Err(error) => {
                error!(reason = %reason(&error), "own advisories could not be judged; those of before stay");
                return false;
            }
        };
        if next.own != judged.own {
            self.policy.advise(Arc::clone(&next.own));
            info!(advisories = next.own.advisories.len(), "own advisories are active");
        }
        next.findings.iter().for_each(|finding| warn!(%finding, "own advisory"));
        let kept = self.store.keep_own_advisories(&next.kept, now);
        if let Err(error) = &kept {
            error!(reason = %reason(error), "own advisories could not be stored; they are in effect");
        }
        report_own(&self.store, &self.clock, &next.own, &next.findings);
        *judged = next;
        kept.is_ok()
    }

    /// Lets an advisory on hold take effect.
    ///
    /// # Errors
    /// When the store cannot be written; then nothing changes.
    pub(in crate::daemon) fn release(
        &self,
        decision: &ReleaseRequest,
        actor: Actor,
    ) -> Result<Result<Hold, ReleaseRefused>, StoreError> {
        let mut judged = self.judged();
        let now = self.clock.now();
        let (kept, hold) = match released(&judged.kept, decision, actor, now) {
            Ok(released) => released,
            Err(refused) => return Ok(Err(refused)),
        };
        self.store.keep_own_advisories(&kept, now)?;
        let advisories = judged.own.advisories.clone();
        judged.own = Arc::new(OwnAdvisories::new(advisories, kept.holds.clone()));
        judged.kept = kept;
        self.policy.advise(Arc::clone(&judged.own));
        report_own(&self.store, &self.clock, &judged.own, &judged.findings);
        Ok(Ok(hold))
    }

    fn judged(&self) -> MutexGuard<'_, Judged> {
        self.judged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Advisories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Advisories").finish_non_exhaustive()
    }
}

/// Lets an advisory on hold take effect, in a store that no daemon has open.
///
/// # Errors
/// When the store cannot be read or written.
pub fn release_offline(
    settings: &Settings,
    store: &Store,
    policy: &PolicySnapshot,
    decision: &ReleaseRequest,
    actor: Actor,
    now: Timestamp,
) -> Result<Result<Hold, ReleaseRefused>, StoreError> {
    let judged = super::judge::load(settings, store, policy, now)?;
    match released(&judged.kept, decision, actor, now) {
        Ok((kept, hold)) => {
            store.keep_own_advisories(&kept, now)?;
            Ok(Ok(hold))
        }
        Err(refused) => Ok(Err(refused)),
    }
}

fn released(
    kept: &KeptOwn,
    decision: &ReleaseRequest,
    actor: Actor,
    at: Timestamp,
) -> Result<(KeptOwn, Hold), ReleaseRefused> {
    let mut kept = kept.clone();
    let ReleaseRequest { id, digest, by, reason } = decision;
    let mut open = kept.holds.values_mut().filter(|hold| hold.is_open() && hold.id == id);
    let hold = open.next().ok_or(ReleaseRefused::NotOnHold)?;
    if hold.digest != *digest {
        return Err(ReleaseRefused::Changed);
    }
    hold.released = Some(Release { by: by.clone(), actor, at, reason: reason.clone() });
    let hold = hold.clone();
    Ok((kept, hold))
}
