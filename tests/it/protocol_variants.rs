//! Registries whose answers differ from the official one's: another name for the cursor, no incremental syncs, pages that
//! are too large.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::LINK;
use axum::response::IntoResponse;
use serde_json::Value;

use crate::support::daemon::{Workplace, text};
use crate::support::registry::Row;
use crate::support::upstream::{Upstream, page, problem};

fn rows(count: usize) -> Vec<Row> {
    (0..count).map(|index| Row::new(&format!("com.n{index:03}/tool"), "1.0.0")).collect()
}

/// Returns a place with pages of 10 rows.
fn place(upstream: &Upstream) -> Workplace {
    let place = Workplace::new(&upstream.url);
    place.upstream(&upstream.url, "sync = {interval = \"1h\", page_size = 10}");
    place
}

/// Runs `sync`; returns the run of the upstream, or the reason why it failed.
fn sync(place: &Workplace) -> Result<Value, String> {
    let output = place.run(&["sync", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    match report["failures"]["official"].as_str() {
        Some(reason) => Err(reason.to_owned()),
        None => Ok(report["runs"][0].clone()),
    }
}

fn status(place: &Workplace) -> Value {
    place.json(&["status", "--json"])["upstreams"][0].clone()
}

/// P31: a full page whose cursor has another name was taken for a complete list, of which the rest is then missing.
#[tokio::test(flavor = "multi_thread")]
async fn full_page_with_a_cursor_under_another_name_fails_the_run_and_hides_nothing() {
    let upstream = Upstream::start(rows(25)).await;
    let place = place(&upstream);
    assert_eq!(sync(&place).expect("a run")["added"], 25);
    let items: Vec<String> = rows(10).iter().map(Row::item).collect();
    upstream.misbehave(move |_| {
        let metadata = r#"{"count":10,"next_cursor":"com.n009/tool:1.0.0"}"#;
        let body = format!(r#"{{"servers":[{}],"metadata":{metadata}}}"#, items.join(","));
        Some(Body::from(body).into_response())
    });
    for _ in 0..4 {
        let output = place.run(&["sync", "--full"]);
        let printed = text(&output.stdout) + &text(&output.stderr);
        assert!(!output.status.success(), "{printed}");
        assert!(printed.contains("`next_cursor` in its `metadata`"), "{printed}");
    }
    let alerts = place.json(&["alerts", "--json"]).to_string();
    assert!(!alerts.contains("\"missing\""), "{alerts}");
    assert_eq!(status(&place)["rows"], 25);
    // A registry may have a limit of its own, below the one that it was asked for.
    for (members, link, refused) in [
        (r#""metadata":{"count":3,"next_cursor":"x"}"#, "", Some("`next_cursor` in")),
        (r#""metadata":{"count":3,"total":25}"#, "", Some("`total` in")),
        (r#""metadata":{"count":3,"page":1,"pages":9}"#, "", Some("`pages` in")),
        (r#""metadata":{"count":3},"nextCursor":"x""#, "", Some("`nextCursor` beside")),
        (r#""metadata":{"count":3}"#, "</v0.1/servers?page=2>; rel=\"next\"", Some("`Link`")),
        (r#""metadata":{"count":3},"$schema":"/s.json""#, "</s.json>; rel=\"describedBy\"", None),
        (r#""metadata":{"count":3,"total":"3","limit":10,"next_cursor":null,"took":12}"#, "", None),
    ] {
        let few: Vec<String> = rows(3).iter().map(Row::item).collect();
        upstream.misbehave(move |_| {
            let body = format!(r#"{{"servers":[{}],{members}}}"#, few.join(","));
            Some(([(LINK, link)], Body::from(body)).into_response())
        });
        let output = place.run(&["sync", "--full"]);
        let printed = text(&output.stdout) + &text(&output.stderr);
        assert!(refused.is_none_or(|member| printed.contains(member)), "{printed}");
        assert_eq!(status(&place)["lastFailure"].is_null(), refused.is_none(), "{printed}");
    }
}

/// A registry that does not know `updated_since` failed every incremental run for ever.
#[tokio::test(flavor = "multi_thread")]
async fn registry_that_refuses_incremental_syncs_is_read_fully_and_asked_again_later() {
    let upstream = Upstream::start(rows(5)).await;
    let place = place(&upstream);
    place.set_clock("2026-06-01T00:00:00Z");
    upstream.set_date("Mon, 01 Jun 2026 00:00:00 GMT");
    assert_eq!(sync(&place).expect("a run")["kind"], "full");
    upstream.misbehave(|path| {
        path.contains("updated_since")
            .then(|| problem(StatusCode::UNPROCESSABLE_ENTITY, "unexpected query parameter"))
    });
    // An answer that says nothing definite counts for nothing.
    for times in 1..=3 {
        let reason = sync(&place).expect_err("refused");
        assert!(reason.contains("unexpected query parameter"), "{reason}");
        assert_eq!(status(&place)["refused"]["times"], times);
    }
    assert!(place.print(&["status"]).contains("refused 3 times"), "{}", place.print(&["status"]));
    upstream.put(Row::new("com.new/tool", "1.0.0").published("2026-05-31T00:00:00Z"));
    let run = sync(&place).expect("a run");
    assert_eq!((&run["kind"], &run["added"]), (&"full".into(), &1.into()));
    assert_eq!(sync(&place).expect("a run")["kind"], "full");
    // A day later the registry may have learned it.
    upstream.behave();
    place.set_clock("2026-06-02T00:00:01Z");
    upstream.set_date("Tue, 02 Jun 2026 00:00:01 GMT");
    assert_eq!(sync(&place).expect("a run")["kind"], "full", "it is due anyway");
    assert!(sync(&place).expect("a run")["kind"]["incremental"].is_object());
    assert_eq!(status(&place)["refused"], Value::Null);
}

/// A registry that refuses the parameters it does not know, or more rows than it gives, was never read.
#[rstest::rstest]
#[case::of_deleted_rows("include_deleted", "limit=100&cursor=")]
#[case::beyond_its_limit("limit=100", "limit=30&include_deleted=true&cursor=")]
#[case::both("include_deleted limit=100", "limit=30&cursor=")]
#[tokio::test(flavor = "multi_thread")]
async fn registry_that_refuses_a_parameter_is_asked_without_it(
    #[case] refused: &'static str,
    #[case] asked: &str,
) {
    let upstream = Upstream::start(rows(120)).await;
    let place = Workplace::new(&upstream.url);
    place.upstream(&upstream.url, "sync = {interval = \"1h\", page_size = 100}");
    upstream.misbehave(move |path| {
        let refuses = refused.split(' ').any(|word| path.contains(word));
        refuses.then(|| problem(StatusCode::BAD_REQUEST, "unexpected query parameter"))
    });
    let run = sync(&place).expect("a run");
    assert_eq!(run["added"], 120, "{run}");
    let paths = upstream.paths();
    assert!(paths.iter().any(|path| path.contains(asked)), "{paths:?}");
    assert!(sync(&place).expect("a run")["kind"]["incremental"].is_object());
    // What it refuses in every form is a failure with its first reason.
    upstream.misbehave(|_| Some(problem(StatusCode::BAD_REQUEST, "unknown tenant")));
    let reason = sync(&place).expect_err("refused");
    assert!(reason.contains("unknown tenant"), "{reason}");
}

/// Some registries say in a header that their list goes on.
#[tokio::test(flavor = "multi_thread")]
async fn first_page_with_a_count_in_a_header_is_not_taken_for_the_list() {
    let upstream = Upstream::start(rows(3)).await;
    let place = place(&upstream);
    for (name, value, refused) in [
        ("x-total-count", "25", true),
        ("content-range", "servers 0-2/25", true),
        ("x-next-cursor", "a", true),
        ("x-total-count", "3", false),
        ("x-ratelimit-remaining", "25", false),
    ] {
        let few: Vec<String> = rows(3).iter().map(Row::item).collect();
        upstream.misbehave(move |_| Some(([(name, value)], page(&few, None)).into_response()));
        assert_eq!(sync(&place).is_err(), refused, "{name}: {value}");
    }
}

/// An empty list of changes that is written as `null`, and a mark of byte order, fail no run.
#[tokio::test(flavor = "multi_thread")]
async fn harmless_variants_of_an_answer_are_read() {
    let upstream = Upstream::start(rows(3)).await;
    let place = place(&upstream);
    sync(&place).expect("a run");
    for body in [
        "{\"servers\":null,\"metadata\":{\"count\":0}}",
        "\u{feff}{\"servers\":[],\"metadata\":{\"count\":0}}",
    ] {
        upstream.misbehave(move |_| Some(Body::from(body).into_response()));
        assert_eq!(sync(&place).expect("a run")["added"], 0, "{body}");
        assert_eq!(status(&place)["rows"], 3);
    }
    upstream.misbehave(|_| Some(Body::from("{\"metadata\":{\"count\":0}}").into_response()));
    sync(&place).expect_err("a list that is missing is none");
}

/// P31: the last row of a version counted, so that a page from an older cache brought back what the run had deleted.
#[tokio::test(flavor = "multi_thread")]
async fn older_row_behind_a_deletion_in_the_same_run_brings_nothing_back() {
    let row = || Row::new("com.gone/tool", "1.0.0");
    let upstream = Upstream::start([row()]).await;
    let place = place(&upstream);
    place.approve("com.gone/tool");
    sync(&place).expect("a run");
    let served = || place.print(&["list"]).contains("com.gone/tool");
    assert!(served());
    let deleted = row().status("deleted", "2026-11-01T00:00:00Z").item();
    let older = row().status("active", "2026-10-01T00:00:00Z").item();
    let other = row().item();
    for (page_behind, full) in [(older.clone(), true), (other, true), (older, false)] {
        let (deleted, behind) = (deleted.clone(), page_behind);
        upstream.misbehave(move |path| {
            let is_second = path.contains("cursor=");
            let (item, next) = if is_second { (&behind, None) } else { (&deleted, Some("a")) };
            Some(page(std::slice::from_ref(item), next))
        });
        let arguments = if full { vec!["sync", "--full"] } else { vec!["sync"] };
        place.print(&arguments);
        assert!(!served());
    }
}

/// P31: a cache that lags behind brought back what the upstream had deleted; a mirror shows older times on purpose.
#[rstest::rstest]
#[case::registry(None, false)]
#[case::mirror(Some("00112233445566778899aabbccddeeff"), true)]
#[tokio::test(flavor = "multi_thread")]
async fn older_row_in_a_later_run_takes_no_deletion_back(
    #[case] epoch: Option<&'static str>,
    #[case] returns: bool,
) {
    let row = || Row::new("com.gone/tool", "1.0.0");
    let upstream = Upstream::start([row()]).await;
    let place = place(&upstream);
    place.approve("com.gone/tool");
    let answer = |status: &str, at: &str| {
        let item = row().status(status, at).item();
        upstream.misbehave(move |_| {
            let epoch = epoch.map(|epoch| [("vidimus-epoch", epoch)]);
            let answer = page(std::slice::from_ref(&item), None);
            Some(epoch.map_or_else(
                || page(std::slice::from_ref(&item), None),
                |epoch| (epoch, answer).into_response(),
            ))
        });
        place.print(&["sync", "--full"]);
        place.print(&["list"]).contains("com.gone/tool")
    };
    assert!(answer("active", "2026-05-01T00:00:00Z"));
    assert!(!answer("deleted", "2026-06-01T00:00:00Z"));
    assert_eq!(answer("active", "2026-05-01T00:00:00Z"), returns);
    assert!(answer("active", "2026-06-02T00:00:00Z"), "it was restored");
}

/// A failure that may end by itself is no refusal.
#[tokio::test(flavor = "multi_thread")]
async fn outage_does_not_end_incremental_syncs() {
    let upstream = Upstream::start(rows(5)).await;
    let place = place(&upstream);
    sync(&place).expect("a run");
    upstream.misbehave(|_| Some(problem(StatusCode::UNAUTHORIZED, "who are you?")));
    for _ in 0..4 {
        sync(&place).expect_err("not allowed");
    }
    assert_eq!(status(&place)["refused"], Value::Null);
    upstream.behave();
    assert!(sync(&place).expect("a run")["kind"]["incremental"].is_object());
}

/// A page above the limit of bytes failed for ever: fewer rows are asked for until it fits.
#[tokio::test(flavor = "multi_thread")]
async fn page_above_its_limit_is_asked_for_with_fewer_rows() {
    const LARGE: usize = 33 * 1024 * 1024;
    let upstream = Upstream::start(rows(25)).await;
    let place = place(&upstream);
    let refused = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&refused);
    upstream.misbehave(move |path| {
        (path.contains("limit=10") || path.contains("limit=5")).then(|| {
            counted.fetch_add(1, Ordering::Relaxed);
            page(&[format!("\"{}\"", "x".repeat(LARGE))], None)
        })
    });
    assert_eq!(sync(&place).expect("a run")["added"], 25);
    assert_eq!(refused.load(Ordering::Relaxed), 2);
    assert!(upstream.paths().iter().any(|path| path.contains("limit=2")));
}

/// A registry that had forgotten its cursors at its restart was asked for the same one for ever, by `--full` too.
#[tokio::test(flavor = "multi_thread")]
async fn run_begins_again_when_its_cursor_leads_nowhere() {
    let upstream = Upstream::start(rows(25)).await;
    let place = place(&upstream);
    let forget = || {
        upstream.misbehave(|path| {
            path.contains("cursor=").then(|| Body::from("<html>Unknown</html>").into_response())
        });
    };
    let first_path = |arguments: &[&str]| {
        let before = upstream.paths().len();
        place.run(&[&["sync"], arguments].concat());
        upstream.paths()[before].clone()
    };
    forget();
    assert!(!first_path(&[]).contains("cursor="), "nothing was read before");
    for _ in 0..2 {
        assert!(first_path(&[]).contains("cursor="), "it resumes");
    }
    assert!(!first_path(&[]).contains("cursor="), "three runs failed there");
    assert!(first_path(&[]).contains("cursor="), "it resumes");
    assert!(!first_path(&["--full"]).contains("cursor="), "a person asked");
    upstream.behave();
    sync(&place).expect("a run");
    let status = status(&place);
    assert_eq!((&status["rows"], &status["lastFailure"]), (&25.into(), &Value::Null));
}
