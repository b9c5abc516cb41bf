//! Probes of service managers, preflights of browsers, and names that clients make up.

use reqwest::Method;

use crate::support::daemon::{Workplace, answer};
use crate::support::registry::Row;
use crate::support::upstream::Upstream;

/// P85: the kubelet asks by the address of a pod, and says its name as `Host`.
#[tokio::test(flavor = "multi_thread")]
async fn probe_is_answered_whatever_its_host_and_nothing_else_is() {
    let upstream = Upstream::start([Row::new("a.b/c", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.approve("a.b/c");
    let daemon = place.start().await;
    daemon.lists(&["a.b/c@1.0.0"]).await;
    let asked = async |root: &str, path: &str| {
        let request = daemon.request(Method::GET, &format!("{root}{path}"));
        answer(request.bearer_auth(daemon.token()).header("Host", "10.1.2.3:8081")).await
    };
    for probe in ["/livez", "/readyz"] {
        let found = asked(&daemon.operations, probe).await;
        assert_eq!(found.status, 200, "{probe}: {}", found.text);
        let request = daemon.request(Method::GET, &format!("{}{probe}", daemon.operations));
        let page = answer(request.header("Origin", "https://x.example")).await;
        assert_eq!(page.status, 403, "{probe} is not for browsers");
    }
    for other in ["/status", "/alerts", "/unknown"] {
        assert_eq!(asked(&daemon.operations, other).await.status, 403, "{other}");
    }
    let alive = asked(&daemon.registry, "/livez").await;
    assert_eq!((alive.status, alive.text.as_str()), (200, "ok\n"));
    assert_eq!(alive.header("cache-control"), "no-store");
    assert_eq!(asked(&daemon.registry, "/v0.1/livez").await.status, 404);
    let posted = daemon.request(Method::POST, &format!("{}/livez", daemon.registry));
    assert_eq!(answer(posted).await.status, 405);
}

/// P85: a probe that the limit of requests refuses would restart a busy daemon.
#[tokio::test(flavor = "multi_thread")]
async fn registry_is_alive_before_anything_is_known_and_beyond_the_limit_of_requests() {
    let place = Workplace::new("http://127.0.0.1:9");
    place.write("vidimus.toml", "[limits]\nrequests_per_minute = 1\n");
    let daemon = place.start().await;
    let status = async |path: &str| {
        let request = daemon.request(Method::GET, &format!("{}{path}", daemon.registry));
        answer(request).await.status
    };
    for _ in 0..3 {
        assert_eq!(status("/livez").await, 200);
    }
    assert_eq!(status("/v0.1/servers").await, 503, "the first request is within the limit");
    assert_eq!(status("/v0.1/servers").await, 429);
    assert_eq!(status("/livez").await, 200);
}

/// An editor that asks for a server of its user's own gets the one answer that it takes for "not listed".
#[tokio::test(flavor = "multi_thread")]
async fn name_that_cannot_exist_is_unknown_and_no_bad_request() {
    let upstream = Upstream::start([Row::new("a.b/c", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.approve("a.b/c");
    let daemon = place.start().await;
    daemon.lists(&["a.b/c@1.0.0"]).await;
    let unknown = daemon.get("/v0.1/servers/a.b%2Fother/versions/latest").await.text;
    for name in ["100%25%20mine", "tab%09name", "50%25", "line%0Aend", "a.b%2Fc%7F", "%E2%80%AE"] {
        let found = daemon.get(&format!("/v0.1/servers/{name}/versions/latest")).await;
        assert_eq!((found.status, &found.text), (404, &unknown), "{name}");
        let found = daemon.get(&format!("/v0.1/servers/{name}/versions")).await;
        assert_eq!((found.status, &found.text), (404, &unknown), "{name}");
    }
    // These say something about the client or a proxy, and nothing about a name.
    for broken in ["a.b%252Fc", "a%00b", "%ff"] {
        let found = daemon.get(&format!("/v0.1/servers/{broken}/versions/latest")).await;
        assert_eq!(found.status, 400, "{broken}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_may_keep_the_answer_to_its_preflight() {
    let upstream = Upstream::start([Row::new("a.b/c", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    let daemon = place.start().await;
    let url = format!("{}/v0.1/servers", daemon.registry);
    let request = daemon.request(Method::OPTIONS, &url).header("Origin", "vscode-file://x");
    let preflight = answer(request).await;
    assert_eq!((preflight.status, preflight.header("access-control-max-age")), (204, "86400"));
}

/// P85: Kubernetes checks `runAsNonRoot` by number, and cannot look up a name in the image.
#[test]
fn image_runs_as_a_numeric_user_that_owns_its_data() {
    let image = include_str!("../../Dockerfile");
    assert!(image.lines().any(|line| line == "USER 10001:10001"), "{image}");
    assert!(image.contains("groupadd --system --gid 10001 vidimus"));
    assert!(image.contains("useradd --system --uid 10001 --gid 10001"));
    assert!(image.contains("install --directory --owner vidimus --group vidimus"));
}
