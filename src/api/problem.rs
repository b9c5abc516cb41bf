use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use thiserror::Error;

use crate::alert::{NotAcknowledged, UnresolvedId};
use crate::catalog::BadCursor;
use crate::store::StoreError;

/// Why a request is not answered with what it asked for. The only place where that becomes a
/// status.
#[derive(Debug, Error)]
pub(super) enum Problem {
    #[error("Server not found")]
    UnknownServer,
    #[error("There is nothing here; the registry's root is {0}/ and lists servers at {0}/v0.1/servers", root(view.as_deref()))]
    UnknownRoute { view: Option<String> },
    #[error("There is nothing here; this address is for operations, the registry has another")]
    UnknownOperation,
    #[error("No set of this id is held")]
    UnknownSet,
    #[error("{0}")]
    NotAcknowledged(NotAcknowledged),
    #[error("{0}")]
    BadRequest(String),
    #[error("{0}")]
    Unprocessable(String),
    #[error("This method is not served here")]
    Method,
    #[error("Too many requests; ask again in {} s", .0.as_secs() + 1)]
    TooMany(Duration),
    #[error("Nothing is known yet: the first answer of the upstream is being waited for")]
    NotReady,
    #[error("The bearer token of the data folder is needed")]
    Unauthorized,
    #[error("{0}")]
    Forbidden(&'static str),
    #[error("The store cannot be read")]
    Store(#[from] StoreError),
    #[error("The answer could not be made")]
    Internal,
}

/// Seconds until a client asks again for a first generation.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// Where the registry of a view begins; nothing is said of views that a path cannot name.
fn root(view: Option<&str>) -> String {
    let usable = |view: &&str| view.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
    view.filter(usable).map_or(String::new(), |view| format!("/views/{view}"))
}

#[derive(Serialize)]
struct Body9457<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
    /// The member that upstream's specification shows.
    error: &'a str,
}

impl Problem {
    const fn status(&self) -> StatusCode {
        match self {
            Self::NotAcknowledged(why) => match why {
                NotAcknowledged::Unresolved(UnresolvedId::Malformed) => StatusCode::BAD_REQUEST,
                NotAcknowledged::Unresolved(UnresolvedId::Unknown) => StatusCode::NOT_FOUND,
                NotAcknowledged::Unresolved(UnresolvedId::Ambiguous(_))
                | NotAcknowledged::MovedOn { .. } => StatusCode::CONFLICT,
            },
            Self::UnknownServer
            | Self::UnknownSet
            | Self::UnknownRoute { .. }
            | Self::UnknownOperation => StatusCode::NOT_FOUND,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unprocessable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::NotReady => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Store(_) | Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<BadCursor> for Problem {
    fn from(bad: BadCursor) -> Self {
        Self::BadRequest(bad.to_string())
    }
}

/// RFC 9457, `application/problem+json`.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() && !matches!(self, Self::NotReady) {
            tracing::error!(problem = %self, source = ?std::error::Error::source(&self), "a request failed");
        }
        let detail = self.to_string();
        let body = Body9457 {
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: &detail,
            error: &detail,
        };
        let json = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (status, Body::from(json)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        // What is refused or unknown now may be approved in a minute.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::NotReady => headers.insert(header::RETRY_AFTER, RETRY_AFTER),
            Self::TooMany(wait) => headers.insert(header::RETRY_AFTER, (wait.as_secs() + 1).into()),
            Self::Method => {
                headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"))
            }
            Self::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
            }
            _ => None,
        };
        response
    }
}
