//! Protected brands: lookalikes are reported, explained, acknowledged and withheld from wildcards.

use crate::support::daemon::{Workplace, text};
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;
use serde_json::Value;

fn subjects(alerts: &Value) -> Vec<String> {
    let alerts = alerts.as_array().expect("a list").iter();
    let text = |alert: &Value, member: &str| alert[member].as_str().unwrap_or_default().to_owned();
    alerts
        .map(|alert| {
            format!("{} {} {}", text(alert, "subject"), text(alert, "suspect"), alert["count"])
        })
        .collect()
}

/// Returns the open lookalike alerts: target, suspect namespace, number of names.
fn lookalikes(place: &Workplace, arguments: &[&str]) -> Vec<String> {
    let all = [&["lookalikes", "--json"], arguments].concat();
    let output = place.run(&all);
    let found: Value = serde_json::from_str(&text(&output.stdout)).expect("JSON");
    subjects(&found)
}

/// Acknowledges what an alert shows.
fn acknowledge(place: &Workplace, alert: &Value) {
    let text = |member: &str| alert[member].as_str().expect("a text");
    let (id, shown) = (text("id"), text("shown"));
    let all = ["alerts", "ack", id, "--seen", shown, "--by", "alice", "--reason", "seen"];
    let acknowledged = place.run(&all);
    assert!(acknowledged.status.success(), "{acknowledged:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lookalikes_of_a_protected_brand_are_reported_explained_and_acknowledged() {
    let names = [
        "com.stripe/stripe-mcp",
        "io.github.someone/stripe-mcp",
        "io.github.someone/stripe-payments",
        "com.strlpe/pay",
        "com.weather/forecast",
        "com.bank/ledger-mcp",
    ];
    let upstream = Upstream::start(names.map(|name| Row::new(name, "1.0.0"))).await;
    let place = Workplace::new(&upstream.url);
    let daemon = place.start().await;
    daemon.synced().await;
    assert_eq!(lookalikes(&place, &[]), [] as [String; 0]);
    place.overlay("protect.yaml", "namespaces:\n- {name: com.stripe, protect: [stripe]}\n");
    let wanted = ["stripe com.strlpe 1", "stripe io.github.someone 2"];
    eventually("both are reported", async || {
        let mut found = lookalikes(&place, &[]);
        found.sort();
        (found == wanted).then_some(())
    })
    .await;
    assert_eq!(lookalikes(&place, &["--level", "high"]).len(), 2);
    assert_eq!(lookalikes(&place, &["--since", "2099-01-01T00:00:00Z"]), [] as [String; 0]);
    let why = place.run(&["lookalikes", "why", "io.github.someone/stripe-mcp"]);
    assert_eq!(why.status.code(), Some(1));
    let printed = text(&why.stdout);
    assert!(printed.starts_with("high ("), "{printed}");
    let wanted = "): io.github.someone/stripe-mcp resembles stripe: `stripe` is protected by an overlay\n    brand-in-leaf: `stripe` in `stripe-mcp`\n";
    assert!(printed.contains(wanted), "{printed}");
    let why = place.run(&["lookalikes", "why", "com.stripe/stripe-mcp"]);
    assert_eq!(why.status.code(), Some(0));
    let printed = text(&why.stdout);
    assert!(printed.starts_with("suppressed, since both belong to stripe.com: "), "{printed}");
    let why = place.run(&["lookalikes", "why", "com.weather/forecast"]);
    assert_eq!(why.status.code(), Some(0), "{}", text(&why.stdout));
    // A new name is compared at once, also with names that an approval spells out.
    place.overlay(
        "bank.yaml",
        "servers: [{name: com.bank/ledger-mcp, approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}}]\n",
    );
    daemon.lists(&["com.bank/ledger-mcp@1.0.0"]).await;
    let now = crate::support::registry::now();
    upstream.put(Row::new("io.github.else/ledger-server", "1.0.0").status("active", &now));
    eventually("it is reported", async || {
        lookalikes(&place, &[])
            .contains(&"com.bank/ledger-mcp io.github.else 1".to_owned())
            .then_some(())
    })
    .await;
    let alerts = place.run(&["lookalikes", "--json"]);
    let alerts: Value = serde_json::from_str(&text(&alerts.stdout)).expect("JSON");
    for alert in alerts.as_array().expect("a list") {
        acknowledge(&place, alert);
    }
    assert_eq!(place.run(&["lookalikes"]).status.code(), Some(0), "nothing is open");
    place.overlay(
        "not_lookalike.yaml",
        "servers:\n- {name: io.github.else/*, not_lookalike: {target: com.bank/ledger-mcp, reason: a fork, reviewer: alice}}\n",
    );
    eventually("the alert is resolved", async || {
        (!lookalikes(&place, &[]).contains(&"com.bank/ledger-mcp io.github.else 1".to_owned()))
            .then_some(())
    })
    .await;
}

/// P22.
#[tokio::test(flavor = "multi_thread")]
async fn flood_of_lookalikes_is_listed_and_fails_the_command() {
    let brands = ["stripe", "figma", "notion", "github", "asana", "linear", "sentry"];
    let rows = brands.map(|brand| Row::new(&format!("io.github.evil/{brand}-mcp"), "1.0.0"));
    let upstream = Upstream::start(rows).await;
    let place = Workplace::new(&upstream.url);
    let protect: Vec<String> = brands
        .iter()
        .map(|brand| format!("- {{name: com.{brand}, protect: [{brand}]}}\n"))
        .collect();
    place.overlay("protect.yaml", &format!("namespaces:\n{}", protect.concat()));
    let daemon = place.start().await;
    daemon.synced().await;
    let listed = async || {
        let output = place.run(&["lookalikes", "--json", "--level", "high"]);
        let found: Value = serde_json::from_str(&text(&output.stdout)).expect("JSON");
        let found = found.as_array().expect("a list").clone();
        (found.len() == 6).then_some(found)
    };
    let alerts = eventually("five alerts and a flood are listed", listed).await;
    let (floods, single): (Vec<&Value>, Vec<&Value>) =
        alerts.iter().partition(|alert| alert["kind"] == "flood");
    assert_eq!((floods.len(), &floods[0]["count"]), (1, &Value::from(2)));
    single.into_iter().for_each(|alert| acknowledge(&place, alert));
    assert_eq!(
        place.run(&["lookalikes"]).status.code(),
        Some(1),
        "the flood or what it counted is open"
    );
}

const REVIEWED: &str = "approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}";

/// An overlay with a protected brand and a wildcard approval.
fn wildcard() -> String {
    format!(
        "namespaces:\n- {{name: com.stripe, protect: [stripe]}}\nservers:\n- {{name: io.github.someone/*, {REVIEWED}}}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn wildcard_withholds_names_with_an_open_lookalike_alert() {
    let names = ["io.github.someone/stripe-mcp", "io.github.someone/weather"];
    let upstream = Upstream::start(names.map(|name| Row::new(name, "1.0.0"))).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("all.yaml", &wildcard());
    let daemon = place.start().await;
    daemon.lists(&["io.github.someone/weather@1.0.0"]).await;
    let alert = eventually("it is reported", async || {
        let output = place.run(&["lookalikes", "--json"]);
        let found: Value = serde_json::from_str(&text(&output.stdout)).expect("JSON");
        found.get(0).cloned()
    })
    .await;
    let id = alert["id"].as_str().expect("an id");
    let explain = |name: &str| place.print(&["explain", name]);
    let explained = explain(names[0]);
    assert!(explained.contains("it resembles stripe: brand-in-leaf"), "{explained}");
    assert!(explained.contains(&format!("when the alert {id} is acknowledged")), "{explained}");
    daemon.lists(&["io.github.someone/weather@1.0.0"]).await;
    acknowledge(&place, &alert);
    daemon.lists(&["io.github.someone/stripe-mcp@1.0.0", "io.github.someone/weather@1.0.0"]).await;
    // The acknowledgement does not cover the next suspect.
    let now = crate::support::registry::now();
    let next = Row::new("io.github.someone/stripe-pay", "1.0.0").published("2026-10-01T00:00:00Z");
    upstream.put(next.status("active", &now));
    let reopened = eventually("the alert is open again", async || {
        let found = place.print(&["lookalikes", "--json"]);
        let found: Value = serde_json::from_str(&found).expect("JSON");
        (found[0]["count"] == 2 && found[0]["state"] == "open").then(|| found[0].clone())
    })
    .await;
    let new = |item: &&Value| item["seen"] == false;
    let items = reopened["items"].as_array().expect("a list");
    assert_eq!((items.len(), items.iter().filter(new).count()), (2, 1), "{reopened}");
    // The digest of an earlier state does not acknowledge later items.
    let (id, before) = (alert["id"].as_str().expect("one"), alert["shown"].as_str().expect("one"));
    let late = ["alerts", "ack", id, "--seen", before, "--by", "alice", "--reason", "seen"];
    let refused = place.run(&late);
    assert_eq!(refused.status.code(), Some(1));
    let refusal = text(&refused.stderr);
    assert!(
        refusal.contains("1 added: io.github.someone/stripe-pay resembles stripe"),
        "{refusal}"
    );
    assert!(refusal.contains("nothing removed"), "{refusal}");
    // An acknowledged item covers the next version with the same evidence, and no other name.
    let again = Row::new("io.github.someone/stripe-mcp", "1.1.0").published("2026-10-01T00:00:00Z");
    upstream.put(again.status("active", &crate::support::registry::now()));
    let mut served = vec![
        "io.github.someone/stripe-mcp@1.0.0",
        "io.github.someone/stripe-mcp@1.1.0",
        "io.github.someone/weather@1.0.0",
    ];
    place.review_again("all.yaml", "io.github.someone/stripe-mcp@1.1.0").await;
    daemon.lists(&served).await;
    assert!(explain("io.github.someone/stripe-pay").contains("it resembles stripe"));
    // An approval that spells the name out passes the gate.
    place.overlay(
        "one.yaml",
        &format!("servers: [{{name: io.github.someone/stripe-pay, {REVIEWED}}}]\n"),
    );
    place.review_again("one.yaml", "io.github.someone/stripe-pay").await;
    served.insert(2, "io.github.someone/stripe-pay@1.0.0");
    daemon.lists(&served).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wildcard_takes_effect_only_after_names_are_compared_with_a_new_brand() {
    let upstream = Upstream::start([Row::new("io.github.someone/stripe-mcp", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    let daemon = place.start().await;
    daemon.synced().await;
    place.overlay("all.yaml", &wildcard());
    eventually("it is reported", async || (!lookalikes(&place, &[]).is_empty()).then_some(()))
        .await;
    daemon.lists(&[]).await;
    drop(daemon);
    // The same without a daemon.
    let explained = place.print(&["explain", "io.github.someone/stripe-mcp"]);
    assert!(explained.contains("it resembles stripe"), "{explained}");
    // The setting disables the gate, not the alert.
    place.write("vidimus.toml", "[lookalikes]\nwithhold = false\n");
    let daemon = place.start().await;
    daemon.lists(&["io.github.someone/stripe-mcp@1.0.0"]).await;
    assert_eq!(lookalikes(&place, &[]).len(), 1);
}

/// P22.
#[tokio::test(flavor = "multi_thread")]
async fn copies_of_a_lookalike_do_not_suppress_its_alert() {
    let upstream = Upstream::start(
        ["com.bank/ledger-console", "io.github.evil/ledgerconsole"]
            .map(|name| Row::new(name, "1.0.0")),
    )
    .await;
    let place = Workplace::new(&upstream.url);
    place.overlay(
        "bank.yaml",
        &format!("servers: [{{name: com.bank/ledger-console, {REVIEWED}}}]\n"),
    );
    let mut daemon = place.start().await;
    let ours = "com.bank/ledger-console io.github.evil 1";
    let alerts = || lookalikes(&place, &[]);
    eventually("it is reported", async || alerts().contains(&ours.to_owned()).then_some(())).await;
    let now = crate::support::registry::now();
    for copy in 0..8 {
        let name = format!("io.github.copy{copy}/ledgerconsole");
        upstream.put(Row::new(&name, "1.0.0").published(&now).status("active", &now));
    }
    eventually("all are reported", async || (alerts().len() == 9).then_some(())).await;
    // Copies that look old do not suppress it either, when a restart counts all names again.
    daemon.kill();
    for copy in 0..8 {
        let name = format!("io.github.old{copy}/ledgerconsole");
        upstream.put(Row::new(&name, "1.0.0").status("active", &crate::support::registry::now()));
    }
    let daemon = place.start().await;
    daemon.synced().await;
    place.overlay("more.yaml", "namespaces: [{name: com.else, protect: [something-else]}]\n");
    eventually("all names are compared again", async || {
        let log = place.log();
        (log.matches("names are compared with what is protected").count() > 1).then_some(())
    })
    .await;
    let later = Row::new("com.elsewhere/something-else", "1.0.0");
    upstream.put(later.status("active", &crate::support::registry::now()));
    eventually("that is found", async || {
        alerts().contains(&"something-else com.elsewhere 1".to_owned()).then_some(())
    })
    .await;
    assert!(alerts().contains(&ours.to_owned()), "{:?}", alerts());
}

/// Returns a row with its own title.
fn titled(name: &str, version: &str, title: &str, published: &str) -> Row {
    let item = Row::new(name, version).published(published).item();
    let item =
        item.replacen("\"description\"", &format!("\"title\": \"{title}\", \"description\""), 1);
    Row::raw(name, version, &item)
}

/// P53.
#[tokio::test(flavor = "multi_thread")]
async fn each_lookalike_version_needs_its_own_acknowledgement() {
    let name = "io.github.someone/plain";
    let upstream = Upstream::start([
        titled(name, "2.0.0", "Str\u{456}pe", "2026-02-01T00:00:00Z"),
        titled(name, "1.0.1", "Plain", "2026-03-01T00:00:00Z"),
        titled(name, "3.0.0", "Plain", "2026-02-02T00:00:00Z"),
    ])
    .await;
    let place = Workplace::new(&upstream.url);
    place.overlay("all.yaml", &wildcard());
    let daemon = place.start().await;
    daemon.synced().await;
    eventually("it is reported", async || {
        lookalikes(&place, &[]).contains(&"stripe io.github.someone 1".to_owned()).then_some(())
    })
    .await;
    daemon.lists(&[]).await;
    let why = place.print(&["lookalikes", "why", name]);
    assert!(
        why.contains("homograph: `Str\u{456}pe`, of mixed scripts, reads as `stripe`"),
        "{why}"
    );
    assert!(why.contains(" is open"), "{why}");
    // An acknowledgement does not cover later versions, whatever their scores.
    let ack = || {
        let found = place.print(&["lookalikes", "--json"]);
        let found: Value = serde_json::from_str(&found).expect("JSON");
        acknowledge(&place, &found[0]);
    };
    ack();
    let mut served = vec!["1.0.1", "2.0.0", "3.0.0"];
    let lists = async |served: &[&str]| {
        let wanted: Vec<String> =
            served.iter().map(|version| format!("{name}@{version}")).collect();
        daemon.lists(&wanted.iter().map(String::as_str).collect::<Vec<_>>()).await;
    };
    lists(&served).await;
    for (version, title) in [("4.0.0", "Stripe (official)"), ("5.0.0", "\u{405}tripe")] {
        let now = crate::support::registry::now();
        let row = titled(name, version, title, "2026-03-02T00:00:00Z").status("active", &now);
        upstream.put(row);
        eventually("it is open again", async || {
            let found = place.print(&["lookalikes", "--json"]);
            let found: Value = serde_json::from_str(&found).expect("JSON");
            (found[0]["state"] == "open").then_some(())
        })
        .await;
        place.review_again("all.yaml", &format!("{name}@{version}")).await;
        lists(&served).await;
        ack();
        served.push(version);
        lists(&served).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn internal_names_are_protected_and_never_suspects() {
    let upstream = Upstream::start(
        ["io.github.evil/payroll", "com.acrne/tool"].map(|name| Row::new(name, "1.0.0")),
    )
    .await;
    let place = Workplace::new(&upstream.url);
    let ours = |name: &str| {
        format!("{{\"name\": \"{name}\", \"version\": \"1.0.0\", \"description\": \"x\"}}")
    };
    place.write("ours/a.json", &ours("com.acme/payroll-mcp"));
    place.write("ours/b.json", &ours("com.acme/pay-roll"));
    place.write(
        "upstreams/ours.toml",
        "kind = \"files\"\npath = \"ours\"\ntrust = \"internal\"\npriority = 1\nsync = {interval = \"250ms\"}\n",
    );
    place.overlay("ours.yaml", "namespaces: [{name: com.acme, internal: true}]\n");
    let _daemon = place.start().await;
    let wanted = ["com.acme/payroll-mcp io.github.evil 1", "com.acme/pay-roll io.github.evil 1"];
    eventually("both are reported", async || {
        let found = lookalikes(&place, &[]);
        let all = wanted.iter().all(|line| found.contains(&(*line).to_owned()));
        let foreign = found.iter().all(|line| !line.contains(" com.acme "));
        (all && foreign).then_some(())
    })
    .await;
}
