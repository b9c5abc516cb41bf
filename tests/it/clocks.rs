//! Our clock against the clocks of upstreams: what is stored while it is wrong, and the way out.

#![cfg(debug_assertions)]

use std::process::Output;

use serde_json::Value;

use crate::support::daemon::{Daemon, Workplace, text};
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;

const ENTRY: &str = "com.example/wiki";

/// Starts a daemon at a time, with an upstream whose `Date` is `date`, and waits until both agree or not.
async fn start(place: &Workplace, upstream: &Upstream, now: &str, date: &str) -> Daemon {
    place.set_clock(now);
    upstream.set_date(date);
    let daemon = place.start().await;
    daemon.ready().await;
    daemon
}

async fn place(expires: &str) -> (Upstream, Workplace) {
    let upstream = Upstream::start([Row::new(ENTRY, "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.upstream(&upstream.url, "sync = {interval = \"500ms\"}");
    policy(&place, expires, "");
    (upstream, place)
}

/// Lets the upstream state no time any more.
fn take_down(upstream: &Upstream) {
    upstream.misbehave(|_| {
        let status = axum::http::StatusCode::BAD_GATEWAY;
        Some(crate::support::upstream::problem(status, "down"))
    });
}

fn policy(place: &Workplace, expires: &str, more: &str) {
    let approval = format!("{{state: approved, reviewed: 2026-05-01, expires: {expires}}}");
    let rule = format!("servers: [{{name: {ENTRY}, approval: {approval}{more}}}]");
    place.overlay("policy.yaml", &rule);
}

async fn clock_until(daemon: &Daemon, agreement: &str, distrusted: bool) -> Value {
    eventually(&format!("the clock is {agreement}"), async || {
        let status = daemon.operate("/status").await.json();
        let clock = &status["clock"];
        (clock["agreement"] == agreement && clock["distrusted"] == distrusted).then_some(status)
    })
    .await
}

async fn has_alert(place: &Workplace, wanted: bool) {
    eventually(&format!("the alert: {wanted}"), async || {
        let alerts = place.json(&["alerts", "--kind=clock-distrusted", "--json"]);
        (alerts.as_array().is_some_and(Vec::is_empty) != wanted).then_some(())
    })
    .await;
}

fn now(status: &Value) -> &str {
    status["now"].as_str().expect("a time")
}

/// Accepts the clock as it was seen at a time.
fn accept(place: &Workplace, seen: &str) -> Output {
    let time = format!("--time={seen}");
    place.run(&["clock", "accept", &time, "--by=alice", "--reason=compared", "--json"])
}

/// Returns a place whose daemon served until a date, agreed about the clock, and ended.
async fn stopped_with_an_agreed_clock(expires: &str) -> (Upstream, Workplace) {
    let (upstream, place) = place(expires).await;
    let daemon =
        start(&place, &upstream, "2026-06-01T00:00:00Z", "Mon, 01 Jun 2026 00:01:00 GMT").await;
    daemon.serves(1).await;
    clock_until(&daemon, "agreed", false).await;
    assert_eq!(daemon.signal("TERM").await, Some(0));
    (upstream, place)
}

/// P100: a clock that is a year ahead after a restart neither ends an approval nor leads to stored times of next year,
/// until a person accepts it.
#[tokio::test(flavor = "multi_thread")]
async fn clock_that_jumped_ahead_moves_no_stored_time_until_a_person_accepts_it() {
    let (upstream, place) = stopped_with_an_agreed_clock("2026-12-01").await;

    let daemon =
        start(&place, &upstream, "2027-06-01T00:00:00Z", "Mon, 01 Jun 2026 01:00:00 GMT").await;
    let status = clock_until(&daemon, "skewed", true).await;
    assert!(now(&status).starts_with("2026-06-01T00:"), "{status}");
    has_alert(&place, true).await;
    daemon.serves(1).await;
    policy(&place, "2026-12-01", ", tier: 1");
    let answer = eventually("the changed entry", async || {
        let answer = daemon.get("/v0.1/servers?updated_since=2026-01-01T00:00:00Z").await;
        answer.text.contains("\"tier\":1").then_some(answer)
    })
    .await;
    assert!(!answer.text.contains("\"updatedAt\":\"2027"), "{}", answer.text);
    assert!(answer.text.contains("\"updatedAt\":\"2026-06-01T00:"), "{}", answer.text);
    let printed = place.print(&["status"]);
    assert!(printed.contains("clock       364 days ahead, compared with the others"), "{printed}");

    let seen_before = accept(&place, "2026-06-01T00:05:00Z");
    assert_eq!(seen_before.status.code(), Some(1), "{}", text(&seen_before.stderr));
    let accepted = accept(&place, "2027-06-01T00:05:00Z");
    assert_eq!(accepted.status.code(), Some(0), "{}", text(&accepted.stderr));
    assert!(text(&accepted.stdout).contains("alice"));
    let again = accept(&place, "2027-06-01T00:05:00Z");
    assert_eq!(again.status.code(), Some(1), "{}", text(&again.stderr));
    let status = clock_until(&daemon, "accepted", false).await;
    assert!(now(&status).starts_with("2027-06-01T00:"), "{status}");
    has_alert(&place, false).await;
    // The approval has ended by the clock that counts now.
    daemon.serves(0).await;
    let changes = place.print(&["changes", "--since=2027-06-01"]);
    assert!(changes.contains("364 days ahead, was accepted by alice"), "{changes}");
    let printed = place.print(&["status"]);
    assert!(printed.contains("accepted by alice"), "{printed}");

    // The acceptance ends when the difference changes.
    upstream.set_date("Sat, 01 Jan 2028 00:00:00 GMT");
    clock_until(&daemon, "skewed", true).await;
    has_alert(&place, true).await;
    upstream.set_date("Tue, 01 Jun 2027 00:00:00 GMT");
    clock_until(&daemon, "agreed", false).await;
    has_alert(&place, false).await;
}

/// P100: a clock that is behind what was agreed revives no approval.
#[tokio::test(flavor = "multi_thread")]
async fn clock_that_was_set_back_revives_no_approval_and_is_an_alert_before_any_contact() {
    let (upstream, place) = place("2026-06-01T00:00:00Z").await;
    let daemon =
        start(&place, &upstream, "2026-06-02T00:00:00Z", "Tue, 02 Jun 2026 00:01:00 GMT").await;
    daemon.synced().await;
    clock_until(&daemon, "agreed", false).await;
    assert_eq!(daemon.get("/v0.1/servers").await.items(), <[&str; 0]>::default());
    assert_eq!(daemon.signal("TERM").await, Some(0));

    take_down(&upstream);
    let daemon = start(&place, &upstream, "2026-05-20T00:00:00Z", "").await;
    let status = clock_until(&daemon, "skewed", true).await;
    assert!(now(&status) >= "2026-06-02", "{status}");
    has_alert(&place, true).await;
    assert_eq!(daemon.get("/v0.1/servers").await.items(), <[&str; 0]>::default());
}

/// P100: a store with times of next year is not stuck there: a person accepts the clock.
#[tokio::test(flavor = "multi_thread")]
async fn store_with_times_of_next_year_is_brought_back_by_a_person() {
    let (upstream, place) = place("2027-01-01").await;
    let date = "Mon, 01 Jun 2026 00:01:00 GMT";
    // The first start has nothing to compare with.
    let daemon = start(&place, &upstream, "2027-06-01T00:00:00Z", date).await;
    daemon.synced().await;
    assert_eq!(daemon.signal("TERM").await, Some(0));
    let daemon = start(&place, &upstream, "2026-06-01T00:00:00Z", date).await;
    let status = clock_until(&daemon, "agreed", true).await;
    assert!(now(&status) >= "2027-06-01", "{status}");
    daemon.serves(0).await;
    has_alert(&place, true).await;
    let printed = place.print(&["status"]);
    assert!(printed.contains("behind: the store has later times"), "{printed}");
    let accepted = accept(&place, "2026-06-01T00:05:00Z");
    assert_eq!(accepted.status.code(), Some(0), "{}", text(&accepted.stderr));
    daemon.serves(1).await;
    has_alert(&place, false).await;
    let status = clock_until(&daemon, "agreed", false).await;
    assert!(now(&status).starts_with("2026-06-01"), "{status}");
    // P33: a reader that knows a change of next year knows one that this store never made.
    let ahead = daemon.get("/v0.1/servers?updated_since=2027-05-31T00:00:00Z").await;
    assert_eq!(ahead.header("vidimus-resync"), "gap");
    assert_eq!(daemon.signal("TERM").await, Some(0));
    let offline = accept(&place, "2026-06-01T00:05:00Z");
    assert!(text(&offline.stderr).contains("no daemon runs"), "{}", text(&offline.stderr));
}

/// A review that is dated ahead of the time on which the clocks agree.
const AHEAD: &str = "{state: approved, reviewed: 2026-06-01T12:00:00Z, expires: 2027-12-01}";

/// Starts a daemon with that review, and waits until the clocks agree.
async fn reviewed_ahead() -> (Upstream, Workplace, Daemon) {
    let (upstream, place) = place("2027-12-01").await;
    place.overlay("policy.yaml", &format!("servers: [{{name: {ENTRY}, approval: {AHEAD}}}]"));
    let daemon =
        start(&place, &upstream, "2026-06-01T00:00:00Z", "Mon, 01 Jun 2026 00:01:00 GMT").await;
    daemon.synced().await;
    clock_until(&daemon, "agreed", false).await;
    (upstream, place, daemon)
}

/// P100: while our clock alone says that a year went by, approvals end by it and nothing begins by it.
#[tokio::test(flavor = "multi_thread")]
async fn time_that_no_other_clock_confirms_begins_no_review() {
    let (upstream, place, daemon) = reviewed_ahead().await;
    daemon.serves(0).await;
    assert_eq!(daemon.signal("TERM").await, Some(0));

    take_down(&upstream);
    let daemon = start(&place, &upstream, "2027-06-01T00:00:00Z", "").await;
    let status = clock_until(&daemon, "unknown", false).await;
    assert!(now(&status).starts_with("2027-06-01"), "{status}");
    daemon.serves(0).await;
    let explained = place.print(&["explain", ENTRY]);
    assert!(explained.contains("2026-06-01"), "{explained}");
    // A person who reviews now dates it by the same clock; that stays over a restart.
    let approved = AHEAD.replace("2026-06-01T12:00:00Z", now(&status));
    place.overlay("policy.yaml", &format!("servers: [{{name: {ENTRY}, approval: {approved}}}]"));
    daemon.serves(1).await;
    assert_eq!(daemon.signal("TERM").await, Some(0));
    let daemon = start(&place, &upstream, "2027-06-01T00:30:00Z", "").await;
    daemon.serves(1).await;
    place.overlay("policy.yaml", &format!("servers: [{{name: {ENTRY}, approval: {AHEAD}}}]"));
    daemon.serves(0).await;
    let printed = place.print(&["status"]);
    assert!(printed.contains("clock       365 days passed by it alone"), "{printed}");
    let accepted = accept(&place, "2027-06-01T00:35:00Z");
    assert_eq!(accepted.status.code(), Some(0), "{}", text(&accepted.stderr));
    daemon.serves(1).await;
    upstream.behave();
    upstream.set_date("Tue, 01 Jun 2027 00:31:00 GMT");
    clock_until(&daemon, "agreed", false).await;
    daemon.serves(1).await;
}

/// P100: commands without a daemon took the time of this machine for confirmed, and listed what no daemon would serve.
#[tokio::test(flavor = "multi_thread")]
async fn commands_without_a_daemon_begin_nothing_by_a_time_that_no_other_clock_confirms() {
    let (upstream, place, daemon) = reviewed_ahead().await;
    assert_eq!(daemon.signal("TERM").await, Some(0));

    take_down(&upstream);
    place.set_clock("2027-06-01T00:00:00Z");
    let commands: [&[&str]; 5] = [
        &["list", "--json"],
        &["list", "--all"],
        &["explain", ENTRY, "--verbose"],
        &["review", "--json"],
        &["check"],
    ];
    let answers = || commands.map(|command| place.print(command));
    let before = answers();
    assert_eq!(before[0].trim(), "[]", "no daemon serves it");
    assert!(before[2].contains("2026-06-01"), "{}", before[2]);
    let printed = place.print(&["status"]);
    assert!(printed.contains("clock       364 days passed by it alone"), "{printed}");
    let daemon = start(&place, &upstream, "2027-06-01T00:00:00Z", "").await;
    clock_until(&daemon, "unknown", false).await;
    daemon.serves(0).await;
    assert_eq!(answers(), before);
    assert_eq!(daemon.signal("TERM").await, Some(0));
    assert_eq!(answers(), before);
}

/// P100: a synchronisation without a daemon stores no time that an upstream contradicts.
#[tokio::test(flavor = "multi_thread")]
async fn sync_without_a_daemon_stores_no_time_of_a_wrong_clock() {
    let (upstream, place) = stopped_with_an_agreed_clock("2026-12-01").await;

    place.set_clock("2027-06-01T00:00:00Z");
    upstream.set_date("Mon, 01 Jun 2026 01:00:00 GMT");
    let synced = place.run(&["sync", "--full"]);
    assert_eq!(synced.status.code(), Some(0), "{}", text(&synced.stderr));
    let daemon =
        start(&place, &upstream, "2026-06-01T01:00:00Z", "Mon, 01 Jun 2026 01:00:00 GMT").await;
    let status = clock_until(&daemon, "agreed", false).await;
    assert!(now(&status).starts_with("2026-06-01T01:"), "{status}");
    daemon.serves(1).await;
}

/// P33: what lies between the last use and a start two days later is of another history, although the start did not
/// know at once how late it was.
#[tokio::test(flavor = "multi_thread")]
async fn gap_before_a_start_lasts_until_the_time_that_an_upstream_confirms() {
    let (upstream, place) = place("2027-01-01").await;
    let date = "Mon, 01 Jun 2026 00:01:00 GMT";
    let daemon = start(&place, &upstream, "2026-06-01T00:00:00Z", date).await;
    daemon.serves(1).await;
    clock_until(&daemon, "agreed", false).await;
    assert_eq!(daemon.signal("TERM").await, Some(0));
    let date = "Wed, 03 Jun 2026 00:01:00 GMT";
    let daemon = start(&place, &upstream, "2026-06-03T00:00:00Z", date).await;
    let status = clock_until(&daemon, "agreed", false).await;
    assert!(now(&status).starts_with("2026-06-03"), "{status}");
    let asks_to_resync = async |since: &str| {
        let answer = daemon.get(&format!("/v0.1/servers?updated_since={since}")).await;
        !answer.header("vidimus-resync").is_empty()
    };
    assert!(asks_to_resync("2026-06-02T00:00:00Z").await);
    assert!(!asks_to_resync("2026-06-03T00:05:00Z").await);
}

/// P33: a false time that an upstream states first does not make the gap shorter than it was.
#[tokio::test(flavor = "multi_thread")]
async fn gap_before_a_start_is_known_although_the_first_date_was_false() {
    let (upstream, place) = place("2027-01-01").await;
    let date = "Mon, 01 Jun 2026 00:01:00 GMT";
    let daemon = start(&place, &upstream, "2026-06-01T00:00:00Z", date).await;
    daemon.serves(1).await;
    clock_until(&daemon, "agreed", false).await;
    assert_eq!(daemon.signal("TERM").await, Some(0));
    let daemon = start(&place, &upstream, "2026-06-03T00:00:00Z", date).await;
    clock_until(&daemon, "skewed", true).await;
    upstream.set_date("Wed, 03 Jun 2026 00:01:00 GMT");
    clock_until(&daemon, "agreed", false).await;
    eventually("the gap is known", async || {
        let answer = daemon.get("/v0.1/servers?updated_since=2026-06-02T00:00:00Z").await;
        (answer.header("vidimus-resync") == "gap").then_some(())
    })
    .await;
}
