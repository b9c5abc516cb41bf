//! The gate `provenance` and the silence of package registries, with the real binary and the double of registries.

use serde_json::{Value, json};

use crate::packages::{
    ATTESTATIONS, BUILT_FROM, NAME, World, attest, attested_world, checksum, package, single,
};
use crate::support::daemon::Daemon;
use crate::support::packages::Say;
use crate::support::wait::eventually;

const DEMAND: &str = "{name: '*', conditions: {provenance: required}}";

impl World {
    /// Approves all names of the namespace, with these further rules.
    fn rules(&self, more: &str) {
        let approval = "{state: approved, reviewed: 2026-03-01, expires: 2099-01-01}";
        let rules = format!("servers: [{{name: com.example/*, approval: {approval}}}{more}]\n");
        self.place.overlay("policy.yaml", &rules);
    }

    /// Starts the daemon at a time; waits until `vidimus explain` has this text.
    async fn explains(&self, time: &str, text: &str) -> Daemon {
        self.place.set_clock(time);
        let daemon = self.place.start().await;
        self.until_explained(text).await;
        daemon
    }

    async fn until_explained(&self, text: &str) {
        eventually("the gate is explained", async || {
            self.place.print(&["explain", NAME, "--verbose"]).contains(text).then_some(())
        })
        .await;
    }
}

fn version() -> String {
    format!("{NAME}@1.0.0")
}

async fn listed(daemon: &Daemon) -> Value {
    let list = daemon.get("/v0.1/servers").await.json();
    list["servers"][0]["_meta"]["local.vidimus/curation"]["provenance"].clone()
}

/// P79: what nothing is known of is not shown, also under a wildcard; the package is looked at all the same, an unsigned one
/// stays hidden, and a verified one is shown.
#[tokio::test(flavor = "multi_thread")]
async fn required_provenance_hides_an_unsigned_package_and_shows_it_after_verification() {
    let world = attested_world(BUILT_FROM).await;
    world.registry.say(ATTESTATIONS, Say::html());
    world.rules(&format!(", {DEMAND}"));
    let unknown = "demands `required` of packages, and sigstore has no definite verdict; it is not shown before there is a verdict";
    let daemon = world.explains("2026-06-01T00:00:00Z", unknown).await;
    daemon.lists(&[]).await;
    eventually("the package is looked at", async || {
        world.place.print(&["packages", NAME]).contains("no usable answer").then_some(())
    })
    .await;
    daemon.lists(&[]).await;
    drop(daemon);

    world.registry.say(ATTESTATIONS, Say::status(404));
    let unsigned = "provenance: `*` at overlays/policy.yaml";
    let daemon = world.explains("2026-06-02T00:00:00Z", "and sigstore is unsigned").await;
    daemon.lists(&[]).await;
    let ask = || {
        let asked = [["explain", NAME].as_slice(), &["list", "--state", "provenance-missing"]];
        asked.map(|words| world.place.print(words))
    };
    let answers = ask();
    assert!(answers[0].contains(unsigned), "{}", answers[0]);
    assert!(answers[1].contains(NAME), "{}", answers[1]);
    assert!(world.place.print(&["show", NAME]).contains("is unsigned"));
    drop(daemon);
    assert_eq!(ask(), answers, "without the daemon");

    attest(&world.registry);
    world.place.set_clock("2026-06-12T00:00:00Z");
    let daemon = world.place.start().await;
    daemon.lists(&[&version()]).await;
    assert_eq!(listed(&daemon).await, "verified");
    assert_eq!(single(&daemon).await["provenance"], "verified");
    world.until_explained("1 package has the demanded provenance").await;
    drop(daemon);

    // Silence changes no verdict.
    world.registry.say(ATTESTATIONS, Say::html());
    let daemon = world.look_at("2026-06-22T00:00:00Z", "no usable answer").await;
    assert_eq!(listed(&daemon).await, "verified");
}

/// P79: a demand that is new hides nothing that is served while its registry is silent; a definite verdict does, and a
/// waiver shows it until it ends.
#[tokio::test(flavor = "multi_thread")]
async fn unavailable_provenance_keeps_what_is_served_until_a_definite_answer() {
    let world = attested_world(BUILT_FROM).await;
    world.registry.say(ATTESTATIONS, Say::html());
    world.rules("");
    let daemon = world.look_at("2026-06-01T00:00:00Z", "no usable answer").await;
    assert_eq!(listed(&daemon).await, Value::Null);
    world.rules(&format!(", {DEMAND}"));
    let kept =
        "and sigstore has no definite verdict; what is served stays until there is a verdict";
    world.until_explained(kept).await;
    daemon.lists(&[&version()]).await;
    drop(daemon);
    assert!(world.place.print(&["explain", NAME, "--verbose"]).contains(kept));
    let daemon = world.explains("2026-06-03T00:00:00Z", kept).await;
    daemon.lists(&[&version()]).await;
    drop(daemon);

    world.registry.say(ATTESTATIONS, Say::status(404));
    let daemon = world.explains("2026-06-05T00:00:00Z", "and sigstore is unsigned").await;
    daemon.lists(&[]).await;
    eventually("an alert says so", async || {
        let alerts = world.open_alerts_of("no-longer-served");
        (alerts.len() == 1 && alerts[0]["detail"].as_str()?.contains("provenance")).then_some(())
    })
    .await;
    let sheet = world.place.print(&["review", NAME]);
    assert!(sheet.contains("sigstore: unsigned: no attestation says who built it"), "{sheet}");
    // What an edit would show is planned.
    let approval = "{state: approved, reviewed: 2026-03-01, expires: 2099-01-01}";
    let exact = format!("servers: [{{name: {NAME}, approval: {approval}}}, {DEMAND}]\n");
    world.place.write("pull/policy.yaml", &exact);
    let planned = world.place.print(&["plan", "--overlays", "pull"]);
    assert!(planned.contains("provenance"), "{planned}");

    let waive = format!(
        "{{name: {NAME}, waive: {{condition: provenance, reason: r, reviewer: alice, expires: 2026-06-09}}}}"
    );
    world.rules(&format!(", {DEMAND}, {waive}"));
    daemon.lists(&[&version()]).await;
    world.until_explained("`provenance` is waived until 2026-06-09").await;
    assert_eq!(listed(&daemon).await, "unsigned");
    drop(daemon);
    let _daemon = world.explains("2026-06-10T00:00:00Z", "and sigstore is unsigned").await;
    eventually("the end of the waiver is an alert", async || {
        (world.open_alerts_of("expired").len() == 1).then_some(())
    })
    .await;
}

/// P79: the settings demand provenance by type and tier.
#[tokio::test(flavor = "multi_thread")]
async fn settings_demand_provenance_by_type_and_tier() {
    let world = attested_world(BUILT_FROM).await;
    world.registry.say(ATTESTATIONS, Say::status(404));
    let configure = |more: &str| {
        let text = format!("[packages.npm]\nurl = \"{}\"\n{more}", world.registry.url);
        world.place.write("vidimus.toml", &text);
    };
    configure(
        "[provenance]\nrequire = {npm = \"required\"}\n[provenance.tiers.2]\nnpm = \"when_available\"\n",
    );
    let found = "provenance: `[provenance]` in the settings demands `required` of packages, and sigstore is unsigned";
    let daemon = world.explains("2026-06-01T00:00:00Z", found).await;
    daemon.lists(&[]).await;
    world.place.overlay("tier.yaml", &format!("servers: [{{name: {NAME}, tier: 2}}]\n"));
    daemon.lists(&[&version()]).await;
    drop(daemon);
    configure("[provenance]\nrequire = {mcpb = \"required\"}\n");
    let refused = world.place.run(&["check"]);
    let text = String::from_utf8_lossy(&refused.stdout) + String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && text.contains("unknown key `mcpb`"), "{text}");
}

/// P79: a registry that answers with another algorithm, or not at all, hides nothing, and is one alert after a week.
#[tokio::test(flavor = "multi_thread")]
async fn registry_without_a_comparable_digest_for_a_week_is_one_alert() {
    let world = World::new(|_| json!([package("npm", "tool", Some("1.0.0"))])).await;
    let unconfirmed = || world.open_alerts_of("package-unconfirmed");
    world.registry.npm("tool", "1.0.0", b"good", NAME);
    world.place.set_clock("2026-06-01T00:00:00Z");
    let daemon = world.place.start().await;
    daemon.lists(&[&version()]).await;
    world.until_recorded("tool-1.0.0.tgz", &checksum(b"good")).await;
    drop(daemon);

    let other = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    world.registry.npm_with_integrity("tool", "1.0.0", other, NAME);
    let daemon = world.look_at("2026-06-10T00:00:00Z", "has a digest by sha256").await;
    assert_eq!(unconfirmed(), Vec::<Value>::new());
    drop(daemon);
    let daemon = world.look_at("2026-06-16T23:59:59Z", "has a digest by sha256").await;
    world.until_explained("passed   provenance").await;
    assert_eq!(unconfirmed(), Vec::<Value>::new());
    drop(daemon);
    // The cause is another one now, and the time goes on.
    world.registry.say("/tool/1.0.0", Say::html());
    let daemon = world.look_at("2026-06-18T00:00:00Z", "no usable answer").await;
    let alerts = eventually("an alert is raised", async || {
        Some(unconfirmed()).filter(|open| open.len() == 1)
    })
    .await;
    assert_eq!(alerts[0]["subject"], NAME);
    drop(daemon);
    let daemon = world.look_at("2026-06-20T00:00:00Z", "no usable answer").await;
    assert_eq!(unconfirmed().len(), 1, "silence ends nothing");
    drop(daemon);
    world.registry.npm("tool", "1.0.0", b"good", NAME);
    world.place.set_clock("2026-06-22T00:00:00Z");
    let _daemon = world.place.start().await;
    eventually("the alert ends", async || unconfirmed().is_empty().then_some(())).await;
}
