use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;

use super::entries::known;
use super::params::Asked;
use super::state::{Operator, blocking};
use crate::api::problem::Problem;
use crate::daemon::{
    Services, Shown, VersionDifference, is_anything_known, show_entry, version_difference,
};
use crate::model::Name;

/// The parameters of `vidimus show`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShowQuery {
    /// True to get the received bytes too.
    #[serde(default)]
    raw: bool,
}

/// Shows the greatest version of a server that is served, or else the greatest.
pub(super) async fn greatest_shown(
    state: Operator,
    Path(name): Path<String>,
    Asked(query): Asked<ShowQuery>,
) -> Result<Json<Shown>, Problem> {
    show(state, name, None, query.raw).await
}

/// Shows one version of a server.
pub(super) async fn shown(
    state: Operator,
    Path((name, version)): Path<(String, String)>,
    Asked(query): Asked<ShowQuery>,
) -> Result<Json<Shown>, Problem> {
    show(state, name, Some(version), query.raw).await
}

async fn show(
    State(state): Operator,
    name: String,
    version: Option<String>,
    with_raw: bool,
) -> Result<Json<Shown>, Problem> {
    let name = Name::parse(&name).map_err(|bad| Problem::BadRequest(bad.to_string()))?;
    let read = move |services: &Arc<Services>| {
        let (policy, screenings) = (services.policy(), services.screenings());
        let (snapshot, now) = (services.store.snapshot()?, services.clock.now());
        if !is_anything_known(&snapshot)? {
            return Ok(None);
        }
        let asked = (&name, version.as_deref());
        show_entry(&snapshot, &policy, &screenings, now, asked, with_raw).map(Some)
    };
    let Json(found) = known(blocking(state, read).await?)?;
    found.map(Json).ok_or(Problem::UnknownServer)
}

/// The two versions to compare.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DifferenceQuery {
    from: String,
    to: String,
}

/// Compares two versions of a server.
pub(super) async fn difference(
    State(state): Operator,
    Path(name): Path<String>,
    Asked(query): Asked<DifferenceQuery>,
) -> Result<Json<VersionDifference>, Problem> {
    let name = Name::parse(&name).map_err(|bad| Problem::BadRequest(bad.to_string()))?;
    let read = move |services: &Arc<Services>| {
        let snapshot = services.store.snapshot()?;
        version_difference(&snapshot, &services.policy(), &name, (&query.from, &query.to))
    };
    let Json(found) = blocking(state, read).await?;
    found.map(Json).ok_or(Problem::UnknownServer)
}
