use std::sync::Arc;

use axum::Json;

use crate::api::problem::Problem;
use crate::curation::PolicySnapshot;
use crate::daemon::{Screenings, Services, is_anything_known};
use crate::model::Timestamp;
use crate::store::{Snapshot, StoreError};

/// Everything that an answer about entries is read from, at one moment.
pub(super) struct Reading {
    pub(super) snapshot: Snapshot,
    pub(super) policy: Arc<PolicySnapshot>,
    pub(super) screenings: Screenings,
    pub(super) now: Timestamp,
}

impl Reading {
    /// Returns `None` while no upstream has answered.
    pub(super) fn of(services: &Services) -> Result<Option<Self>, StoreError> {
        let (policy, screenings) = (services.policy(), services.screenings());
        let (snapshot, now) = (services.store.snapshot()?, services.clock.latest());
        let is_known = is_anything_known(&snapshot)?;
        Ok(is_known.then_some(Self { snapshot, policy, screenings, now }))
    }
}

/// Answers 503 while no upstream has answered: an empty list would claim that nothing is approved.
pub(super) fn known<T>(Json(found): Json<Option<T>>) -> Result<Json<T>, Problem> {
    found.map(Json).ok_or(Problem::NotReady)
}
