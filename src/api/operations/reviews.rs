use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;

use super::entries::known;
use super::params::Asked;
use super::state::{Operator, blocking};
use crate::api::problem::Problem;
use crate::daemon::{NoSheet, ReviewSheet, Services, is_anything_known, review_sheet};
use crate::model::{Name, reason};

/// The parameters of a review sheet.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SheetQuery {
    /// One version, or a range.
    versions: Option<String>,
}

/// Returns the review sheet of a server, of one version, or of the versions in a range.
pub(super) async fn sheet(
    State(state): Operator,
    Path(name): Path<String>,
    Asked(query): Asked<SheetQuery>,
) -> Result<Json<ReviewSheet>, Problem> {
    let name = Name::parse(&name).map_err(|bad| Problem::BadRequest(bad.to_string()))?;
    let read = move |services: &Arc<Services>| {
        let (policy, screenings) = (services.policy(), services.screenings());
        let (snapshot, now) = (services.store.snapshot()?, services.clock.now());
        if !is_anything_known(&snapshot)? {
            return Ok(None);
        }
        let asked = (&name, query.versions.as_deref());
        match review_sheet(&snapshot, &policy, &screenings, now, asked) {
            Err(NoSheet::Store(error)) => Err(error),
            answered => Ok(Some(answered)),
        }
    };
    let Json(found) = known(blocking(state, read).await?)?;
    let sheet = found.map_err(|refused| Problem::Unprocessable(reason(&refused)))?;
    sheet.map(Json).ok_or(Problem::UnknownServer)
}
