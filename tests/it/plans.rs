//! Stories of a reviewer who looks at an edit before it is loaded, with the real binary.

use std::fs;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::daemon::{Daemon, Workplace, answer, text};
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;

/// Starts a daemon with six servers of a vendor on an upstream of the organisation, whose names need no owner. One is
/// approved.
async fn begin() -> (Upstream, Workplace, Daemon) {
    let rows =
        ["a", "b", "c", "d", "e", "f"].map(|leaf| Row::new(&format!("com.vendor/{leaf}"), "1.0.0"));
    let upstream = Upstream::start(rows).await;
    let place = Workplace::new(&upstream.url);
    let settings = "trust = \"internal\"\nsync = {interval = \"250ms\", page_size = 10}";
    place.upstream(&upstream.url, settings);
    place.approve("com.vendor/a");
    let daemon = place.start().await;
    daemon.synced().await;
    daemon.lists(&["com.vendor/a@1.0.0"]).await;
    (upstream, place, daemon)
}

fn approval(name: &str, more: &str) -> String {
    let approval = "approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}";
    format!("{{name: {name}, {approval}{more}}}")
}

/// Writes the overlays of a pull request.
fn propose(place: &Workplace, rules: &[String]) {
    place.write("pull/policy.yaml", &format!("servers: [{}]\n", rules.join(", ")));
}

fn groups(plan: &Value) -> Vec<(String, String, u64)> {
    let groups = plan["groups"].as_array().expect("groups").iter();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    groups
        .map(|group| {
            let cause =
                format!("{} {}", word(&group["cause"]["kind"]), word(&group["cause"]["selector"]));
            (word(&group["effect"]), cause, group["count"].as_u64().expect("a number"))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pull_request_that_opens_a_wildcard_too_far_is_stopped() {
    let (_upstream, place, daemon) = begin().await;
    propose(&place, &[approval("com.vendor/*", ", tier: 2"), approval("com.vendor/a", "")]);
    let plan = |more: &[&str]| place.run(&[&["plan", "--overlays", "pull"], more].concat());
    let stopped = plan(&["--allow-visible", "2"]);
    let (out, err) = (text(&stopped.stdout), text(&stopped.stderr));
    assert_eq!(stopped.status.code(), Some(1), "{out}{err}");
    let wanted = "5 entries become visible: new rule `com.vendor/*` at `pull/policy.yaml:1:11`\n    \
                  `com.vendor/b@1.0.0` (never decided until now)";
    assert!(out.contains(wanted), "{out}");
    assert!(out.contains("1 entry is described otherwise: new rule `com.vendor/*`"), "{out}");
    assert!(
        err.contains("5 entries would become visible, more than `--allow-visible 2` allows"),
        "{err}"
    );
    let comment = text(&plan(&["--markdown", "--allow-visible", "2"]).stdout);
    assert!(comment.contains("- `com.vendor/b@1.0.0` (never decided until now)"), "{comment}");
    assert_eq!(
        daemon.get("/v0.1/servers").await.items(),
        ["com.vendor/a@1.0.0"],
        "nothing is loaded"
    );
    // A viewer may plan.
    let new = place.json(&["token", "create", "ci", "--role", "viewer", "--json"]);
    place.write("ci.token", new["secret"].as_str().expect("a secret"));
    let address = format!("--ops-listen={}", daemon.operations.trim_start_matches("http://"));
    let viewed = plan(&["--token-file=ci.token", &address, "--json"]);
    let viewed: Value = serde_json::from_slice(&viewed.stdout).expect("a plan");
    assert_eq!(viewed["visible"], 5, "{viewed}");
    // What the wildcard covers.
    let covered = place.print(&["explain", "com.vendor/*"]);
    assert!(
        covered.contains("covers 6 servers with 6 versions, of which 1 is served"),
        "{covered}"
    );
    assert!(covered.contains("5 hidden: never decided (gate `approved`)"), "{covered}");
    // The narrowed one, with the same answer with and without the daemon.
    propose(&place, &[approval("com.vendor/a", ""), approval("com.vendor/b", "")]);
    let narrowed = plan(&["--allow-visible", "2"]);
    assert_eq!(narrowed.status.code(), Some(0), "{narrowed:?}");
    let both = ["plan", "--overlays=pull", "--base=overlays", "--json"];
    let (of_daemon, of_current) =
        (place.json(&both), place.json(&["plan", "--overlays=pull", "--json"]));
    let rule = ("visible".to_owned(), "new-rule com.vendor/b".to_owned(), 1);
    assert_eq!(groups(&of_daemon), [rule]);
    assert_eq!(of_daemon, of_current);
    assert_eq!(daemon.signal("TERM").await, Some(0));
    assert_eq!(place.json(&both), of_daemon);
    assert_eq!(place.print(&["explain", "com.vendor/*"]), covered);
    assert_eq!(place.json(&["plan", "--overlays=pull", "--json"]), of_current);
    // The configured folder against what a daemon accepted last.
    fs::copy(place.path().join("pull/policy.yaml"), place.path().join("overlays/policy.yaml"))
        .expect("merged");
    assert_eq!(groups(&place.json(&["plan", "--json"])), groups(&of_current));
    let daemon = place.start().await;
    daemon.lists(&["com.vendor/a@1.0.0", "com.vendor/b@1.0.0"]).await;
    assert_eq!(
        place.print(&["plan"]),
        "The plan changes nothing that is served (both sets say the same of every server).\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn set_that_would_be_refused_is_not_planned() {
    let (_upstream, place, daemon) = begin().await;
    place.write(
        "pull/policy.yaml",
        "servers:\n  - {name: com.vendor/a, approval: {state: aproved}}\n",
    );
    let plan = || place.run(&["plan", "--overlays", "pull"]);
    let refused = plan();
    let out = text(&refused.stdout);
    assert_eq!(refused.status.code(), Some(1), "{out}");
    assert!(
        out.contains("pull/policy.yaml:2:44") && out.contains("did you mean `approved`?"),
        "{out}"
    );
    // An unread file would be a policy that is not enforced, and a folder that became empty is a lost mount.
    place.remove("pull/policy.yaml");
    let empty = plan();
    let wanted = "pull:1:1: the folder became empty";
    assert!(text(&empty.stdout).contains(wanted), "it names the folder that was given: {empty:?}");
    place.write("pull/policy.yml", "servers: []");
    let other = plan();
    assert!(text(&other.stdout).contains("a file of another kind"), "{other:?}");
    let nowhere = place.run(&["plan", "--base", "nowhere", "--json"]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(text(&nowhere.stdout).contains("the folder cannot be read"), "{nowhere:?}");
    assert_eq!(daemon.signal("TERM").await, Some(0));
    assert!(text(&plan().stdout).contains("a file of another kind"));
}

#[tokio::test(flavor = "multi_thread")]
async fn removed_denial_changed_condition_and_successor_are_named_as_causes() {
    let (_upstream, place, daemon) = begin().await;
    let denied = "{name: com.vendor/c, approval: {state: denied}}";
    let policy = [approval("com.vendor/*", ""), denied.to_owned()];
    place.overlay("policy.yaml", &format!("servers: [{}]\n", policy.join(", ")));
    daemon.serves(5).await;
    let limited = "{name: '*', conditions: {remotes: {hosts: ['*.corp.example']}}}".to_owned();
    propose(&place, &[policy[0].clone(), limited]);
    let plan = place.json(&["plan", "--overlays=pull", "--json"]);
    assert_eq!(groups(&plan), [("hidden".to_owned(), "new-rule *".to_owned(), 5)]);
    assert_eq!(plan["groups"][0]["entries"][0]["why"], "conditions unmet");
    let successor = "{name: com.vendor/a, successor: com.vendor/c}".to_owned();
    propose(&place, &[policy[0].clone(), successor]);
    let plan = place.json(&["plan", "--overlays=pull", "--json"]);
    let wanted = [
        ("visible".to_owned(), "removed-rule com.vendor/c".to_owned(), 1),
        ("described".to_owned(), "new-rule com.vendor/a".to_owned(), 1),
    ];
    assert_eq!(groups(&plan), wanted);
    assert_eq!(plan["groups"][1]["entries"][0]["why"], "successor");
    // A successor that becomes hidden changes the server that names it.
    fs::copy(place.path().join("pull/policy.yaml"), place.path().join("overlays/policy.yaml"))
        .expect("loaded");
    daemon.serves(6).await;
    propose(
        &place,
        &[
            policy[0].clone(),
            "{name: com.vendor/a, successor: com.vendor/c}".to_owned(),
            denied.to_owned(),
        ],
    );
    eventually("the successor is shown", async || {
        let plan = place.json(&["plan", "--overlays=pull", "--json"]);
        let wanted = [
            ("hidden".to_owned(), "new-rule com.vendor/c".to_owned(), 1),
            ("described".to_owned(), "successor ".to_owned(), 1),
        ];
        (groups(&plan) == wanted).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_with_five_thousand_files_is_made_and_larger_ones_are_refused() {
    let (_upstream, place, daemon) = begin().await;
    for number in 0..5_000 {
        place.write(
            &format!("pull/{number}.yaml"),
            &format!("servers: [{}]\n", approval(&format!("com.other/x{number}"), "")),
        );
    }
    let plan = place.json(&["plan", "--overlays=pull", "--json"]);
    let removed = ("hidden".to_owned(), "removed-rule com.vendor/a".to_owned(), 1);
    assert_eq!(groups(&plan), [removed]);
    let listed = plan["staysHidden"].as_array().expect("rules").len() as u64;
    assert_eq!(listed + plan["moreStaysHidden"].as_u64().expect("a number"), 5_000);
    let send = async |body: Vec<u8>| {
        let request = daemon.request(Method::POST, &format!("{}/plan", daemon.operations));
        answer(request.bearer_auth(daemon.token()).body(body)).await
    };
    let file = |number: usize, text: &str| json!({"file": format!("{number}.yaml"), "text": text});
    let body = |files: Vec<Value>| json!({"overlays": files}).to_string().into_bytes();
    let large =
        send(body((0..17).map(|number| file(number, &"#".repeat(1024 * 1024))).collect())).await;
    assert_eq!(large.status, 413, "{large:?}");
    assert!(large.text.contains("at most 16777216 are planned"), "{large:?}");
    let many = send(body((0..10_001).map(|number| file(number, "#")).collect())).await;
    assert_eq!(many.status, 413, "{many:?}");
    assert!(many.text.contains("10001 overlay files; at most 10000"), "{many:?}");
    let unknown = send(br#"{"overlay": []}"#.to_vec()).await;
    assert_eq!(unknown.status, 400, "{unknown:?}");
    let twice = send(body(vec![file(1, "servers: []"), file(1, "servers: []")])).await;
    assert!(twice.text.contains("two files of one name"), "{twice:?}");
    assert_eq!(daemon.get("/v0.1/servers").await.items(), ["com.vendor/a@1.0.0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn proposals_in_memory_are_few_and_those_that_stop_arriving_make_room() {
    let (_upstream, place, daemon) = begin().await;
    let address = daemon.operations.trim_start_matches("http://").to_owned();
    let head = format!(
        "POST /plan HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nContent-Length: 1000000\r\n\r\n{{",
        daemon.token()
    );
    let begun = async || {
        let mut stream = TcpStream::connect(&address).await.expect("a connection");
        stream.write_all(head.as_bytes()).await.expect("sent");
        stream
    };
    let whole = async || {
        let request = daemon.request(Method::POST, &format!("{}/plan", daemon.operations));
        answer(request.bearer_auth(daemon.token()).body(r#"{"overlays": []}"#)).await
    };
    let mut unfinished = Vec::new();
    let refused = eventually("both places are taken", async || {
        // One that came while another proposal was read waits, and is refused in the end.
        unfinished.push(begun().await);
        let refused = place.run(&["plan"]);
        (refused.status.code() == Some(3)).then_some(refused)
    })
    .await;
    // The program does not say that nothing is known, and a reviewer's answers wait for no proposal.
    assert!(text(&refused.stderr).contains("503: Other plans are made"), "{refused:?}");
    assert_eq!(daemon.operate("/reviews").await.status, 200);
    drop(unfinished);
    eventually("a plan is made again", async || (whole().await.status == 200).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn warnings_of_a_planned_set_are_printed_and_a_folder_is_not_compared_with_itself() {
    let (_upstream, place, _daemon) = begin().await;
    propose(&place, &[approval("com.vendor/a", "")]);
    place.write("pull/.hidden.yaml", "servers: []");
    let found = "pull/.hidden.yaml:1:1: a hidden or backup file is not read";
    for style in ["--base=overlays", "--markdown"] {
        let printed = place.print(&["plan", "--overlays=pull", style]);
        assert!(printed.contains("The overlays have 1 warning:"), "{printed}");
        assert!(printed.contains(found), "{printed}");
    }
    let plan = place.json(&["plan", "--overlays=pull", "--json"]);
    assert_eq!(plan["warnings"].as_array().map(Vec::len), Some(1), "{plan}");
    std::os::unix::fs::symlink("overlays", place.path().join("link")).expect("a link");
    let same = place.run(&["plan", "--overlays=link", "--base=overlays"]);
    assert!(text(&same.stderr).contains("compare it with itself"), "{same:?}");
    assert_eq!(same.status.code(), Some(1), "{same:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_set_of_a_plan_has_the_whole_limit_for_itself() {
    let (_upstream, place, _daemon) = begin().await;
    for folder in ["pull", "known"] {
        for number in 0..10 {
            let text = format!("servers: [] # {}", "x".repeat(1_000_000));
            place.write(&format!("{folder}/{number}.yaml"), &text);
        }
    }
    let plan = place.json(&["plan", "--overlays=pull", "--base=known", "--json"]);
    assert_eq!(plan["names"], 0, "{plan}");
    for number in 10..17 {
        place.write(&format!("known/{number}.yaml"), &format!("# {}", "x".repeat(1_000_000)));
    }
    let refused = place.run(&["plan", "--overlays=pull", "--base=known"]);
    assert!(text(&refused.stderr).contains("a set of overlays has 17"), "{refused:?}");
}
