use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::{FromRequestParts, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use url::Host;

use super::problem::Problem;
use crate::alert::{AlertReport, parse_seen};
use crate::curation::Explanation;
use crate::daemon::{
    HoldDecision, Listed, Lookalike, OwnershipReport, QuarantineReport, RuleEffect, Services,
    StatusReport, explain_name, is_anything_known, known_names, list, lookalikes_of, quarantine,
    rule_effects, try_blocking,
};
use crate::model::{Name, is_loopback};
use crate::store::{DeadLetter, StoreError, Verification};
use crate::sync::RunReport;

#[derive(Debug)]
struct Operations {
    services: Arc<Services>,
    token: String,
    /// Answers that evaluate everything are made one after another: several at once would delay a denial.
    evaluating: Semaphore,
}

type Operator = State<Arc<Operations>>;

/// Returns the routes for operators and machines. All but `/livez` and `/readyz` need the token.
pub fn operations(services: Arc<Services>, token: String) -> Router {
    let state = Arc::new(Operations { services, token, evaluating: Semaphore::new(1) });
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

/// Rejects requests from browsers. A page in a browser inside the network must not reach this address,
/// neither directly (`Origin`) nor by a name of its own that resolves to this address (`Host`).
async fn refuse_browsers(State(state): Operator, request: Request, next: Next) -> Response {
    if request.headers().contains_key(header::ORIGIN) {
        return Problem::Forbidden(
            "A request with an `Origin` header is rejected here: browsers have no access",
        )
        .into_response();
    }
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let known = host.is_some_and(|host| is_known(host, &state.services.settings.ops_hosts));
    if !known {
        let why = "The `Host` is neither loopback nor in `ops_hosts`; use a loopback address or add the host";
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

/// The routes that take query parameters; [`Asked`] refuses unknown ones.
const WITH_PARAMETERS: [&str; 4] = ["/list", "/explain/", "/ops/redeliver", "/ops/sync"];

/// Refuses parameters of routes that take none: a misspelt word must not be ignored.
async fn refuse_stray_parameters(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let takes_some =
        path.ends_with("/ack") || WITH_PARAMETERS.iter().any(|route| path.starts_with(route));
    match request.uri().query() {
        Some(query) if !query.is_empty() && !takes_some => {
            Problem::BadRequest("This route takes no parameters".into()).into_response()
        }
        _ => next.run(request).await,
    }
}

/// Query parameters. An unknown one is rejected: `dryrun=true` must not start a real sync run.
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

/// The parameters of `vidimus list`.
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
        let snapshot = services.store.snapshot()?;
        if !is_anything_known(&snapshot)? {
            return Ok(None);
        }
        list(&snapshot, &policy, &services.screenings(), now, query.all).map(Some)
    };
    known(evaluating(state, read).await?)
}

/// Answers 503 while no upstream has answered: an empty list would claim that nothing is approved.
fn known<T>(Json(found): Json<Option<T>>) -> Result<Json<T>, Problem> {
    found.map(Json).ok_or(Problem::NotReady)
}

/// Counts what each approving rule approves and serves.
async fn rules(State(state): Operator) -> Result<Json<Vec<RuleEffect>>, Problem> {
    let read = |services: &Arc<Services>| {
        let (policy, now) = (services.policy(), services.clock.now());
        let snapshot = services.store.snapshot()?;
        rule_effects(&snapshot, &policy, &services.screenings(), now, |_| true)
    };
    evaluating(state, read).await
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
        if !is_anything_known(&snapshot)? {
            return Ok(None);
        }
        explain_name(&snapshot, &policy, &screenings, now, &name, version).map(Some)
    };
    let Json(found) = known(blocking(state, read).await?)?;
    found.map(Json).ok_or(Problem::UnknownServer)
}

/// Computes the lookalikes of a name now.
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
    evaluating(state, |services| services.store.snapshot()?.verify()).await
}

/// Returns every known name; `null` before the first full sync, when the names are not known.
async fn names(State(state): Operator) -> Result<Json<Option<Vec<String>>>, Problem> {
    let read = |services: &Arc<Services>| {
        let names = known_names(&services.store.snapshot()?)?;
        Ok(names.map(|names| names.iter().map(Name::to_string).collect()))
    };
    blocking(state, read).await
}

/// The parameters of `vidimus sync`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SyncQuery {
    #[serde(default)]
    full: bool,
    #[serde(default)]
    dry_run: bool,
}

/// The results of a sync run for each upstream.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct SyncReport {
    pub runs: Vec<RunReport>,
    /// The reason why a sync run was not accepted, by upstream.
    pub failures: BTreeMap<String, String>,
}

async fn sync(State(state): Operator, Asked(query): Asked<SyncQuery>) -> Json<SyncReport> {
    let mut report = SyncReport::default();
    for (upstream, outcome) in state.services.sync(query.full, query.dry_run).await {
        match outcome {
            Ok(run) => report.runs.push(run),
            Err(reason) => {
                report.failures.insert(upstream, reason);
            }
        }
    }
    Json(report)
}

/// Asks the ownership sources of a namespace now, which may take 30 seconds.
async fn verify_namespace(
    State(state): Operator,
    Path(namespace): Path<String>,
) -> Result<Json<OwnershipReport>, Problem> {
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

/// Returns the deliveries that webhooks did not accept.
async fn dead_letters(State(state): Operator) -> Result<Json<Vec<DeadLetter>>, Problem> {
    blocking(state, |services| services.store.snapshot()?.dead_letters()).await
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

/// The parameters of an acknowledgement.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AckQuery {
    /// The digest of the evidence that was shown.
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
        return Err(Problem::Unprocessable(
            "`by` and `reason` must not be empty: name the person and the reason".into(),
        ));
    }
    let write = move |services: &Arc<Services>| services.acknowledge(&id, seen, &by, &reason);
    let Json(acknowledged) = blocking(state, write).await?;
    acknowledged.map(|alert| Json(alert.into())).map_err(Problem::NotAcknowledged)
}

async fn unacknowledge(
    State(state): Operator,
    Path(id): Path<String>,
) -> Result<Json<AlertReport>, Problem> {
    let write = move |services: &Arc<Services>| services.unacknowledge(&id);
    let Json(opened) = blocking(state, write).await?;
    opened.map(|alert| Json(alert.into())).map_err(Problem::NotAcknowledged)
}

async fn decide(
    State(state): Operator,
    Path((upstream, id, decision)): Path<(String, String, String)>,
) -> Result<Json<usize>, Problem> {
    let decision = HoldDecision::from_word(&decision).ok_or(Problem::UnknownOperation)?;
    let decided = move |services: &Arc<Services>| services.decide_hold(&upstream, &id, decision);
    let Json(names) = blocking(state, decided).await?;
    names.map(Json).ok_or(Problem::UnknownSet)
}

/// Uses the store as [`blocking`] does, after every other such use has ended.
async fn evaluating<T: Send + 'static>(
    state: Arc<Operations>,
    read: impl FnOnce(&Arc<Services>) -> Result<T, StoreError> + Send + 'static,
) -> Result<Json<T>, Problem> {
    let waiting = Arc::clone(&state);
    let _permit = waiting.evaluating.acquire().await.map_err(|_| Problem::Internal)?;
    blocking(state, read).await
}

/// Uses the store on a thread that may block.
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
    fn only_loopback_and_configured_hosts_are_accepted(#[case] host: &str, #[case] known: bool) {
        assert_eq!(is_known(host, &["ops.example".to_owned()]), known);
    }
}
