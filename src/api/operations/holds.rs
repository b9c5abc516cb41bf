use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde::Deserialize;

use super::params::{Asked, read_decision};
use super::state::{Operator, blocking};
use crate::api::problem::Problem;
use crate::daemon::{Decided, HoldReport, Services, change_set_on_hold, decided_before};
use crate::model::Actor;
use crate::sync::{DecisionRequest, HoldDecision, NotDecided};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HoldQuery {
    only: Option<String>,
}

/// Lists every change of the change set on hold.
pub(super) async fn hold(
    State(state): Operator,
    Path(upstream): Path<String>,
    Asked(HoldQuery { only }): Asked<HoldQuery>,
) -> Result<Json<HoldReport>, Problem> {
    let id = upstream.clone();
    let read = move |services: &Arc<Services>| {
        change_set_on_hold(&services.store.snapshot()?, &id, only.as_deref())
    };
    let Json(found) = blocking(state, read).await?;
    found.map(Json).ok_or(Problem::NotDecided(NotDecided::NothingOnHold { upstream }))
}

/// No parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoParameters {}

/// Lists the decisions about an upstream, and what is still discarded.
pub(super) async fn decided(
    State(state): Operator,
    Path(upstream): Path<String>,
    Asked(NoParameters {}): Asked<NoParameters>,
) -> Result<Json<Decided>, Problem> {
    let read = move |services: &Arc<Services>| {
        decided_before(&services.store.snapshot()?, services.upstream_ids(), &upstream)
    };
    let Json(found) = blocking(state, read).await?;
    found.map(Json).map_err(Problem::NotDecided)
}

/// The parameters of a decision about a change set on hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DecideQuery {
    /// The digest of the changes that were shown.
    #[serde(default)]
    seen: String,
    #[serde(default)]
    by: String,
    #[serde(default)]
    reason: String,
    only: Option<String>,
}

pub(super) async fn decide(
    State(state): Operator,
    Extension(actor): Extension<Actor>,
    Path((upstream, id, decision)): Path<(String, String, String)>,
    Asked(DecideQuery { seen, by, reason, only }): Asked<DecideQuery>,
) -> Result<Json<usize>, Problem> {
    let decision = HoldDecision::from_word(&decision).ok_or(Problem::UnknownOperation)?;
    let seen = read_decision(&seen, &by, &reason)?;
    let request = DecisionRequest { decision, id, seen, only, by, reason, actor };
    let decided = move |services: &Arc<Services>| services.decide_hold(&upstream, &request);
    let Json(names) = blocking(state, decided).await?;
    names.map(Json).map_err(Problem::NotDecided)
}
