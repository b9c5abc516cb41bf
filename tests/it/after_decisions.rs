//! Messages after a decision, and about decisions without effect.

use std::fs;

use crate::support::commands::{done, ran};
use crate::support::daemon::Workplace;
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;

const NAME: &str = "com.a/x";
const BY: [&str; 4] = ["--by", "alice", "--reason", "r"];

async fn mirrored(versions: &[&str]) -> (Upstream, Workplace) {
    let upstream = Upstream::start(versions.iter().map(|version| Row::new(NAME, version))).await;
    let place = Workplace::new(&upstream.url);
    done(&place, &["sync"]);
    (upstream, place)
}

fn approve(place: &Workplace, subject: &str) -> String {
    let sheet = place.json(&["review", subject, "--json"]);
    let seen = sheet["digest"].as_str().expect("a digest").to_owned();
    done(place, &["approve", subject, "--seen", &seen, "--by", "alice"])
}

fn deny(place: &Workplace, subject: &str) -> String {
    done(place, &[["deny", subject].as_slice(), &BY].concat())
}

fn is_served(place: &Workplace) -> bool {
    done(place, &["explain", NAME]).contains(": served")
}

/// A name that a wildcard covers, or no rule, requires more of the namespace than an approval of the name does.
#[tokio::test(flavor = "multi_thread")]
async fn approval_of_a_name_is_judged_by_what_an_exact_name_requires() {
    let (_upstream, place) = mirrored(&["1.0.0"]).await;
    let configuration = fs::read_to_string(place.path().join("vidimus.toml")).expect("a file");
    let enabled = configuration.replace("enabled = false", "enabled = true");
    assert_ne!(enabled, configuration);
    place.write("vidimus.toml", &enabled);
    let explained = done(&place, &["explain", NAME]);
    let wanted = "verified is required (not-revoked for an approval of the exact name)";
    assert!(explained.contains(wanted), "{explained}");
    let sheet = done(&place, &["review", NAME]);
    assert!(sheet.contains("if approved") && sheet.contains("it is served"), "{sheet}");
    let out = approve(&place, NAME);
    assert!(!out.contains("is not served"), "{out}");
    assert!(is_served(&place));
}

#[tokio::test(flavor = "multi_thread")]
async fn approval_that_a_denial_overrules_is_named_with_the_denial() {
    let (_upstream, place) = mirrored(&["1.0.0"]).await;
    deny(&place, "com.a/*");
    let out = approve(&place, NAME);
    let wanted = [
        "1.0.0 is approved, and is not served before it passes: approved: denied by `com.a/*` at ",
        "com.a--all.yaml",
        "remove or narrow that rule",
    ];
    for wanted in wanted {
        assert!(out.contains(wanted), "{wanted} in {out}");
    }
    assert!(!is_served(&place));
    let covered = done(&place, &["explain", "com.a/*"]);
    assert!(covered.contains("1 hidden: denied (gate `approved`)"), "{covered}");
    let idle = "`com.a/x` serves 0 of 1 version: denied by `com.a/*` at overlays/com.a--all.yaml";
    for command in ["check", "list"] {
        let out = done(&place, &[command]);
        assert!(out.contains(idle), "{command}: {out}");
    }
    // A denial of another version than those that are approved overrules nothing.
    place.remove("overlays/com.a--all.yaml");
    deny(&place, "com.a/x@0.9.0");
    assert!(is_served(&place));
    assert!(!done(&place, &["check"]).contains("serves 0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_names_the_denial_that_overrules_a_new_approval() {
    let (_upstream, place) = mirrored(&["1.0.0"]).await;
    let denial = "servers:\n- {name: com.a/x, approval: {state: suspended}}\n";
    place.overlay("policy.yaml", denial);
    place.write("base/policy.yaml", denial);
    let approval = "- {name: com.a/x, versions: 1.0.0, approval: {state: approved, reviewed: 2026-06-01, expires: 2099-01-01}}\n";
    place.overlay("policy.yaml", &format!("{denial}{approval}"));
    let out = done(&place, &["plan", "--base", "base"]);
    let wanted = "`com.a/x@1.0.0` serves 0 of 1 version: suspended by `com.a/x` at ";
    assert!(out.contains(wanted), "{out}");
}

/// Returns a folder that has a link to a file with a text.
fn with_link(text: &str) -> Workplace {
    let place = Workplace::new("https://registry.example");
    fs::remove_dir_all(place.path().join("overlays")).expect("removed");
    place.overlay("..data/linked.yaml", text);
    let link = place.path().join("overlays/linked.yaml");
    std::os::unix::fs::symlink("..data/linked.yaml", link).expect("a link");
    place
}

#[test]
fn denial_that_a_link_would_take_stands_in_a_file_of_its_own() {
    let place = with_link("servers: [{name: com.a/x, tier: 1}]\n");
    let out = deny(&place, NAME);
    let wanted = "the decision stands in a file of its own, since overlays/linked.yaml is a symbolic link to ";
    assert!(out.contains(wanted), "{out}");
    let own = fs::read_to_string(place.path().join("overlays/com.a--x.yaml")).expect("a file");
    assert!(own.contains("state: denied"), "{own}");
    done(&place, &["check"]);
}

#[test]
fn denial_beside_the_approval_of_a_link_is_written_where_a_person_says() {
    let rule = "servers: [{name: com.a/x, approval: {state: approved, reviewed: 2026-01-01, expires: 2099-01-01}}]\n";
    for file in [None, Some("overlays/emergency.yaml")] {
        let place = with_link(rule);
        let named: Vec<&str> = file.map(|file| ["--file", file]).into_iter().flatten().collect();
        let out = done(&place, &[["deny", NAME].as_slice(), &BY, &named].concat());
        let wanted = "a symbolic link has another rule with this selection: the denial applies";
        assert!(out.contains(wanted), "{out}");
        let path = file.unwrap_or("overlays/com.a--x.yaml");
        let written = fs::read_to_string(place.path().join(path)).expect("a file");
        assert!(written.contains("state: denied"), "{written}");
        let target = fs::read_to_string(place.path().join("overlays/linked.yaml")).expect("a file");
        assert_eq!(target, rule);
    }
}

/// The facts of a rule for one version are not those of the next one.
#[tokio::test(flavor = "multi_thread")]
async fn approval_that_loses_tier_and_owner_says_so() {
    let (_upstream, place) = mirrored(&["1.0.0", "1.1.0"]).await;
    place.overlay(
        "policy.yaml",
        "servers: [{name: com.a/x, versions: 1.0.0, tier: 2, owner: wiki, approval: {state: approved, reviewed: 2026-06-01, expires: 2099-01-01}}]\n",
    );
    let seen = |place: &Workplace| {
        let sheet = place.json(&["review", "com.a/x@1.1.0", "--json"]);
        sheet["digest"].as_str().expect("a digest").to_owned()
    };
    let approve = |place: &Workplace, more: &[&str]| {
        let seen = seen(place);
        let arguments = ["approve", "com.a/x@1.1.0", "--seen", &seen, "--by", "alice", "--stdout"];
        done(place, &[arguments.as_slice(), more].concat())
    };
    let lost =
        "no rule gives 1.1.0 the tier 2 and the owner wiki of the version that was approved before";
    assert!(approve(&place, &[]).contains(lost));
    let out = approve(&place, &["--tier", "2", "--owner", "wiki"]);
    assert!(!out.contains("no rule gives"), "{out}");
}

/// The clock of a demo, and of a machine that is ahead, is not that of the daemon.
#[tokio::test(flavor = "multi_thread")]
async fn decision_has_the_time_of_the_daemon() {
    let upstream = Upstream::start([Row::new(NAME, "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.set_clock("2027-01-01T00:00:00Z");
    let daemon = place.start().await;
    daemon.synced().await;
    place.set_clock("2027-06-01T00:00:00Z");
    let sheet = place.json(&["review", NAME, "--json"]);
    let seen = sheet["digest"].as_str().expect("a digest");
    let arguments = ["approve", NAME, "--seen", seen, "--by", "alice", "--expires", "2027-03-01"];
    done(&place, &arguments);
    daemon.serves(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_beside_a_daemon_that_refused_the_set_is_an_error() {
    let upstream = Upstream::start([Row::new(NAME, "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    let daemon = place.start().await;
    daemon.synced().await;
    done(&place, &["check"]);
    place.remove("overlays/policy.yaml");
    let found = eventually("the folder is refused", async || {
        let (code, out) = ran(&place, &["check"]);
        (code == Some(1)).then_some(out)
    })
    .await;
    assert!(found.contains("the daemon refused the set"), "{found}");
    assert!(found.contains("the folder became empty"), "{found}");
}
