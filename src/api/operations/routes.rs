use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};

use super::access::{refuse_browsers, require_token};
use super::alerts::{acknowledge, alerts, dead_letters, redeliver, unacknowledge};
use super::entries::{
    explained, listing, lookalikes, names, quarantined, ready, rules, status, verified,
    verify_namespace,
};
use super::holds::{decide, hold};
use super::mirror::sync;
use super::params::refuse_stray_parameters;
use super::state::Operations;
use crate::api::problem::Problem;
use crate::daemon::Services;

/// Returns the routes for operators and machines. All but `/livez` and `/readyz` need the token.
pub fn operations(services: Arc<Services>, token: String) -> Router {
    let state = Arc::new(Operations::new(services, token));
    let guarded = Router::new()
        .route("/status", get(status))
        .route("/list", get(listing))
        .route("/quarantine", get(quarantined))
        .route("/rules", get(rules))
        .route("/explain/{name}", get(explained))
        .route("/lookalikes/{name}", get(lookalikes))
        .route("/verify", get(verified))
        .route("/names", get(names))
        .route("/alerts", get(alerts))
        .route("/dead-letters", get(dead_letters))
        .route("/holds/{upstream}", get(hold))
        .route("/ops/redeliver", post(redeliver))
        .route("/ops/sync", post(sync))
        .route("/ops/ownership/{namespace}", post(verify_namespace))
        .route("/ops/holds/{upstream}/{id}/{decision}", post(decide))
        .route("/ops/alerts/{id}/ack", post(acknowledge))
        .route("/ops/alerts/{id}/unack", post(unacknowledge))
        .layer(from_fn(refuse_stray_parameters))
        .layer(from_fn_with_state(Arc::clone(&state), require_token));
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .merge(guarded)
        .fallback(|| async { Problem::UnknownOperation })
        .method_not_allowed_fallback(|| async { Problem::Method })
        .layer(from_fn_with_state(Arc::clone(&state), refuse_browsers))
        .with_state(state)
}
