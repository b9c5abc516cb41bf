use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};

use super::params::{Asked, DecisionQuery, read_decision};
use super::state::{Operator, blocking};
use crate::advisory::{Hold, ReleaseRequest};
use crate::api::problem::Problem;
use crate::daemon::{AdvisoriesReport, AdvisoryReport, Services, advisories, advisory};
use crate::model::Actor;

/// Lists the sources of advisories.
pub(super) async fn sources(State(state): Operator) -> Result<Json<AdvisoriesReport>, Problem> {
    let read =
        |services: &Arc<Services>| advisories(&services.store.snapshot()?, &services.policy());
    blocking(state, read).await
}

/// Shows one advisory, and what it concerns.
pub(super) async fn one(
    State(state): Operator,
    Path(id): Path<String>,
) -> Result<Json<AdvisoryReport>, Problem> {
    let read = move |services: &Arc<Services>| {
        let (snapshot, policy) = (services.store.snapshot()?, services.policy());
        advisory(&snapshot, &policy, &id, services.clock.now())
    };
    let Json(found) = blocking(state, read).await?;
    found.map(Json).ok_or(Problem::UnknownAdvisory)
}

/// Lets an own advisory on hold take effect.
pub(super) async fn release(
    State(state): Operator,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    Asked(DecisionQuery { seen, by, reason }): Asked<DecisionQuery>,
) -> Result<Json<Hold>, Problem> {
    let digest = read_decision(&seen, &by, &reason)?;
    let decision = ReleaseRequest { id, digest, by, reason };
    let decided =
        move |services: &Arc<Services>| services.release_advisory(&decision, actor.clone());
    let Json(released) = blocking(state, decided).await?;
    released.map(Json).map_err(Problem::NotReleased)
}
