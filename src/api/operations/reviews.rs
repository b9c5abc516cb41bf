use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;

use super::params::{Asked, name_of};
use super::reading::{Reading, known};
use super::state::{Operator, blocking, evaluating};
use crate::api::problem::Problem;
use crate::curation::WaitingKind;
use crate::daemon::{
    NoSheet, QueueFilter, ReviewQueue, ReviewSheet, Services, review_queue, review_sheet,
};
use crate::model::reason;

/// As the command has it.
const SOON: Duration = Duration::from_hours(30 * 24);

/// The parameters of the review queue.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QueueQuery {
    /// The seconds within which something ends: 30 days if absent.
    expiring: Option<u64>,
    owner: Option<String>,
    tier: Option<u8>,
    kind: Option<WaitingKind>,
}

/// Lists the servers that wait for a reviewer.
pub(super) async fn queue(
    State(state): Operator,
    Asked(query): Asked<QueueQuery>,
) -> Result<Json<ReviewQueue>, Problem> {
    let QueueQuery { expiring, owner, tier, kind } = query;
    let expiring = expiring.map_or(SOON, Duration::from_secs);
    let filter = QueueFilter { expiring, owner, tier, kind };
    let read = move |services: &Arc<Services>| {
        let Some(Reading { snapshot, policy, screenings, now }) = Reading::of(services)? else {
            return Ok(None);
        };
        review_queue(&snapshot, &policy, &screenings, now, &filter).map(Some)
    };
    known(evaluating(state, read).await?)
}

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
    let name = name_of(&name)?;
    let read = move |services: &Arc<Services>| {
        let Some(Reading { snapshot, policy, screenings, now }) = Reading::of(services)? else {
            return Ok(None);
        };
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
