//! The commands: output and exit codes.

use std::net::TcpListener;

use crate::support::commands::ran;
use crate::support::daemon::Workplace;
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use serde_json::Value;

const APPROVE: &str = "servers: [{name: a.b/c, tier: 2, owner: me, approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}]";

#[rstest::rstest]
#[case(&["--nonsense"])]
#[case(&["serve", "--listen=nowhere"])]
#[case(&["nonsense"])]
#[case(&["explain"])]
#[case(&["list", "--all", "--quarantined"])]
#[case(&["status", "--log=loud"])]
#[case(&[])]
fn bad_arguments_exit_with_2(#[case] arguments: &[&str]) {
    let place = Workplace::new("https://registry.example");
    assert_eq!(ran(&place, arguments).0, Some(2), "{arguments:?}");
    assert!(!place.data().exists());
}

#[rstest::rstest]
#[case(
    "upstreams/official.toml",
    "kind = 7",
    &["official.toml:1:8: `7`", "allowed: `registry`, `files`"]
)]
#[case(
    "upstreams/official.toml",
    "kind = \"registry\"\nurll = \"x\"",
    &["official.toml:2:1: unknown key `urll`", "did you mean `url`?"]
)]
#[case(
    "overlays/policy.yaml",
    "servers: [{name: a.b/c, teir: 1}]",
    &["policy.yaml:1:25: unknown key `teir`", "did you mean `tier`?"]
)]
#[case(
    "overlays/policy.yaml",
    "servers: [{name: a.b/c, tier: 1, tier: 2}]",
    &["policy.yaml:1:34: the key `tier` appears twice", "contradicts this"]
)]
#[case(
    "overlays/policy.yaml",
    "servers: [{name: a.b/c, owner: null}]",
    &["policy.yaml:1:32: nothing (null)", "a text that is not empty"]
)]
#[case(
    "overlays/policy.yaml",
    "servers: [{name: a.b/c, versions: '>2, <1'}]",
    &["policy.yaml:1:35: `>2, <1`", "`>` needs all three numbers"]
)]
#[case("overlays/policy.yaml", "servers: [{name: a.b*/c, tier: 1}]", &["policy.yaml:1:18: `a.b*/c`", "never inside a label"])]
#[case("overlays/more.yml", "x", &["more.yml:1:1: a file of another kind", "only `*.yaml` and `*.md` belong here"])]
#[case(
    "vidimus.toml",
    "lisen = \"x\"",
    &["vidimus.toml:1:1: unknown key `lisen`", "did you mean `listen`?"]
)]
fn invalid_file_is_refused_with_its_position_and_nothing_changes(
    #[case] file: &str,
    #[case] content: &str,
    #[case] wanted: &[&str],
) {
    let place = Workplace::new("https://registry.example");
    place.write(file, content);
    for command in ["check", "serve"] {
        let (code, out) =
            ran(&place, &[command, "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0"]);
        assert_eq!(code, Some(1), "{command}: {out}");
        for wanted in wanted {
            assert!(flat(&out).contains(&flat(wanted)), "{command}: {wanted} in {out}");
        }
    }
    assert!(!place.data().exists(), "no files are left");
}

/// Removes line breaks and borders, which depend on the terminal's width.
fn flat(text: &str) -> String {
    text.chars().filter(|character| !character.is_whitespace() && *character != '│').collect()
}

#[test]
fn missing_folder_is_refused() {
    let place = Workplace::new("https://registry.example");
    for (flag, wanted) in [("--upstreams=gone", "gone:1:1"), ("--overlays=gone", "gone:1:1")] {
        let (code, out) = ran(&place, &["check", flag]);
        assert_eq!(code, Some(1));
        assert!(out.contains(wanted) && out.contains("the folder cannot be read"), "{out}");
    }
    let (code, out) = ran(&place, &["check", "--config=gone.toml"]);
    assert_eq!(code, Some(1));
    assert!(out.contains("the configuration cannot be read"), "{out}");
}

#[test]
fn clean_check_exits_with_0_and_warns_of_the_starter() {
    let place = Workplace::new("https://registry.example");
    let (code, out) = ran(&place, &["check"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("names were not checked"), "no upstream was synchronised: {out}");
    assert!(out.ends_with("0 errors, 1 warning\n"), "{out}");
    place.overlay("starter.yaml", APPROVE);
    let (code, out) = ran(&place, &["check"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("the starter overlay is active with 1 approval"), "{out}");
    assert!(out.contains("0 errors, 2 warnings"), "{out}");
    let json = place.json(&["check", "--json"]);
    let findings = json["findings"].as_array().expect("a list");
    let starter = findings.iter().find(|finding| finding.to_string().contains("starter overlay"));
    let starter = starter.expect("a finding about the starter");
    assert_eq!((&starter["severity"], &starter["line"]), (&"warning".into(), &1.into()));
}

#[test]
fn reading_commands_fail_without_a_store() {
    let place = Workplace::new("https://registry.example");
    for command in ["status", "verify"] {
        let (code, out) = ran(&place, &[command]);
        assert_eq!(code, Some(3));
        assert!(out.contains("there is no store at data/vidimus.redb"), "{out}");
    }
    for command in [&["list"][..], &["explain", "a.b/c"], &["review", "a.b/c"]] {
        let (code, out) = ran(&place, command);
        assert_eq!(code, Some(3), "{out}");
        assert!(out.contains("there is no store at data/vidimus.redb"), "{out}");
    }
    let (code, out) = ran(&place, &["list", "--at", "yesterday"]);
    assert_eq!(code, Some(2), "{out}");
    assert!(out.contains("nor a day such as 2026-11-20"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_prints_changes_and_a_dry_run_changes_nothing() {
    let upstream = Upstream::start([Row::new("a.b/c", "1.0.0"), Row::new("a.b/d", "1.0.0")]).await;
    upstream.put(Row::raw("a.b/e", "1", "7"));
    let place = Workplace::new(&upstream.url);
    let dry = place.json(&["sync", "--dry-run", "--json"]);
    assert_eq!((&dry["runs"][0]["added"], &dry["runs"][0]["quarantined"]), (&2.into(), &1.into()));
    assert!(!place.data().exists(), "no files are left");
    let (code, out) = ran(&place, &["sync"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("official: full sync, 3 rows in 1 page"), "{out}");
    let now = crate::support::registry::now();
    upstream.put(Row::new("a.b/c", "1.0.0").status("deleted", &now));
    upstream.put(Row::new("a.b/d", "1.0.0").described("other").status("active", &now));
    upstream.put(Row::new("a.b/f", "1.0.0").status("active", &now));
    let run = &place.json(&["sync", "--json"])["runs"][0];
    let tally = |run: &Value| {
        ["added", "updated", "deleted", "unchanged", "quarantined"]
            .map(|member| run[member].as_u64().expect("a count"))
    };
    assert_eq!(tally(run), [1, 1, 1, 0, 0], "{run}");
    assert!(run["kind"]["incremental"]["since"].is_string(), "{run}");
    let full = &place.json(&["sync", "--full", "--json"])["runs"][0];
    assert_eq!((tally(full), &full["kind"]), ([0, 0, 0, 3, 1], &"full".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_exits_with_3_if_the_upstream_is_unreachable() {
    let gone = Upstream::start([]).await.url.clone();
    let place = Workplace::new(&gone);
    let (code, out) = ran(&place, &["sync"]);
    assert_eq!(code, Some(3));
    assert!(out.contains("official: the sync run failed: no connection to 127.0.0.1"), "{out}");
    let status = place.json(&["status", "--json"]);
    assert!(status["upstreams"][0]["lastFailure"]["reason"].is_string(), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_print_the_same_with_and_without_a_daemon() {
    let upstream = Upstream::start([
        Row::new("a.b/c", "1.0.0"),
        Row::new("a.b/c", "2.0.0").published("2026-06-01T00:00:00.000000Z"),
    ])
    .await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", APPROVE);
    let daemon = place.start().await;
    daemon.synced().await;
    let commands: [&[&str]; 5] = [
        &["list", "--all", "--json"],
        &["explain", "a.b/c", "--json"],
        &["explain", "a.b/c@2.0.0"],
        &["list"],
        &["check"],
    ];
    let answers = || commands.map(|command| ran(&place, command));
    let with = answers();
    daemon.lists(&["a.b/c@1.0.0"]).await;
    let verified = ran(&place, &["verify"]);
    assert_eq!(verified.0, Some(0), "{}", verified.1);
    let refused = ran(&place, &["verify", "--file"]);
    assert_eq!(refused.0, Some(1));
    assert!(refused.1.contains("a daemon holds the store"), "{}", refused.1);
    assert_eq!(ran(&place, &["status"]).0, Some(0));
    let synced = place.json(&["sync", "--full", "--json"]);
    assert_eq!(synced["runs"][0]["unchanged"], 2, "{synced}");
    assert_eq!(daemon.signal("TERM").await, Some(0));
    assert_eq!(answers(), with);
    let checked = ran(&place, &["verify", "--file"]);
    assert_eq!(checked.0, Some(0));
    assert!(checked.1.contains("the file is intact"), "{}", checked.1);
    assert!(with[2].1.contains("approved: pending: published 2026-06-01"), "{}", with[2].1);
    assert!(with[3].1.contains("a.b/c") && !with[3].1.contains("2.0.0"), "{}", with[3].1);
    // A zero-width space and an override of the direction came with the text that was copied.
    assert_eq!(ran(&place, &["explain", "a.b/\u{200b}c@\u{202d}2.0.0"]), with[2]);
    let unknown = ran(&place, &["explain", "a.b/unknown"]);
    assert_eq!((unknown.0, unknown.1.contains("no upstream lists `a.b/unknown`")), (Some(1), true));
    let no_name = ran(&place, &["explain", "unknown"]);
    assert_eq!((no_name.0, no_name.1.contains("`unknown` is not a server name")), (Some(1), true));
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_select_nothing_are_warned_of_after_a_full_sync() {
    let upstream = Upstream::start([Row::new("a.b/c", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", "servers: [{name: a.b/typo, tier: 1}, {name: x.y/*, tier: 1}]");
    assert!(!ran(&place, &["check"]).1.contains("typo"), "unknown before a sync");
    assert_eq!(ran(&place, &["sync"]).0, Some(0));
    let (code, out) = ran(&place, &["check"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("no upstream lists the server `a.b/typo`"), "{out}");
    assert!(out.contains("the wildcard `x.y/*` matches nothing"), "{out}");
}

#[test]
fn port_in_use_is_reported_with_its_address() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = other.local_addr().expect("an address").to_string();
    let place = Workplace::new("https://registry.example");
    let (code, out) = ran(&place, &["serve", "--listen", &address, "--ops-listen=127.0.0.1:0"]);
    assert_eq!(code, Some(1));
    assert!(out.contains(&format!("the registry cannot listen on {address}")), "{out}");
    assert!(out.contains("--listen"), "{out}");
    place.write("vidimus.toml", &format!("namespace = \"com.example\"\nlisten = \"{address}\"\n"));
    let (code, out) = ran(&place, &["serve", "--ops-listen=127.0.0.1:0"]);
    assert_eq!(code, Some(1));
    assert!(out.contains("choose another with `listen` at vidimus.toml:2:10"), "{out}");
}

#[test]
fn decision_without_what_was_shown_says_which_command_shows_it() {
    let place = Workplace::new("https://registry.example");
    let (code, out) = ran(&place, &["sync", "--release", "official@0123"]);
    assert_eq!(code, Some(2));
    assert!(
        out.contains("--seen") && out.contains("`vidimus sync --show UPSTREAM` lists"),
        "{out}"
    );
    let (_, out) = ran(&place, &["token", "create"]);
    assert!(!out.contains("--show"), "{out}");
}

/// A data folder that is a file was accepted by `check`, and refused by `serve` without the name of the setting.
#[test]
fn data_folder_that_is_none_is_refused_with_its_place() {
    let place = Workplace::new("https://registry.example");
    place.write("file", "");
    for data in ["file", "file/data"] {
        place.write("vidimus.toml", &format!("namespace = \"com.example\"\ndata = \"{data}\"\n"));
        for arguments in [&["check"] as &[&str], &["serve"]] {
            let (code, out) = ran(&place, arguments);
            assert_eq!(code, Some(1), "{out}");
            let found = format!(
                "vidimus.toml:2:8: the data folder {data} cannot be used: file is not a folder"
            );
            assert!(out.contains(&found), "{out}");
            assert!(!out.contains("run `vidimus sync`"), "{out}");
        }
        let (code, out) = ran(&place, &["status"]);
        assert_eq!(code, Some(1), "{out}");
        assert!(out.contains("`data` at vidimus.toml:2:8 leads to no store"), "{out}");
        assert!(out.contains("--data"), "{out}");
    }
    place.write("vidimus.toml", "data = \"/proc/1/data\"\n");
    let (_, out) = ran(&place, &["check"]);
    assert!(out.contains("vidimus.toml:1:8: this user may not write the data folder"), "{out}");
}

/// P58.
#[tokio::test(flavor = "multi_thread")]
async fn second_daemon_on_the_same_store_is_refused() {
    let upstream = Upstream::start([]).await;
    let place = Workplace::new(&upstream.url);
    let _daemon = place.start().await;
    let (code, out) = ran(&place, &["serve", "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0"]);
    assert_eq!(code, Some(1));
    assert!(out.contains("is in use by another process"), "{out}");
}

#[test]
fn file_of_another_format_is_refused_as_a_store() {
    let place = Workplace::new("https://registry.example");
    place.write("data/vidimus.redb", "plain text, not a database of any kind");
    for command in ["serve", "status", "verify"] {
        let (code, out) =
            ran(&place, &[command, "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0"]);
        assert_eq!(code, Some(1), "{out}");
        assert!(out.contains("is not a vidimus store"), "{out}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alert_is_listed_acknowledged_and_resolved_with_its_cause() {
    let upstream = Upstream::start([Row::new("a.b/c", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", APPROVE);
    let daemon = place.start().await;
    daemon.synced().await;
    assert_eq!(place.json(&["alerts", "--json"]), Value::Array(vec![]));
    place.overlay("policy.yaml", "servers: [{nmae: a.b/c}]");
    let alert = crate::support::wait::eventually("an alert is raised", async || {
        place.json(&["alerts", "--json"]).as_array().and_then(|alerts| alerts.first().cloned())
    })
    .await;
    assert_eq!((&alert["kind"], &alert["state"]), (&"overlays-refused".into(), &"open".into()));
    let (id, shown) = (alert["id"].as_str().expect("one"), alert["shown"].as_str().expect("one"));
    let command = format!("vidimus alerts ack {id} --seen {shown} --by WHO --reason TEXT");
    let (_, listed) = ran(&place, &["alerts"]);
    assert!(listed.contains(&command), "{listed}");
    let by = ["--by=alice", "--reason=a slip"];
    let ack = |id: &str, seen: &[&str]| ran(&place, &[&["alerts", "ack", id], seen, &by].concat());
    let (code, out) = ack(id, &[]);
    assert_eq!(code, Some(2), "`--seen` is missing: {out}");
    let (code, out) = ack(id, &["--seen=x"]);
    assert_eq!(code, Some(2), "{out}");
    assert!(out.contains("64 lower-case hexadecimal digits"), "{out}");
    let (code, out) = ack(id, &["--seen", &"0".repeat(64)]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("`--seen` is not the digest of what the alert shows now"), "{out}");
    let (code, out) = ack("0", &["--seen", shown]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("8 to 64 lower-case hexadecimal digits"), "{out}");
    assert_eq!(ack(&"0".repeat(12), &["--seen", shown]).0, Some(1));
    let (code, out) = ack(&id[..8], &["--seen", shown]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("acknowledged by alice"), "{out}");
    place.overlay("policy.yaml", APPROVE);
    crate::support::wait::eventually("the alert is resolved", async || {
        place.json(&["alerts", "--json"]).as_array().is_some_and(Vec::is_empty).then_some(())
    })
    .await;
    assert_eq!(place.json(&["alerts", "--all", "--json"])[0]["state"], "resolved");
    assert_eq!(daemon.signal("TERM").await, Some(0));
    assert_eq!(
        place.json(&["alerts", "--all", "--json"])[0]["state"],
        "resolved",
        "without a daemon"
    );
}

/// With a clock in the past, an expired approval would be valid again.
#[tokio::test(flavor = "multi_thread")]
async fn only_debug_builds_accept_a_test_clock() {
    let place = Workplace::new(&Upstream::start([]).await.url);
    let stated = "2031-05-06T07:08:09.123456Z";
    place.set_clock(stated);
    let _daemon = place.start().await;
    let is_accepted = place.json(&["status", "--json"])["now"] == stated;
    assert_eq!(is_accepted, cfg!(debug_assertions));
}
