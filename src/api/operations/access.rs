use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use url::Host;

use super::state::Operator;
use crate::api::problem::Problem;
use crate::model::is_loopback;

/// Rejects requests from browsers. A page in a browser inside the network must not reach this address,
/// neither directly (`Origin`) nor by a name of its own that resolves to this address (`Host`).
pub(super) async fn refuse_browsers(
    State(state): Operator,
    request: Request,
    next: Next,
) -> Response {
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

pub(super) async fn require_token(
    State(state): Operator,
    request: Request,
    next: Next,
) -> Response {
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
