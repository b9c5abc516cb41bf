use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;

use super::params::Asked;
use super::state::{Operator, blocking};
use crate::api::new_token::{NewToken, TokenReport};
use crate::api::problem::Problem;
use crate::daemon::Services;
use crate::model::{BadTokenName, Role, Timestamp, TokenName};

/// The parameters of a new token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateQuery {
    role: Role,
    expires: Timestamp,
}

pub(super) async fn create_token(
    State(state): Operator,
    Path(name): Path<String>,
    Asked(CreateQuery { role, expires }): Asked<CreateQuery>,
) -> Result<Json<NewToken>, Problem> {
    let name = parsed(&name)?;
    let now = state.services.clock.now();
    let write =
        move |services: &Arc<Services>| NewToken::create(&services.store, name, role, expires, now);
    let Json(created) = blocking(state, write).await?;
    Ok(Json(created?))
}

pub(super) async fn revoke_token(
    State(state): Operator,
    Path(name): Path<String>,
) -> Result<Json<bool>, Problem> {
    let name = parsed(&name)?;
    let write =
        move |services: &Arc<Services>| services.store.revoke_token(&name, services.clock.now());
    blocking(state, write).await
}

/// Lists the tokens, without what is stored of their secrets.
pub(super) async fn tokens(State(state): Operator) -> Result<Json<Vec<TokenReport>>, Problem> {
    let read = |services: &Arc<Services>| {
        let now = services.clock.now();
        let tokens = services.store.snapshot()?.tokens()?;
        Ok(tokens.into_iter().map(|token| TokenReport::of(token, now)).collect())
    };
    blocking(state, read).await
}

fn parsed(name: &str) -> Result<TokenName, Problem> {
    name.parse().map_err(|bad: BadTokenName| Problem::BadRequest(bad.to_string()))
}
