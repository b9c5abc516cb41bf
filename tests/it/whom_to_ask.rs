//! Whom a developer asks for a server that is not served.

use serde_json::json;

use crate::support::daemon::Workplace;
use crate::support::document::document;
use crate::support::registry::Row;
use crate::support::upstream::Upstream;

const SETTINGS: &str = "namespace = \"com.example.registry\"\ncontact = \"Platform security\"\n\
                        request_url = \"https://portal.example/ask\"\n";

/// Lists keep the members that clients read; whom to ask stands under our own key.
#[tokio::test(flavor = "multi_thread")]
async fn answers_say_whom_to_ask_only_if_the_settings_do() {
    let upstream = Upstream::start([Row::new("a.b/c", "1.0.0"), Row::new("a.b/d", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.approve("a.b/c");
    let daemon = place.start().await;
    daemon.lists(&["a.b/c@1.0.0"]).await;
    let list = daemon.get("/v0.1/servers").await;
    assert_eq!(list.json()["metadata"], json!({"count": 1}));
    let unknown = daemon.get("/v0.1/servers/a.b%2Fd/versions/latest").await;
    let silent = json!({
        "title": "Not Found", "status": 404, "detail": "Server not found", "error": "Server not found",
    });
    assert_eq!(unknown.json(), silent);
    let described = daemon.get("/openapi.yaml").await;
    assert_eq!(described.text, include_str!("../../openapi/vidimus.yaml"));
    assert_eq!(daemon.signal("TERM").await, Some(0));

    place.write("vidimus.toml", SETTINGS);
    let daemon = place.start().await;
    daemon.lists(&["a.b/c@1.0.0"]).await;
    let asking =
        json!({"contact": "Platform security", "requestUrl": "https://portal.example/ask"});
    for path in
        ["/v0.1/servers", "/v0.1/servers/a.b%2Fc/versions", "/views/default/v0/servers?limit=1"]
    {
        let metadata = &daemon.get(path).await.json()["metadata"];
        assert_eq!(
            *metadata,
            json!({"count": 1, "com.example.registry/contact": asking}),
            "{path}"
        );
    }
    assert_ne!(daemon.get("/v0.1/servers").await.header("etag"), list.header("etag"));
    // An entry that is hidden and one that never existed are one and the same answer.
    let detail = "Server not found. To ask for it: Platform security, https://portal.example/ask";
    for path in ["/v0.1/servers/a.b%2Fd/versions/latest", "/v0.1/servers/x.y%2Fz/versions"] {
        let answer = daemon.get(path).await;
        assert_eq!(answer.status, 404);
        let body = json!({
            "title": "Not Found", "status": 404, "detail": detail, "error": detail,
            "contact": asking["contact"], "requestUrl": asking["requestUrl"],
        });
        assert_eq!(answer.json(), body, "{path}");
    }
    assert_eq!(daemon.get("/nowhere").await.json()["requestUrl"], asking["requestUrl"]);
    let bad = daemon.get("/v0.1/servers?limit=0").await.json();
    assert_eq!(
        (bad["status"].as_u64(), bad.get("contact")),
        (Some(422), None),
        "nothing is missing there"
    );
    // The document is the same but for the contact.
    let changed = daemon.get("/openapi.yaml").await;
    let mut parsed: serde_json::Value = serde_saphyr::from_str(&changed.text).expect("YAML");
    let contact = parsed["info"].as_object_mut().expect("an object").remove("contact");
    let wanted = json!({"name": "Platform security", "url": "https://portal.example/ask"});
    assert_eq!(contact, Some(wanted));
    assert_eq!(parsed, *document());
}
