use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde::Deserialize;

use super::params::{Asked, DecisionQuery, read_decision};
use super::state::{Operator, blocking};
use crate::alert::AlertReport;
use crate::api::problem::Problem;
use crate::daemon::Services;
use crate::model::Actor;
use crate::store::DeadLetter;

pub(super) async fn alerts(State(state): Operator) -> Result<Json<Vec<AlertReport>>, Problem> {
    blocking(state, |services| services.alerts()).await
}

/// Returns the deliveries that webhooks did not accept.
pub(super) async fn dead_letters(State(state): Operator) -> Result<Json<Vec<DeadLetter>>, Problem> {
    blocking(state, |services| services.store.snapshot()?.dead_letters()).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RedeliverQuery {
    webhook: Option<String>,
}

pub(super) async fn redeliver(
    State(state): Operator,
    Extension(actor): Extension<Actor>,
    Asked(query): Asked<RedeliverQuery>,
) -> Result<Json<Option<usize>>, Problem> {
    let write = move |services: &Arc<Services>| {
        services.store.redeliver(query.webhook.as_deref(), &actor, services.clock.now())
    };
    blocking(state, write).await
}

pub(super) async fn acknowledge(
    State(state): Operator,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    Asked(DecisionQuery { seen, by, reason }): Asked<DecisionQuery>,
) -> Result<Json<AlertReport>, Problem> {
    let seen = read_decision(&seen, &by, &reason)?;
    let write =
        move |services: &Arc<Services>| services.acknowledge(&id, seen, &by, &reason, actor);
    let Json(acknowledged) = blocking(state, write).await?;
    acknowledged.map(|alert| Json(alert.into())).map_err(Problem::NotAcknowledged)
}

pub(super) async fn unacknowledge(
    State(state): Operator,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Json<AlertReport>, Problem> {
    let write = move |services: &Arc<Services>| services.unacknowledge(&id, actor);
    let Json(opened) = blocking(state, write).await?;
    opened.map(|alert| Json(alert.into())).map_err(Problem::NotAcknowledged)
}
