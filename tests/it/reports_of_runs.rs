//! The words about sync runs: what failed, what was applied, what waits, what was left out, and what to do.

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::support::commands::{done, ran};
use crate::support::daemon::Workplace;
use crate::support::registry::Row;
use crate::support::upstream::{Upstream, problem};
use crate::support::wait::eventually;

fn unless_of_one_name(path: &str, answer: impl FnOnce() -> Response) -> Option<Response> {
    (!path.contains("/versions")).then(answer)
}

/// A registry that answered five times was said to give no answer, and people looked at the network.
#[tokio::test(flavor = "multi_thread")]
async fn page_with_an_unknown_end_is_no_missing_answer_and_says_whom_to_ask() {
    let upstream = Upstream::start([Row::new("com.a/one", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    let item = Row::new("com.a/one", "1.0.0").item();
    upstream.misbehave(move |path| {
        let body = format!(r#"{{"servers":[{item}],"metadata":{{"count":1,"total":500}}}}"#);
        unless_of_one_name(path, || Body::from(body).into_response())
    });
    let daemon = place.start().await;
    let alert = eventually("an alert", async || {
        let (code, printed) = ran(&place, &["alerts"]);
        (code == Some(0) && printed.contains("upstream-failing")).then_some(printed)
    })
    .await;
    for part in [
        "the list may go on after a page without a known cursor",
        "`total` in its `metadata` is 500; rows read: 1",
        "put the cursor of the next page into `metadata.nextCursor`",
        "names that approvals spell out are fetched one by one",
    ] {
        assert!(alert.contains(part), "{part}: {alert}");
    }
    assert!(!alert.contains("certificates") && !alert.contains("decoded"), "{alert}");
    let log = eventually("a line of the log", async || {
        let log = place.log();
        log.contains("no list of an upstream was accepted yet").then_some(log)
    })
    .await;
    assert!(!log.contains("no upstream has answered"), "{log}");
    let answer = daemon.get("/v0.1/servers").await;
    let body = answer.json()["detail"].to_string();
    assert_eq!(answer.status, 503, "{body}");
    assert!(body.contains("no list of an upstream was accepted"), "{body}");
    let (code, printed) = ran(&place, &["list"]);
    assert_eq!(code, Some(3), "{printed}");
    assert!(printed.contains("no list of an upstream was accepted"), "{printed}");
    assert!(!printed.contains("has answered"), "{printed}");
    // Meanwhile a name that an approval spells out is fetched.
    place.approve("com.a/one");
    daemon.lists(&["com.a/one@1.0.0"]).await;
}

/// Each kind of failure has its own headline and its own action.
#[tokio::test(flavor = "multi_thread")]
async fn failures_of_other_kinds_say_their_own_cause_and_action() {
    let upstream = Upstream::start([Row::new("com.a/one", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.upstream(&upstream.url, "sync = {interval = \"1h\"}");
    type Answer = fn() -> Response;
    let login: Answer = || Body::from("<html>Please log in</html>").into_response();
    let cases: [(Answer, &str, &str); 3] = [
        (|| problem(StatusCode::UNAUTHORIZED, "who?"), "demands a token", "`token_file`"),
        (
            || problem(StatusCode::NOT_FOUND, "gone"),
            "answered with an error",
            "404: check that `url`",
        ),
        (login, "is not a page of the list", "a login page may answer"),
    ];
    for (answer, headline, action) in cases {
        upstream.misbehave(move |path| unless_of_one_name(path, answer));
        let mut daemon = place.start().await;
        eventually(headline, async || {
            let printed = done(&place, &["alerts"]);
            (printed.contains(headline) && printed.contains(action)).then_some(())
        })
        .await;
        assert!(!place.log().contains("no upstream has answered"), "{}", place.log());
        daemon.kill();
    }
}
