use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use serde::Deserialize;

use super::params::{Asked, read_person};
use super::state::{Operator, blocking};
use crate::api::problem::Problem;
use crate::daemon::Services;
use crate::model::{Actor, Timestamp};
use crate::sync::AcceptedClock;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AcceptQuery {
    /// The time that the clock shows, as a person saw it.
    time: Timestamp,
    #[serde(default)]
    by: String,
    #[serde(default)]
    reason: String,
}

/// Accepts the clock of this machine as right.
pub(super) async fn accept(
    State(state): Operator,
    Extension(actor): Extension<Actor>,
    Asked(AcceptQuery { time, by, reason }): Asked<AcceptQuery>,
) -> Result<Json<AcceptedClock>, Problem> {
    read_person(&by, &reason)?;
    let accept = move |services: &Arc<Services>| services.accept_clock(time, &by, &reason, actor);
    let Json(accepted) = blocking(state, accept).await?;
    accepted.map(Json).map_err(Problem::ClockNotAccepted)
}
