//! The requirements of real clients on a registry's URL: one test for each, replaying the requests of those
//! clients.

use crate::support::daemon::{Answer, Daemon, Workplace, answer};
use crate::support::registry::{OFFICIAL, Row};
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;
use reqwest::{Method, header};
use serde_json::Value;

/// Returns 130 servers with one version, one with three versions of which the newest is hidden, and a hidden
/// one.
fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = (0..130)
        .map(|index| Row::new(&format!("com.n{index:03}/tool"), "1.0.0").described("Größe messen"))
        .collect();
    rows.push(Row::new("io.github.Acme/Git_Tool.x", "1.0.0+build.5"));
    rows.push(
        Row::new("io.github.Acme/Git_Tool.x", "1.1.0").published("2026-02-01T00:00:00.000000Z"),
    );
    rows.push(
        Row::new("io.github.Acme/Git_Tool.x", "2.0.0").published("2026-02-02T00:00:00.000000Z"),
    );
    rows.push(Row::new("com.hidden/secret", "1.0.0").described("never shown"));
    rows
}

const POLICY: &str = "
servers:
  - {name: com.*/*, tier: 2, approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}
  - {name: io.github.Acme/*, tier: 1, approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}
  - {name: io.github.Acme/Git_Tool.x, versions: 2.0.0, approval: {state: denied}}
  - {name: com.hidden/*, approval: {state: denied}}
";

const TOOL: &str = "io.github.Acme%2FGit_Tool.x";
const SHOWN: usize = 132;

struct Served {
    upstream: Upstream,
    place: Workplace,
    daemon: Daemon,
}

async fn served() -> Served {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.upstream(&upstream.url, "sync = {interval = \"1h\", page_size = 100}");
    place.overlay("policy.yaml", POLICY);
    let daemon = place.start().await;
    daemon.synced().await;
    daemon.serves(SHOWN).await;
    Served { upstream, place, daemon }
}

impl Served {
    async fn get(&self, path: &str) -> Answer {
        self.daemon.get(path).await
    }

    /// Returns an answer as sent, without decompression.
    async fn raw(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> (Answer, Vec<u8>) {
        let client = reqwest::Client::builder().no_proxy().no_gzip().no_zstd();
        let client = client.redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        let mut request = client.request(method, format!("{}{path}", self.daemon.registry));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.expect("a body").to_vec();
        (Answer { status, headers, text: String::from_utf8_lossy(&bytes).into_owned() }, bytes)
    }
}

/// C1: the URL is a root, to which clients append; Docker and Kaiden append `/v0`.
#[tokio::test(flavor = "multi_thread")]
async fn docker_and_kaiden_get_the_same_answers_under_v0() {
    let served = served().await;
    for path in [
        "/servers?limit=3",
        "/servers/com.n000%2Ftool/versions",
        "/servers/com.n000%2Ftool/versions/latest",
    ] {
        let frozen = served.get(&format!("/v0.1{path}")).await;
        assert_eq!(frozen.status, 200);
        assert_eq!(served.get(&format!("/v0{path}")).await.text, frozen.text);
    }
}

/// C2, C17: the hottest request is `latest` of a configured server.
#[tokio::test(flavor = "multi_thread")]
async fn latest_is_found_for_shown_servers_only() {
    let served = served().await;
    let found = served.get(&format!("/v0.1/servers/{TOOL}/versions/latest")).await;
    assert_eq!(found.status, 200);
    let item = found.json();
    assert_eq!(item["server"]["name"], "io.github.Acme/Git_Tool.x", "with its case");
    assert_eq!(item["server"]["version"], "1.1.0", "the greatest that is shown");
    assert_eq!(item["_meta"][OFFICIAL]["isLatest"], true);
    for path in [
        "/v0.1/servers/com.hidden%2Fsecret/versions/latest",
        "/v0.1/servers/com.unknown%2Fx/versions/latest",
        "/v0.1/servers/io.github.acme%2Fgit_tool.x/versions/latest",
    ] {
        // A new store says for a moment that it may show the name later.
        let missing = eventually("the store is not new any more", async || {
            Some(served.get(path).await).filter(|answer| answer.status != 503)
        })
        .await;
        assert_eq!(
            (missing.status, missing.json()["detail"].as_str()),
            (404, Some("Server not found"))
        );
    }
}

/// C3: VS Code probes, lists the latest versions, and from page 2 on sends only the cursor, unescaped.
#[tokio::test(flavor = "multi_thread")]
async fn cursor_alone_continues_a_filtered_list() {
    let served = served().await;
    assert_eq!(served.get("/v0.1/servers?limit=1").await.items().len(), 1);
    let first = served.get("/v0.1/servers?limit=50&version=latest&search=GR%C3%96SSE").await;
    let mut seen = first.items();
    let mut cursor = first.json()["metadata"]["nextCursor"].as_str().map(str::to_owned);
    while let Some(next) = cursor {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        assert!(next.bytes().all(plain), "{next} needs no escape");
        let page =
            served.get(&format!("/v0.1/servers?limit=50&version=latest&cursor={next}")).await;
        seen.extend(page.items());
        cursor = page.json()["metadata"]["nextCursor"].as_str().map(str::to_owned);
    }
    let mut once = seen.clone();
    once.dedup();
    assert_eq!(
        (seen.len(), once.len()),
        (130, 130),
        "the filter of page 1 applies, and no entry comes twice"
    );
    let position = served.get("/v0.1/servers?limit=2&cursor=com.n005/tool:1.0.0").await;
    assert_eq!(position.items(), ["com.n006/tool@1.0.0", "com.n007/tool@1.0.0"]);
    assert_eq!(served.get("/v0.1/servers?cursor=%21%21").await.status, 400);
}

/// C4: `_meta` on every item, `metadata` on every list, never `null`.
#[tokio::test(flavor = "multi_thread")]
async fn members_that_vs_code_reads_are_present_and_never_null() {
    let served = served().await;
    for path in [
        "/v0.1/servers?limit=100",
        "/v0.1/servers?search=nothing-has-this",
        &format!("/v0.1/servers/{TOOL}/versions"),
    ] {
        let page = served.get(path).await;
        assert!(!page.text.contains(":null"), "{}", page.text);
        let list = page.json();
        let items = list["servers"].as_array().expect("a list");
        assert_eq!(list["metadata"]["count"], items.len());
        assert!(items.iter().all(|item| item["_meta"][OFFICIAL]["status"].is_string()));
    }
}

/// C5: one invalid entry breaks a page for strict clients, so it is sanitized or not served.
#[tokio::test(flavor = "multi_thread")]
async fn entry_that_strict_clients_reject_is_sanitized_or_not_served() {
    let item = |name: &str, members: &str| {
        Row::raw(
            name,
            "1.0.0",
            &format!(
                r#"{{"server":{{"name":"{name}","version":"1.0.0",{members}}},"_meta":{{"{OFFICIAL}":{{"status":"active","publishedAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:00Z","isLatest":true}}}}}}"#
            ),
        )
    };
    let long = "x".repeat(101);
    let upstream = Upstream::start([
        item("com.a/sanitized", r#""description":"x","repository":{},"packages":null,"_meta":{"io.modelcontextprotocol.registry/publisher-provided":{"github":{"stars":9}}}"#),
        item("com.a/long", &format!(r#""description":"{long}""#)),
        item("com.a/no-transport", r#""description":"x","packages":[{"registryType":"npm","identifier":"x"}]"#),
        item("com.a/plain", r#""description":"x""#),
    ]).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", POLICY);
    let daemon = place.start().await;
    daemon.lists(&["com.a/plain@1.0.0", "com.a/sanitized@1.0.0"]).await;
    let sanitized = daemon.get("/v0.1/servers/com.a%2Fsanitized/versions/1.0.0").await.json();
    assert_eq!(sanitized["server"].as_object().expect("an object").len(), 4, "{sanitized}");
    let ours = &sanitized["_meta"]["local.vidimus/curation"];
    assert_eq!(
        ours["sanitized"],
        serde_json::json!(["empty-repository", "null-member", "server-meta"])
    );
    let explained = place.json(&["explain", "com.a/long", "--json"]);
    let gates = explained["versions"][0]["gates"].as_array().expect("gates");
    let failed = gates.iter().find(|gate| gate["outcome"] == "failed").expect("a gate that fails");
    assert!(
        failed["evidence"].as_str().is_some_and(|evidence| evidence.contains("101 characters")),
        "{failed}"
    );
    let status = daemon.operate("/status").await.json();
    let alerts = status["alerts"].as_array().expect("a list");
    assert!(
        alerts
            .iter()
            .any(|alert| alert["kind"] == "schema-violation"
                && alert["subject"] == "com.a/long@1.0.0"),
        "{alerts:?}"
    );
}

/// P18, C6: hidden entries are not listed.
#[tokio::test(flavor = "multi_thread")]
async fn hidden_entries_are_in_no_list() {
    let served = served().await;
    for path in [
        "/v0.1/servers?limit=100",
        "/v0.1/servers?search=secret",
        "/v0.1/servers?include_deleted=true&search=hidden",
        "/v0.1/servers?updated_since=2020-01-01T00:00:00Z&search=hidden",
    ] {
        let page = served.get(path).await;
        assert!(!page.text.contains("hidden") && !page.text.contains("2.0.0"), "{}", page.text);
    }
}

/// C7: every answer has CORS headers, including errors and preflights.
#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_cors_headers() {
    let served = served().await;
    for (method, path, status) in [
        (Method::GET, "/v0.1/servers", 200),
        (Method::GET, "/v0.1/servers?limit=0", 422),
        (Method::GET, "/nothing", 404),
        (Method::POST, "/v0.1/servers", 405),
        (Method::OPTIONS, "/v0.1/servers", 204),
        (Method::OPTIONS, "/nothing/at/all", 204),
        (Method::GET, "/openapi.yaml", 200),
    ] {
        let (found, _) =
            served.raw(method.clone(), path, &[("Origin", "https://editor.example")]).await;
        assert_eq!(found.status, status, "{method} {path}");
        assert_eq!(found.header("access-control-allow-origin"), "*");
        assert_eq!(found.header("access-control-allow-methods"), "GET, OPTIONS");
        assert_eq!(found.header("access-control-allow-headers"), "Authorization, Content-Type");
        for exposed in ["ETag", "Retry-After", "Link"] {
            assert!(found.header("access-control-expose-headers").contains(exposed));
        }
        assert_eq!(found.header("access-control-allow-credentials"), "");
    }
}

/// Small answers are most of what is sent, and their heads are larger than they are.
#[tokio::test(flavor = "multi_thread")]
async fn head_takes_at_most_400_bytes() {
    let served = served().await;
    let latest = format!("/v0.1/servers/{TOOL}/versions/latest");
    let origin = ("Origin", "https://editor.example");
    for (path, headers) in [
        (&*latest, vec![("Accept-Encoding", "zstd")]),
        ("/v0.1/servers", vec![("Accept-Encoding", "gzip, zstd")]),
        ("/v0.1/servers/com.no/such/versions", vec![]),
        ("/v0.1/servers?limit=1", vec![("Accept-Encoding", "zstd")]),
        (&*latest, vec![("Accept-Encoding", "zstd"), origin]),
    ] {
        let (found, _) = served.raw(Method::GET, path, &headers).await;
        let lines = found.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
        let bytes = "HTTP/1.1 200 OK\r\n\r\n".len() + lines.sum::<usize>();
        println!("{path} {headers:?}: {bytes} bytes");
        // Links contain cursors, and requests with an origin have a longer list of headers by contract.
        if found.header("link").is_empty() && !headers.contains(&origin) {
            assert!(bytes <= 400, "{path}: {bytes} bytes: {:#?}", found.headers);
        }
    }
}

/// C8: the Copilot language server checks the exact version that it installed.
#[tokio::test(flavor = "multi_thread")]
async fn old_version_stays_available() {
    let served = served().await;
    let old = served.get(&format!("/v0.1/servers/{TOOL}/versions/1.0.0%2Bbuild.5")).await;
    assert_eq!(old.json()["_meta"][OFFICIAL]["isLatest"], false);
    assert_eq!(
        served.get(&format!("/v0.1/servers/{TOOL}/versions/2.0.0")).await.status,
        404,
        "hidden"
    );
}

/// C9: proxies decode slashes, double them and add more; nothing is redirected.
#[tokio::test(flavor = "multi_thread")]
async fn paths_rewritten_by_proxies_are_found_without_a_redirect() {
    let served = served().await;
    let wanted = served.get(&format!("/v0.1/servers/{TOOL}/versions/1.0.0%2Bbuild.5")).await.text;
    for path in [
        "/v0.1/servers/io.github.Acme/Git_Tool.x/versions/1.0.0+build.5",
        "/v0.1/servers/io.github.Acme%2fGit_Tool.x/versions/1.0.0%2Bbuild.5/",
        "//v0.1//servers//io.github.Acme%2FGit_Tool.x//versions//1.0.0+build.5//",
    ] {
        let (found, _) = served.raw(Method::GET, path, &[]).await;
        assert_eq!((found.status, found.text), (200, wanted.clone()), "{path}");
    }
    let (twice, _) =
        served.raw(Method::GET, "/v0.1/servers/com.n000%252Ftool/versions/latest", &[]).await;
    assert_eq!(twice.status, 400);
    assert_eq!(served.raw(Method::GET, "/v0.1/servers/", &[]).await.0.status, 200);
}

/// C10, C17: some Copilot CLI releases ask without a version; a 404 names the right root.
#[tokio::test(flavor = "multi_thread")]
async fn path_without_a_version_works_and_a_404_names_the_right_root() {
    let served = served().await;
    assert_eq!(
        served.get("/servers?limit=2").await.text,
        served.get("/v0.1/servers?limit=2").await.text
    );
    assert_eq!(served.get(&format!("/servers/{TOOL}/versions/latest")).await.status, 200);
    let lost = served.get("/registry/v0.1/servers").await;
    assert_eq!((lost.status, lost.header("content-type")), (404, "application/problem+json"));
    let problem = lost.json();
    assert!(
        problem["detail"].as_str().is_some_and(|detail| detail.contains("/v0.1/servers")),
        "{problem}"
    );
    assert_eq!(problem["error"], problem["detail"]);
    assert_eq!(
        (problem["title"].as_str(), problem["status"].as_u64()),
        (Some("Not Found"), Some(404))
    );
}

/// C11, C12: unknown parameters, content types and credentials are ignored.
#[tokio::test(flavor = "multi_thread")]
async fn unknown_parameters_and_headers_are_ignored() {
    let served = served().await;
    let plain = served.get("/v0.1/servers?limit=30").await.text;
    let headers = [("Content-Type", "application/json"), ("Authorization", "Bearer x")];
    let (found, _) =
        served.raw(Method::GET, "/v0.1/servers?limit=30&foo=bar&sort=x", &headers).await;
    assert_eq!((found.status, found.text), (200, plain));
}

/// C13: `ToolHive` lists with `limit=1`, and accepts a source by its `OpenAPI` document.
#[tokio::test(flavor = "multi_thread")]
async fn toolhive_lists_one_by_one_and_accepts_the_document() {
    let served = served().await;
    let (mut seen, mut cursor) = (0, String::new());
    loop {
        let page = served.get(&format!("/v0.1/servers?limit=1&version=latest{cursor}")).await;
        seen += page.items().len();
        match page.json()["metadata"]["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, 131);
    let (document, _) = served.raw(Method::GET, "/openapi.yaml", &[]).await;
    assert_eq!(document.status, 200);
    assert!(document.text.contains("\n  version: 1.0.0\n"));
    assert!(document.text.contains("https://github.com/modelcontextprotocol/registry"));
}

/// C14: pages stay under 10 MiB, also the list of versions, which continues by a link.
#[tokio::test(flavor = "multi_thread")]
async fn pages_stay_below_the_size_limit_of_clients() {
    let upstream = Upstream::start([]).await;
    let text = "x".repeat(4000);
    let filler: Vec<String> = (0..50).map(|index| format!(r#""k{index}":"{text}""#)).collect();
    for index in 0..60 {
        let version = format!("1.{index}.0");
        let item = format!(
            r#"{{"server":{{"name":"com.big/tool","version":"{version}","description":"x","_meta":{{"io.modelcontextprotocol.registry/publisher-provided":{{{}}}}}}},"_meta":{{"{OFFICIAL}":{{"status":"active","publishedAt":"2026-01-01T00:00:{index:02}Z","updatedAt":"2026-01-01T00:00:00Z","isLatest":false}}}}}}"#,
            filler.join(",")
        );
        upstream.put(Row::raw("com.big/tool", &version, &item));
    }
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", POLICY);
    let daemon = place.start().await;
    // Versions that an overlay names are fetched page by page, and may be published in parts.
    for version in 0..60 {
        let path = format!("/v0.1/servers/com.big%2Ftool/versions/1.{version}.0");
        crate::support::wait::eventually("each version is served", async || {
            (daemon.get(&path).await.status == 200).then_some(())
        })
        .await;
    }
    for first in ["/v0.1/servers?limit=100", "/v0.1/servers/com.big%2Ftool/versions"] {
        let page = crate::support::wait::eventually("all versions are served", async || {
            let page = daemon.get(first).await;
            (page.status == 200 && page.header("link").contains("rel=\"next\"")).then_some(page)
        })
        .await;
        assert!(page.text.len() < 10 * 1024 * 1024);
        let link = page
            .header("link")
            .trim_start_matches('<')
            .split('>')
            .next()
            .expect("a link")
            .to_owned();
        let path = first.split('?').next().expect("a path");
        let rest = daemon.get(&format!("{path}{link}")).await;
        assert_eq!(page.items().len() + rest.items().len(), 60, "{first}");
        assert!(page.items().iter().all(|item| !rest.items().contains(item)));
    }
    let newest = daemon.get("/v0.1/servers/com.big%2Ftool/versions").await.items();
    assert_eq!(newest[0], "com.big/tool@1.59.0", "newest first");
}

/// P20: an unchanged answer gets 304, across restarts; another representation has another tag.
#[tokio::test(flavor = "multi_thread")]
async fn etag_identifies_a_representation_across_restarts() {
    let served = served().await;
    let paths =
        ["/v0.1/servers?limit=100".to_owned(), format!("/v0.1/servers/{TOOL}/versions/latest")];
    let mut tags = Vec::new();
    for path in &paths {
        let (first, _) = served.raw(Method::GET, path, &[]).await;
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
        assert_eq!(first.header("cache-control"), "no-cache");
        assert!(first.header("vary").contains("Accept-Encoding"));
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".into()] {
            let (again, body) = served.raw(Method::GET, path, &[("If-None-Match", &known)]).await;
            assert_eq!((again.status, body.len()), (304, 0), "{known}");
            assert_eq!(again.header("etag"), tag);
            assert_eq!(again.header("access-control-allow-origin"), "*");
        }
        for encoding in ["gzip", "zstd"] {
            let (packed, bytes) =
                served.raw(Method::GET, path, &[("Accept-Encoding", encoding)]).await;
            assert_eq!(packed.header("content-encoding"), encoding);
            assert_ne!(packed.header("etag"), tag, "another representation");
            let unpacked = match encoding {
                "gzip" => std::io::read_to_string(flate2::read::GzDecoder::new(bytes.as_slice())),
                _ => zstd::stream::decode_all(bytes.as_slice())
                    .map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
            };
            assert_eq!(unpacked.expect("unpacked"), first.text);
        }
        tags.push(tag);
    }
    let Served { upstream, place, daemon } = served;
    assert_eq!(daemon.signal("TERM").await, Some(0));
    let daemon = place.start().await;
    daemon.ready().await;
    let served = Served { upstream, place, daemon };
    for (path, tag) in paths.iter().zip(&tags) {
        assert_eq!(served.raw(Method::GET, path, &[]).await.0.header("etag"), tag);
    }
    served
        .place
        .overlay("more.yaml", "servers: [{name: io.github.Acme/Git_Tool.x, labels: [x], tier: 3}]");
    crate::support::wait::eventually("a change has another tag", async || {
        let (now, _) = served.raw(Method::GET, &paths[1], &[("If-None-Match", &tags[1])]).await;
        (now.status == 200 && now.header("etag") != tags[1]).then_some(())
    })
    .await;
}

/// HEAD answers like GET, without the body; each answer has a request id.
#[tokio::test(flavor = "multi_thread")]
async fn head_answers_like_get_and_answers_have_request_ids() {
    let served = served().await;
    for path in ["/v0.1/servers?limit=5", "/v0.1/servers/none/versions/latest"] {
        let (get, body) = served.raw(Method::GET, path, &[]).await;
        let (head, nothing) = served.raw(Method::HEAD, path, &[("X-Request-Id", "mine-1")]).await;
        assert_eq!((head.status, nothing.len()), (get.status, 0));
        assert_eq!(head.header("content-length"), body.len().to_string());
        assert_eq!(head.header("etag"), get.header("etag"));
        assert_eq!(head.header("x-request-id"), "mine-1");
        assert!(!get.header("x-request-id").is_empty());
    }
}

/// C16: a view shows only the entries within its limits.
#[tokio::test(flavor = "multi_thread")]
async fn view_shows_only_entries_within_its_limits() {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.write("vidimus.toml", "views = [{name = \"first\", tiers = [1]}, {name = \"default\", names = [\"com.n00.*/*\", \"com.n001/*\", \"com.n002/*\"]}]");
    place.overlay("policy.yaml", POLICY);
    let daemon = place.start().await;
    daemon.lists(&["com.n001/tool@1.0.0", "com.n002/tool@1.0.0"]).await;
    let first = daemon.get("/views/first/v0.1/servers").await;
    let tool = ["io.github.Acme/Git_Tool.x@1.0.0+build.5", "io.github.Acme/Git_Tool.x@1.1.0"];
    assert_eq!(first.items(), tool);
    assert_eq!(
        daemon.get(&format!("/views/first/servers/{TOOL}/versions/latest")).await.status,
        200
    );
    // Hidden entries and unknown ones get the same answer.
    let (mut answers, mut bodies) = (Vec::new(), Vec::new());
    for path in [
        format!("/v0.1/servers/{TOOL}/versions/latest"),
        "/views/first/v0.1/servers/com.n001%2Ftool/versions/latest".into(),
        "/v0.1/servers/com.unknown%2Fx/versions/latest".into(),
    ] {
        // A new store says for a moment that it may show the name later.
        let answer = eventually("the store is not new any more", async || {
            Some(daemon.get(&path).await).filter(|answer| answer.status != 503)
        })
        .await;
        answers.push(answer.status);
        bodies.push(answer.text);
    }
    assert_eq!(answers, [404; 3]);
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(daemon.get("/views/none/v0.1/servers").await.status, 404);
    let cursor = daemon.get("/v0.1/servers?limit=1").await.json()["metadata"]["nextCursor"].clone();
    let foreign = daemon
        .get(&format!("/views/first/v0.1/servers?cursor={}", cursor.as_str().expect("a cursor")))
        .await;
    assert_eq!(foreign.items(), tool, "the view comes from the path");
    let explained = place.json(&["explain", "io.github.Acme/Git_Tool.x@1.1.0", "--json"]);
    assert_eq!(explained["versions"][0]["views"], serde_json::json!(["first"]));
    // An entry that leaves a view has its tombstone in that view only.
    place.overlay("policy.yaml", &POLICY.replace("tier: 1", "tier: 3"));
    crate::support::wait::eventually("the entry left the view", async || {
        daemon.get("/views/first/v0.1/servers").await.items().is_empty().then_some(())
    })
    .await;
    crate::support::wait::eventually("its tombstones are committed", async || {
        let buried = daemon.get("/views/first/v0.1/servers?include_deleted=true").await;
        (buried.items() == tool).then_some(())
    })
    .await;
    assert!(!daemon.get("/v0.1/servers?include_deleted=true").await.text.contains("Acme"));
}

/// P35: no request gets a 5xx.
#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_never_get_a_5xx() {
    let served = served().await;
    let long = format!("/v0.1/servers/{}", "a".repeat(10_000));
    for path in [
        "/v0.1/servers?limit=-1",
        "/v0.1/servers?limit=1000000000",
        "/v0.1/servers?limit=abc",
        "/v0.1/servers?cursor=AAAA",
        "/v0.1/servers?cursor=com.x/y:1",
        "/v0.1/servers?updated_since=yesterday",
        "/v0.1/servers/%00/versions",
        "/v0.1/servers/%ff%fe/versions",
        "/v0.1/servers?search=%00",
        "/v0.1/servers?search=%ff",
        "/views//v0.1/servers",
        "/views/%2e%2e/v0.1/servers",
        "/views",
        &long,
        "/v0.1/servers?search=%F0%9F%A6%80",
    ] {
        let (found, _) = served.raw(Method::GET, path, &[]).await;
        assert!(found.status < 500, "{} for {path}", found.status);
        if found.status >= 400 {
            let problem: Value = serde_json::from_str(&found.text).expect("JSON");
            assert_eq!(problem["status"], found.status, "{path}");
        }
    }
    let huge = format!("/v0.1/servers?search={}", "a".repeat(60_000));
    let (found, _) = served.raw(Method::GET, &huge, &[]).await;
    assert_eq!(found.status, 431);
    let post =
        served.daemon.request(Method::DELETE, &format!("{}/v0.1/servers", served.daemon.registry));
    let refused = answer(post).await;
    assert_eq!((refused.status, refused.headers.contains_key(header::ALLOW)), (405, true));
}
