use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use http_body_util::BodyExt;

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

/// Bytes of a body that is too large that are read all the same: a client that is still sending would not see the answer.
const MAX_DISCARDED: usize = 4 * MAX_PROPOSAL_BYTES;

async fn received(request: Request) -> Result<Proposal, Problem> {
    let (mut body, mut bytes) = (request.into_body(), 0);
    let mut received = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame
            .map_err(|_| Problem::BadRequest("The body was not received completely".into()))?;
        let Ok(data) = frame.into_data() else { continue };
        bytes += data.len();
        if bytes > MAX_DISCARDED {
            break;
        }
        if bytes > MAX_PROPOSAL_BYTES {
            received = Vec::new();
        } else {
            received.extend_from_slice(&data);
        }
    }
    if bytes > MAX_PROPOSAL_BYTES {
        return Err(Problem::TooLarge(format!(
            "The overlays of a plan have at most {MAX_PROPOSAL_BYTES} bytes; split the change, or plan it beside a copy \
             of the store"
        )));
    }
    let proposal: Proposal = serde_json::from_slice(&received)
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
