//! The files of packages, from the registry to the reader: what changes, what a pin hides, and what is floating.

use serde_json::{Value, json};
use vidimus::artefact::{Checksum, Floating};
use vidimus::curation::ContentFacts;

use crate::support::corpus;
use crate::support::daemon::{Daemon, Workplace, text};
use crate::support::packages::{Packages, Say, integrity};
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;

pub(crate) const NAME: &str = "com.example/tool";
/// Only an upstream of the organisation may name an image at a private address.
const TRUSTED: &str = "trust = \"internal\"\nsync = {interval = \"250ms\", page_size = 10}";

/// A row with these packages.
fn row(name: &str, packages: &Value) -> Row {
    row_with(name, |server| server["packages"] = packages.clone())
}

/// A row of which the `server` object is changed.
fn row_with(name: &str, change: impl FnOnce(&mut Value)) -> Row {
    let mut item: Value = serde_json::from_str(&Row::new(name, "1.0.0").item()).expect("an item");
    change(&mut item["server"]);
    Row::raw(name, "1.0.0", &item.to_string())
}

pub(crate) fn package(kind: &str, identifier: &str, version: Option<&str>) -> Value {
    let transport = json!({"type": "stdio"});
    let mut package =
        json!({"registryType": kind, "identifier": identifier, "transport": transport});
    if let Some(version) = version {
        package["version"] = version.into();
    }
    package
}

pub(crate) struct World {
    pub(crate) registry: Packages,
    pub(crate) place: Workplace,
    upstream: Upstream,
}

impl World {
    pub(crate) async fn new(packages: impl FnOnce(&Packages) -> Value) -> Self {
        Self::with(|registry| row(NAME, &packages(registry))).await
    }

    async fn with(row: impl FnOnce(&Packages) -> Row) -> Self {
        let registry = Packages::start().await;
        let upstream = Upstream::start([row(&registry)]).await;
        let place = Workplace::new(&upstream.url);
        let tables = ["npm", "pypi", "oci"]
            .map(|kind| format!("[packages.{kind}]\nurl = \"{}\"\n", registry.url));
        place.write("vidimus.toml", &tables.concat());
        place.approve(NAME);
        Self { registry, place, upstream }
    }

    /// Approves the version with these further members of the approval.
    fn approve_with(&self, more: &str) {
        let approval =
            format!("{{state: approved, reviewed: 2026-03-01, expires: 2099-01-01{more}}}");
        let rules = format!("servers: [{{name: {NAME}, versions: 1.0.0, approval: {approval}}}]\n");
        self.place.overlay("policy.yaml", &rules);
    }

    /// Returns the recorded files of the first package, with the digests.
    fn recorded(&self) -> Option<Vec<(String, String)>> {
        let entries = self.place.json(&["packages", NAME, "--json"]);
        let files = entries[0]["packages"][0]["artefacts"].as_array()?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Some(files.iter().map(|file| (text(&file["file"]), text(&file["digest"]))).collect())
    }

    pub(crate) async fn until_recorded(&self, file: &str, digest: &Checksum) {
        eventually("the file is recorded", async || {
            let wanted = (file.to_owned(), digest.to_string());
            self.recorded().is_some_and(|files| files.contains(&wanted)).then_some(())
        })
        .await;
    }

    fn open_alerts(&self) -> Vec<Value> {
        self.open_alerts_of("package-changed")
    }

    pub(crate) fn open_alerts_of(&self, kind: &str) -> Vec<Value> {
        let alerts = self.place.json(&["alerts", "--kind", kind, "--json"]);
        let open = alerts.as_array().expect("a list").iter();
        open.filter(|alert| alert["state"] == "open").cloned().collect()
    }
}

pub(crate) fn checksum(tarball: &[u8]) -> Checksum {
    Checksum::of_integrity(&integrity(tarball)).expect("a checksum")
}

fn version_path() -> String {
    format!("/v0.1/servers/{}/versions/1.0.0", NAME.replace('/', "%2F"))
}

/// Returns our block of the entry.
pub(crate) async fn single(daemon: &Daemon) -> Value {
    daemon.get(&version_path()).await.json()["_meta"]["local.vidimus/curation"].clone()
}

/// P77: another digest of the same file is an alert with both digests, which a restart and an outage of the registry do not
/// end; a pinned approval hides until the registry states the pinned digest.
#[tokio::test(flavor = "multi_thread")]
async fn changed_digest_of_a_package_is_an_alert_and_fails_a_pinned_approval() {
    let world = World::new(|_| json!([package("npm", "@x/tool", Some("1.0.0"))])).await;
    let (first, second) = (checksum(b"good"), checksum(b"evil"));
    world.registry.npm("@x/tool", "1.0.0", b"good", NAME);
    world.place.set_clock("2026-06-01T00:00:00Z");
    let daemon = world.place.start().await;
    daemon.lists(&[&format!("{NAME}@1.0.0")]).await;
    world.until_recorded("tool-1.0.0.tgz", &first).await;
    let meta = eventually("clients see the digest", async || {
        let meta = single(&daemon).await;
        (!meta["packages"].is_null()).then_some(meta)
    })
    .await;
    let wanted = json!([{
        "identifier": "@x/tool",
        "artefacts": [{"file": "tool-1.0.0.tgz", "digest": first.as_str()}],
        "provenance": {"verdict": "unsigned"},
    }]);
    assert_eq!(meta["packages"], wanted);
    let text = daemon.get(&version_path()).await.text;
    assert!(text.ends_with("}]}}}"), "they stand last: {text}");
    let list = daemon.get("/v0.1/servers").await.json();
    assert!(list["servers"][0]["_meta"]["local.vidimus/curation"]["packages"].is_null());
    // Pinned by the file: nothing else changes.
    world.approve_with(&format!(", artefacts: {{tool-1.0.0.tgz: '{first}'}}"));
    eventually("the pin is judged", async || {
        world
            .place
            .print(&["explain", NAME, "--verbose"])
            .contains("1 artefact is the pinned one")
            .then_some(())
    })
    .await;
    daemon.lists(&[&format!("{NAME}@1.0.0")]).await;
    assert_eq!(world.open_alerts(), Vec::<Value>::new());
    drop(daemon);

    world.registry.npm("@x/tool", "1.0.0", b"evil", NAME);
    world.place.set_clock("2026-06-10T00:00:00Z");
    let daemon = world.place.start().await;
    world.until_recorded("tool-1.0.0.tgz", &second).await;
    daemon.lists(&[]).await;
    let alerts = eventually("an alert is raised", async || {
        Some(world.open_alerts()).filter(|open| open.len() == 1)
    })
    .await;
    let detail = alerts[0]["detail"].as_str().expect("a text");
    assert!(detail.contains(first.as_str()) && detail.contains(second.as_str()), "{detail}");
    let explained = world.place.print(&["explain", NAME]);
    assert!(
        explained.contains("digest matches pin") && explained.contains(second.as_str()),
        "{explained}"
    );
    let status = world.place.json(&["status", "--json"]);
    assert_eq!(
        status["packages"],
        json!({
            "recorded": 1, "changed": 1, "moved": 0, "unanswered": 0,
            "attested": 0, "unattested": 1, "refused": 0
        })
    );
    drop(daemon);

    // Without an answer nothing changes.
    world.registry.say("/%40x%2Ftool/1.0.0", Say::html());
    world.place.set_clock("2026-06-20T00:00:00Z");
    let daemon = world.place.start().await;
    eventually("the outage is recorded", async || {
        world.place.print(&["packages", NAME]).contains("no usable answer").then_some(())
    })
    .await;
    daemon.lists(&[]).await;
    assert_eq!(world.open_alerts().len(), 1);
    // The reviewer looked at the other file, and pins it by the package.
    world.approve_with(&format!(", artefacts: {{'@x/tool': '{second}'}}"));
    daemon.lists(&[&format!("{NAME}@1.0.0")]).await;
    eventually("the alert ends", async || world.open_alerts().is_empty().then_some(())).await;
}

/// A pin of something that no registry stated yet never shows unknown bytes.
#[tokio::test(flavor = "multi_thread")]
async fn pin_hides_until_its_artefact_is_known() {
    let world = World::new(|_| json!([package("pypi", "some_tool", Some("2.0"))])).await;
    world.registry.say("/pypi/some-tool/2.0/json", Say::status(503));
    let digest = vidimus::model::Digest::of(b"wheel");
    world.approve_with(&format!(", artefacts: {{a.whl: '{digest}'}}"));
    world.place.set_clock("2026-06-01T00:00:00Z");
    let daemon = world.place.start().await;
    eventually("the gate fails", async || {
        world.place.print(&["explain", NAME]).contains("not known yet").then_some(())
    })
    .await;
    daemon.lists(&[]).await;
    drop(daemon);
    world.registry.pypi("some-tool", "2.0", &[("a.whl", b"wheel"), ("b.tar.gz", b"source")]);
    world.place.set_clock("2026-06-02T00:00:00Z");
    let daemon = world.place.start().await;
    daemon.lists(&[&format!("{NAME}@1.0.0")]).await;
    drop(daemon);
    // A file that is added is information.
    let more: &[(&str, &[u8])] =
        &[("a.whl", b"wheel"), ("b.tar.gz", b"source"), ("c.whl", b"more")];
    world.registry.pypi("some-tool", "2.0", more);
    world.place.set_clock("2026-06-12T00:00:00Z");
    let daemon = world.place.start().await;
    eventually("three files are recorded", async || {
        world.recorded().filter(|files| files.len() == 3)
    })
    .await;
    daemon.lists(&[&format!("{NAME}@1.0.0")]).await;
    assert_eq!(world.open_alerts(), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn floating_image_is_shown_as_such_and_a_moved_tag_is_no_alert() {
    let world = World::new(|registry| {
        let host = registry.url.trim_start_matches("http://");
        json!([package("oci", &format!("{host}/x/tool:1.0"), None)])
    })
    .await;
    world.place.upstream(&world.upstream.url, TRUSTED);
    world.registry.image("x/tool", "1.0", "one");
    world.place.set_clock("2026-06-01T00:00:00Z");
    let daemon = world.place.start().await;
    daemon.lists(&[&format!("{NAME}@1.0.0")]).await;
    let list = daemon.get("/v0.1/servers").await.json();
    assert_eq!(list["servers"][0]["_meta"]["local.vidimus/curation"]["floating"], true);
    assert!(world.place.print(&["list"]).contains("FLOATING"));
    assert!(world.place.print(&["explain", NAME]).contains("floating: a tag"));
    eventually("the image is recorded", async || {
        world.recorded().filter(|files| !files.is_empty())
    })
    .await;
    drop(daemon);
    world.registry.image("x/tool", "1.0", "two");
    world.place.set_clock("2026-06-10T00:00:00Z");
    let daemon = world.place.start().await;
    eventually("clients see that the tag was moved", async || {
        (single(&daemon).await["packages"][0]["floating"] == "moved-tag").then_some(())
    })
    .await;
    assert!(world.place.print(&["explain", NAME]).contains("floating: a tag that was moved"));
    daemon.lists(&[&format!("{NAME}@1.0.0")]).await;
    assert_eq!(world.open_alerts(), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn budget_of_a_day_bounds_the_requests_and_a_restart_does_not_renew_it() {
    let world = World::new(|_| {
        json!(
            (0..4)
                .map(|index| package("npm", &format!("tool{index}"), Some("1.0.0")))
                .collect::<Vec<_>>()
        )
    })
    .await;
    for index in 0..4 {
        world.registry.npm(&format!("tool{index}"), "1.0.0", b"x", NAME);
    }
    let configuration = format!(
        "[packages]\ndaily_requests = 4\n[packages.npm]\nurl = \"{}\"\n",
        world.registry.url
    );
    world.place.write("vidimus.toml", &configuration);
    world.place.set_clock("2026-06-01T00:00:00Z");
    let status = |count: u64| {
        let place = &world.place;
        async move || {
            (place.json(&["status", "--json"])["packages"]["recorded"] == count).then_some(())
        }
    };
    let daemon = world.place.start().await;
    eventually("two packages are recorded", status(2)).await;
    drop(daemon);
    world.place.set_clock("2026-06-01T12:00:00Z");
    let daemon = world.place.start().await;
    eventually("the budget is spent", async || {
        world.place.log().contains("received all requests of this day").then_some(())
    })
    .await;
    assert_eq!(world.registry.asked().len(), 4);
    drop(daemon);
    world.place.set_clock("2026-06-02T00:00:01Z");
    let _daemon = world.place.start().await;
    eventually("the others follow on the next day", status(4)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_are_answered_alike_with_and_without_a_daemon() {
    let world = World::new(|_| json!([package("npm", "tool", Some("1.0.0"))])).await;
    world.registry.npm("tool", "1.0.0", b"x", NAME);
    let daemon = world.place.start().await;
    daemon.lists(&[&format!("{NAME}@1.0.0")]).await;
    world.until_recorded("tool-1.0.0.tgz", &checksum(b"x")).await;
    let ask = || {
        [["packages", NAME, "--json"].as_slice(), &["packages"]]
            .map(|words| world.place.print(words))
    };
    let with = ask();
    assert_eq!(daemon.operate("/packages").await.json()[0]["name"], NAME);
    assert_eq!(daemon.operate("/packages/x").await.status, 400);
    drop(daemon);
    assert_eq!(ask(), with);
    let unknown = world.place.run(&["packages", "com.example/tol"]);
    assert_eq!(unknown.status.code(), Some(1), "{}", text(&unknown.stderr));
}

const BUNDLE: &str = include_str!("../fixtures/attestations/npm-provenance.json");
pub(crate) const ATTESTATIONS: &str = "/-/npm/v1/attestations/sigstore%402.0.0";
pub(crate) const BUILT_FROM: &str = "https://github.com/sigstore/sigstore-js";

/// Returns a world in which an entry of this repository names the package that the real bundle is about.
pub(crate) async fn attested_world(repository: &str) -> World {
    let world = World::with(|_| {
        row_with(NAME, |server| {
            server["packages"] = json!([package("npm", "sigstore", Some("2.0.0"))]);
            server["repository"] = json!({"url": repository, "source": "github"});
        })
    })
    .await;
    let integrity = "sha512-RtTi90xIdzFmQAAKb9+Ki1nx4IR2Z5c+mFn3dN0xuPHgk3gTt3f7ZqKsZ9UFQP40ZAlm7un8LMyjhwgrTIXNPA==";
    world.registry.npm_with_integrity("sigstore", "2.0.0", integrity, NAME);
    attest(&world.registry);
    world
}

/// Serves the real bundle as the registry does.
pub(crate) fn attest(registry: &Packages) {
    let document = format!(
        r#"{{"attestations":[{{"predicateType":"https://slsa.dev/provenance/v1","bundle":{BUNDLE}}}]}}"#
    );
    registry.say(ATTESTATIONS, Say::body(document));
}

impl World {
    /// Starts the daemon at a time; waits until `vidimus packages` has this text, and the entry is served.
    pub(crate) async fn look_at(&self, time: &str, text: &str) -> Daemon {
        self.place.set_clock(time);
        let daemon = self.place.start().await;
        daemon.lists(&[&format!("{NAME}@1.0.0")]).await;
        eventually("the look is recorded", async || {
            self.place.print(&["packages", NAME]).contains(text).then_some(())
        })
        .await;
        daemon
    }
}

/// P78: a real attestation verifies the package of its repository; silence of the registry changes nothing, and a package
/// that is unsigned afterwards is an alert until the attestation is back.
#[tokio::test(flavor = "multi_thread")]
async fn package_that_was_verified_and_is_unsigned_later_is_an_alert() {
    let world = attested_world(BUILT_FROM).await;
    let verified = "provenance: verified: built from https://github.com/sigstore/sigstore-js at \
        f0b49a04e5a62250e0f60fb128004a73110fe311 by .github/workflows/release.yml";
    let daemon = world.look_at("2026-06-01T00:00:00Z", verified).await;
    let meta = eventually("clients see the verdict", async || {
        let meta = single(&daemon).await["packages"][0]["provenance"].clone();
        (!meta.is_null()).then_some(meta)
    })
    .await;
    let wanted = json!({
        "verdict": "verified", "repository": BUILT_FROM,
        "commit": "f0b49a04e5a62250e0f60fb128004a73110fe311",
        "workflow": ".github/workflows/release.yml",
        "builder": "https://github.com/actions/runner/github-hosted",
        "signedAt": "2023-08-18T16:05:35Z",
    });
    assert_eq!(meta, wanted);
    for command in ["explain", "show"] {
        let text = world.place.print(&[command, NAME]);
        assert!(text.contains(verified), "{command}: {text}");
    }
    let report = &world.place.json(&["packages", NAME, "--json"])[0]["packages"][0]["provenance"];
    assert_eq!(
        (&report["verdict"], &report["repository"]),
        (&json!("verified"), &json!(BUILT_FROM))
    );
    assert_eq!(world.place.json(&["status", "--json"])["packages"]["attested"], 1);
    drop(daemon);

    world.registry.say(ATTESTATIONS, Say::html());
    let silent = "no usable answer: attestations: an answer of an unknown shape";
    let daemon = world.look_at("2026-06-10T00:00:00Z", silent).await;
    assert!(world.place.print(&["packages", NAME]).contains(verified));
    assert_eq!(world.open_alerts_of("provenance-lost"), Vec::<Value>::new());
    drop(daemon);

    world.registry.say(ATTESTATIONS, Say::status(404));
    let lost = "provenance: verified before, and unsigned now; unsigned";
    let daemon = world.look_at("2026-06-20T00:00:00Z", lost).await;
    let alerts = eventually("an alert is raised", async || {
        Some(world.open_alerts_of("provenance-lost")).filter(|open| open.len() == 1)
    })
    .await;
    assert_eq!(alerts[0]["subject"], format!("{NAME}@1.0.0"));
    eventually("clients see it", async || {
        let meta = single(&daemon).await["packages"][0]["provenance"].clone();
        (meta == json!({"verdict": "unsigned"})).then_some(())
    })
    .await;
    drop(daemon);

    attest(&world.registry);
    let _daemon = world.look_at("2026-07-10T00:00:00Z", verified).await;
    eventually("the alert ends", async || {
        world.open_alerts_of("provenance-lost").is_empty().then_some(())
    })
    .await;
}

/// P78: an attestation for the package of another repository verifies nothing, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn attestation_of_another_repository_verifies_nothing() {
    let world = attested_world("https://github.com/sigstore/sigstore-jz").await;
    let failed = "provenance: failed: built from https://github.com/sigstore/sigstore-js, and the entry names \
        https://github.com/sigstore/sigstore-jz";
    let daemon = world.look_at("2026-06-01T00:00:00Z", failed).await;
    assert_eq!(world.open_alerts_of("provenance-lost"), Vec::<Value>::new());
    drop(daemon);
    // The registry states another file than the attestation is about.
    world.registry.npm("sigstore", "2.0.0", b"other", NAME);
    let replaced = "provenance: failed: an attestation is about another file";
    let _daemon = world.look_at("2026-06-10T00:00:00Z", replaced).await;
}

/// P78: the attestations of an image are those of the content that its tag named at the last look; an attestation of another
/// content verifies nothing, and a registry that fails changes no verdict.
#[tokio::test(flavor = "multi_thread")]
async fn image_is_judged_by_the_bundles_that_refer_to_its_digest() {
    let world = World::new(|registry| {
        let host = registry.url.trim_start_matches("http://");
        json!([package("oci", &format!("{host}/x/tool:1.0"), None)])
    })
    .await;
    world.place.upstream(&world.upstream.url, TRUSTED);
    let digest = world.registry.image("x/tool", "1.0", "one");
    world.registry.demand_token("secret");
    let unsigned = "provenance: unsigned: no attestation says who built it";
    let daemon = world.look_at("2026-06-01T00:00:00Z", unsigned).await;
    eventually("clients see the verdict", async || {
        let meta = single(&daemon).await["packages"][0]["provenance"].clone();
        (meta == json!({"verdict": "unsigned"})).then_some(())
    })
    .await;
    drop(daemon);

    let list = world.registry.referrers("x/tool", &[("", BUNDLE.as_bytes())]);
    world.registry.say(&format!("/v2/x/tool/referrers/{digest}"), Say::body(list));
    let failed = "provenance: failed: an attestation is about another file";
    drop(world.look_at("2026-06-10T00:00:00Z", failed).await);

    world.registry.say(&format!("/v2/x/tool/referrers/{digest}"), Say::html());
    let silent = "no usable answer: attestations: an answer of an unknown shape";
    drop(world.look_at("2026-06-20T00:00:00Z", silent).await);
    assert!(world.place.print(&["packages", NAME]).contains(failed));

    // The next content has attestations of its own.
    world.registry.image("x/tool", "1.0", "two");
    let _daemon = world.look_at("2026-06-30T00:00:00Z", unsigned).await;
    assert_eq!(world.open_alerts_of("provenance-lost"), Vec::<Value>::new());
}

#[test]
fn real_entries_are_counted_by_type_floating_and_pinned() {
    let Some(items) = corpus::items() else { return };
    let mut counts = std::collections::BTreeMap::<(String, &str), u64>::new();
    for item in items {
        let item: Value = serde_json::from_str(&item).expect("an item");
        for package in ContentFacts::of(&item["server"].to_string()).packages {
            let why = package.floating().map_or("names one content", Floating::as_str);
            *counts.entry((package.registry.to_string(), why)).or_default() += 1;
        }
    }
    assert!(!counts.is_empty());
    for ((kind, why), count) in counts {
        println!("{kind}: {count} {why}");
    }
}
