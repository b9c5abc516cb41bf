//! What commands tell the people who type them: empty answers, answers before anything is known, what a rule does not
//! do, and the way back from an acknowledgement.

use serde_json::Value;

use crate::support::commands::ran;
use crate::support::daemon::Workplace;
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;

const WIDE: &str = "servers: [{name: com.a/*, approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}]";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_known_before_an_upstream_has_answered() {
    // A port nothing listens on, and which no parallel test is given.
    let url = "http://127.0.0.1:1";
    let place = Workplace::new(url);
    let daemon = place.start().await;
    daemon
        .upstream_until("a sync run failed", |upstream| upstream["lastFailure"].is_object())
        .await;
    for command in [&["list"][..], &["list", "--json"], &["explain", "com.a/x"]] {
        let (code, out) = ran(&place, command);
        assert_eq!(code, Some(3), "{command:?}: {out}");
        assert!(out.contains("nothing is known yet"), "{command:?}: {out}");
    }
    eventually("the demo is suggested", async || {
        place.log().contains("`vidimus demo` shows the product").then_some(())
    })
    .await;
    assert_eq!(daemon.signal("TERM").await, Some(0));
    let (code, out) = ran(&place, &["list"]);
    assert_eq!(code, Some(3), "without a daemon: {out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_answers_say_so() {
    let upstream = Upstream::start([Row::new("com.a/x", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    let mut daemon = place.start().await;
    daemon.synced().await;
    for (command, said) in [
        (&["list"][..], "No entries."),
        (&["list", "nothing"], "No entries."),
        (&["list", "--quarantined"], "No rows in quarantine."),
        (&["alerts"], "No alerts."),
        (&["alerts", "--kind", "drift"], "No alerts."),
        (&["alerts", "dead-letters"], "No dead letters."),
        (&["lookalikes"], "No lookalikes."),
    ] {
        let (code, out) = ran(&place, command);
        assert_eq!((code, out.trim()), (Some(0), said), "{command:?}");
    }
    let (code, out) = ran(&place, &["explain", "com.a/unknown"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("no upstream lists `com.a/unknown`"), "{out}");
    for is_running in [true, false] {
        for (command, said) in [
            (&["show", "com.a/X"][..], "no upstream lists `com.a/X`; did you mean `com.a/x`?"),
            (&["explain", "com.a/X"], "no upstream lists `com.a/X`; did you mean `com.a/x`?"),
            (
                &["show", "com.a/x@9"],
                "no upstream lists `com.a/x@9`; `vidimus show com.a/x` lists its versions",
            ),
            (
                &["explain", "com.a/x@9"],
                "no upstream lists `com.a/x@9`; `vidimus show com.a/x` lists its versions",
            ),
            (
                &["show", "com.a/X", "--diff", "1", "2"],
                "no upstream lists `com.a/X`; did you mean `com.a/x`?",
            ),
            (
                &["show", "com.a/x", "--diff", "1.0.0", "9"],
                "no upstream lists `com.a/x@9`; `vidimus show com.a/x` lists its versions",
            ),
        ] {
            let (code, out) = ran(&place, command);
            assert_eq!((code, out.contains(said)), (Some(1), true), "{command:?}: {out}");
        }
        if is_running {
            daemon.kill();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn list_tells_states_apart_and_selects_lines() {
    let rows = [
        Row::new("com.a/x", "1.10.0").published("2026-01-01T00:00:00.000000Z"),
        Row::new("com.a/x", "1.9.0").published("2026-01-01T00:00:00.000000Z"),
        Row::new("com.a/x", "2.0.0").published("2026-06-01T00:00:00.000000Z"),
        Row::new("com.a/bad", "1.0.0"),
        Row::new("com.a/paused", "1.0.0"),
        Row::new("com.b/y", "1.0.0"),
    ];
    let upstream = Upstream::start(rows).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", &format!("{WIDE}\n"));
    place.overlay(
        "denials.yaml",
        "servers:\n- {name: com.a/bad, approval: {state: denied}}\n- {name: com.a/paused, approval: {state: suspended}}\n",
    );
    let daemon = place.start().await;
    daemon.synced().await;
    daemon.serves(2).await;
    let lines = |arguments: &[&str]| -> Vec<String> {
        let listed = place.json(&[&["list", "--json"], arguments].concat());
        let text = |line: &Value, member: &str| line[member].as_str().expect("text").to_owned();
        let lines = listed.as_array().expect("a list").iter();
        lines
            .map(|line| {
                format!("{}@{} {}", text(line, "name"), text(line, "version"), text(line, "state"))
            })
            .collect()
    };
    assert_eq!(lines(&[]), ["com.a/x@1.10.0 served", "com.a/x@1.9.0 served"]);
    let all = [
        "com.a/bad@1.0.0 denied",
        "com.a/paused@1.0.0 suspended",
        "com.a/x@2.0.0 newer-than-review",
        "com.a/x@1.10.0 served",
        "com.a/x@1.9.0 served",
        "com.b/y@1.0.0 never-decided",
    ];
    assert_eq!(lines(&["--all"]), all);
    assert_eq!(lines(&["--all", "--latest", "com.a/x"]), [all[2]]);
    assert_eq!(lines(&["--state", "never-decided"]), [all[5]]);
    assert_eq!(lines(&["--all", "*/x"]), [all[2], all[3], all[4]]);
    assert_eq!(lines(&["--all", "--sort", "state", "com.a"])[0], "com.a/x@1.10.0 served");
    let (code, out) = ran(&place, &["list", "--state", "hidden"]);
    assert_eq!(code, Some(2), "{out}");
    // Versions that are judged alike are one block, and every gate is shown on demand.
    let short = place.print(&["explain", "com.a/x"]);
    assert!(short.contains("  1.10.0, 1.9.0 from official: served ("), "{short}");
    assert!(!short.contains("passed   well-formed"), "{short}");
    let long = place.print(&["explain", "com.a/x", "--verbose"]);
    assert!(long.contains("passed   well-formed"), "{long}");
    assert_eq!(daemon.signal("TERM").await, Some(0));
    assert_eq!(lines(&["--all"]), all, "without a daemon");
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_that_serves_nothing_says_so_on_load_in_check_and_in_list() {
    let late = Row::new("com.a/x", "1.0.0").published("2026-06-01T00:00:00.000000Z");
    let upstream = Upstream::start([late, Row::new("com.b/y", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    let exact = "- {name: com.b/y, versions: 9.9.9, approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}";
    place.overlay("policy.yaml", &format!("servers:\n{exact}\n"));
    place.overlay("wide.yaml", &format!("{WIDE}\n"));
    let (_, before) = ran(&place, &["check"]);
    assert!(before.contains("names were not checked"), "{before}");
    let daemon = place.start().await;
    daemon.synced().await;
    let late = "`com.a/*` approves 0 versions";
    let nowhere = "`com.b/y@9.9.9` selects no version that an upstream has";
    for command in ["check", "list"] {
        let (code, out) = ran(&place, &[command]);
        assert_eq!(code, Some(0), "{out}");
        assert!(out.contains(late) && out.contains(nowhere), "{command}: {out}");
    }
    eventually("it is logged", async || {
        let log = place.log();
        (log.contains(late) && log.contains(nowhere)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledgements_are_given_together_and_taken_back() {
    let upstream =
        Upstream::start([Row::new("com.a/x", "1.0.0"), Row::new("com.a/y", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", WIDE);
    let daemon = place.start().await;
    daemon.serves(2).await;
    let now = crate::support::registry::now();
    for name in ["com.a/x", "com.a/y"] {
        upstream.put(Row::new(name, "1.0.0").described("something else").status("active", &now));
    }
    let open = || place.json(&["alerts", "--kind", "drift", "--json"]);
    let raised = eventually("two alerts are raised", async || {
        let alerts = open();
        (alerts.as_array().map(Vec::len) == Some(2)).then_some(alerts)
    })
    .await;
    let member = |index: usize, name: &str| raised[index][name].as_str().expect("text").to_owned();
    let (first, second) = (member(0, "id"), member(1, "id"));
    let (one, two) = (member(0, "shown"), member(1, "shown"));
    let who = ["--by=alice", "--reason=asked"];
    let unpaired = ["alerts", "ack", &first, &second, "--seen", &one];
    let (code, out) = ran(&place, &[unpaired.as_slice(), &who].concat());
    assert_eq!(code, Some(2), "{out}");
    assert!(out.contains("each ID with its own `--seen DIGEST`"), "{out}");
    let both = ["alerts", "ack", &first, "--seen", &one, &second, "--seen", &two];
    let (code, out) = ran(&place, &[both.as_slice(), &who].concat());
    assert_eq!(code, Some(0), "{out}");
    let (_, out) = ran(&place, &["alerts", "--kind", "drift"]);
    assert!(out.starts_with("0 open, 2 acknowledged"), "{out}");
    let (code, out) = ran(&place, &["alerts", "unack", &first]);
    assert_eq!(code, Some(0), "{out}");
    let (_, out) = ran(&place, &["alerts", "--kind", "drift"]);
    assert!(out.starts_with("1 open, 1 acknowledged: 1 drift\n"), "{out}");
    assert!(out.lines().nth(1).is_some_and(|line| line.starts_with(&first)), "open first: {out}");
    assert_eq!(ran(&place, &["alerts", "unack", "00000000"]).0, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_file_is_checked_by_itself() {
    let place = Workplace::new("https://registry.example");
    place.overlay("broken.yaml", "servers: [{nmae: a.b/c}]");
    place.overlay("empty.yaml", "servers: []\n");
    for (file, code) in [
        ("overlays/broken.yaml", 1),
        ("overlays/empty.yaml", 0),
        ("upstreams/official.toml", 0),
        ("vidimus.toml", 0),
        ("log", 1),
        ("overlays/absent.yaml", 1),
    ] {
        let (found, out) = ran(&place, &["check", file]);
        assert_eq!(found, Some(code), "{file}: {out}");
    }
}
