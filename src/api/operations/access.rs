use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::info;
use url::Host;

use super::state::{Operations, Operator, blocking};
use crate::api::listener::LocalUser;
use crate::api::problem::Problem;
use crate::daemon::Services;
use crate::model::{Actor, Denied, Digest, Escaped, Role, authenticate, is_loopback};

/// Rejects requests from browsers: a page in a browser inside the network must not reach this address.
pub(super) async fn refuse_browsers(request: Request, next: Next) -> Response {
    if request.headers().contains_key(header::ORIGIN) {
        return Problem::Forbidden(
            "A request with an `Origin` header is rejected here: browsers have no access",
        )
        .into_response();
    }
    next.run(request).await
}

/// Rejects requests for other hosts: a page in a browser may have a name of its own that resolves to this address.
pub(super) async fn refuse_other_hosts(
    State(state): Operator,
    request: Request,
    next: Next,
) -> Response {
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

/// Permits a request whose actor has this role at least; handlers find the [`Actor`] in its extensions.
pub(super) async fn require(
    State((state, role)): State<(Arc<Operations>, Role)>,
    mut request: Request,
    next: Next,
) -> Response {
    let user = request.extensions().get::<LocalUser>().copied();
    let presented = bearer(request.headers()).map(|token| Digest::of(token.as_bytes()));
    match actor(&state, user, presented).await {
        Ok((_, has)) if has < role => Problem::SmallRole { needs: role, has }.into_response(),
        Ok((actor, _)) => {
            request.extensions_mut().insert(actor.clone());
            let answered = logged(actor, request, next);
            if role == Role::Viewer {
                return answered.await;
            }
            completed(answered).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// Completes a request that changes something, and its line in the log, also if its client leaves.
async fn completed(answered: impl Future<Output = Response> + Send + 'static) -> Response {
    tokio::spawn(answered).await.unwrap_or_else(|_| Problem::Internal.into_response())
}

/// Answers a request, and logs it if it asks for more than data.
async fn logged(actor: Actor, request: Request, next: Next) -> Response {
    let asked = (*request.method() == Method::POST).then(|| request.uri().path().to_owned());
    let response = next.run(request).await;
    if let Some(path) = asked {
        let status = response.status().as_u16();
        info!(%actor, path = %Escaped(&path), status, "an operation");
    }
    response
}

/// Authenticates a request: by the user that the system names, by the token of the data folder, or by a stored one.
async fn actor(
    state: &Arc<Operations>,
    user: Option<LocalUser>,
    presented: Option<Digest>,
) -> Result<(Actor, Role), Problem> {
    if let Some(LocalUser(uid)) = user {
        return Ok((Actor::LocalUser(uid), Role::Operator));
    }
    let presented = presented.ok_or(Problem::Unauthorized)?;
    if verify_slices_are_equal(presented.as_bytes(), state.token.digest().as_bytes()).is_ok() {
        return Ok((Actor::DataFolder, Role::Operator));
    }
    let read = |services: &Arc<Services>| services.store.snapshot()?.tokens();
    let Json(tokens) = blocking(Arc::clone(state), read).await?;
    match authenticate(&tokens, &presented, state.services.clock.latest()) {
        Ok((name, role)) => Ok((Actor::Token(name), role)),
        Err(Denied::Unknown) => Err(Problem::Unauthorized),
        Err(Denied::Expired { name, at }) => Err(Problem::ExpiredToken { name, at }),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use tokio::sync::oneshot::channel;

    use super::*;

    #[tokio::test]
    async fn operation_of_a_client_that_left_is_completed() {
        let ((begin, begun), (end, ended)) = (channel::<()>(), channel::<()>());
        let answered = async {
            let is_begun = begun.await.is_ok();
            assert!(is_begun && end.send(()).is_ok());
            Response::default()
        };
        tokio::select! {
            biased;
            _ = completed(answered) => panic!("it waits for its beginning"),
            () = ready(()) => {}
        }
        begin.send(()).expect("it waits, also without a client");
        ended.await.expect("it is completed");
    }

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
