//! The fault matrix: upstream failures, what clients see meanwhile, what `/status` reports, and that the next
//! clean sync run ends like an undisturbed mirror.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::daemon::{Daemon, Workplace};
use crate::support::registry::Row;
use crate::support::upstream::{Upstream, page, problem};
use crate::support::wait::eventually;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde_json::Value;

/// The expected outcome of a fault.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    /// The sync run fails with this reason.
    Fails(&'static str),
    /// The sync run is accepted.
    Accepted,
    /// The change set is on hold, with this exceeded limit.
    OnHold(&'static str),
    /// The sync run is accepted, and this many rows are in quarantine.
    Quarantines(u64),
}

use Outcome::{Accepted, Fails, OnHold, Quarantines};

fn rows() -> Vec<Row> {
    (0..30).map(|index| Row::new(&format!("com.n{index:02}/tool"), "1.0.0")).collect()
}

fn items(range: std::ops::Range<usize>) -> Vec<String> {
    rows()[range].iter().map(Row::item).collect()
}

fn text(body: impl Into<Body>) -> Response<Body> {
    Response::new(body.into())
}

fn redirect(to: &str) -> Response<Body> {
    (StatusCode::FOUND, [(header::LOCATION, to.to_owned())]).into_response()
}

fn retry_after(status: StatusCode, value: &str) -> Response<Body> {
    let mut response = problem(status, "later");
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from_str(value).expect("a header"));
    response
}

/// Returns a body that decompresses to more than a page may have.
fn bomb() -> Response<Body> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let megabyte = vec![b' '; 1024 * 1024];
    for _ in 0..40 {
        encoder.write_all(&megabyte).expect("compressed");
    }
    let body = encoder.finish().expect("compressed");
    ([(header::CONTENT_ENCODING, "gzip")], Body::from(body)).into_response()
}

/// Returns a body that breaks off with a connection error.
fn reset() -> Response<Body> {
    let broken: Vec<Result<Bytes, std::io::Error>> =
        vec![Ok(Bytes::from_static(b"{\"servers\":[")), Err(std::io::Error::other("reset"))];
    text(Body::from_stream(Chunks(broken.into_iter())))
}

/// Returns a whole page that ends before its announced length.
fn cut(items: &[String]) -> Response<Body> {
    let body = format!(r#"{{"servers":[{}],"metadata":{{}}}}"#, items.join(","));
    text(Body::from_stream(Chunks(vec![Ok(Bytes::from(body))].into_iter())))
}

/// A stream of prepared chunks.
struct Chunks(std::vec::IntoIter<Result<Bytes, std::io::Error>>);

impl futures_core::Stream for Chunks {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.next())
    }
}

/// Returns the answer to the `count`th list request (from 0); `None` for the usual one.
fn fault(name: &str, count: usize, asked: &str) -> Option<Response<Body>> {
    let first_page = !asked.contains("cursor=");
    let all = page(&items(0..30), None);
    match name {
        "wrong length" => {
            let mut response = cut(&items(0..30));
            let length = HeaderValue::from_static("999999");
            response.headers_mut().insert(header::CONTENT_LENGTH, length);
            Some(response)
        }
        "429 five times without" => {
            (count < 5).then(|| problem(StatusCode::TOO_MANY_REQUESTS, "slow down"))
        }
        "html" => Some(text("<html>Maintenance</html>")),
        "truncated body" => Some(text(r#"{"servers":[{"server":{"na"#)),
        "invalid utf-8" => Some(text(b"{\"servers\":[\"\xff\"],\"metadata\":{}}".to_vec())),
        "trailing garbage" => Some(text(r#"{"servers":[],"metadata":{}} and more"#)),
        "servers missing" => Some(text(r#"{"metadata":{"count":0}}"#)),
        "servers null" => Some(text(r#"{"servers":null,"metadata":{}}"#)),
        "empty list" => Some(page(&[], None)),
        "60 % fewer" => Some(page(&items(0..12), None)),
        "one row instead of all" => Some(page(&vec![rows()[3].item(); 30], None)),
        "5 % fewer" => Some(page(&items(0..29), None)),
        "only page 1" => (!first_page).then(|| problem(StatusCode::INTERNAL_SERVER_ERROR, "no")),
        "cursor loop" => {
            let next =
                if count.is_multiple_of(2) { "com.n01/tool:1.0.0" } else { "com.n02/tool:1.0.0" };
            Some(page(&items(0..2), Some(next)))
        }
        "same cursor" => Some(page(&items(0..2), Some("com.n01/tool:1.0.0"))),
        "ever new cursor" => Some(page(&[], Some(&format!("com.n01/tool:{count}")))),
        "cursor of control characters" => Some(page(&items(0..2), Some("com\\u0007"))),
        "page repeated" => match count {
            0 => Some(page(&items(0..20), Some("com.n09/tool:1.0.0"))),
            _ => Some(page(&items(10..30), None)),
        },
        "page reordered" => {
            let mut items = items(0..30);
            items.reverse();
            Some(page(&items, None))
        }
        "one row twice" => {
            let mut items = items(0..30);
            items.push(rows()[3].item());
            Some(page(&items, None))
        }
        "one row twice with other content" => {
            let mut items = items(0..30);
            items.insert(0, rows()[3].clone().described("other").item());
            Some(page(&items, None))
        }
        "429 with seconds" => (count == 0).then(|| retry_after(StatusCode::TOO_MANY_REQUESTS, "1")),
        "429 with a date" => (count == 0)
            .then(|| retry_after(StatusCode::TOO_MANY_REQUESTS, "Fri, 20 Nov 2020 10:00:00 GMT")),
        "429 without" => (count == 0).then(|| problem(StatusCode::TOO_MANY_REQUESTS, "slow down")),
        "503 once" => (count == 0).then(|| problem(StatusCode::SERVICE_UNAVAILABLE, "later")),
        "408 once" => (count == 0).then(|| problem(StatusCode::REQUEST_TIMEOUT, "too late")),
        "reset once" => (count == 0).then(reset),
        "503 for good" => Some(problem(StatusCode::SERVICE_UNAVAILABLE, "later")),
        "400 for a cursor" => {
            (!first_page).then(|| problem(StatusCode::BAD_REQUEST, "what cursor?"))
        }
        "gzip bomb" => Some(bomb()),
        "a page above its limit" => Some(text(vec![b' '; 33 * 1024 * 1024])),
        "deep json" => {
            let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
            Some(page(&[items(0..30), vec![deep]].concat(), None))
        }
        "updatedAt missing" => {
            let row = rows()[3].item().replace("\"updatedAt\"", "\"updatedat\"");
            Some(page(&[items(0..3), vec![row], items(4..30)].concat(), None))
        }
        "equal across a page boundary" => Some(match count {
            0 => page(&items(0..10), Some("com.n09/tool:1.0.0")),
            _ => page(&items(9..30), None),
        }),
        "redirect to another host" => Some(redirect("http://other.example/v0.1/servers")),
        "redirect to metadata" => Some(redirect("http://169.254.169.254/latest/meta-data")),
        "redirect to http" => Some(redirect("http://127.0.0.1:9/v0.1/servers")),
        "nothing" => Some(all),
        other => panic!("unknown fault {other}"),
    }
}

/// P4, P9, P43.
#[rstest::rstest]
#[case("nothing", Accepted)]
#[case("html", Fails("not JSON"))]
#[case("truncated body", Fails("not JSON"))]
#[case("wrong length", Fails("broke off"))]
#[case("invalid utf-8", Fails("not JSON"))]
#[case("trailing garbage", Fails("not JSON"))]
#[case("servers missing", Fails("missing field `servers`"))]
#[case("servers null", Fails("another shape"))]
#[case("empty list", OnHold("0 rows where 30 are stored"))]
#[case("60 % fewer", OnHold("12 rows where 30 are stored"))]
#[case("one row instead of all", OnHold("1 rows where 30 are stored"))]
#[case("5 % fewer", Accepted)]
#[case("only page 1", Fails("500"))]
#[case("cursor loop", Fails("a loop"))]
#[case("same cursor", Fails("a loop"))]
#[case("ever new cursor", Fails("pages without the end"))]
#[case("cursor of control characters", Fails("control character"))]
#[case("page repeated", Accepted)]
#[case("page reordered", Accepted)]
#[case("one row twice", Accepted)]
#[case("one row twice with other content", Accepted)]
#[case("429 with seconds", Accepted)]
#[case("429 with a date", Accepted)]
#[case("429 without", Accepted)]
#[case("429 five times without", Accepted)]
#[case("503 once", Accepted)]
#[case("408 once", Accepted)]
#[case("reset once", Accepted)]
#[case("503 for good", Fails("503"))]
#[case("400 for a cursor", Fails("400"))]
#[case("gzip bomb", Fails("more than 33554432 bytes"))]
#[case("a page above its limit", Fails("more than 33554432 bytes"))]
#[case("deep json", Quarantines(1))]
#[case("updatedAt missing", Quarantines(1))]
#[case("equal across a page boundary", Accepted)]
#[case("redirect to another host", Fails("302"))]
#[case("redirect to metadata", Fails("302"))]
#[case("redirect to http", Fails("302"))]
#[tokio::test(flavor = "multi_thread")]
async fn upstream_fault_changes_nothing_that_is_served(
    #[case] name: &'static str,
    #[case] outcome: Outcome,
) {
    let upstream = Upstream::start(rows()).await;
    let place = Workplace::new(&upstream.url);
    place.upstream(&upstream.url, "sync = {interval = \"1h\", page_size = 10}");
    place.approve("com.*/*");
    let daemon = place.start().await;
    daemon.synced().await;
    let before = eventually("all entries are served", async || {
        let listed = served(&daemon).await;
        listed.contains("com.n29/tool").then_some(listed)
    })
    .await;

    let count = Arc::new(AtomicUsize::new(0));
    upstream.misbehave(move |asked| {
        let is_list = asked.starts_with("/v0.1/servers?");
        is_list.then(|| fault(name, count.fetch_add(1, Ordering::Relaxed), asked)).flatten()
    });
    let output = place.run(&["sync", "--full", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let status = daemon.operate("/status").await.json()["upstreams"][0].clone();
    match outcome {
        Fails(why) => {
            assert_eq!(output.status.code(), Some(3), "{report}");
            let reason = status["lastFailure"]["reason"].as_str().expect("a reason");
            assert!(reason.contains(why), "{reason}");
        }
        OnHold(why) => {
            let exceeded = report["runs"][0]["onHold"].to_string();
            assert!(exceeded.contains(why), "{report}");
            assert!(status["onHold"]["id"].is_string(), "{status}");
        }
        Accepted => assert_eq!(status["lastFailure"], Value::Null, "{report}"),
        Quarantines(rows) => assert_eq!(status["quarantined"], rows, "{report}"),
    }
    assert_eq!(served(&daemon).await, before, "the list during the fault");

    upstream.behave();
    place.json(&["sync", "--full", "--json"]);
    let status = daemon.operate("/status").await.json()["upstreams"][0].clone();
    assert_eq!(
        (&status["lastFailure"], &status["onHold"]),
        (&Value::Null, &Value::Null),
        "{status}"
    );
    assert_eq!((&status["rows"], &status["quarantined"]), (&30.into(), &0.into()), "{status}");
    assert_eq!(served(&daemon).await, before, "the list after recovery");
    assert_eq!(place.run(&["verify"]).status.code(), Some(0));
}

/// Returns the whole list as a client gets it.
async fn served(daemon: &Daemon) -> String {
    daemon.get("/v0.1/servers?limit=100").await.text
}
