use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;

use super::params::{Asked, name_of};
use super::reading::{Reading, known};
use super::state::{Operator, blocking};
use crate::api::problem::Problem;
use crate::daemon::{
    Services, ShowRequest, Shown, VersionDifference, show_entry, version_difference,
};
use crate::model::Digest;

/// The parameters of `vidimus show`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShowQuery {
    /// True to get the received bytes too.
    #[serde(default)]
    raw: bool,
    /// The upstream to read from.
    upstream: Option<String>,
    /// The digest of a stored content.
    content: Option<String>,
}

/// Shows the greatest version of a server that is served, or else the greatest.
pub(super) async fn greatest_shown(
    state: Operator,
    Path(name): Path<String>,
    Asked(query): Asked<ShowQuery>,
) -> Result<Json<Shown>, Problem> {
    show(state, name, None, query).await
}

/// Shows one version of a server.
pub(super) async fn shown(
    state: Operator,
    Path((name, version)): Path<(String, String)>,
    Asked(query): Asked<ShowQuery>,
) -> Result<Json<Shown>, Problem> {
    show(state, name, Some(version), query).await
}

async fn show(
    State(state): Operator,
    name: String,
    version: Option<String>,
    query: ShowQuery,
) -> Result<Json<Shown>, Problem> {
    let name = name_of(&name)?;
    let parse = |text: &String| text.parse::<Digest>();
    let content = query.content.as_ref().map(parse).transpose();
    let content = content.map_err(|bad| Problem::BadRequest(bad.to_string()))?;
    let read = move |services: &Arc<Services>| {
        let Some(Reading { snapshot, policy, screenings, now }) = Reading::of(services)? else {
            return Ok(None);
        };
        let request = ShowRequest {
            name: &name,
            version: version.as_deref(),
            upstream: query.upstream.as_deref(),
            content,
            with_raw: query.raw,
        };
        show_entry(&snapshot, &policy, &screenings, now, request).map(Some)
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
    /// The upstream to read both from.
    upstream: Option<String>,
}

/// Compares two versions of a server.
pub(super) async fn difference(
    State(state): Operator,
    Path(name): Path<String>,
    Asked(query): Asked<DifferenceQuery>,
) -> Result<Json<VersionDifference>, Problem> {
    let name = name_of(&name)?;
    let read = move |services: &Arc<Services>| {
        let (policy, screenings) = (services.policy(), services.screenings());
        let (snapshot, now) = (services.store.snapshot()?, services.clock.latest());
        let (of, versions) = ((&name, query.upstream.as_deref()), (&*query.from, &*query.to));
        version_difference(&snapshot, &policy, &screenings, now, of, versions)
    };
    let Json(found) = blocking(state, read).await?;
    found.map(Json).ok_or(Problem::UnknownServer)
}
