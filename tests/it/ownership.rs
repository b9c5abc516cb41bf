//! Namespace ownership end to end: a daemon, a DNS zone, accounts that change hands.

use crate::support::daemon::{Daemon, Workplace, text};
use crate::support::dns::{Dns, Say};
use crate::support::forge::Forge;
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;
use serde_json::{Value, json};

const KEY: &str = "v=MCPv1; k=ed25519; p=JQtzW6e9n99dtRf5H8cV1WJkGltm1csHCCYlVSLvIEE=";
const OTHER: &str = "v=MCPv1; k=ed25519; p=eZKrGXQmBODTj/0Pt7Y+8LyKxuurR4vbbGJ4xU1TU5I=";

const POLICY: &str = "
servers:
- {name: com.example/*, approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}}
- {name: com.example.sub/*, approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}}
- {name: com.example.sub/named, approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}}
- {name: com.other/*, approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}}
- {name: com.exact/tool, approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}}
- {name: io.github.Someone/*, approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}}
- {name: io.github.someone/*, approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}}
";

struct World {
    dns: Dns,
    forge: Forge,
    place: Workplace,
    upstream: Upstream,
}

impl World {
    async fn new() -> Self {
        let rows = [
            "com.example/tool",
            "com.example.sub/tool",
            "com.example.sub/named",
            "com.other/tool",
            "com.exact/tool",
            "io.github.Someone/tool",
            "io.github.someone/tool",
        ];
        let upstream = Upstream::start(rows.map(|name| Row::new(name, "1.0.0"))).await;
        let (dns, forge) = (Dns::start().await, Forge::start().await);
        let place = Workplace::new(&upstream.url);
        place.overlay("policy.yaml", POLICY);
        place.write(
            "vidimus.toml",
            &format!(
                "[ownership]\nresolvers = [\"{}\"]\n[github]\nurl = \"{}\"\n[packages.npm]\nurl = \"{}\"\n",
                dns.address, forge.url, forge.url
            ),
        );
        Self { dns, forge, place, upstream }
    }

    /// Verifies a namespace now.
    fn verify(&self, namespace: &str) -> Value {
        let output = self.place.run(&["ownership", namespace, "--json"]);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        let report: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
        let owned = |verdict| matches!(verdict, Some("verified" | "declared" | "waived"));
        // A verdict that this lookup did not confirm is no success.
        let is_owned = owned(report["report"]["verdict"].as_str())
            && (report["report"]["confirmed"] == true || report["report"]["verdict"] == "waived");
        assert_eq!(output.status.code(), Some(i32::from(!is_owned)), "{report}");
        report["report"].clone()
    }

    fn verdict(&self, namespace: &str) -> String {
        self.verify(namespace)["verdict"].as_str().expect("a verdict").to_owned()
    }

    /// Returns kind and subject of the open alerts about ownership.
    fn alerts(&self) -> Vec<String> {
        let alerts = self.place.json(&["alerts", "--json"]);
        let alerts = alerts.as_array().expect("a list").iter();
        let ours = alerts.filter(|alert| alert["source"] == "ownership");
        ours.map(|alert| {
            format!(
                "{} {}",
                alert["kind"].as_str().expect("one"),
                alert["subject"].as_str().expect("one")
            )
        })
        .collect()
    }
}

async fn served(daemon: &Daemon, wanted: &[&str]) {
    let wanted: Vec<String> = wanted.iter().map(|name| format!("{name}@1.0.0")).collect();
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    daemon.lists(&wanted).await;
}

/// P44.
#[tokio::test(flavor = "multi_thread")]
async fn wildcard_needs_a_verified_namespace_and_an_exact_name_one_that_is_not_revoked() {
    let world = World::new().await;
    world.dns.record("example.com", KEY);
    world.dns.txt("other.com", Say::Nothing);
    world.forge.account("someone", 7, "2020-01-01T00:00:00Z");
    let daemon = world.place.start().await;
    served(
        &daemon,
        &[
            "com.exact/tool",
            "com.example.sub/named",
            "com.example/tool",
            "io.github.Someone/tool",
            "io.github.someone/tool",
        ],
    )
    .await;
    let item = daemon.get("/v0.1/servers/com.example%2Ftool/versions/latest").await.json();
    assert_eq!(item["_meta"]["local.vidimus/curation"]["ownership"], "verified");
    let lines = world.place.json(&["list", "--all", "--json"]);
    let other =
        lines.as_array().expect("a list").iter().find(|line| line["name"] == "com.other/tool");
    assert_eq!(other.expect("listed")["hiddenBy"], "ownership not verified as required");
    let explained = world.place.print(&["explain", "com.example.sub/tool", "--verbose"]);
    assert!(explained.contains("namespace ownership: verified, verified is required (not-revoked for an approval of the exact name): example.com shows a key that was seen first; a key of the parent domain is enough for an exact name"), "{explained}");
    assert!(explained.contains("It says nothing of who wrote an entry"), "{explained}");
    let list = world.place.print(&["list"]);
    assert!(list.contains("OWNERSHIP") && list.contains(" verified "), "{list}");
}

/// P14.
#[tokio::test(flavor = "multi_thread")]
async fn failing_zone_changes_nothing_and_another_key_suspends_the_namespace() {
    let world = World::new().await;
    world.dns.record("example.com", KEY);
    let mut daemon = world.place.start().await;
    let with = ["com.exact/tool", "com.example.sub/named", "com.example/tool"];
    let without = ["com.exact/tool", "com.example.sub/named"];
    served(&daemon, &with).await;
    let pin = world.place.print(&["ownership", "com.example", "--pin"]);
    assert!(
        pin.contains("keys: [\"ed25519:JQtzW6e9n99dtRf5H8cV1WJkGltm1csHCCYlVSLvIEE=\"]"),
        "{pin}"
    );
    // An inconclusive lookup changes nothing, also after a restart.
    world.dns.txt("example.com", Say::Failure);
    assert_eq!(world.verdict("com.example"), "verified");
    daemon.kill();
    daemon = world.place.start().await;
    served(&daemon, &with).await;
    // The record is missing for a short time.
    world.dns.txt("example.com", Say::NoSuchName);
    for _ in 0..4 {
        assert_eq!(world.verdict("com.example"), "verified");
    }
    served(&daemon, &with).await;
    eventually("an alert is raised", async || {
        world.alerts().contains(&"evidence-missing com.example".to_owned()).then_some(())
    })
    .await;
    // Another key: the domain may have another owner.
    world.dns.record("example.com", OTHER);
    let title = world.verify("com.example");
    assert_eq!(title["verdict"], "unverified");
    assert!(title["why"].as_str().is_some_and(|why| why.starts_with("suspended")), "{title}");
    served(&daemon, &without).await;
    eventually("an alert is raised", async || {
        world.alerts().contains(&"keys-changed com.example".to_owned()).then_some(())
    })
    .await;
    let status = world.place.print(&["status"]);
    assert!(status.contains("ownership   namespaces looked up: "), "{status}");
    // A reviewer pins the new key: it takes effect at once, without a lookup.
    world.dns.txt("example.com", Say::Silence);
    let accepted = "namespaces:\n- name: com.example\n  ownership: {keys: [\"ed25519:eZKrGXQmBODTj/0Pt7Y+8LyKxuurR4vbbGJ4xU1TU5I=\"]}\n";
    world.place.overlay("owners.yaml", accepted);
    served(&daemon, &with).await;
}

/// P44.
#[tokio::test(flavor = "multi_thread")]
async fn login_of_another_account_is_revoked_and_hidden() {
    let world = World::new().await;
    world.forge.account("someone", 7, "2020-01-01T00:00:00Z");
    let daemon = world.place.start().await;
    served(
        &daemon,
        &[
            "com.exact/tool",
            "com.example.sub/named",
            "io.github.Someone/tool",
            "io.github.someone/tool",
        ],
    )
    .await;
    // The test rows are older than the new account.
    world.forge.account("someone", 8, "2026-11-19T00:00:00Z");
    assert_eq!(world.verdict("io.github.Someone"), "revoked");
    served(&daemon, &["com.exact/tool", "com.example.sub/named"]).await;
    eventually("an alert is raised", async || {
        world.alerts().contains(&"ownership-revoked io.github.someone".to_owned()).then_some(())
    })
    .await;
    let waived = "namespaces:\n- name: io.github.someone\n  ownership: {waived: {reason: moved, reviewer: sec}}\n";
    world.place.overlay("owners.yaml", waived);
    served(
        &daemon,
        &[
            "com.exact/tool",
            "com.example.sub/named",
            "io.github.Someone/tool",
            "io.github.someone/tool",
        ],
    )
    .await;
    let published_before =
        "namespaces:\n- name: io.github.someone\n  ownership: {require: verified}\n";
    world.place.overlay("owners.yaml", published_before);
    served(&daemon, &["com.exact/tool", "com.example.sub/named"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn package_that_names_another_server_hides_the_entry() {
    let world = World::new().await;
    world.dns.record("exact.com", KEY);
    let item = Row::new("com.exact/tool", "1.0.0").item();
    let with_package = item.replacen(
        "\"version\"",
        "\"packages\":[{\"registryType\":\"npm\",\"identifier\":\"tool\",\"version\":\"1.0.0\",\"transport\":{\"type\":\"stdio\"}}],\"version\"",
        1,
    );
    let upstream = Upstream::start([Row::raw("com.exact/tool", "1.0.0", &with_package)]).await;
    world.place.upstream(&upstream.url, "sync = {interval = \"250ms\"}");
    world.forge.page("/tool/1.0.0", json!({"name": "tool", "mcpName": "com.exact/tool"}));
    let daemon = world.place.start().await;
    served(&daemon, &["com.exact/tool"]).await;
    world.forge.page("/tool/1.0.0", json!({"name": "tool", "mcpName": "io.github.victim/tool"}));
    world.verify("com.exact");
    served(&daemon, &[]).await;
    eventually("an alert is raised", async || {
        world.alerts().contains(&"package-disputed com.exact/tool".to_owned()).then_some(())
    })
    .await;
    let explained = world.place.print(&["explain", "com.exact/tool"]);
    assert!(
        explained.contains("npm tool names another server: io.github.victim/tool"),
        "{explained}"
    );
    // The package registry is unavailable: the last result stays.
    world.forge.always(503, &[]);
    world.verify("com.exact");
    served(&daemon, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_token_raises_one_alert_and_does_not_leak() {
    let world = World::new().await;
    world.forge.always(401, &[]);
    let toml = format!(
        "[ownership]\nresolvers = [\"{}\"]\n[github]\nurl = \"{}\"\ntoken_file = \"token\"\n",
        world.dns.address, world.forge.url
    );
    world.place.write("vidimus.toml", &toml);
    world.place.write("token", "ghp_very-secret\n");
    let daemon = world.place.start().await;
    daemon.synced().await;
    eventually("an alert is raised", async || {
        world.alerts().contains(&"github-token-refused github".to_owned()).then_some(())
    })
    .await;
    assert_eq!(world.verdict("io.github.someone"), "inconclusive");
    assert_eq!(world.alerts().iter().filter(|alert| alert.contains("token")).count(), 1);
    let status = daemon.operate("/status").await.text;
    assert!(!(status + &daemon_log(&world)).contains("very-secret"));
}

fn daemon_log(world: &World) -> String {
    std::fs::read_to_string(world.place.path().join("log")).expect("a log")
}

#[tokio::test(flavor = "multi_thread")]
async fn ownership_command_works_without_a_store_and_prints_what_to_publish() {
    let world = World::new().await;
    world.dns.txt("example.com", Say::Nothing);
    let output = world.place.run(&["ownership", "com.example"]);
    let printed = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(printed.contains("com.example: unverified: nothing is shown"), "{printed}");
    assert!(printed.contains("claims the domain example.com"), "{printed}");
    assert!(printed.contains("example.com. IN TXT"), "{printed}");
    assert!(printed.contains("https://example.com/.well-known/mcp-registry-auth"), "{printed}");
    assert!(!world.place.data().join("vidimus.redb").exists(), "a lookup leaves no files");
    let refused = world.place.run(&["ownership", "com.example/tool"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("without a server's name"), "{}", text(&refused.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_internal_upstreams_are_not_sent_to_the_forge() {
    let world = World::new().await;
    let ours = json!({"name": "io.github.ours/tool", "version": "1.0.0", "description": "x"});
    world.place.write("ours/server.json", &ours.to_string());
    world.place.write(
        "upstreams/ours.toml",
        "kind = \"files\"\npath = \"ours\"\ntrust = \"internal\"\npriority = 1\nsync = {interval = \"250ms\"}\n",
    );
    let approval = "servers:\n- {name: io.github.ours/*, approval: {state: approved, reviewed: 2026-12-31, expires: 2099-01-01}}\n";
    let today = crate::support::registry::now();
    world.place.overlay("ours.yaml", &approval.replace("2026-12-31", &today[..10]));
    let late = "servers: [{name: io.github.late/*, approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}}]\n";
    world.place.overlay("late.yaml", late);
    let daemon = world.place.start().await;
    served(&daemon, &["com.exact/tool", "com.example.sub/named", "io.github.ours/tool"]).await;
    // A new name is looked up at once, ahead of the schedule.
    world.forge.account("late", 9, "2020-01-01T00:00:00Z");
    let now = crate::support::registry::now();
    world.upstream.put(Row::new("io.github.late/tool", "1.0.0").status("active", &now));
    world.place.review_again("late.yaml", "io.github.late/tool").await;
    world.place.write("ours/other.json", &ours.to_string().replace("ours/tool", "ours/two"));
    served(
        &daemon,
        &[
            "com.exact/tool",
            "com.example.sub/named",
            "io.github.late/tool",
            "io.github.ours/tool",
            "io.github.ours/two",
        ],
    )
    .await;
    let asked = world.forge.asked();
    assert!(asked.iter().any(|(path, _)| path == "/users/late"));
    assert!(!asked.iter().any(|(path, _)| path.contains("ours")), "{asked:?}");
}

/// P23: a stranger who shows the old key beside their own gets nothing new served before a person accepts the keys.
#[tokio::test(flavor = "multi_thread")]
async fn copied_key_admits_no_new_version_until_a_person_acknowledges_exactly_these_keys() {
    let world = World::new().await;
    let approval = "approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}";
    world.place.overlay(
        "policy.yaml",
        &format!("servers: [{{name: com.example/*, owner: payments, {approval}}}]\n"),
    );
    world.dns.record("example.com", KEY);
    let daemon = world.place.start().await;
    served(&daemon, &["com.example/tool"]).await;
    let both = Say::Txt(pieces(&[KEY, OTHER]));
    world.dns.txt("example.com", both);
    let now = crate::support::registry::now();
    world.upstream.put(Row::new("com.example/other", "1.0.0").status("active", &now));
    world.place.review_again("policy.yaml", "com.example/other").await;
    let changed = eventually("an alert names both keys", async || {
        alert(&world, "keys-changed", "com.example")
    })
    .await;
    let detail = changed["detail"].as_str().expect("text");
    for part in ["ed25519:JQtz", "ed25519:eZKr", "was seen from", "com.example/tool", "payments"] {
        assert!(detail.contains(part), "{part}: {detail}");
    }
    assert_eq!(changed["served"], true);
    eventually("the new version is looked at", async || {
        let explained = world.place.run(&["explain", "com.example/other", "--verbose"]);
        text(&explained.stdout).contains("the keys changed").then_some(())
    })
    .await;
    served(&daemon, &["com.example/tool"]).await;
    let report = world.verify("com.example");
    assert_eq!(report["keys"].as_array().map(Vec::len), Some(2), "{report}");
    assert!(report["keysChanged"].is_string(), "{report}");
    let (id, seen) =
        (changed["id"].as_str().expect("one"), changed["shown"].as_str().expect("one"));
    let ack = ["alerts", "ack", id, "--seen", seen, "--by", "alice", "--reason", "they rotate"];
    assert!(world.place.run(&ack).status.success());
    served(&daemon, &["com.example/other", "com.example/tool"]).await;
    // The next key is a change again.
    world.dns.record("example.com", OTHER);
    world.verify("com.example");
    eventually("an alert is raised", async || alert(&world, "keys-changed", "com.example")).await;
}

fn pieces(texts: &[&str]) -> Vec<Vec<String>> {
    texts.iter().map(|text| vec![(*text).to_owned()]).collect()
}

/// Returns an open alert of a kind about a subject.
fn alert(world: &World, kind: &str, subject: &str) -> Option<Value> {
    let alerts = world.place.json(&["alerts", "--json"]);
    let mut alerts = alerts.as_array().expect("a list").iter();
    let found = alerts.find(|alert| {
        alert["kind"] == kind && alert["subject"] == subject && alert["state"] == "open"
    });
    found.cloned()
}

/// P14: one resolver that denies everything revokes a few, and the others wait for a person.
#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread")]
async fn many_losses_at_once_wait_for_a_person() {
    let world = World::new().await;
    let rows: Vec<Row> =
        (1..=5).map(|index| Row::new(&format!("com.n{index}/tool"), "1.0.0")).collect();
    let upstream = Upstream::start(rows).await;
    world.place.upstream(&upstream.url, "sync = {interval = \"250ms\"}");
    let approval = "approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}";
    world.place.overlay("policy.yaml", &format!("servers: [{{name: \"com.*/*\", {approval}}}]\n"));
    (1..=5).for_each(|index| world.dns.record(&format!("n{index}.com"), KEY));
    let all = ["com.n1/tool", "com.n2/tool", "com.n3/tool", "com.n4/tool", "com.n5/tool"];
    let mut daemon = world.place.start().await;
    served(&daemon, &all).await;
    daemon.kill();
    // Everything is denied for two days, by the clock of the commands.
    (1..=5).for_each(|index| world.dns.txt(&format!("n{index}.com"), Say::NoSuchName));
    let soon: jiff::Timestamp = crate::support::registry::now().parse().expect("a time");
    for hours in [1, 9, 40] {
        world.place.set_clock(&(soon + jiff::SignedDuration::from_hours(hours)).to_string());
        let answer = world.place.run(&["ownership", "--all", "--json"]);
        assert_eq!(answer.status.code(), Some(1), "{}", text(&answer.stderr));
    }
    let printed = world.place.print(&["ownership", "--all", "--json"]);
    let report: Value = serde_json::from_str(&printed).expect("JSON");
    let verdicts: Vec<&str> = report
        .as_array()
        .expect("a list")
        .iter()
        .map(|report| report["report"]["verdict"].as_str().expect("one"))
        .collect();
    assert_eq!(verdicts, ["revoked", "revoked", "verified", "verified", "verified"]);
    daemon = world.place.start().await;
    served(&daemon, &all[2..]).await;
    let waiting =
        eventually("one alert", async || alert(&world, "losses-on-hold", "ownership")).await;
    assert_eq!(waiting["count"], 3, "{waiting}");
    let missing = world.alerts();
    assert!(!missing.iter().any(|alert| alert.starts_with("evidence-missing")), "{missing:?}");
    // What waits comes back at once; the two come back after an hour.
    (3..=4).for_each(|index| world.dns.record(&format!("n{index}.com"), KEY));
    assert_eq!(world.verdict("com.n3"), "verified");
    assert_eq!(world.verdict("com.n4"), "verified");
    let waiting = eventually("one is left", async || {
        alert(&world, "losses-on-hold", "ownership").filter(|alert| alert["count"] == 1)
    })
    .await;
    let (id, seen) =
        (waiting["id"].as_str().expect("one"), waiting["shown"].as_str().expect("one"));
    let ack = ["alerts", "ack", id, "--seen", seen, "--by", "alice", "--reason", "it is gone"];
    assert!(world.place.run(&ack).status.success());
    served(&daemon, &all[2..4]).await;
    eventually("it is revoked", async || alert(&world, "ownership-revoked", "com.n5")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn login_without_an_account_raises_an_alert() {
    let world = World::new().await;
    let _daemon = world.place.start().await;
    eventually("an alert is raised", async || {
        alert(&world, "login-unregistered", "io.github.someone")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_pin_of_an_account_is_a_finding_of_the_check() {
    let world = World::new().await;
    world.forge.account("someone", 7, "2020-01-01T00:00:00Z");
    world.dns.record("example.com", KEY);
    let daemon = world.place.start().await;
    daemon.synced().await;
    eventually("both owners are known", async || {
        let known = daemon.operate("/namespaces").await.json();
        let is_known = |known: &Value| known["account"] == 7 || known["keys"][0].is_string();
        (known.as_array()?.iter().filter(|known| is_known(known)).count() >= 2).then_some(())
    })
    .await;
    let pins = format!(
        "namespaces:\n- {{name: io.github.someone, ownership: {{github: 9}}}}\n- {{name: com.example, ownership: {{keys: [\"{}\"]}}}}\n",
        "ed25519:eZKrGXQmBODTj/0Pt7Y+8LyKxuurR4vbbGJ4xU1TU5I="
    );
    world.place.overlay("pins.yaml", &pins);
    let printed = world.place.run(&["check"]);
    let printed = text(&printed.stdout) + &text(&printed.stderr);
    assert!(printed.contains("is the account 7, and not 9"), "{printed}");
    assert!(printed.contains("`com.example` shows none of these keys"), "{printed}");
}
