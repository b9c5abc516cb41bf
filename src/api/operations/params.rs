use axum::extract::{FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::alert::parse_seen;
use crate::api::problem::Problem;
use crate::model::{Digest, Name};

/// The routes that take query parameters; [`Asked`] refuses unknown ones.
const WITH_PARAMETERS: [&str; 13] = [
    "/list",
    "/differences/",
    "/entries/",
    "/explain/",
    "/history",
    "/holds/",
    "/ops/advisories/",
    "/ops/clock/",
    "/ops/holds/",
    "/ops/redeliver",
    "/ops/sync",
    "/served",
    "/reviews",
];

/// Refuses parameters of routes that take none: a misspelt word must not be ignored.
pub(super) async fn refuse_stray_parameters(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let takes_some = path.ends_with("/ack")
        || (path.starts_with("/ops/tokens/") && path.ends_with("/create"))
        || WITH_PARAMETERS.iter().any(|route| path.starts_with(route));
    match request.uri().query() {
        Some(query) if !query.is_empty() && !takes_some => {
            Problem::BadRequest("This route takes no parameters".into()).into_response()
        }
        _ => next.run(request).await,
    }
}

/// Query parameters. An unknown one is rejected: `dryrun=true` must not start a real sync run.
pub(super) struct Asked<T>(pub(super) T);

impl<T: serde::de::DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(Problem::BadRequest(rejection.body_text())),
        }
    }
}

/// Reads the name of a server in a path.
pub(super) fn name_of(text: &str) -> Result<Name, Problem> {
    Name::parse(text).map_err(|bad| Problem::BadRequest(bad.to_string()))
}

/// The parameters of a decision of a person.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DecisionQuery {
    /// The digest of what was shown.
    #[serde(default)]
    pub(super) seen: String,
    #[serde(default)]
    pub(super) by: String,
    #[serde(default)]
    pub(super) reason: String,
}

/// Reads what the decision of a person has to state.
pub(super) fn read_decision(seen: &str, by: &str, reason: &str) -> Result<Digest, Problem> {
    let seen = parse_seen(seen).map_err(|why| Problem::BadRequest(format!("`seen`: {why}")))?;
    read_person(by, reason)?;
    Ok(seen)
}

/// Reads the person who decides, and why.
pub(super) fn read_person(by: &str, reason: &str) -> Result<(), Problem> {
    if by.trim().is_empty() || reason.trim().is_empty() {
        return Err(Problem::Unprocessable(
            "`by` and `reason` must not be empty: name the person and the reason".into(),
        ));
    }
    Ok(())
}
