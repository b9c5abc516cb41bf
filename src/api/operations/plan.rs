use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Request, State};
use http_body_util::BodyExt;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::reading::{Reading, known};
use super::state::{Operator, evaluating};
use crate::api::problem::Problem;
use crate::config::MAX_FILES;
use crate::daemon::{
    MAX_PROPOSAL_BYTES, MAX_SET_BYTES, PatternReport, PlanAnswer, PlanError, Proposal, Services,
    explain_pattern, is_anything_known, try_blocking,
};

/// A plan of a large policy takes seconds; one that takes longer is one that its author made so.
const MAX_PLANNING: Duration = Duration::from_secs(60);

/// The time that a client waits for the plans of others, each of which usually takes less than a second.
const MAX_WAITING: Duration = Duration::from_secs(10);

/// The time for a proposal to arrive: a client that sends byte by byte keeps the place of another.
const MAX_RECEIVING: Duration = Duration::from_secs(30);

/// Plans what a proposal would change of what is served. It changes nothing.
///
/// Enforces: few proposals are in memory, one plan is made at a time, and each ends: at a time limit, or before its next
/// name if the client goes away.
pub(super) async fn plan(
    State(state): Operator,
    request: Request,
) -> Result<Json<PlanAnswer>, Problem> {
    // Before the first byte of the body is read: a connection that waits takes no memory.
    let place = timeout(MAX_WAITING, Arc::clone(&state.proposals).acquire_owned()).await;
    let received = place.map_err(|_| occupied())?.map_err(|_| Problem::Internal)?;
    let proposal = received_in_time(request).await?;
    let planning = Arc::clone(&state.planning).acquire_owned().await;
    let planning = planning.map_err(|_| Problem::Internal)?;
    let cancelled = CancellationToken::new();
    let (work, services) = (cancelled.clone(), Arc::clone(&state.services));
    let read = move || -> Result<Option<PlanAnswer>, PlanError> {
        // The work keeps its place until it has ended, also if nothing awaits it.
        let _places = (received, planning);
        let (current, now) = (services.current_policy(), services.clock.latest());
        let snapshot = services.store.snapshot()?;
        if !is_anything_known(&snapshot)? {
            return Ok(None);
        }
        let is_cancelled = || work.is_cancelled();
        PlanAnswer::of(proposal, &services.settings, &current, &snapshot, now, &is_cancelled)
            .map(Some)
    };
    let _cancel = cancelled.drop_guard();
    let answer = timeout(MAX_PLANNING, try_blocking(read)).await.map_err(|_| too_long())?;
    match answer.map_err(|_| Problem::Internal)? {
        Ok(answer) => known(Json(answer)),
        Err(PlanError::Store(error)) => Err(error.into()),
        Err(PlanError::Cancelled) => Err(too_long()),
    }
}

fn occupied() -> Problem {
    Problem::Busy("Other plans are made or received; try again in a minute".to_owned())
}

fn too_long() -> Problem {
    let seconds = MAX_PLANNING.as_secs();
    Problem::Busy(format!(
        "The plan was not complete after {seconds} s; split the change, or plan it beside a copy of the store"
    ))
}

async fn received_in_time(request: Request) -> Result<Proposal, Problem> {
    let received = timeout(MAX_RECEIVING, received(request)).await;
    received.unwrap_or_else(|_| {
        let seconds = MAX_RECEIVING.as_secs();
        Err(Problem::BadRequest(format!("The body was not received within {seconds} s")))
    })
}

/// Bytes of a body that is too large that are read all the same: a client that is still sending would not see the answer.
const MAX_DISCARDED: usize = 2 * MAX_PROPOSAL_BYTES;

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
            "A plan has at most {MAX_PROPOSAL_BYTES} bytes; split the change, or plan it beside a copy of the store"
        )));
    }
    let proposal: Proposal = serde_json::from_slice(&received)
        .map_err(|bad| Problem::BadRequest(format!("The body is not a proposal: {bad}")))?;
    let found = proposal.set_bytes();
    if found > MAX_SET_BYTES {
        return Err(Problem::TooLarge(format!(
            "One set of overlays has {found} bytes, and at most {MAX_SET_BYTES} are planned; split the change, or plan it \
             beside a copy of the store"
        )));
    }
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
        let Some(Reading { snapshot, policy, screenings, now }) = Reading::of(services)? else {
            return Ok(Ok(None));
        };
        explain_pattern(&snapshot, &policy, &screenings, now, &text).map(|report| report.map(Some))
    };
    let Json(found) = evaluating(state, read).await?;
    known(Json(found.map_err(|bad| Problem::BadRequest(bad.to_string()))?))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use axum::body::{Body, Bytes};
    use http_body_util::combinators::UnsyncBoxBody;
    use hyper::body::Frame;

    use super::*;

    /// A body that ends never, and of which a byte arrives each second.
    struct Trickle(Pin<Box<tokio::time::Sleep>>);

    impl hyper::body::Body for Trickle {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            std::task::ready!(self.0.as_mut().poll(context));
            self.0 = Box::pin(tokio::time::sleep(Duration::from_secs(1)));
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b" ")))))
        }
    }

    #[test]
    fn client_that_is_refused_for_others_may_come_again() {
        for problem in [occupied(), too_long()] {
            let response = axum::response::IntoResponse::into_response(problem);
            assert_eq!(response.status(), 503);
            assert_eq!(response.headers()["retry-after"], "5");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn body_that_trickles_is_given_up() {
        let trickle = Trickle(Box::pin(tokio::time::sleep(Duration::ZERO)));
        let body = Body::new(UnsyncBoxBody::new(trickle));
        let received = received_in_time(Request::new(body)).await;
        let Err(Problem::BadRequest(found)) = received else { panic!("{received:?}") };
        assert_eq!(found, "The body was not received within 30 s");
    }
}
