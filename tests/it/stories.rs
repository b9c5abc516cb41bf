//! Whole stories of a reviewer with the real binary: the effects of a rule after it was written.

use serde_json::{Value, json};

use crate::support::daemon::{Daemon, Workplace};
use crate::support::registry::{OFFICIAL, Row, now};
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;

const WIKI: &str = "com.example/wiki";

/// Starts a daemon with an upstream of the organisation, whose names need no owner.
pub(crate) async fn begin(rows: impl IntoIterator<Item = Row>) -> (Upstream, Workplace, Daemon) {
    let upstream = Upstream::start(rows).await;
    let place = Workplace::new(&upstream.url);
    place.upstream(
        &upstream.url,
        "trust = \"internal\"\nsync = {interval = \"250ms\", page_size = 10}",
    );
    let daemon = place.start().await;
    daemon.synced().await;
    (upstream, place, daemon)
}

/// A version with a package and a remote.
fn version(of: &str, host: &str) -> Row {
    let server = json!({
        "name": WIKI, "description": "Reads a wiki", "version": of,
        "packages": [{"registryType": "npm", "identifier": "example-wiki", "version": of,
                      "transport": {"type": "stdio"}}],
        "remotes": [{"type": "streamable-http", "url": format!("https://{host}/mcp")}],
    });
    with_status(&server, "active", None)
}

fn with_status(server: &Value, status: &str, message: Option<&str>) -> Row {
    let text = |member: &str| server[member].as_str().expect("a text").to_owned();
    let at = now();
    let mut official = json!({
        "status": status, "statusChangedAt": at, "publishedAt": "2026-01-01T00:00:00Z",
        "updatedAt": at, "isLatest": false,
    });
    if let Some(message) = message {
        official["statusMessage"] = json!(message);
    }
    let item = json!({"server": server, "_meta": {OFFICIAL: official}});
    // The double selects rows of an incremental sync by this time.
    let row = Row::raw(&text("name"), &text("version"), &item.to_string());
    Row { updated_at: at, ..row }
}

/// Returns the received digest of a version, as a reviewer reads it.
async fn digest(place: &Workplace, entry: &str) -> String {
    let explained = eventually("the version is known", async || {
        let output = place.run(&["explain", entry, "--json"]);
        let explained: Value = serde_json::from_slice(&output.stdout).ok()?;
        explained["versions"][0]["digest"].as_str().map(str::to_owned)
    });
    explained.await
}

/// Waits until an alert of this kind is open, and returns it.
async fn alert(place: &Workplace, kind: &str) -> Value {
    eventually(&format!("the alert {kind} is open"), async || {
        let alerts = place.json(&["alerts", "--json"]);
        let mut alerts = alerts.as_array().expect("a list").iter();
        alerts.find(|alert| alert["kind"] == kind && alert["state"] == "open").cloned()
    })
    .await
}

/// Returns the state of one version, as `list` has it.
fn state(place: &Workplace, of: &str) -> String {
    let lines = place.json(&["list", "--all", "--json"]);
    let mut lines = lines.as_array().expect("a list").iter();
    let line = lines.find(|line| line["version"] == of);
    line.and_then(|line| line["state"].as_str()).unwrap_or_default().to_owned()
}

async fn has_state(place: &Workplace, of: &str, wanted: &str) {
    eventually(&format!("{of} is {wanted}"), async || (state(place, of) == wanted).then_some(()))
        .await;
}

/// Returns a rule that follows one version within a range.
fn following(versions: &str, reference: (&str, &str), reviewed: &str, cooldown: &str) -> String {
    let (version, digest) = reference;
    format!(
        "  - {{name: {WIKI}, versions: \"{versions}\", owner: wiki-team, approval: {{state: approved, reviewed: \"{reviewed}\", \
         expires: 2099-01-01, follow: benign, cooldown: {cooldown}, \
         reference: {{version: {version}, digest: \"{digest}\"}}}}}}\n"
    )
}

/// P73.
#[tokio::test(flavor = "multi_thread")]
async fn benign_version_is_served_after_its_cooldown_and_a_material_one_after_a_decision() {
    let (upstream, place, daemon) = begin([version("1.0.0", "wiki.example.com")]).await;
    let reference = digest(&place, "com.example/wiki@1.0.0").await;
    let reviewed = now();
    let follow = |cooldown: &str| following("<2", ("1.0.0", &reference), &reviewed, cooldown);
    place.overlay("policy.yaml", &format!("servers:\n{}", follow("30d")));
    daemon.lists(&["com.example/wiki@1.0.0"]).await;
    upstream.put(version("1.1.0", "wiki.example.com"));
    has_state(&place, "1.1.0", "cooldown").await;
    place.overlay("policy.yaml", &format!("servers:\n{}", follow("100ms")));
    daemon.lists(&["com.example/wiki@1.0.0", "com.example/wiki@1.1.0"]).await;
    // What follows is compared with the reference, and not with what was followed.
    upstream.put(version("1.2.0", "elsewhere.example.com"));
    let raised = alert(&place, "material-change").await;
    assert_eq!(raised["subject"], WIKI);
    let item = raised["items"][0]["text"].as_str().expect("a text");
    let difference = r#"/remotes/0/url: "https://wiki.example.com/mcp" became "https://elsewhere.example.com/mcp""#;
    assert!(
        item.starts_with("1.2.0 with the digest sha256:") && item.contains(difference),
        "{item}"
    );
    assert_eq!(state(&place, "1.2.0"), "material-change");
    daemon.lists(&["com.example/wiki@1.0.0", "com.example/wiki@1.1.0"]).await;
    // The decision: this version is approved with its digest, and followed from there.
    let decided = digest(&place, "com.example/wiki@1.2.0").await;
    let exact = format!(
        "  - {{name: {WIKI}, versions: 1.2.0, approval: {{state: approved, expires: 2099-01-01, digest: \"{decided}\"}}}}\n"
    );
    let before = following("<1.2", ("1.0.0", &reference), &reviewed, "100ms");
    let after = following(">=1.2, <2", ("1.2.0", &decided), &reviewed, "100ms");
    place.overlay("policy.yaml", &format!("servers:\n{before}{exact}{after}"));
    let served = |versions: &[&str]| -> Vec<String> {
        versions.iter().map(|version| format!("{WIKI}@{version}")).collect()
    };
    let listed = async |versions: &[&str]| {
        let wanted = served(versions);
        daemon.lists(&wanted.iter().map(String::as_str).collect::<Vec<_>>()).await;
    };
    listed(&["1.0.0", "1.1.0", "1.2.0"]).await;
    upstream.put(version("1.3.0", "elsewhere.example.com"));
    listed(&["1.0.0", "1.1.0", "1.2.0", "1.3.0"]).await;
    eventually("the alert is resolved", async || {
        let alerts = place.json(&["alerts", "--json"]);
        let mut alerts = alerts.as_array().expect("a list").iter();
        (!alerts.any(|alert| alert["kind"] == "material-change")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reference_that_no_upstream_has_is_a_warning_and_follows_nothing() {
    let (upstream, place, daemon) = begin([version("1.0.0", "wiki.example.com")]).await;
    digest(&place, "com.example/wiki@1.0.0").await;
    let other = format!("sha256:{}", "0".repeat(64));
    let rule = following("<2", ("1.0.0", &other), &now(), "100ms");
    place.overlay("policy.yaml", &format!("servers:\n{rule}"));
    daemon.lists(&["com.example/wiki@1.0.0"]).await;
    let checked = String::from_utf8_lossy(&place.run(&["check"]).stdout).into_owned();
    let wanted = "no upstream has the reference 1.0.0 of `com.example/wiki@<2` with its digest";
    assert!(checked.contains(wanted), "{checked}");
    upstream.put(version("1.1.0", "wiki.example.com"));
    has_state(&place, "1.1.0", "material-change").await;
}

/// P74.
#[tokio::test(flavor = "multi_thread")]
async fn approval_ends_with_a_warning_before_and_an_alert_after() {
    let (_upstream, place, daemon) = begin([version("1.0.0", "wiki.example.com")]).await;
    let until = |expires: &str| {
        format!(
            "servers: [{{name: {WIKI}, owner: wiki-team, approval: {{state: approved, reviewed: {}, expires: {expires}}}}}]",
            now()
        )
    };
    digest(&place, "com.example/wiki@1.0.0").await;
    let second = std::time::Duration::from_secs(1);
    let end = vidimus::daemon::Clock::system().plus(second * 5);
    place.overlay("policy.yaml", &until(&end.to_rfc3339()));
    daemon.lists(&["com.example/wiki@1.0.0"]).await;
    let expiring = alert(&place, "expiring").await;
    assert_eq!(expiring["subject"], WIKI);
    let detail = expiring["detail"].as_str().expect("a text");
    assert!(detail.contains("within 1 day") && detail.contains("owner: wiki-team"), "{detail}");
    let lines = place.json(&["list", "--expiring", "30d", "--json"]);
    assert_eq!(lines[0]["name"], WIKI);
    let status = place.json(&["status", "--json"]);
    assert_eq!(status["nextEnd"]["subject"], WIKI);
    daemon.lists(&[]).await;
    assert!(vidimus::daemon::Clock::system() > end, "it was hidden before its end");
    let expired = alert(&place, "expired").await;
    assert_eq!(expired["subject"], WIKI);
    assert_eq!(place.json(&["list", "--expiring", "30d", "--json"]), json!([]));
    eventually("the warning is resolved", async || {
        let alerts = place.json(&["alerts", "--json"]);
        let mut alerts = alerts.as_array().expect("a list").iter();
        (!alerts.any(|alert| alert["kind"] == "expiring")).then_some(())
    })
    .await;
    place.overlay("policy.yaml", &until("2099-01-01"));
    daemon.lists(&["com.example/wiki@1.0.0"]).await;
}

fn named(name: &str) -> Value {
    json!({
        "name": name, "description": "Reads a wiki", "version": "1.0.0",
        "remotes": [{"type": "streamable-http", "url": "https://wiki.example.com/mcp"}],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn deprecated_server_names_its_visible_successor_and_is_hidden_in_time() {
    const NEW: &str = "com.example/wiki2";
    let (upstream, place, daemon) = begin([
        with_status(&named(WIKI), "active", None),
        with_status(&named(NEW), "active", None),
    ])
    .await;
    digest(&place, "com.example/wiki2@1.0.0").await;
    let overlay = |more: &str, other: &str| {
        let approved =
            format!("approval: {{state: approved, reviewed: {}, expires: 2099-01-01}}", now());
        format!(
            "servers: [{{name: {WIKI}, {more}{approved}}}, {{name: {NEW}, {}}}]",
            if other.is_empty() { &approved } else { other }
        )
    };
    place.overlay("policy.yaml", &overlay("successor: com.example/wiki2, ", ""));
    daemon.lists(&["com.example/wiki@1.0.0", "com.example/wiki2@1.0.0"]).await;
    let path = "/v0.1/servers/com.example%2Fwiki/versions/latest";
    let successor = async || {
        let meta = daemon.get(path).await.json()["_meta"]["local.vidimus/curation"].clone();
        meta["successor"].as_str().map(str::to_owned)
    };
    eventually("clients see the successor", async || {
        (successor().await.as_deref() == Some(NEW)).then_some(())
    })
    .await;
    upstream.put(with_status(&named(WIKI), "deprecated", Some("Use wiki2")));
    let raised = alert(&place, "status-changed").await;
    let detail = raised["detail"].as_str().expect("a text");
    assert!(
        detail.contains("reports 1.0.0 as deprecated") && detail.contains("Use wiki2"),
        "{detail}"
    );
    let line = place.json(&["list", "wiki", "--json"]);
    let of_wiki = line.as_array().expect("a list").iter().find(|line| line["name"] == WIKI);
    let said = &of_wiki.expect("a line")["upstreamStatus"];
    assert_eq!(
        (&said["status"], &said["statusMessage"]),
        (&json!("deprecated"), &json!("Use wiki2"))
    );
    let explained = place.print(&["explain", WIKI]);
    assert!(
        explained.contains("1.0.0 is deprecated upstream since ")
            && explained.contains(": Use wiki2"),
        "{explained}"
    );
    assert!(explained.contains("use com.example/wiki2 instead"), "{explained}");
    // A successor that is hidden is named to no client.
    place.overlay(
        "policy.yaml",
        &overlay("successor: com.example/wiki2, ", "approval: {state: denied}"),
    );
    daemon.lists(&["com.example/wiki@1.0.0"]).await;
    eventually("no client sees the successor", async || successor().await.is_none().then_some(()))
        .await;
    place.overlay("policy.yaml", &overlay("on_deprecated: {hide_after: 100ms}, ", ""));
    daemon.lists(&["com.example/wiki2@1.0.0"]).await;
    assert_eq!(state(&place, "1.0.0"), "deprecated");
}

#[tokio::test(flavor = "multi_thread")]
async fn name_in_other_case_is_reported_as_a_rename_with_the_line_to_write() {
    const OLD: &str = "com.example/Wiki";
    let (upstream, place, daemon) = begin([with_status(&named(OLD), "active", None)]).await;
    digest(&place, "com.example/Wiki@1.0.0").await;
    let approve = |name: &str| {
        let reviewed = now();
        format!(
            "servers: [{{name: {name}, approval: {{state: approved, reviewed: {reviewed}, expires: 2099-01-01}}}}]"
        )
    };
    place.overlay("policy.yaml", &approve(OLD));
    daemon.lists(&["com.example/Wiki@1.0.0"]).await;
    upstream.put(with_status(&named(OLD), "deleted", None));
    upstream.put(with_status(&named(WIKI), "active", None));
    let renamed = alert(&place, "renamed").await;
    assert_eq!(renamed["subject"], OLD);
    let detail = renamed["detail"].as_str().expect("a text");
    let line = "write `name: com.example/wiki` in the overlay if the rename is right; the rule is at overlays/policy.yaml:1:11";
    assert!(detail.contains(line), "{detail}");
    place.overlay("policy.yaml", &approve(WIKI));
    daemon.lists(&["com.example/wiki@1.0.0"]).await;
}

/// P72.
#[tokio::test(flavor = "multi_thread")]
async fn condition_of_the_organisation_hides_at_once_and_a_waiver_shows_again() {
    let (_upstream, place, daemon) = begin([version("1.0.0", "wiki.example.com")]).await;
    digest(&place, "com.example/wiki@1.0.0").await;
    let approved = format!(
        "servers: [{{name: {WIKI}, approval: {{state: approved, reviewed: {}, expires: 2099-01-01}}}}]",
        now()
    );
    place.overlay("policy.yaml", &approved);
    daemon.lists(&["com.example/wiki@1.0.0"]).await;
    let all = "servers: [{name: '*', conditions: {remotes: {hosts: ['*.corp.example']}}}]";
    place.overlay("organisation.yaml", all);
    daemon.lists(&[]).await;
    let explained = place.print(&["explain", WIKI]);
    let wanted = "conditions met: the remote https://wiki.example.com/mcp is at another host; the condition \
                  `remotes.hosts` of `*` at overlays/organisation.yaml:1:11 allows *.corp.example";
    assert!(explained.contains(wanted), "{explained}");
    let waiver = format!(
        "servers: [{{name: {WIKI}, waive: {{condition: remotes, reason: in procurement, reviewer: alice, expires: 2099-01-01}}}}]"
    );
    place.overlay("waivers.yaml", &waiver);
    daemon.lists(&["com.example/wiki@1.0.0"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn server_is_read_before_it_is_approved() {
    let (upstream, place, daemon) = begin([version("1.0.0", "wiki.example.com")]).await;
    upstream.put(version("1.1.0", "elsewhere.example.com"));
    let invalid = r#"{"server":{"name":"com.example/wiki","version":"1.2.0","description":"a\u0007b"},"_meta":{}}"#;
    upstream.put(Row { updated_at: now(), ..Row::raw(WIKI, "1.2.0", invalid) });
    digest(&place, "com.example/wiki@1.1.0").await;
    let show = |arguments: &[&str]| place.run(&[&["show"], arguments].concat());
    let shown = String::from_utf8(show(&[WIKI]).stdout).expect("text");
    for wanted in [
        "com.example/wiki 1.1.0 from official",
        "  description   Reads a wiki",
        "  package       npm example-wiki 1.1.0 (exact)",
        "  remote        streamable-http https://elsewhere.example.com/mcp",
        "hidden: never decided",
        "    1.0.0: never decided, published 2026-01-01",
    ] {
        assert!(shown.contains(wanted), "{wanted} in {shown}");
    }
    let raw = show(&["com.example/wiki@1.0.0", "--raw"]);
    let raw: Value = serde_json::from_slice(&raw.stdout).expect("the received bytes");
    assert_eq!(raw["server"]["remotes"][0]["url"], "https://wiki.example.com/mcp");
    let difference =
        String::from_utf8(show(&[WIKI, "--diff", "1.0.0", "1.1.0"]).stdout).expect("text");
    assert!(
        difference.contains(r#"/remotes/0/url: "https://wiki.example.com/mcp" became"#),
        "{difference}"
    );
    eventually("the row is in quarantine", async || {
        let shown = String::from_utf8(show(&["com.example/wiki@1.2.0"]).stdout).expect("text");
        (shown.contains("it is in quarantine") && shown.contains("hidden: quarantined"))
            .then_some(())
    })
    .await;
    assert_eq!(
        String::from_utf8_lossy(&show(&["com.example/wiki@1.2.0", "--raw"]).stdout),
        invalid
    );
    let unknown = show(&["com.example/wiki@9.9.9"]);
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
    // Without the daemon the store answers alike.
    let before = show(&[WIKI, "--json"]).stdout;
    assert_eq!(daemon.signal("TERM").await, Some(0));
    let after = show(&[WIKI, "--json"]).stdout;
    assert_eq!(String::from_utf8_lossy(&after), String::from_utf8_lossy(&before));
}

/// Returns the present time with all its digits, as the daemon reads it.
fn precisely_now(place: &Workplace) -> String {
    let status = place.json(&["status", "--json"]);
    status["now"].as_str().expect("a time").to_owned()
}

/// Returns the printed answer of a command that succeeds.
fn printed(place: &Workplace, arguments: &[&str]) -> String {
    let output = place.run(arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// P75: the auditor asks what was served at a time, by whose approval, and what changed since.
#[tokio::test(flavor = "multi_thread")]
async fn auditor_learns_what_was_served_then_and_by_whose_approval() {
    let (upstream, place, daemon) = begin([version("1.0.0", "wiki.example.com")]).await;
    let approve = |reviewer: &str, tier: u8| {
        let rule = format!(
            "servers:\n  - name: {WIKI}\n    tier: {tier}\n    approval: {{state: approved, reviewed: \"{}\", expires: \
             2099-01-01, reviewers: [{reviewer}]}}\n",
            now()
        );
        place.overlay("policy.yaml", &rule);
    };
    digest(&place, WIKI).await;
    let begins = precisely_now(&place);
    approve("alice", 1);
    daemon.lists(&["com.example/wiki@1.0.0"]).await;
    let by_alice = precisely_now(&place);
    // Another reviewer, and the same bytes for clients.
    approve("bob", 1);
    eventually("bob's approval is recorded", async || {
        let history = printed(&place, &["history", WIKI]);
        history.contains("approved by another rule").then_some(())
    })
    .await;
    let by_bob = precisely_now(&place);
    place.overlay(
        "policy.yaml",
        &format!(
            "servers:\n  - name: {WIKI}\n    approval: {{state: denied, reviewers: [carol]}}\n"
        ),
    );
    daemon.lists(&[]).await;
    let served = |at: &str| printed(&place, &["list", "--at", at]);
    let (alice, bob) = (served(&by_alice), served(&by_bob));
    assert!(alice.contains("com.example/wiki  1.0.0    default  alice"), "{alice}");
    assert!(alice.contains("policy.yaml:2") && alice.contains("1 entry visible at"), "{alice}");
    assert!(bob.contains(" bob "), "{bob}");
    eventually("the denial is recorded", async || {
        served(&precisely_now(&place)).starts_with("0 entries visible at").then_some(())
    })
    .await;
    let changes = printed(&place, &["changes", "--since", &begins]);
    for wanted in [
        "1 overlay file became the policy",
        "com.example/wiki@1.0.0 became visible in view default, since the policy changed; approved at",
        "by alice",
        "com.example/wiki@1.0.0 is approved by another rule in view default",
        "com.example/wiki@1.0.0 was hidden from view default, by the gate `approved`; the rule at",
        "by carol hides it",
        "the history begins at",
    ] {
        assert!(changes.contains(wanted), "{wanted} in {changes}");
    }
    let refused = |arguments: &[&str], wanted: &str| {
        let output = place.run(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(wanted), "{text}");
    };
    refused(&["list", "--at", "2020-01-01"], "the history begins at");
    refused(&["changes", "--since", "2999-01-01"], "that time has not come");
    let at = printed(&place, &["list", "--at", &by_alice, "--json"]);
    let at: Value = serde_json::from_str(&at).expect("JSON");
    assert_eq!(at["entries"][0]["name"], WIKI);
    // Without the daemon the store answers alike.
    assert_eq!(daemon.signal("TERM").await, Some(0));
    assert_eq!(served(&by_alice), alice);
    assert_eq!(printed(&place, &["changes", "--since", &begins]), changes);
    drop(upstream);
}
