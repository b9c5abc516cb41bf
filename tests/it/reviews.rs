//! What waits for a reviewer, and the sheet that is read before a decision, with the real binary.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::stories::begin;
use crate::support::daemon::{Workplace, text};
use crate::support::registry::{OFFICIAL, Row, now};
use crate::support::wait::eventually;

const WIKI: &str = "com.example/wiki";

fn version(of: &str, description: &str) -> Row {
    let (server, at) = (
        json!({
            "name": WIKI, "description": description, "version": of,
            "packages": [{"registryType": "npm", "identifier": "example-wiki", "version": of,
                "transport": {"type": "stdio"},
                "environmentVariables": [{"name": "WIKI_TOKEN", "isSecret": true, "isRequired": true}]}],
        }),
        now(),
    );
    let official = json!({"status": "active", "statusChangedAt": at, "publishedAt": at, "updatedAt": at, "isLatest": false});
    let item = json!({"server": server, "_meta": {OFFICIAL: official}});
    // The double selects rows of an incremental sync by this time.
    Row { updated_at: at, ..Row::raw(WIKI, of, &item.to_string()) }
}

fn approve(reviewed: &str) -> String {
    format!(
        "servers: [{{name: {WIKI}, owner: team/wiki, tier: 2, approval: {{state: approved, reviewers: [alice], \
         reviewed: \"{reviewed}\", expires: 2099-01-01}}}}]"
    )
}

fn queue(place: &Workplace, filters: &[&str]) -> Value {
    place.json(&[&["review", "--json"], filters].concat())
}

fn sheet(place: &Workplace, entry: &str) -> Value {
    place.json(&["review", entry, "--json"])
}

/// Returns the alert of the owner, if it is not resolved.
fn newer_versions(place: &Workplace) -> Option<Value> {
    let alerts = place.json(&["alerts", "--kind", "newer-versions", "--json"]);
    alerts.as_array().expect("a list").first().cloned()
}

async fn waits(place: &Workplace, of: &str) {
    eventually(&format!("{of} waits"), async || {
        (queue(place, &[])["items"][0]["version"] == of).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_version_waits_with_its_owner_until_it_is_decided() {
    let (upstream, place, daemon) = begin([version("1.0.0", "Reads a wiki")]).await;
    place.overlay("policy.yaml", &approve(&now()));
    daemon.lists(&["com.example/wiki@1.0.0"]).await;
    let out = place.print(&["review"]);
    assert_eq!(out.trim(), "Nothing waits.");
    upstream.put(version("1.1.0", "Reads and writes a wiki"));
    waits(&place, "1.1.0").await;
    let waiting = queue(&place, &[]);
    let item = &waiting["items"][0];
    assert_eq!(
        (&item["kind"], &item["name"], &item["versions"], &item["owner"], &item["tier"]),
        (&json!("newer-version"), &json!(WIKI), &json!(1), &json!("team/wiki"), &json!(2))
    );
    for (filters, total) in [
        (&["--owner", "team/wiki"][..], 1),
        (&["--owner", "another"], 0),
        (&["--tier", "2"], 1),
        (&["--tier", "1"], 0),
        (&["--kind", "newer-version"], 1),
        (&["--kind", "drift"], 0),
    ] {
        assert_eq!(queue(&place, filters)["total"], total, "{filters:?}");
    }
    let alert = eventually("the alert is open", async || newer_versions(&place)).await;
    assert_eq!(alert["subject"], "owner team/wiki");
    let id = alert["id"].as_str().expect("an id");
    let shown = alert["shown"].as_str().expect("a digest");
    let ack = ["alerts", "ack", id, "--seen", shown, "--by", "alice", "--reason", "next week"];
    assert_eq!(place.run(&ack).status.code(), Some(0));
    // Another version is another item, which nobody saw.
    upstream.put(version("1.2.0", "Reads and writes a wiki"));
    let open = eventually("the alert is open again", async || {
        newer_versions(&place).filter(|alert| alert["state"] == "open")
    })
    .await;
    assert_eq!((&open["subject"], &open["count"]), (&alert["subject"], &json!(2)));
    waits(&place, "1.2.0").await;
    assert_eq!(queue(&place, &[])["items"][0]["versions"], 2);
    // The decision covers what was there.
    let as_of = sheet(&place, WIKI)["asOf"].as_str().expect("a time").to_owned();
    place.overlay("policy.yaml", &approve(&as_of));
    let all = ["1.0.0", "1.1.0", "1.2.0"].map(|version| format!("{WIKI}@{version}"));
    daemon.lists(&all.each_ref().map(String::as_str)).await;
    assert_eq!(queue(&place, &[])["total"], 0);
    eventually("the alert is resolved", async || newer_versions(&place).is_none().then_some(()))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sheet_shows_the_difference_and_its_digest_changes_with_the_rules_only() {
    let (upstream, place, daemon) = begin([version("1.0.0", "Reads a wiki")]).await;
    place.overlay("policy.yaml", &approve(&now()));
    daemon.lists(&["com.example/wiki@1.0.0"]).await;
    upstream.put(version("1.1.0", "Reads and writes a wiki"));
    waits(&place, "1.1.0").await;
    let before = sheet(&place, WIKI);
    let shown = &before["shown"][0];
    assert_eq!((&shown["version"], &shown["isServed"]), (&json!("1.1.0"), &json!(false)));
    assert_eq!(shown["difference"]["version"], "1.0.0");
    let changes = shown["difference"]["changes"].as_array().expect("changes");
    assert!(
        changes.iter().any(|change| change.as_str().expect("text").starts_with("/description"))
    );
    assert_eq!(before["kept"][0]["version"], "1.0.0");
    assert_eq!(before["decisions"][0]["reviewers"], json!(["alice"]));
    let place_of_rule = before["decisions"][0]["place"].as_str().expect("a place");
    assert!(place_of_rule.ends_with("policy.yaml:1:11"), "{place_of_rule}");
    let digest = before["digest"].as_str().expect("a digest");
    let command = format!("vidimus approve {WIKI} --seen {digest} --by WHO");
    assert_eq!(before["command"], command);
    let printed = place.print(&["review", WIKI]);
    for wanted in [
        "1.1.0 from official",
        "authentication it asks for the environment secret WIKI_TOKEN, required",
        "the package npm example-wiki 1.1.0 is exact",
        "clients download from the usual npm registry",
        &command,
    ] {
        assert!(printed.contains(wanted), "{wanted} in {printed}");
    }
    // A version of its own, and a range.
    let one = sheet(&place, "com.example/wiki@1.0.0");
    assert_eq!((&one["asked"], &one["kept"]), (&json!("1.0.0"), &json!([])));
    let range = sheet(&place, "com.example/wiki@>=1, <2");
    assert_eq!(range["shown"].as_array().map(Vec::len), Some(2));
    let quoted = range["command"].as_str().expect("a command");
    assert!(quoted.starts_with("vidimus approve 'com.example/wiki@>=1, <2' --seen "), "{quoted}");
    let digests: BTreeSet<&str> =
        [&before, &one, &range].iter().filter_map(|sheet| sheet["digest"].as_str()).collect();
    assert_eq!(digests.len(), 3, "each of what is asked for has a digest of its own");
    // A full sync that finds nothing new, another place of the rule, and a process without the daemon.
    place.json(&["sync", "--full", "--json"]);
    let moved = place.path().join("overlays/policy.yaml");
    let rule = std::fs::read_to_string(&moved).expect("the overlay");
    place.overlay("policy.yaml", &format!("# moved\n\n{rule}"));
    eventually("the moved rule is read", async || {
        let place_of_rule = &sheet(&place, WIKI)["decisions"][0]["place"];
        place_of_rule.as_str().expect("a place").ends_with(":3:11").then_some(())
    })
    .await;
    assert_eq!(sheet(&place, WIKI)["digest"], digest);
    assert_eq!(daemon.signal("TERM").await, Some(0));
    assert_eq!(sheet(&place, WIKI)["digest"], digest);
    place.overlay("policy.yaml", &rule.replace("[alice]", "[bob]"));
    assert_ne!(sheet(&place, WIKI)["digest"], digest);
}

#[tokio::test(flavor = "multi_thread")]
async fn markdown_of_a_sheet_renders_nothing_that_a_publisher_wrote() {
    let hostile = "`` ```x <img src=https://a.example> @team [link](https://a.example) | #1";
    let (_upstream, place, _daemon) = begin([version("1.0.0", hostile)]).await;
    let page = eventually("the sheet is there", async || {
        let output = place.run(&["review", WIKI, "--markdown"]);
        output.status.success().then(|| text(&output.stdout))
    })
    .await;
    let line = page.lines().find(|line| line.contains("**description**")).expect("a description");
    let span = line.strip_prefix("- **description** ").expect("a label");
    assert_eq!(span, format!("```` {hostile} ````"));
    assert!(page.contains("- [ ] Which tools does it offer"), "{page}");
    assert!(page.contains("```sh\nvidimus approve com.example/wiki --seen sha256:"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn version_that_reads_like_a_range_is_shown_alone() {
    let names = [">=1", "*", "^1"];
    let rows = names.into_iter().chain(["1.0.0", "2.0.0"]).map(|of| version(of, "d"));
    let (_upstream, place, _daemon) = begin(rows.collect::<Vec<_>>()).await;
    for of in names {
        let sheet = eventually("the sheet is there", async || {
            let output = place.run(&["review", &format!("{WIKI}@{of}"), "--json"]);
            output.status.success().then(|| text(&output.stdout))
        })
        .await;
        let sheet: Value = serde_json::from_str(&sheet).expect("JSON");
        let shown = sheet["shown"].as_array().expect("a list");
        assert_eq!((shown.len(), &shown[0]["version"]), (1, &json!(of)));
    }
    assert_eq!(sheet(&place, &format!("{WIKI}@>=2"))["shown"][0]["version"], "2.0.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn sheet_that_cannot_be_shown_is_refused_with_advice() {
    let rows: Vec<Row> = (0..21).map(|patch| version(&format!("1.0.{patch}"), "d")).collect();
    let (_upstream, place, daemon) = begin(rows).await;
    let refused = |place: &Workplace| {
        for (entry, advice) in [
            (
                "com.example/wikis",
                "no upstream lists `com.example/wikis`; did you mean `com.example/wiki`?",
            ),
            ("com.example/wiki@9.9.9", "`vidimus show com.example/wiki` lists its versions"),
            (
                "com.example/wiki@>=1",
                "21 versions are in the range, and a review sheet shows at most 20",
            ),
            (
                "com.example/wiki@^1",
                "`^1` is neither a version nor a range of versions: every comparator needs",
            ),
            ("wiki", "`wiki` is not a server name"),
        ] {
            let output = place.run(&["review", entry]);
            let out = text(&[output.stdout, output.stderr].concat());
            assert_eq!(
                (output.status.code(), out.contains(advice)),
                (Some(1), true),
                "{entry}: {out}"
            );
        }
    };
    refused(&place);
    assert_eq!(daemon.signal("TERM").await, Some(0));
    refused(&place);
}
