//! The `OpenAPI` document: it matches the router and meets the requirements of mirrors.

use std::collections::BTreeSet;

use crate::support::daemon::{Workplace, answer};
use crate::support::document::{document, template};
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use reqwest::Method;

const PREFIXES: [&str; 3] = ["/v0.1", "/v0", ""];
const RESOURCES: [&str; 3] =
    ["/servers", "/servers/{serverName}/versions", "/servers/{serverName}/versions/{version}"];

/// C13: `ToolHive` accepts a registry as a source only with these two members.
#[test]
fn document_has_the_members_that_mirrors_require() {
    assert_eq!(document()["openapi"], "3.1.0");
    assert_eq!(document()["info"]["version"], "1.0.0");
    let description = document()["info"]["description"].as_str().expect("a text");
    assert!(description.contains("https://github.com/modelcontextprotocol/registry"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_path_is_routed_and_every_route_is_documented() {
    let paths = document()["paths"].as_object().expect("paths");
    let documented: BTreeSet<&str> = paths.keys().map(String::as_str).collect();
    let mut routed: BTreeSet<String> = PREFIXES
        .iter()
        .flat_map(|prefix| RESOURCES.map(|resource| format!("{prefix}{resource}")))
        .collect();
    routed.insert("/openapi.yaml".into());
    assert_eq!(documented, routed.iter().map(String::as_str).collect());

    let upstream = Upstream::start([Row::new("a.b/c", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.approve("a.b/c");
    let daemon = place.start().await;
    daemon.lists(&["a.b/c@1.0.0"]).await;
    for path in documented {
        let asked = path.replace("{serverName}", "a.b%2Fc").replace("{version}", "latest");
        assert_eq!(template(&asked).as_deref(), Some(path));
        // `get` checks each answer against the document.
        assert_eq!(daemon.get(&asked).await.status, 200, "{asked}");
        assert_eq!(daemon.get(&format!("/views/default{asked}")).await.status, 200, "{asked}");
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let request = daemon.request(method, &format!("{}{asked}", daemon.registry));
            assert_eq!(answer(request).await.status, 405, "{asked} is read-only");
        }
    }
    for other in
        ["/v1/servers", "/v0.1/publish", "/v0.1/openapi.yml", "/v0.1/servers/a/b/c/versions"]
    {
        assert_eq!(daemon.get(other).await.status, 404);
    }
}
