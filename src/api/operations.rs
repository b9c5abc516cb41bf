use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::{FromRequestParts, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use url::Host;

use super::problem::Problem;
use crate::alert::{AlertReport, parse_seen};
use crate::curation::Explanation;
use crate::daemon::{
    HeldDecision, Listed, Lookalike, ProofReport, QuarantineReport, Services, StatusReport,
    explain_name, known_names, list, lookalikes_of, quarantine, try_blocking,
};
use crate::model::{Name, is_loopback};
use crate::store::{StoreError, Undelivered, Verification};
use crate::sync::PassReport;

#[derive(Debug)]
struct Operations {
    services: Arc<Services>,
    token: String,
}

type Operator = State<Arc<Operations>>;

/// What operators and machines ask. Everything but `/livez` and `/readyz` needs the token.
pub fn operations(services: Arc<Services>, token: String) -> Router {
    let state = Arc::new(Operations { services, token });
    let guarded = Router::new()
        .route("/status", get(status))
        .route("/list", get(listing))
        .route("/quarantine", get(quarantined))
        .route("/explain/{name}", get(explained))
        .route("/lookalikes/{name}", get(lookalikes))
        .route("/verify", get(verified))
        .route("/names", get(names))
        .route("/alerts", get(alerts))
        .route("/undelivered", get(undelivered))
        .route("/ops/redeliver", post(redeliver))
        .route("/ops/sync", post(sync))
        .route("/ops/prove/{namespace}", post(prove))
        .route("/ops/held/{upstream}/{id}/{decision}", post(decide))
        .route("/ops/alerts/{id}/ack", post(acknowledge))
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

/// A page in a browser that stands inside the network must not reach this address, neither by
/// itself (`Origin`) nor under a name of its own that resolves to us (`Host`).
async fn refuse_browsers(State(state): Operator, request: Request, next: Next) -> Response {
    if request.headers().contains_key(header::ORIGIN) {
        return Problem::Forbidden("Requests with an Origin are refused here").into_response();
    }
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let known = host.is_some_and(|host| is_known(host, &state.services.settings.ops_hosts));
    if !known {
        let why = "This Host is neither loopback nor in `ops_hosts`";
        return Problem::Forbidden(why).into_response();
    }
    next.run(request).await
}

fn is_known(host: &str, configured: &[String]) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let is_local = Host::parse(name).is_ok_and(|host| is_loopback(&host));
    is_local || configured.iter().any(|known| known.eq_ignore_ascii_case(name) || known == host)
}

async fn require_token(State(state): Operator, request: Request, next: Next) -> Response {
    match bearer(request.headers()) {
        Some(token)
            if verify_slices_are_equal(token.as_bytes(), state.token.as_bytes()).is_ok() =>
        {
            next.run(request).await
        }
        _ => Problem::Unauthorized.into_response(),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Query parameters, of which an unknown one is refused: `dryrun=true` must not become a real pass.
struct Asked<T>(T);

impl<T: serde::de::DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(Problem::BadRequest(rejection.body_text())),
        }
    }
}

async fn ready(State(state): Operator) -> Result<&'static str, Problem> {
    state.services.published().map(|_| "ready\n").ok_or(Problem::NotReady)
}

async fn status(State(state): Operator) -> Result<Json<StatusReport>, Problem> {
    blocking(state, |services| services.status()).await
}

/// What `vidimus list` asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    #[serde(default)]
    all: bool,
}

async fn listing(
    State(state): Operator,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Vec<Listed>>, Problem> {
    let read = move |services: &Arc<Services>| {
        let (policy, now) = (services.policy(), services.clock.now());
        list(&services.store.snapshot()?, &policy, &services.screenings(), now, query.all)
    };
    blocking(state, read).await
}

async fn quarantined(State(state): Operator) -> Result<Json<Vec<QuarantineReport>>, Problem> {
    blocking(state, |services| quarantine(&services.store.snapshot()?)).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExplainQuery {
    version: Option<String>,
}

async fn explained(
    State(state): Operator,
    Path(name): Path<String>,
    Asked(query): Asked<ExplainQuery>,
) -> Result<Json<Explanation>, Problem> {
    let name = Name::parse(&name).map_err(|bad| Problem::BadRequest(bad.to_string()))?;
    let read = move |services: &Arc<Services>| {
        let version = query.version.as_deref();
        let (policy, screenings) = (services.policy(), services.screenings());
        let (snapshot, now) = (services.store.snapshot()?, services.clock.now());
        explain_name(&snapshot, &policy, &screenings, now, &name, version)
    };
    let Json(found) = blocking(state, read).await?;
    found.map(Json).ok_or(Problem::UnknownServer)
}

/// What a name resembles, worked out now.
async fn lookalikes(
    State(state): Operator,
    Path(name): Path<String>,
) -> Result<Json<Vec<Lookalike>>, Problem> {
    let name = Name::parse(&name).map_err(|bad| Problem::BadRequest(bad.to_string()))?;
    let read = move |services: &Arc<Services>| {
        let (policy, now) = (services.policy(), services.clock.now());
        lookalikes_of(&services.store.snapshot()?, &policy, now, &name)
    };
    blocking(state, read).await
}

async fn verified(State(state): Operator) -> Result<Json<Verification>, Problem> {
    blocking(state, |services| services.store.snapshot()?.verify()).await
}

/// Every name there is; `null` before a first complete walk, when nobody can know.
async fn names(State(state): Operator) -> Result<Json<Option<Vec<String>>>, Problem> {
    let read = |services: &Arc<Services>| {
        let names = known_names(&services.store.snapshot()?)?;
        Ok(names.map(|names| names.iter().map(Name::to_string).collect()))
    };
    blocking(state, read).await
}

/// What `vidimus sync` asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SyncQuery {
    #[serde(default)]
    full: bool,
    #[serde(default)]
    dry_run: bool,
}

/// What a pass over all upstreams did.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct SyncReport {
    pub passes: Vec<PassReport>,
    /// By upstream, why a pass was not accepted.
    pub failures: BTreeMap<String, String>,
}

async fn sync(State(state): Operator, Asked(query): Asked<SyncQuery>) -> Json<SyncReport> {
    let mut report = SyncReport::default();
    for (upstream, outcome) in state.services.sync(query.full, query.dry_run).await {
        match outcome {
            Ok(pass) => report.passes.push(pass),
            Err(reason) => {
                report.failures.insert(upstream, reason);
            }
        }
    }
    Json(report)
}

/// Asks the witnesses of a namespace now, which may take half a minute.
async fn prove(
    State(state): Operator,
    Path(namespace): Path<String>,
) -> Result<Json<ProofReport>, Problem> {
    Name::parse(&format!("{namespace}/x")).map_err(|bad| Problem::BadRequest(bad.to_string()))?;
    state.services.verify(&namespace).await.map(Json).map_err(Problem::Unprocessable)
}

async fn alerts(State(state): Operator) -> Result<Json<Vec<AlertReport>>, Problem> {
    let read = |services: &Arc<Services>| {
        let alerts = services.store.snapshot()?.alerts()?;
        Ok(alerts.into_iter().map(AlertReport::from).collect())
    };
    blocking(state, read).await
}

/// What webhooks were not told of.
async fn undelivered(State(state): Operator) -> Result<Json<Vec<Undelivered>>, Problem> {
    blocking(state, |services| services.store.snapshot()?.undelivered()).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RedeliverQuery {
    webhook: Option<String>,
}

async fn redeliver(
    State(state): Operator,
    Asked(query): Asked<RedeliverQuery>,
) -> Result<Json<Option<usize>>, Problem> {
    let write = move |services: &Arc<Services>| {
        services.store.redeliver(query.webhook.as_deref(), services.clock.now())
    };
    blocking(state, write).await
}

/// Who has seen what of an alert, and why it may stay quiet.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AckQuery {
    /// The digest of what was shown.
    seen: String,
    by: String,
    reason: String,
}

async fn acknowledge(
    State(state): Operator,
    Path(id): Path<String>,
    Asked(AckQuery { seen, by, reason }): Asked<AckQuery>,
) -> Result<Json<AlertReport>, Problem> {
    let seen = parse_seen(&seen).map_err(|why| Problem::BadRequest(format!("`seen`: {why}")))?;
    if by.trim().is_empty() || reason.trim().is_empty() {
        return Err(Problem::Unprocessable("`by` and `reason` say who and why".into()));
    }
    let write = move |services: &Arc<Services>| services.acknowledge(&id, seen, &by, &reason);
    let Json(acknowledged) = blocking(state, write).await?;
    acknowledged.map(|alert| Json(alert.into())).map_err(Problem::NotAcknowledged)
}

async fn decide(
    State(state): Operator,
    Path((upstream, id, decision)): Path<(String, String, String)>,
) -> Result<Json<usize>, Problem> {
    let decision = HeldDecision::from_word(&decision).ok_or(Problem::UnknownOperation)?;
    let decided = move |services: &Arc<Services>| services.decide_held(&upstream, &id, decision);
    let Json(names) = blocking(state, decided).await?;
    names.map(Json).ok_or(Problem::UnknownSet)
}

/// Uses the store where blocking is allowed.
async fn blocking<T: Send + 'static>(
    state: Arc<Operations>,
    read: impl FnOnce(&Arc<Services>) -> Result<T, StoreError> + Send + 'static,
) -> Result<Json<T>, Problem> {
    let read = try_blocking(move || read(&state.services));
    Ok(Json(read.await.map_err(|_| Problem::Internal)??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("127.0.0.1:8081", true)]
    #[case("localhost", true)]
    #[case("[::1]:8081", true)]
    #[case("127.8.8.8", true)]
    #[case("ops.example:8081", true)]
    #[case("OPS.example", true)]
    #[case("localhost.evil.example", false)]
    #[case("10.0.0.1:8081", false)]
    #[case("rebind.example:8081", false)]
    #[case("", false)]
    fn only_loopback_and_configured_hosts_are_answered(#[case] host: &str, #[case] known: bool) {
        assert_eq!(is_known(host, &["ops.example".to_owned()]), known);
    }
}
