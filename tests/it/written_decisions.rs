//! Decisions that commands write into overlay files: what they serve then, and what is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpListener;
use std::process::Stdio;

use serde_json::Value;

use crate::support::commands::{done, ran};
use crate::support::daemon::{Workplace, text};
use crate::support::registry::Row;
use crate::support::skip::skipped;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;

const NAME: &str = "com.a/x";

/// Returns a folder that mirrored these versions of one name.
async fn mirrored(versions: &[&str]) -> (Upstream, Workplace) {
    let upstream = Upstream::start(versions.iter().map(|version| Row::new(NAME, version))).await;
    let place = Workplace::new(&upstream.url);
    sync(&place);
    (upstream, place)
}

fn sync(place: &Workplace) {
    let output = place.run(&["sync"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

fn overlay(place: &Workplace, file: &str) -> String {
    fs::read_to_string(place.path().join("overlays").join(file)).expect("an overlay")
}

fn files(place: &Workplace) -> BTreeMap<String, String> {
    let entries = fs::read_dir(place.path().join("overlays")).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    names
        .map(|name| {
            let name = name.to_string_lossy().into_owned();
            let text = overlay(place, &name);
            (name, text)
        })
        .collect()
}

/// Runs a command that must be refused and change no file.
fn refused(place: &Workplace, arguments: &[&str]) -> String {
    let before = files(place);
    let (code, out) = ran(place, arguments);
    assert_eq!(code, Some(1), "{arguments:?}: {out}");
    assert_eq!(files(place), before, "{arguments:?} wrote something");
    out
}

fn sheet(place: &Workplace, subject: &str) -> Value {
    place.json(&["review", subject, "--json"])
}

fn digest(sheet: &Value) -> String {
    sheet["digest"].as_str().expect("a digest").to_owned()
}

fn approve(place: &Workplace, subject: &str, more: &[&str]) -> String {
    let seen = digest(&sheet(place, subject));
    done(place, &[&["approve", subject, "--seen", &seen, "--by", "alice"], more].concat())
}

/// Returns the versions of the name that are served, with their digests.
fn served(place: &Workplace) -> BTreeSet<(String, String)> {
    let Ok(explained) =
        serde_json::from_str::<Value>(&place.print(&["explain", NAME, "--verbose", "--json"]))
    else {
        return BTreeSet::new();
    };
    let versions = explained["versions"].as_array().expect("a list").iter();
    let served = versions.filter(|version| version["served"] == true);
    served.map(|version| pair(version, "digest")).collect()
}

fn pair(version: &Value, digest: &str) -> (String, String) {
    let text = |member: &str| version[member].as_str().expect("a text").to_owned();
    (text("version"), text(digest))
}

/// Returns the versions of a list of a sheet, with their digests.
fn listed(sheet: &Value, list: &str) -> BTreeSet<(String, String)> {
    let versions = sheet[list].as_array().expect("a list").iter();
    versions.map(|version| pair(version, "received")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn approved_server_is_served_and_its_later_versions_wait() {
    let (upstream, place) = mirrored(&["1.0.0"]).await;
    let out = approve(
        &place,
        NAME,
        &["--scope", "read only", "--tier", "2", "--check", "logging=na:it runs here"],
    );
    let written = overlay(&place, "com.a--x.yaml");
    for line in written.lines() {
        assert!(out.contains(&format!("+{line}")), "{line} in {out}");
    }
    assert!(out.contains("--- /dev/null"), "{out}");
    for wanted in ["scope: read only", "tier: 2", "note: it runs here", "reviewers: [alice]"] {
        assert!(written.contains(wanted), "{wanted} in {written}");
    }
    assert_eq!(served(&place).len(), 1);

    upstream.put(Row::new(NAME, "1.1.0"));
    upstream.put(Row::new(NAME, "1.0.0+1"));
    done(&place, &["sync", "--full"]);
    assert_eq!(served(&place).len(), 1, "neither was shown, whatever they are dated");
    let explained = place.print(&["explain", "com.a/x@1.1.0"]);
    assert!(explained.contains("it is not in the `contents` of"), "{explained}");

    let second = sheet(&place, NAME);
    assert_eq!(listed(&second, "kept"), served(&place));
    approve(&place, NAME, &[]);
    let both = overlay(&place, "com.a--x.yaml");
    assert!(both.contains("read only") && !both.contains("it runs here"), "{both}");
    let wanted = &listed(&second, "shown") | &listed(&second, "kept");
    assert_eq!(served(&place), wanted);
    done(&place, &["check"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn decision_reaches_the_running_daemon() {
    let upstream = Upstream::start([Row::new(NAME, "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    let daemon = place.start().await;
    daemon.synced().await;
    approve(&place, NAME, &[]);
    daemon.serves(1).await;
    done(&place, &["suspend", NAME, "--by", "bob", "--reason", "a report"]);
    daemon.serves(0).await;
    // Its contents are gone with the approval: nothing comes back by itself.
    let text = overlay(&place, "com.a--x.yaml");
    assert!(text.contains("state: suspended") && !text.contains("contents"), "{text}");
    eventually("the daemon has loaded it", async || {
        let decisions = sheet(&place, NAME)["decisions"].to_string();
        decisions.contains("suspended").then_some(())
    })
    .await;
    approve(&place, NAME, &[]);
    daemon.serves(1).await;
}

/// Another person may have decided in a file that the daemon has not loaded.
#[tokio::test(flavor = "multi_thread")]
async fn decision_that_the_sheet_does_not_show_is_not_written_over() {
    let upstream = Upstream::start([Row::new(NAME, "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    let daemon = place.start().await;
    daemon.synced().await;
    place.write("more/policy.yaml", "servers: [{name: com.a/x, approval: {state: denied}}]\n");
    let seen = digest(&sheet(&place, NAME));
    let arguments = ["approve", NAME, "--seen", &seen, "--by", "alice", "--overlays", "more"];
    let out = refused(&place, &arguments);
    let wanted = "the decision about com.a/x at more/policy.yaml:1:11 is one that the folder has, and the sheet does not";
    assert!(out.contains(wanted), "{out}");
    let text = fs::read_to_string(place.path().join("more/policy.yaml")).expect("a file");
    assert!(text.contains("denied"), "{text}");
}

/// A short generator of histories: a fixed seed gives the same ones.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("a number") % end
    }
}

const VERSIONS: [&str; 8] =
    ["1.0.0", "1.1.0", "1.10.0", "1.0.0+b", "v1.0.0", "2.0.0-rc.1", "auto", "2.0.0"];
const OVERLAYS: [&str; 6] = [
    "# nothing yet\n",
    "servers: [{name: com.a/*, approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}]\n",
    "servers:\n- name: com.a/x # ours\n  approval:\n    state: approved\n    reviewed: 2026-01-15\n    expires: 2099-01-01\n",
    "servers: [{name: com.a/x, versions: '>=2', tier: 1, approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}]\n",
    "servers:\n- {name: com.a/x, approval: {state: denied}}\n",
    "servers:\n- {name: com.a/x, versions: 1.1.0, approval: {state: denied}}\n- {name: com.a/x, tier: 3}\n",
];

/// `approve` followed by loading yields exactly what the sheet showed, and what it keeps.
#[tokio::test(flavor = "multi_thread")]
async fn approval_serves_exactly_what_the_sheet_showed() {
    for seed in 0..24_u64 {
        let mut dice = Dice(seed);
        dice.below(2);
        let mut versions = VERSIONS.to_vec();
        while versions.len() > 2 && dice.below(3) > 0 {
            versions.remove(dice.below(versions.len()));
        }
        let published = ["2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-06-01T00:00:00Z"];
        let rows: Vec<Row> = versions
            .iter()
            .map(|version| Row::new(NAME, version).published(published[dice.below(3)]))
            .collect();
        let upstream = Upstream::start(rows).await;
        let place = Workplace::new(&upstream.url);
        let policy = OVERLAYS[dice.below(OVERLAYS.len())];
        place.overlay("policy.yaml", policy);
        sync(&place);
        let subject = match dice.below(3) {
            0 => NAME.to_owned(),
            1 => format!("{NAME}@{}", versions[dice.below(versions.len())]),
            _ => format!("{NAME}@>=1, <2"),
        };
        let output = place.run(&["review", &subject, "--json"]);
        if !output.status.success() {
            // No version is in the range.
            continue;
        }
        let before = served(&place);
        let shown = sheet(&place, &subject);
        approve(&place, &subject, &[]);
        let denied = |version: &str| {
            let explained = place.print(&["explain", &format!("{NAME}@{version}"), "--verbose"]);
            explained.contains("denied by")
        };
        let mut wanted = &listed(&shown, "shown") | &listed(&shown, "kept");
        if subject != NAME {
            // Other versions are left as they are. Those in the range were all shown.
            wanted.extend(before);
        }
        wanted.retain(|(version, _)| !denied(version));
        assert_eq!(served(&place), wanted, "seed {seed}: {subject} after {policy}");
        assert_eq!(ran(&place, &["check"]).0, Some(0), "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_sheet_is_refused_with_what_is_there_now() {
    let (upstream, place) = mirrored(&["1.0.0"]).await;
    let old = digest(&sheet(&place, NAME));
    upstream.put(Row::new(NAME, "1.1.0"));
    done(&place, &["sync", "--full"]);
    let now = sheet(&place, NAME);
    let arguments = ["approve", NAME, "--seen", &old, "--by", "alice"];
    let out = refused(&place, &arguments);
    for wanted in ["1.1.0", "`vidimus review com.a/x`"] {
        assert!(out.contains(wanted), "{wanted} in {out}");
    }
    let is_pasted = out.contains(&digest(&now).replace("sha256:", ""));
    assert!(!is_pasted, "a digest is read on a sheet: {out}");
    // The digest is typed without its beginning, too.
    let short = digest(&now).replace("sha256:", "");
    done(&place, &["approve", NAME, "--seen", &short, "--by", "alice"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sheet_is_as_good_after_a_week_if_nothing_changed() {
    let (_upstream, place) = mirrored(&["1.0.0"]).await;
    place.set_clock("2027-01-01T00:00:00Z");
    let old = digest(&sheet(&place, NAME));
    place.set_clock("2027-01-08T00:00:00Z");
    done(&place, &["approve", NAME, "--seen", &old, "--by", "alice"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn decision_about_a_name_that_no_upstream_lists_names_the_near_one() {
    let (_upstream, place) = mirrored(&["1.0.0"]).await;
    let seen = digest(&sheet(&place, NAME));
    let out = refused(&place, &["approve", "com.a/X", "--seen", &seen, "--by", "alice"]);
    assert!(out.contains("no upstream lists `com.a/X`; did you mean `com.a/x`?"), "{out}");
    // A denial may precede what it denies.
    let out = done(&place, &["deny", "com.a/y", "--by", "bob", "--reason", "not ours"]);
    assert!(out.contains("warning: no upstream lists `com.a/y`; did you mean `com.a/x`?"), "{out}");
    assert!(overlay(&place, "com.a--y.yaml").contains("reason: not ours"));
}

#[tokio::test(flavor = "multi_thread")]
async fn decision_that_contradicts_another_file_is_refused_with_both_places() {
    let (_upstream, place) = mirrored(&["1.0.0"]).await;
    place.overlay("a.yaml", "servers:\n- {name: com.a/x, tier: 1}\n- {name: com.a/x, owner: me}\n");
    let seen = digest(&sheet(&place, NAME));
    let arguments = ["approve", NAME, "--seen", &seen, "--by", "alice", "--tier", "2"];
    let out = refused(&place, &arguments);
    assert!(out.contains("different tier in another rule of equal rank"), "{out}");
    place.overlay("broken.yaml", "servers: [\n");
    let out = refused(&place, &arguments);
    assert!(out.contains("broken.yaml"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn affirmation_renews_dates_and_digests() {
    let upstream = Upstream::start([Row::new(NAME, "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.set_clock("2027-01-01T00:00:00Z");
    sync(&place);
    let more = ["--expires", "2027-01-31", "--follow", "benign", "--track", "heavy"];
    approve(&place, NAME, &more);
    assert!(overlay(&place, "com.a--x.yaml").contains("version: 1.0.0"));
    upstream.put(Row::new(NAME, "1.1.0"));
    place.set_clock("2027-01-20T00:00:00Z");
    done(&place, &["sync", "--full"]);
    let shown = sheet(&place, NAME);
    done(&place, &["affirm", NAME, "--seen", &digest(&shown), "--by", "bob"]);
    let text = overlay(&place, "com.a--x.yaml");
    for wanted in
        ["reviewers: [bob]", "track: heavy", "expires: 2027-02-19", "reviewed: 2027-01-20T"]
    {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
    for (version, digest) in listed(&shown, "kept") {
        assert!(text.contains(&format!("{version}: {digest}")), "{text}");
    }
    assert!(!text.contains("1.1.0"), "the approval never covered it: {text}");
    assert!(text.contains("version: 1.0.0"), "the reference stays: {text}");

    place.set_clock("2027-03-01T00:00:00Z");
    done(&place, &["sync"]);
    let seen = digest(&sheet(&place, NAME));
    let out = refused(&place, &["approve", NAME, "--seen", &seen, "--by", "bob"]);
    assert!(out.contains("expired at 2027-02-19") && out.contains("`vidimus affirm`"), "{out}");
    let out = refused(&place, &["affirm", "com.a/x@1.0.0", "--seen", &seen, "--by", "bob"]);
    assert!(out.contains("is not what was read"), "the sheet of a version is another one: {out}");
    let seen = digest(&sheet(&place, "com.a/x@1.0.0"));
    let out = refused(&place, &["affirm", "com.a/x@1.0.0", "--seen", &seen, "--by", "bob"]);
    assert!(out.contains("no overlay has an approval with this selection"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn affirmation_after_the_end_covers_what_was_covered() {
    let upstream = Upstream::start([Row::new(NAME, "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.set_clock("2027-01-01T00:00:00Z");
    sync(&place);
    approve(&place, NAME, &["--expires", "2027-01-31"]);
    upstream.put(Row::new(NAME, "1.1.0"));
    done(&place, &["sync", "--full"]);
    approve(&place, NAME, &[]);
    let before = served(&place);
    assert_eq!(before.len(), 2, "{before:?}");
    // What comes after the end was covered by nothing, and neither is what the upstream sends in place of 1.0.0.
    place.set_clock("2027-02-10T00:00:00Z");
    upstream.put(Row::new(NAME, "0.9.0"));
    upstream.put(Row::new(NAME, "1.0.0").described("Runs anything"));
    done(&place, &["sync", "--full"]);
    assert_eq!(served(&place), BTreeSet::new());
    let shown = sheet(&place, NAME);
    assert_eq!(&listed(&shown, "shown") | &listed(&shown, "kept"), before);
    done(&place, &["affirm", NAME, "--seen", &digest(&shown), "--by", "bob"]);
    assert_eq!(served(&place), before);
    assert!(overlay(&place, "com.a--x.yaml").contains("expires: 2027-03-12"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_is_edited_where_it_stands_and_a_new_one_added_beside_its_name() {
    let (_upstream, place) = mirrored(&["1.0.0", "2.0.0"]).await;
    let text = "# reviewed files\nservers:\n- name: com.a/x # ours\n  versions: 1.0.0\n  approval: {state: pending} # wait\n";
    place.overlay("policy.yaml", text);
    approve(&place, "com.a/x@1.0.0", &[]);
    let edited = overlay(&place, "policy.yaml");
    assert!(
        edited
            .starts_with("# reviewed files\nservers:\n- name: com.a/x # ours\n  versions: 1.0.0\n")
    );
    assert!(edited.ends_with("}} # wait\n") && edited.contains("state: approved"), "{edited}");
    approve(&place, "com.a/x@2.0.0", &[]);
    let added = overlay(&place, "policy.yaml");
    assert!(added.starts_with(&edited) && added.contains("\n- name: com.a/x\n  versions: 2.0.0\n"));
    assert_eq!(served(&place).len(), 2);

    let before = files(&place);
    let arguments = ["deny", "com.a/x", "--by", "b", "--reason", "r", "--stdout"];
    let output = place.run(&arguments);
    assert_eq!(files(&place), before);
    let printed = text_of(&output.stdout);
    assert!(printed.starts_with(&added) && printed.contains("state: denied"), "{printed}");
    assert!(text_of(&output.stderr).starts_with("overlays/policy.yaml\n"));
    let path = place.path().join("overlays/more.yaml");
    let named = ["--file", path.to_str().expect("a path")];
    done(&place, &[&arguments[..6], named.as_slice()].concat());
    assert!(overlay(&place, "more.yaml").contains("state: denied"));
    let elsewhere = [&arguments[..6], ["--file", "elsewhere.yaml"].as_slice()].concat();
    let out = refused(&place, &elsewhere);
    assert!(out.contains("stands at overlays/more.yaml:2:5"), "{out}");
    let other = ["deny", "com.b/*", "--by", "b", "--reason", "r", "--file", "elsewhere.yaml"];
    let out = refused(&place, &other);
    assert!(out.contains("elsewhere.yaml is not a file `*.yaml` in a folder of overlays"), "{out}");
}

/// An emergency does not wait until every file is in order.
#[rstest::rstest]
#[case::broken_file("overlays/broken.yaml", "servers: [\n")]
#[case::stray_file("overlays/policy.yml", "a note\n")]
#[case::empty_file("overlays/empty.yaml", "")]
#[case::contradiction(
    "overlays/other.yaml",
    "servers:\n- {name: com.b/y, tier: 1}\n- {name: com.b/y, tier: 2}\n"
)]
#[case::upstream("upstreams/broken.toml", "id = \n")]
fn denial_is_not_stopped_by_an_error_elsewhere(#[case] file: &str, #[case] content: &str) {
    let place = Workplace::new("https://registry.example");
    place.write(file, content);
    let out = done(&place, &[DENY.as_slice(), &["--stdout"]].concat());
    assert!(out.contains("state: denied"), "{out}");
    let out = done(&place, &DENY);
    let is_warned = out.contains("warning: an error that was there before");
    assert!(is_warned && out.contains(file), "{out}");
    assert!(overlay(&place, "com.a--x.yaml").contains("state: denied"));
    let suspend = ["suspend", "com.c/*", "--by", "bob", "--reason", "a report"];
    done(&place, &suspend);
    assert!(overlay(&place, "com.c--all.yaml").contains("state: suspended"));
}

#[test]
fn denial_that_its_file_cannot_take_stands_in_a_file_of_its_own() {
    let place = Workplace::new("https://registry.example");
    let rule = "servers:\n- {name: com.a/x, versions: 1.0.0, tier: 1}\n";
    let large = format!("# {}\n{rule}", "x".repeat(1024 * 1024 - rule.len() - 10));
    place.overlay("com.a--x.yaml", &large);
    place.overlay(
        "broken.yaml",
        "servers:\n- {name: com.b/y, tier: 1}\n- {name: com.c/z, tier: 9}\n",
    );
    let out = done(&place, &DENY);
    assert!(out.contains("the decision stands in a file of its own, since"), "{out}");
    assert!(overlay(&place, "com.a--x--2.yaml").contains("state: denied"));
    assert_eq!(overlay(&place, "com.a--x.yaml"), large);
    done(&place, &["deny", "com.b/y", "--by", "alice", "--reason", "r"]);
    assert!(overlay(&place, "com.b--y.yaml").contains("state: denied"));
    place.remove("overlays/broken.yaml");
    done(&place, &["check"]);
    let named = [DENY.as_slice(), &["--file", "overlays/com.a--x.yaml"]].concat();
    refused(&place, &named);
}

#[rstest::rstest]
#[case(".hid/x.yaml")]
#[case(".x.yaml")]
#[case("old~/x.yaml")]
fn file_that_the_daemon_does_not_read_is_refused(#[case] file: &str) {
    let place = Workplace::new("https://registry.example");
    let path = place.path().join("overlays").join(file);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    let named = ["--file", &format!("overlays/{file}")];
    let (code, out) = ran(&place, &[DENY.as_slice(), &named].concat());
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("is hidden or a backup, and is not read"), "{out}");
    assert!(!path.exists());
}

#[test]
fn equal_rules_of_two_files_are_both_denied() {
    let place = Workplace::new("https://registry.example");
    let rule = "servers:\n- name: com.a/x\n  approval: {state: approved, reviewed: 2026-01-01, expires: 2099-01-01}\n";
    place.overlay("a.yaml", rule);
    place.overlay("b.yaml", rule);
    let out = refused(&place, &[DENY.as_slice(), &["--stdout"]].concat());
    assert!(out.contains("stand in overlays/a.yaml and overlays/b.yaml"), "{out}");
    done(&place, &DENY);
    for file in ["a.yaml", "b.yaml"] {
        assert!(overlay(&place, file).contains("state: denied"));
    }
    done(&place, &["check"]);
}

/// A rule without a decision matters to a decision too.
#[tokio::test(flavor = "multi_thread")]
async fn rule_that_the_sheet_does_not_show_stops_an_approval() {
    let upstream = Upstream::start([Row::new(NAME, "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    let daemon = place.start().await;
    daemon.synced().await;
    place.write("more/policy.yaml", "servers: [{name: com.a/x, tier: 1}]\n");
    let seen = digest(&sheet(&place, NAME));
    let arguments = ["approve", NAME, "--seen", &seen, "--by", "alice", "--overlays", "more"];
    let out = refused(&place, &arguments);
    assert!(out.contains("at more/policy.yaml:1:11 is one that the folder has"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn approval_names_the_gates_that_still_hide_the_version() {
    let (_upstream, place) = mirrored(&["1.0.0"]).await;
    place.overlay(
        "policy.yaml",
        "servers: [{name: '*', conditions: {remotes: {hosts: [other.example]}}}]\n",
    );
    let out = approve(&place, NAME, &[]);
    let wanted = "1.0.0 is approved, and is not served before it passes: conditions met: ";
    assert!(out.contains(wanted), "{out}");
    assert!(served(&place).is_empty());
    place.overlay("policy.yaml", "# nothing\n");
    place.remove("overlays/com.a--x.yaml");
    let out = approve(&place, NAME, &[]);
    assert!(!out.contains("is not served"), "{out}");
    assert_eq!(served(&place).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn expiry_before_today_is_refused_whatever_the_age_of_the_data() {
    let upstream = Upstream::start([Row::new(NAME, "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.set_clock("2027-01-01T00:00:00Z");
    sync(&place);
    place.set_clock("2027-03-01T00:00:00Z");
    let seen = digest(&sheet(&place, NAME));
    let arguments = ["approve", NAME, "--seen", &seen, "--by", "alice", "--expires", "2027-02-01"];
    let out = refused(&place, &arguments);
    assert!(out.contains("`--expires` ends at 2027-02-01T23:59:59Z"), "{out}");
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const DENY: [&str; 6] = ["deny", NAME, "--by", "alice", "--reason", "a report"];

#[test]
fn symbolic_link_is_refused_with_its_target() {
    let place = Workplace::new("https://registry.example");
    place.overlay("z.yaml", "servers: [{name: com.a/x, tier: 1}]\n");
    let link = place.path().join("overlays/linked.yaml");
    std::os::unix::fs::symlink("z.yaml", &link).expect("a link");
    fs::remove_file(place.path().join("overlays/policy.yaml")).expect("removed");
    let named = [DENY.as_slice(), &["--file", "overlays/linked.yaml"]].concat();
    let out = refused(&place, &named);
    assert!(out.contains("overlays/linked.yaml is a symbolic link to z.yaml"), "{out}");
    assert!(link.is_symlink());
}

#[test]
fn several_people_at_once_lose_no_decision() {
    let place = Workplace::new("https://registry.example");
    let names: Vec<String> = (0..8).map(|number| format!("com.b/n{number}")).collect();
    let file = ["--file", "overlays/policy.yaml"];
    let running: Vec<_> = names
        .iter()
        .map(|name| {
            let arguments = ["deny", name, "--by", "alice", "--reason", "r"];
            let mut command = place.command(&[arguments.as_slice(), &file].concat());
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs")
        })
        .collect();
    for child in running {
        let output = child.wait_with_output().expect("an end");
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    let kept = overlay(&place, "policy.yaml");
    for name in &names {
        assert!(kept.contains(name.as_str()), "{name} in {kept}");
    }
    assert_eq!(files(&place).len(), 1, "no file is left behind");
    done(&place, &["check"]);
}

/// The file with the rule may be the one that a person broke a minute ago.
#[tokio::test(flavor = "multi_thread")]
async fn denial_is_not_stopped_by_the_approval_of_a_file_with_an_error() {
    let upstream = Upstream::start([Row::new(NAME, "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    let rule = "servers:\n- {name: com.a/x, approval: {state: approved, reviewed: 2026-06-01, expires: 2099-01-01}}\n";
    place.overlay("a.yaml", rule);
    let daemon = place.start().await;
    daemon.synced().await;
    daemon.serves(1).await;
    let broken = format!("{rule}- {{name: com.c/z, tier: 9}}\n");
    place.overlay("a.yaml", &broken);
    let out = done(&place, &DENY);
    let wanted = [
        "the decision stands in a file of its own, since overlays/a.yaml",
        "has another rule with this selection, which has to be removed when the file is corrected",
    ];
    for wanted in wanted {
        assert!(out.contains(wanted), "{wanted} in {out}");
    }
    assert_eq!(overlay(&place, "a.yaml"), broken);
    daemon.serves(0).await;
    let suspend = ["suspend", "com.c/z", "--by", "alice", "--reason", "r"];
    done(&place, &suspend);

    // A file that can be edited takes the denial, and none is added.
    place.remove("overlays/com.a--x.yaml");
    place.overlay("b.yaml", rule);
    let out = done(&place, &DENY);
    assert!(out.contains("which has to be removed when the file is corrected"), "{out}");
    assert!(overlay(&place, "b.yaml").contains("state: denied"));
    assert!(!files(&place).contains_key("com.a--x.yaml"));
}

#[test]
fn denial_in_a_broken_file_is_not_to_be_removed() {
    let place = Workplace::new("https://registry.example");
    let broken =
        "servers:\n- {name: com.a/x, approval: {state: denied}}\n- {name: com.c/z, tier: 9}\n";
    place.overlay("a.yaml", broken);
    let out = done(&place, &["suspend", NAME, "--by", "alice", "--reason", "r"]);
    assert!(out.contains("when the file is corrected, make both the same"), "{out}");
    assert!(!out.contains("has to be removed"), "{out}");
}

#[test]
fn denial_stands_elsewhere_if_the_named_file_has_an_error() {
    let place = Workplace::new("https://registry.example");
    let broken = "servers: [\n";
    place.overlay("a.yaml", broken);
    let out = done(&place, &[DENY.as_slice(), &["--file", "overlays/a.yaml"]].concat());
    assert!(
        out.contains("the decision stands in a file of its own, since overlays/a.yaml"),
        "{out}"
    );
    assert_eq!(overlay(&place, "a.yaml"), broken);
    assert!(overlay(&place, "com.a--x.yaml").contains("state: denied"));
    // A path that the daemon does not read is refused.
    let elsewhere = ["deny", "com.a/w", "--by", "a", "--reason", "r", "--file", "elsewhere.yaml"];
    let out = refused(&place, &elsewhere);
    assert!(out.contains("overlays are read from there"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn denial_that_covers_nothing_is_written_with_a_warning() {
    let (_upstream, place) = mirrored(&["1.0.0"]).await;
    let deny = |subject: &str, more: &[&str]| {
        let arguments = ["deny", subject, "--by", "alice", "--reason", "r"];
        let out = done(&place, &[arguments.as_slice(), more].concat());
        let warning = out.lines().find(|line| line.contains("it hides what comes later"));
        for (file, _) in files(&place) {
            place.remove(&format!("overlays/{file}"));
        }
        warning.map(str::to_owned)
    };
    let nothing = |selector: &str| {
        Some(format!("warning: no version of `{selector}` is stored; it hides what comes later"))
    };
    assert_eq!(deny("com.a/x@1.0.1", &[]), nothing("com.a/x@1.0.1"));
    assert_eq!(deny("com.a/*@>=2", &[]), nothing("com.a/*@>=2"));
    assert_eq!(deny(NAME, &["--upstream", "official"]), None);
    let no_server = "warning: no upstream lists a server of `com.b/*`; it hides what comes later";
    assert_eq!(deny("com.b/*", &[]).as_deref(), Some(no_server));
    for covering in ["com.a/x", "com.a/x@1.0.0", "com.a/x@v1.0.0", "com.a/*@<2", "com.A/*", "*"] {
        assert_eq!(deny(covering, &[]), None, "{covering}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn denial_of_what_is_in_quarantine_or_spelled_otherwise_is_not_called_unlisted() {
    let item = Row::new("com.a/odd", "1.0.0").item();
    let item = item.replacen("\"description\"", "\"Name\":\"x\",\"description\"", 1);
    let odd = Row::raw("com.a/odd", "1.0.0", &item);
    let upstream = Upstream::start([Row::new(NAME, "1.0.0"), odd]).await;
    let place = Workplace::new(&upstream.url);
    sync(&place);
    let deny = |subject: &str| done(&place, &["deny", subject, "--by", "alice", "--reason", "r"]);
    let out = deny("com.A/x");
    assert!(!out.contains("warning: no upstream"), "{out}");
    let out = deny("com.a/odd");
    assert!(out.contains("`com.a/odd` is stored in quarantine only"), "{out}");
}

/// A daemon that accepts a connection and is frozen.
#[tokio::test(flavor = "multi_thread")]
async fn denial_is_written_while_the_daemon_does_not_answer() {
    let place = Workplace::new("https://registry.example");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    place.write("token", "0123456789abcdef0123456789abcdef");
    let beside = ["--token-file", "token", "--ops-listen", &address];
    let mut command = place.command(&[DENY.as_slice(), &beside].concat());
    let running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    // Nothing accepts the connections: the system does, and no answer comes.
    let path = place.path().join("overlays/com.a--x.yaml");
    eventually("the denial is written", async || {
        let written = fs::read_to_string(&path).unwrap_or_default();
        written.contains("state: denied").then_some(())
    })
    .await;
    let output = running.wait_with_output().expect("an end");
    assert!(output.status.success(), "{}", text(&output.stderr));
    drop(listener);
}

/// A pipe that is not read stands for a terminal that stalls.
#[tokio::test(flavor = "multi_thread")]
async fn decision_that_waits_for_its_terminal_does_not_delay_another_one() {
    let place = Workplace::new("https://registry.example");
    let rule = format!("servers:\n- {{name: com.a/x, tier: 1}}\n# {}\n", "x".repeat(300_000));
    place.overlay("a.yaml", &rule);
    let mut command = place.command(&DENY);
    let mut stalled =
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it runs");
    eventually("the first denial", async || {
        overlay(&place, "a.yaml").contains("state: denied").then_some(())
    })
    .await;
    done(&place, &["deny", "com.b/y", "--by", "bob", "--reason", "r"]);
    assert!(stalled.try_wait().expect("a process").is_none(), "it printed everything");
    let output = stalled.wait_with_output().expect("an end");
    assert!(output.status.success());
}

#[test]
fn decision_that_reaches_one_of_two_files_says_which() {
    let place = Workplace::new("https://registry.example");
    let rule = "servers:\n- {name: com.a/x, approval: {state: approved, reviewed: 2026-06-01, expires: 2099-01-01}}\n";
    place.overlay("a.yaml", rule);
    let below = place.path().join("overlays/below");
    fs::create_dir(&below).expect("a folder");
    fs::write(below.join("b.yaml"), rule).expect("a file");
    // Another command writes into that folder.
    let folder = fs::File::open(&below).expect("a folder");
    folder.lock().expect("a lock");
    let (code, out) = ran(&place, &DENY);
    assert_eq!(code, Some(1), "{out}");
    for wanted in [
        "+++ overlays/a.yaml",
        "the decision stands in overlays/a.yaml, and in another file that has the rule it does not",
        "another command writes into overlays/below",
    ] {
        assert!(out.contains(wanted), "{wanted} in {out}");
    }
    assert!(overlay(&place, "a.yaml").contains("state: denied"));
    assert_eq!(overlay(&place, "below/b.yaml"), rule);
}

/// The rule of a range selects what comes later, and covers none of it.
#[tokio::test(flavor = "multi_thread")]
async fn approval_of_a_range_covers_what_was_shown_and_nothing_that_comes_later() {
    let (upstream, place) = mirrored(&["1.0.0", "2.0.0"]).await;
    let shown = listed(&sheet(&place, "com.a/x@>=1, <2"), "shown");
    approve(&place, "com.a/x@>=1, <2", &[]);
    let written = overlay(&place, "com.a--x.yaml");
    let contents = written.split_once("contents:").expect("contents").1;
    assert_eq!(contents.matches("sha256:").count(), 1, "{written}");
    assert!(contents.contains("1.0.0: ") && !written.contains("follow"), "{written}");
    assert_eq!(served(&place), shown);
    upstream.put(Row::new(NAME, "1.1.0"));
    done(&place, &["sync", "--full"]);
    assert_eq!(served(&place), shown);
}

#[test]
fn written_file_is_an_object_for_programs() {
    let place = Workplace::new("https://registry.example");
    let written = |state: &str| {
        let written = place.json(&[state, NAME, "--by", "alice", "--reason", "r", "--json"]);
        let members: Vec<String> =
            written.as_object().expect("an object").keys().cloned().collect();
        assert_eq!(members, ["difference", "file", "isNew"]);
        assert_eq!(written["file"], "overlays/com.a--x.yaml");
        written["isNew"].as_bool()
    };
    assert_eq!(written("deny"), Some(true));
    assert_eq!(written("suspend"), Some(false));
}

#[test]
fn one_of_several_decisions_at_once_stands_in_a_file() {
    let place = Workplace::new("https://registry.example");
    // All of them read the folder before the first one could write.
    for number in 0..500 {
        let rule = format!("servers: [{{name: com.b/n{number}, tier: 1}}]\n");
        place.overlay(&format!("other{number}.yaml"), &rule);
    }
    let before = files(&place).len();
    let running: Vec<_> = (0..6)
        .map(|number| {
            let file = format!("overlays/n{number}.yaml");
            let arguments = [DENY.as_slice(), &["--file", &file]].concat();
            let mut command = place.command(&arguments);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs")
        })
        .collect();
    let mut done_by = 0;
    for child in running {
        let output = child.wait_with_output().expect("an end");
        let out = text(&output.stderr);
        // The others read what the first one wrote.
        if output.status.success() {
            done_by += 1;
        } else {
            assert!(out.contains("and not in the file of `--file`; leave `--file` out"), "{out}");
        }
    }
    assert_eq!((done_by, files(&place).len() - before), (1, 1));
    done(&place, &["check"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn history_of_a_name_that_no_upstream_lists_names_the_near_one() {
    let (_upstream, place) = mirrored(&["1.0.0"]).await;
    for form in [["history", "com.a/y"].as_slice(), &["history", "com.a/y", "--json"]] {
        let out = refused(&place, form);
        assert!(out.contains("no upstream lists `com.a/y`; did you mean `com.a/x`?"), "{out}");
    }
    done(&place, &["history", NAME]);
    done(&place, &["history", "com.a/x@1.0.0"]);
}

#[test]
fn full_disk_leaves_everything_as_it_was() {
    let mut place = Workplace::new("https://registry.example");
    if !place.mount(1) {
        return skipped("a folder cannot have a disk of its own here");
    }
    let folder = place.data().join("overlays");
    fs::create_dir(&folder).expect("a folder");
    let before = format!("servers: [] # {}\n", "x".repeat(9000));
    fs::write(folder.join("policy.yaml"), &before).expect("a file");
    place.disk().fill();
    let (code, out) = ran(&place, &[DENY.as_slice(), &["--overlays", "data/overlays"]].concat());
    assert_eq!(code, Some(3), "{out}");
    assert!(out.contains("is as it was: make room on the disk"), "{out}");
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 1);
    assert_eq!(fs::read_to_string(folder.join("policy.yaml")).expect("a file"), before);
    place.disk().free();
    done(&place, &[DENY.as_slice(), &["--overlays", "data/overlays"]].concat());
}

#[test]
fn read_only_folder_is_refused_with_the_way_out() {
    let mut place = Workplace::new("https://registry.example");
    if !place.mount(1) {
        return skipped("a folder cannot have a disk of its own here");
    }
    let folder = place.data().join("overlays");
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join("policy.yaml"), "servers: []\n").expect("a file");
    if !place.disk().make_read_only() {
        return skipped("a disk cannot be made read-only here");
    }
    let arguments = [DENY.as_slice(), &["--overlays", "data/overlays"]].concat();
    let (code, out) = ran(&place, &arguments);
    assert_eq!(code, Some(1), "{out}");
    assert!(
        out.contains("no file can be made in data/overlays") && out.contains("--stdout"),
        "{out}"
    );
    let out = done(&place, &[arguments.as_slice(), &["--stdout"]].concat());
    assert!(out.contains("state: denied"), "{out}");
}

/// Every message of the commands that a reviewer decides with, as a snapshot.
#[tokio::test(flavor = "multi_thread")]
async fn messages_to_reviewers_are_those_of_the_snapshot() {
    let upstream = Upstream::start([Row::new(NAME, "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.set_clock("2027-01-01T00:00:00Z");
    let unknown = "0".repeat(64);
    let mut shown = String::new();
    let mut show = |place: &Workplace, arguments: &[&str]| {
        let (code, out) = ran(place, arguments);
        let line = arguments.join(" ");
        shown.push_str(&format!("$ vidimus {line}\n{out}exit {}\n\n", code.unwrap_or(-1)));
    };
    let by_alice = |subject: &'static str, seen: &str| -> Vec<String> {
        ["approve", subject, "--seen", seen, "--by", "alice"].map(str::to_owned).to_vec()
    };
    let with = |first: &[String], more: &[&str]| -> Vec<String> {
        first.iter().cloned().chain(more.iter().map(|text| (*text).to_owned())).collect()
    };
    let mut run = |place: &Workplace, arguments: Vec<String>| {
        show(place, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    };
    run(&place, by_alice(NAME, &unknown));
    sync(&place);
    run(&place, by_alice("com.a/z", &unknown));
    run(&place, by_alice("com.a", &unknown));
    run(&place, by_alice("com.a/x@>>1", &unknown));
    run(&place, by_alice("com.a/x@9.9.9", &unknown));
    run(&place, by_alice(NAME, "sha256:12"));
    run(&place, by_alice(NAME, &unknown));
    let seen = digest(&sheet(&place, NAME));
    let good = by_alice(NAME, &seen);
    run(&place, with(&good, &["--check", "logs=ok"]));
    run(&place, with(&good, &["--check", "drift=na"]));
    run(&place, with(&good, &["--check", "drift=ok", "--check", "drift=na:x"]));
    run(&place, with(&good, &["--expires", "2026-01-01"]));
    run(&place, with(&good, &["--expires", "soon"]));
    run(&place, with(&good, &["--upstream", "oficial"]));
    run(&place, with(&good, &["--file", "policy.txt"]));
    run(
        &place,
        vec![
            "affirm".into(),
            NAME.into(),
            "--seen".into(),
            seen.clone(),
            "--by".into(),
            "a".into(),
        ],
    );
    let version = digest(&sheet(&place, "com.a/x@1.0.0"));
    run(&place, with(&by_alice("com.a/x@1.0.0", &version), &["--follow", "benign"]));
    place.overlay("policy.yaml", "{namespaces: []}\n");
    run(&place, with(&good, &["--file", "overlays/policy.yaml"]));
    place.overlay("policy.yaml", "servers: [{name: com.a/y, tier: 1}] # ours\n");
    run(
        &place,
        with(&good, &["--file", "overlays/policy.yaml", "--check", "drift=concern:it's \"odd\""]),
    );
    run(
        &place,
        vec![
            "suspend".into(),
            NAME.into(),
            "--by".into(),
            "b".into(),
            "--reason".into(),
            "a report".into(),
        ],
    );
    run(
        &place,
        vec![
            "deny".into(),
            "com.A/x".into(),
            "--by".into(),
            "b".into(),
            "--reason".into(),
            "another case".into(),
        ],
    );
    let again = digest(&sheet(&place, NAME));
    run(&place, by_alice(NAME, &again));
    let mut differing = Vec::new();
    crate::demo::compare("messages-of-decisions", &shown, &mut differing);
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

/// Every warning beside a decision, as a snapshot.
#[tokio::test(flavor = "multi_thread")]
async fn warnings_to_reviewers_are_those_of_the_snapshot() {
    let upstream = Upstream::start([Row::new(NAME, "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.set_clock("2027-01-01T00:00:00Z");
    sync(&place);
    let mut shown = String::new();
    let mut run = |arguments: &[&str]| {
        let (code, out) = ran(&place, arguments);
        let line = arguments.join(" ");
        shown.push_str(&format!("$ vidimus {line}\n{out}exit {}\n\n", code.unwrap_or(-1)));
    };

    // Denials beside a file with an error, and of what comes later.
    let approval = "approval: {state: approved, reviewed: 2026-06-01, expires: 2099-01-01}";
    let rule = format!("- {{name: com.b/y, {approval}}}\n");
    place.overlay("broken.yaml", &format!("servers:\n{rule}- {{name: com.c/z, tier: 9}}\n"));
    run(&["deny", "com.b/y", "--by", "b", "--reason", "r"]);
    place.remove("overlays/broken.yaml");
    run(&["deny", "com.a/x@>=2", "--by", "b", "--reason", "r"]);

    // Versions that `follow` serves, and that a decision leaves behind.
    for (file, _) in files(&place) {
        place.remove(&format!("overlays/{file}"));
    }
    // The names of an internal namespace need no check of ownership to be followed.
    place.upstream(&upstream.url, "trust = \"internal\"");
    place.overlay("owner.yaml", "namespaces: [{name: com.a, internal: true}]\n");
    let seen = digest(&sheet(&place, NAME));
    let following = ["--follow", "benign", "--expires", "2028-01-01"];
    run(&[["approve", NAME, "--seen", &seen, "--by", "alice"].as_slice(), &following].concat());
    for version in ["1.1.0", "1.2.0"] {
        upstream.put(Row::new(NAME, version));
    }
    done(&place, &["sync", "--full"]);
    place.set_clock("2027-01-10T00:00:00Z");
    sync(&place);
    run(&["explain", NAME]);
    let seen = digest(&sheet(&place, NAME));
    run(&["approve", NAME, "--seen", &seen, "--by", "alice"]);

    // An approval that ended, at the end of a sheet.
    upstream.put(Row::new(NAME, "2.0.0"));
    place.set_clock("2028-02-01T00:00:00Z");
    sync(&place);
    let printed = place.print(&["review", NAME]);
    let end: Vec<&str> = printed.lines().rev().take(3).collect();
    let end: Vec<&str> = end.into_iter().rev().collect();
    let digest_of_sheet = digest(&sheet(&place, NAME));
    shown.push_str(&end.join("\n").replace(&digest_of_sheet, "DIGEST"));

    // A brand that moves, and a name that is exempt from the comparison.
    let base = place.path().join("base");
    fs::create_dir(&base).expect("a folder");
    fs::write(base.join("a.yaml"), "namespaces: [{name: com.brand, protect: [brand]}]\n")
        .expect("a file");
    place.overlay(
        "protected.yaml",
        "namespaces: [{name: io.github.other, protect: [brand], not_lookalike: {target: brand, reason: r, reviewer: a}}]\n",
    );
    let plan = place.print(&["plan", "--base", "base"]);
    let lines = plan.lines().filter(|line| line.contains("brand"));
    shown.push_str(&format!("\n\n{}\n", lines.collect::<Vec<_>>().join("\n")));

    // Another command that writes there for long.
    let folder = place.path().join("overlays");
    let _lock = vidimus::config::lock_folder(&folder).expect("a lock");
    let busy = vidimus::config::lock_folder(&folder).expect_err("a refusal").to_string();
    let folder = folder.to_string_lossy().into_owned();
    shown.push_str(&format!("\n{}\n", busy.replace(&folder, "overlays")));
    let mut differing = Vec::new();
    crate::demo::compare("warnings-of-decisions", &shown, &mut differing);
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
