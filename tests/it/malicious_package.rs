//! The package of an approved server turns malicious, in each way that can be known: what clients get afterwards, and who
//! learns of it. `docs/packages.md` shows the same table.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::daemon::{Daemon, Workplace};
use crate::support::packages::{Packages, integrity};
use crate::support::recipient::Recipient;
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;

/// A server, and what happens to its package.
struct Case {
    leaf: &'static str,
    is_pinned: bool,
    /// True if the list has it afterwards.
    is_served: bool,
    /// The kind of the alert.
    alert: Option<&'static str>,
}

const CASES: [Case; 5] = [
    Case { leaf: "reported", is_pinned: false, is_served: false, alert: Some("advisory") },
    Case { leaf: "own", is_pinned: false, is_served: false, alert: Some("advisory") },
    Case { leaf: "pinned", is_pinned: true, is_served: false, alert: Some("package-changed") },
    Case { leaf: "replaced", is_pinned: false, is_served: true, alert: Some("package-changed") },
    Case { leaf: "unnoticed", is_pinned: false, is_served: true, alert: None },
];

fn name(leaf: &str) -> String {
    format!("com.example/{leaf}")
}

fn row(leaf: &str) -> Row {
    let mut item: Value =
        serde_json::from_str(&Row::new(&name(leaf), "1.0.0").item()).expect("JSON");
    item["server"]["packages"] = json!([{
        "registryType": "npm", "identifier": leaf, "version": "1.0.0", "transport": {"type": "stdio"},
    }]);
    Row::raw(&name(leaf), "1.0.0", &item.to_string())
}

fn write_policy(place: &Workplace, packages: &Packages, recipient: &Recipient) {
    place.write("url", &format!("{}\n", recipient.url));
    place.write("secret", "a-secret-of-the-recipient");
    place.write("feed/README.md", "documents come here");
    place.write(
        "vidimus.toml",
        &format!(
            "[packages.npm]\nurl = \"{}\"\n[[advisory_feeds]]\nname = \"osv\"\nfrom = \"feed\"\n\
             every = \"200ms\"\n[[webhooks]]\nname = \"security\"\nurl_file = \"url\"\n\
             secret_file = \"secret\"\n",
            packages.url
        ),
    );
    let rules = CASES.iter().map(|case| {
        let pin = if case.is_pinned {
            format!(", artefacts: {{{}: '{}'}}", case.leaf, integrity(b"good"))
        } else {
            String::new()
        };
        format!(
            "- {{name: {}, versions: 1.0.0, owner: team-a, approval: {{state: approved, reviewed: 2026-03-01, expires: 2099-01-01{pin}}}}}\n",
            name(case.leaf)
        )
    });
    place.overlay("policy.yaml", &format!("servers:\n{}", rules.collect::<String>()));
}

async fn until_looked_at(place: &Workplace, tarball: &[u8]) {
    let digest =
        vidimus::artefact::Checksum::of_integrity(&integrity(tarball)).expect("a checksum");
    eventually("the files are recorded", async || {
        let entries = place.json(&["packages", "--json"]).to_string();
        entries.contains(digest.as_str()).then_some(())
    })
    .await;
}

async fn listed(daemon: &Daemon) -> BTreeSet<String> {
    let items = daemon.get("/v0.1/servers?limit=100").await.items();
    items.iter().map(|item| item.split('@').next().unwrap_or_default().to_owned()).collect()
}

/// Returns the kinds of open alerts about servers, by name.
fn alerts(place: &Workplace) -> BTreeMap<String, String> {
    let alerts = place.json(&["alerts", "--json"]);
    let open = alerts.as_array().expect("a list").iter().filter(|alert| alert["state"] == "open");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let about_servers = open.filter(|alert| text(&alert["subject"]).starts_with("com.example/"));
    about_servers
        .map(|alert| {
            let subject = text(&alert["subject"]);
            let name = subject.split('@').next().unwrap_or_default().to_owned();
            (name, text(&alert["kind"]))
        })
        .collect()
}

/// P76, P77.
#[tokio::test(flavor = "multi_thread")]
async fn list_and_alerts_after_the_package_of_an_approved_server_turned_malicious() {
    let (packages, recipient) = (Packages::start().await, Recipient::start().await);
    for case in &CASES {
        packages.npm(case.leaf, "1.0.0", b"good", &name(case.leaf));
    }
    let upstream = Upstream::start(CASES.iter().map(|case| row(case.leaf))).await;
    let place = Workplace::new(&upstream.url);
    write_policy(&place, &packages, &recipient);
    place.set_clock("2026-06-01T00:00:00Z");
    let daemon = place.start().await;
    daemon.ready().await;
    let all: BTreeSet<String> = CASES.iter().map(|case| name(case.leaf)).collect();
    eventually("all are served", async || (listed(&daemon).await == all).then_some(())).await;
    until_looked_at(&place, b"good").await;
    assert_eq!(alerts(&place), BTreeMap::new());
    drop(daemon);

    // A week later everything happens at once.
    for leaf in ["pinned", "replaced"] {
        packages.npm(leaf, "1.0.0", b"evil", &name(leaf));
    }
    place.write(
        "feed/MAL-2026-1.json",
        r#"{"id":"MAL-2026-1","summary":"it sends keys away","affected":[{"package":{"ecosystem":"npm","name":"reported"},"versions":["1.0.0"]}]}"#,
    );
    place.write("advisories/ours.yaml", "id: OURS-1\nsummary: seen in our proxy\naffected: [{package: {ecosystem: npm, name: own}}]\nvidimus: {action: hide}\n");
    place.set_clock("2026-06-10T00:00:00Z");
    let daemon = place.start().await;
    daemon.ready().await;
    let served: BTreeSet<String> =
        CASES.iter().filter(|case| case.is_served).map(|case| name(case.leaf)).collect();
    eventually("the list has what is not known to be bad", async || {
        (listed(&daemon).await == served).then_some(())
    })
    .await;
    let wanted: BTreeMap<String, String> =
        CASES.iter().filter_map(|case| Some((name(case.leaf), case.alert?.to_owned()))).collect();
    eventually("everything else is an alert", async || (alerts(&place) == wanted).then_some(()))
        .await;
    for (id, leaf) in [("MAL-2026-1", "reported"), ("OURS-1", "own")] {
        let report = place.print(&["advisories", id]);
        assert!(report.contains(&name(leaf)), "{report}");
    }
    eventually("the recipient learns of each", async || {
        let notices = recipient.received();
        let subjects: BTreeSet<String> = notices
            .iter()
            .filter_map(|notice| {
                let notice = notice.json();
                notice["data"]["subject"].as_str()?.split('@').next().map(str::to_owned)
            })
            .collect();
        wanted.keys().all(|name| subjects.contains(name)).then_some(())
    })
    .await;
    for case in &CASES {
        let path = format!("/v0.1/servers/com.example%2F{}/versions/1.0.0", case.leaf);
        let status = daemon.get(&path).await.status;
        assert_eq!(status, if case.is_served { 200 } else { 404 }, "{}", case.leaf);
    }
    let changes = place.print(&["changes", "--since", "2026-06-09"]);
    for case in &CASES {
        let hidden = format!("{}@1.0.0 was hidden", name(case.leaf));
        assert_eq!(changes.contains(&hidden), !case.is_served, "{hidden}: {changes}");
    }
}
