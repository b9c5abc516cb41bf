use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use thiserror::Error;

use super::contact::Asking;
use super::new_token::TokenRefused;
use crate::alert::{NotAcknowledged, UnresolvedId};
use crate::catalog::BadCursor;
use crate::daemon::{ClockNotAccepted, ReleaseRefused};
use crate::model::{Role, Timestamp, TokenName};
use crate::store::StoreError;
use crate::sync::NotDecided;

/// The reason why a request fails. Only this type maps a reason to a status.
#[derive(Debug, Error)]
pub(super) enum Problem {
    #[error("Server not found")]
    UnknownServer,
    #[error("There is nothing here; the root of the registry is {0}/, which lists servers at {0}/v0.1/servers", root(view.as_deref()))]
    UnknownRoute { view: Option<String> },
    #[error(
        "There is nothing here; this address is for operations, the registry has another address"
    )]
    UnknownOperation,
    #[error("{0}")]
    NotDecided(NotDecided),
    #[error("no source has an advisory with this id; `vidimus advisories` lists the sources")]
    UnknownAdvisory,
    #[error("{0}")]
    NotReleased(ReleaseRefused),
    #[error("{0}")]
    ClockNotAccepted(ClockNotAccepted),
    #[error("{0}")]
    NotAcknowledged(NotAcknowledged),
    #[error("{0}")]
    BadRequest(String),
    #[error("{0}")]
    Unprocessable(String),
    #[error("{0}")]
    TooLarge(String),
    #[error("This method is not allowed here")]
    Method,
    #[error("Too many requests; try again in {} s", .0.as_secs() + 1)]
    TooMany(Duration),
    #[error("{NO_DATA}")]
    NotReady,
    #[error("The registry is new, and does not know this server yet; try again later")]
    Unknown,
    /// The work is bounded, and others or its own size use it up.
    #[error("{0}")]
    Busy(String),
    #[error("The store cannot be written; `vidimus status` shows the reason")]
    StoreUnwritable,
    #[error(
        "A bearer token is required: use the one in `ops.token` of the data folder, or one that `vidimus token create` \
         printed and that was not revoked"
    )]
    Unauthorized,
    #[error("The token `{name}` expired at {at}; `vidimus token create` makes another one")]
    ExpiredToken { name: TokenName, at: Timestamp },
    #[error(
        "This needs the role `{needs}`, and the token has the role `{has}`; `vidimus token create NAME --role {needs}` \
         makes one that has it"
    )]
    SmallRole { needs: Role, has: Role },
    #[error(transparent)]
    Token(#[from] TokenRefused),
    #[error("{0}")]
    Forbidden(&'static str),
    #[error("The store cannot be read; see the log of the daemon")]
    Store(#[from] StoreError),
    #[error("The answer could not be built; see the log of the daemon")]
    Internal,
}

/// The detail of a problem before anything of an upstream was accepted, by which it differs from other reasons to answer 503.
pub const NO_DATA: &str = "No data yet: no list of an upstream was accepted; try again later. `vidimus status` has the reason for the operator";

/// The seconds after which a client may ask again for a first generation.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// Returns the root path of a view; empty for a view that a path cannot name.
fn root(view: Option<&str>) -> String {
    let usable =
        |view: &&str| view.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    view.filter(usable).map_or(String::new(), |view| format!("/views/{view}"))
}

#[derive(Serialize)]
struct Body9457<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
    /// The same text under the name in the specification of upstream.
    error: &'a str,
    #[serde(flatten)]
    asking: Option<&'a Asking>,
}

impl Problem {
    const fn status(&self) -> StatusCode {
        match self {
            Self::NotDecided(why) => match why {
                NotDecided::NotAnId => StatusCode::BAD_REQUEST,
                NotDecided::NothingOnHold { .. } | NotDecided::NoUpstream { .. } => {
                    StatusCode::NOT_FOUND
                }
                NotDecided::MovedOn { .. } | NotDecided::Decided(_) => StatusCode::CONFLICT,
            },
            Self::NotAcknowledged(why) => match why {
                NotAcknowledged::Unresolved(UnresolvedId::NotAnId) => StatusCode::BAD_REQUEST,
                NotAcknowledged::Unresolved(UnresolvedId::Unknown) => StatusCode::NOT_FOUND,
                NotAcknowledged::Unresolved(UnresolvedId::Ambiguous(_))
                | NotAcknowledged::MovedOn { .. } => StatusCode::CONFLICT,
            },
            Self::NotReleased(ReleaseRefused::Changed) | Self::ClockNotAccepted(_) => {
                StatusCode::CONFLICT
            }
            Self::UnknownServer
            | Self::UnknownRoute { .. }
            | Self::UnknownOperation
            | Self::UnknownAdvisory
            | Self::NotReleased(ReleaseRefused::NotOnHold) => StatusCode::NOT_FOUND,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unprocessable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::NotReady | Self::Unknown | Self::StoreUnwritable | Self::Busy(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Unauthorized | Self::ExpiredToken { .. } => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) | Self::SmallRole { .. } => StatusCode::FORBIDDEN,
            Self::Token(why) => match why {
                TokenRefused::Past(_) => StatusCode::UNPROCESSABLE_ENTITY,
                TokenRefused::Exists(_) => StatusCode::CONFLICT,
                TokenRefused::Random(_) => StatusCode::INTERNAL_SERVER_ERROR,
            },
            Self::Store(_) | Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<BadCursor> for Problem {
    fn from(bad: BadCursor) -> Self {
        Self::BadRequest(bad.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.respond(None)
    }
}

impl Problem {
    /// Answers as `application/problem+json` (RFC 9457). An answer that something is not there says whom to ask.
    pub(super) fn respond(self, asking: Option<&Asking>) -> Response {
        let status = self.status();
        let asking = asking.filter(|_| status == StatusCode::NOT_FOUND);
        let is_expected =
            matches!(self, Self::NotReady | Self::Unknown | Self::StoreUnwritable | Self::Busy(_));
        if status.is_server_error() && !is_expected {
            tracing::error!(problem = %self, source = ?std::error::Error::source(&self), "a request failed");
        }
        let mut detail = self.to_string();
        if let (Self::UnknownServer, Some(asking)) = (&self, asking) {
            detail.push_str(&format!(". {}", asking.sentence()));
        }
        let body = Body9457 {
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: &detail,
            error: &detail,
            asking,
        };
        let json = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (status, Body::from(json)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        // An entry that is unknown now may be approved a minute later.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::NotReady | Self::Unknown | Self::StoreUnwritable | Self::Busy(_) => {
                headers.insert(header::RETRY_AFTER, RETRY_AFTER)
            }
            Self::TooMany(wait) => headers.insert(header::RETRY_AFTER, (wait.as_secs() + 1).into()),
            Self::Method => {
                headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"))
            }
            Self::Unauthorized | Self::ExpiredToken { .. } => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
            }
            _ => None,
        };
        response
    }
}
