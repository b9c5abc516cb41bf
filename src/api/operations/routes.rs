use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};

use super::access::{refuse_browsers, refuse_other_hosts, require};
use super::advisories::{one, release, sources};
use super::alerts::{acknowledge, alerts, dead_letters, redeliver, unacknowledge};
use super::clock::accept;
use super::entries::{
    all_packages, explained, listing, lookalikes, names, namespaces, packages_of, quarantined,
    ready, rules, status, verified, verify_namespace,
};
use super::history::{changes, history, served};
use super::holds::{decide, decided, hold};
use super::mirror::{back_up, sync};
use super::params::refuse_stray_parameters;
use super::plan::{pattern, plan};
use super::reviews::{queue, sheet};
use super::show::{difference, greatest_shown, shown};
use super::state::Operations;
use super::tokens::{create_token, revoke_token, tokens};
use crate::api::problem::Problem;
use crate::api::token::TokenFile;
use crate::daemon::Services;
use crate::model::Role;

/// Returns the routes for operators and machines. All but `/livez` and `/readyz` need an actor with a role: a viewer
/// reads, a reviewer acknowledges, and an operator does the rest.
pub fn operations(services: Arc<Services>, token: Arc<TokenFile>) -> Router {
    let state = Arc::new(Operations::new(services, token));
    let guarded = |routes: Router<Arc<Operations>>, role: Role| {
        routes
            .layer(from_fn(refuse_stray_parameters))
            .layer(from_fn_with_state((Arc::clone(&state), role), require))
    };
    let viewer = Router::new()
        .route("/status", get(status))
        .route("/list", get(listing))
        .route("/quarantine", get(quarantined))
        .route("/rules", get(rules))
        .route("/entries/{name}", get(greatest_shown))
        .route("/differences/{name}", get(difference))
        .route("/entries/{name}/{version}", get(shown))
        .route("/history", get(changes))
        .route("/history/{name}", get(history))
        .route("/served", get(served))
        .route("/explain/{name}", get(explained))
        .route("/reviews", get(queue))
        .route("/reviews/{name}", get(sheet))
        .route("/patterns/{pattern}", get(pattern))
        .route("/plan", post(plan))
        .route("/packages", get(all_packages))
        .route("/packages/{name}", get(packages_of))
        .route("/lookalikes/{name}", get(lookalikes))
        .route("/verify", get(verified))
        .route("/names", get(names))
        .route("/namespaces", get(namespaces))
        .route("/alerts", get(alerts))
        .route("/dead-letters", get(dead_letters))
        .route("/advisories", get(sources))
        .route("/advisories/{id}", get(one))
        .route("/holds/{upstream}", get(hold))
        .route("/holds/{upstream}/decisions", get(decided));
    let reviewer = Router::new()
        .route("/ops/alerts/{id}/ack", post(acknowledge))
        .route("/ops/alerts/{id}/unack", post(unacknowledge));
    let operator = Router::new()
        .route("/tokens", get(tokens))
        .route("/ops/tokens/{name}/create", post(create_token))
        .route("/ops/tokens/{name}/revoke", post(revoke_token))
        .route("/ops/redeliver", post(redeliver))
        .route("/ops/sync", post(sync))
        .route("/ops/backup", post(back_up))
        .route("/ops/clock/accept", post(accept))
        .route("/ops/ownership/{namespace}", post(verify_namespace))
        .route("/ops/advisories/{id}/release", post(release))
        .route("/ops/holds/{upstream}/{id}/{decision}", post(decide));
    Router::new()
        .merge(guarded(viewer, Role::Viewer))
        .merge(guarded(reviewer, Role::Reviewer))
        .merge(guarded(operator, Role::Operator))
        .fallback(|| async { Problem::UnknownOperation })
        .layer(from_fn_with_state(Arc::clone(&state), refuse_other_hosts))
        // Probes ask by the address that they find, such as that of a pod, and learn nothing that is worth an attack.
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .method_not_allowed_fallback(|| async { Problem::Method })
        .layer(from_fn(refuse_browsers))
        .with_state(state)
}
