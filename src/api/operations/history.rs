use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;

use super::params::{Asked, name_of};
use super::state::{Operator, blocking, evaluating};
use crate::api::problem::Problem;
use crate::daemon::{
    History, NotRecorded, ServedThen, Services, Span, changes_since, history_of, served_at,
};
use crate::model::Timestamp;

/// The version to show the history of.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryQuery {
    version: Option<String>,
    before: Option<u64>,
}

/// Returns the events about a server.
pub(super) async fn history(
    State(state): Operator,
    Path(name): Path<String>,
    Asked(query): Asked<HistoryQuery>,
) -> Result<Json<History>, Problem> {
    let name = name_of(&name)?;
    let read = move |services: &Arc<Services>| {
        let span = Span::of_answer(query.before);
        history_of(&services.store.snapshot()?, &name, query.version.as_deref(), span)
    };
    blocking(state, read).await
}

/// The times between which changes are listed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangesQuery {
    since: Timestamp,
    until: Option<Timestamp>,
    before: Option<u64>,
}

/// Returns the events since a time.
pub(super) async fn changes(
    State(state): Operator,
    Asked(query): Asked<ChangesQuery>,
) -> Result<Json<History>, Problem> {
    let read = move |services: &Arc<Services>| {
        changes_since(
            &services.store.snapshot()?,
            query.since,
            query.until,
            Span::of_answer(query.before),
            services.clock.now(),
        )
    };
    recorded(evaluating(state, read).await?)
}

/// The time at which entries were visible.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServedQuery {
    at: Timestamp,
}

/// Returns the entries that were visible at a time.
pub(super) async fn served(
    State(state): Operator,
    Asked(query): Asked<ServedQuery>,
) -> Result<Json<ServedThen>, Problem> {
    let read = move |services: &Arc<Services>| {
        served_at(&services.store.snapshot()?, query.at, services.clock.now())
    };
    recorded(evaluating(state, read).await?)
}

fn recorded<T>(Json(found): Json<Result<T, NotRecorded>>) -> Result<Json<T>, Problem> {
    found.map(Json).map_err(|reason| Problem::Unprocessable(reason.to_string()))
}
