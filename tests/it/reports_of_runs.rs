//! The words about sync runs: what failed, what was applied, what waits, what was left out, and what to do.

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::support::commands::{done, ran};
use crate::support::daemon::Workplace;
use crate::support::registry::{Row, now};
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
    let (code, printed) = ran(&place, &["explain", "com.a/two"]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("no list of the upstream `official` was accepted yet"), "{printed}");
}

type Answer = fn() -> Response;

/// Each kind of failure has its own headline and its own action.
#[tokio::test(flavor = "multi_thread")]
async fn failures_of_other_kinds_say_their_own_cause_and_action() {
    let upstream = Upstream::start([Row::new("com.a/one", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.upstream(&upstream.url, "sync = {interval = \"1h\"}");
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

/// Returns a place of which the upstream lists these names, with all approved.
async fn place_with(names: impl Iterator<Item = String>, more: &str) -> (Upstream, Workplace) {
    let upstream = Upstream::start(names.map(|name| Row::new(&name, "1.0.0"))).await;
    let place = Workplace::new(&upstream.url);
    place
        .upstream(&upstream.url, &format!("sync = {{interval = \"1h\", page_size = 100}}\n{more}"));
    (upstream, place)
}

fn tools(namespace: &str, range: std::ops::Range<u32>) -> impl Iterator<Item = String> {
    range.map(move |index| format!("{namespace}/tool{index:03}"))
}

/// Growth that waits for a person was printed as added.
#[tokio::test(flavor = "multi_thread")]
async fn sync_counts_what_waits_apart_from_what_was_applied() {
    let (upstream, place) = place_with(tools("com.a", 0..6), "").await;
    assert!(done(&place, &["sync"]).contains("added       6"));
    tools("com.b", 0..150)
        .for_each(|name| upstream.put(Row::new(&name, "1.0.0").published(&now())));
    let printed = done(&place, &["sync", "--full"]);
    for part in [
        "156 rows in 2 pages",
        "added       0\n",
        "unchanged   6\n",
        "on hold     150  `vidimus sync --show official@",
        "on hold: 150 new names where 6 were known; allowed: 100 within 24 hours, the floor",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    assert_eq!(place.json(&["status", "--json"])["upstreams"][0]["rows"], 6);
    let explained = done(&place, &["explain", "com.b/tool000"]);
    assert!(explained.contains("1.0.0 is active with the content"), "{explained}");
    assert!(explained.contains("on hold for a person"), "{explained}");
    let other = ran(&place, &["sync", "--show", "nope"]);
    assert_eq!(other.0, Some(1), "{}", other.1);
    assert!(other.1.contains("no upstream `nope`; there are: official"), "{}", other.1);
}

/// Thirty deletions were printed as made, of which nine were; after a discard all, in each run.
#[tokio::test(flavor = "multi_thread")]
async fn deletions_on_hold_and_discarded_ones_are_no_deletions() {
    let (upstream, place) = place_with(tools("com.a", 0..46), "").await;
    place.approve("com.a/*");
    let daemon = place.start().await;
    daemon.serves(46).await;
    let deleted = |range| {
        for name in tools("com.a", range) {
            upstream.put(Row::new(&name, "1.0.0").status("deleted", &now()));
        }
    };
    deleted(0..30);
    let printed = done(&place, &["sync"]);
    let reason = "9 of 46 served names were deleted within 24 hours, and 21 more would be deleted; allowed: 9, 20 % of 46";
    for part in ["deleted     9\n", "on hold     21  ", reason] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    deleted(30..33);
    let printed = done(&place, &["sync"]);
    for part in ["deleted     0\n", "on hold     24  ", "9 of 46 served names", "and 24 more"] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    let status = done(&place, &["status"]);
    assert!(status.contains("24 rows as official@") && status.contains("9 of 46"), "{status}");
    let alert = done(&place, &["alerts", "--kind", "on-hold"]);
    assert!(
        alert.contains("and 24 more would be deleted") && !alert.contains("UPSTREAM@ID"),
        "{alert}"
    );
    let log = place.log();
    assert!(log.contains("\"deleted\":9") && log.contains("\"on_hold\":21"), "{log}");
    // An old digest is refused with the command first.
    let shown = |place: &Workplace| {
        let set = place.json(&["sync", "--show", "official", "--json"]);
        let text = |member: &str| set[member].as_str().expect("a text").to_owned();
        (format!("official@{}", text("id")), text("shown"))
    };
    let (old, seen) = shown(&place);
    deleted(33..40);
    done(&place, &["sync"]);
    let said = ["--by", "alice", "--reason", "an outage"];
    let late =
        ran(&place, &[&["sync", "--discard", &old, "--seen", &seen], said.as_slice()].concat());
    assert_eq!(late.0, Some(1), "{}", late.1);
    let advice = late.1.find("list the set again with `vidimus sync --show official`");
    assert!(advice.is_some_and(|at| at < 60), "{}", late.1);
    assert!(late.1.contains("7 added: com.a/tool033@1.0.0 is deleted ("), "{}", late.1);
    assert!(late.1.contains(" and 4 more; nothing removed"), "{}", late.1);

    let (set, seen) = shown(&place);
    done(&place, &[&["sync", "--discard", &set, "--seen", &seen], said.as_slice()].concat());
    for _ in 0..2 {
        let printed = done(&place, &["sync", "--full"]);
        for part in ["deleted     0\n", "discarded   31  `vidimus sync --show official`"] {
            assert!(printed.contains(part), "{part}: {printed}");
        }
        assert!(!printed.contains("on hold"), "{printed}");
    }
    daemon.serves(37).await;
    // What was discarded can be seen: the decision, the changes, and at the version.
    let listed = done(&place, &["sync", "--show", "official"]);
    for part in [
        "official: no change set is on hold",
        "decided before: 31 changes, discard by alice (uid:",
        "still discarded: com.a/tool009@1.0.0 is deleted with the content sha256:",
    ] {
        assert!(listed.contains(part), "{part}: {listed}");
    }
    assert_eq!(listed.matches("still discarded: ").count(), 31, "{listed}");
    let explained = done(&place, &["explain", "com.a/tool009"]);
    let part = "upstream official says that 1.0.0 is deleted";
    assert!(explained.contains(part) && explained.contains(": an outage"), "{explained}");
    assert!(explained.contains("discarded by alice at 20"), "{explained}");
    assert!(!done(&place, &["explain", "com.a/tool045"]).contains("discarded"));
    for command in ["show", "review"] {
        let shown = done(&place, &[command, "com.a/tool009"]);
        assert!(shown.contains("is deleted with the content"), "{shown}");
        assert!(shown.contains("discarded by alice at 20"), "{shown}");
    }
    let named = ran(&place, &["sync", "--show", &set]);
    assert_eq!(named.0, Some(1), "{}", named.1);
    assert!(named.1.contains("`vidimus sync --show official` lists"), "{}", named.1);
    drop(daemon);
    eventually("the daemon is gone", async || {
        let (code, without) = ran(&place, &["sync", "--show", "official"]);
        (code == Some(0)).then(|| assert_eq!(without, listed))
    })
    .await;
}

/// The figures were those from before the run, and nothing named the rows that were left out.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_a_limit_left_out_are_counted_with_the_bytes_after_the_run() {
    let (_upstream, place) = place_with(tools("com.a", 0..40), "limits.max_size = \"8KiB\"").await;
    let (code, failed) = ran(&place, &["sync"]);
    assert_eq!(code, Some(3), "{failed}");
    let status = place.json(&["status", "--json"])["upstreams"][0].clone();
    let left_out = 40 - status["rows"].as_u64().expect("a number");
    assert!((1..40).contains(&left_out), "{status}");
    let rows = format!("{left_out} rows: ");
    let needs = ", and the smallest row that was left out needs up to ";
    assert!(failed.contains(&rows) && failed.contains(needs), "{failed}");
    assert_eq!(status["outOfRoom"]["found"], status["bytes"], "{status}");
    let printed = done(&place, &["status"]);
    assert!(printed.contains(&format!("left out       {rows}")), "{printed}");
    // An incremental run brings nothing new, is accepted, and says what is still left out.
    let printed = done(&place, &["sync"]);
    let line = format!("left out    {left_out}  ");
    assert!(printed.contains("incremental sync") && printed.contains(&line), "{printed}");
    let (code, printed) = ran(&place, &["explain", "com.a/tool039"]);
    assert_eq!(code, Some(1), "{printed}");
    let part = format!("a limit left out {left_out} rows of the upstream `official`");
    assert!(printed.contains("is not stored") && printed.contains(&part), "{printed}");
    assert!(!printed.contains("no upstream lists"), "{printed}");
    let alert = {
        let _daemon = place.start().await;
        eventually("an alert", async || {
            let printed = done(&place, &["alerts", "--kind", "size-limit"]);
            printed.contains("size-limit").then_some(printed)
        })
        .await
    };
    assert!(alert.contains(needs) && alert.contains("of the upstream `official`"), "{alert}");
    assert!(!alert.contains(" 0 bytes of content"), "{alert}");
}
