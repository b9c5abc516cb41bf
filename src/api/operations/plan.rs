use std::sync::Arc;

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::http::header;

use super::entries::known;
use super::state::{Operator, evaluating};
use crate::api::problem::Problem;
use crate::config::MAX_FILES;
use crate::daemon::{
    MAX_PROPOSAL_BYTES, PatternReport, PlanAnswer, Proposal, Services, explain_pattern,
    is_anything_known,
};

/// Plans what a proposal would change of what is served. It changes nothing.
pub(super) async fn plan(
    State(state): Operator,
    request: Request,
) -> Result<Json<PlanAnswer>, Problem> {
    let proposal = received(request).await?;
    let read = move |services: &Arc<Services>| {
        let (current, now) = (services.current_policy(), services.clock.now());
        let snapshot = services.store.snapshot()?;
        if !is_anything_known(&snapshot)? {
            return Ok(None);
        }
        PlanAnswer::of(proposal, &services.settings, &current, &snapshot, now).map(Some)
    };
    known(evaluating(state, read).await?)
}

async fn received(request: Request) -> Result<Proposal, Problem> {
    let too_large = || {
        let found = format!("The overlays of a plan have at most {MAX_PROPOSAL_BYTES} bytes");
        Problem::TooLarge(format!(
            "{found}; split the change, or plan it beside a copy of the store"
        ))
    };
    let stated = request.headers().get(header::CONTENT_LENGTH);
    let stated = stated.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if stated.is_some_and(|stated| stated > MAX_PROPOSAL_BYTES as u64) {
        return Err(too_large());
    }
    // Nothing else of the request can fail here than its size, or its connection.
    let body = to_bytes(request.into_body(), MAX_PROPOSAL_BYTES).await.map_err(|_| too_large())?;
    let proposal: Proposal = serde_json::from_slice(&body)
        .map_err(|bad| Problem::BadRequest(format!("The body is not a proposal: {bad}")))?;
    let files = proposal.file_count();
    if files > MAX_FILES {
        let found = format!("The plan has {files} overlay files; at most {MAX_FILES} are read");
        return Err(Problem::TooLarge(found));
    }
    Ok(proposal)
}

/// Says what a pattern of names covers.
pub(super) async fn pattern(
    State(state): Operator,
    Path(text): Path<String>,
) -> Result<Json<PatternReport>, Problem> {
    let read = move |services: &Arc<Services>| {
        let (policy, now) = (services.policy(), services.clock.now());
        let snapshot = services.store.snapshot()?;
        if !is_anything_known(&snapshot)? {
            return Ok(Ok(None));
        }
        explain_pattern(&snapshot, &policy, &services.screenings(), now, &text)
            .map(|report| report.map(Some))
    };
    let Json(found) = evaluating(state, read).await?;
    known(Json(found.map_err(|bad| Problem::BadRequest(bad.to_string()))?))
}
