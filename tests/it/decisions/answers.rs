//! The decisions of the binary, read from its output alone.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::daemon::{Daemon, Workplace, text};

/// An entry or a row in quarantine, by upstream, name and version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) upstream: String,
    pub(crate) quarantined: bool,
}

/// The decision about an entry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Decision {
    /// The first gate that fails, or `served`.
    pub(crate) gate: &'static str,
    pub(crate) views: BTreeSet<String>,
    /// The first 8 digits of the digest of the evaluated content.
    pub(crate) content: String,
    /// The explanation of the version as it was printed, for a reader of a difference.
    pub(crate) printed: Printed,
}

/// A text that is not compared: it holds times and ages.
#[derive(Debug, Clone, Default)]
pub(crate) struct Printed(pub(crate) String);

impl PartialEq for Printed {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Printed {}

pub(crate) type Gates = BTreeMap<Key, &'static str>;
pub(crate) type Decisions = BTreeMap<Key, Decision>;
/// The views that list each entry.
pub(crate) type Served = BTreeMap<(String, String, String), BTreeSet<String>>;

pub(crate) const SERVED: &str = "served";
const WELL_FORMED: &str = "well-formed";

/// The gates: the name that `explain` prints, and the description of a hidden entry that `list` prints.
pub(crate) const GATES: [(&str, &str); 10] = [
    (WELL_FORMED, "not well-formed"),
    ("active upstream", "deleted or missing upstream"),
    ("upstream authoritative", "its upstream is not authoritative"),
    ("approved", "not approved"),
    ("approval not expired", "approval expired"),
    ("digest matches pin", "the digest differs from the pin"),
    ("content as reviewed", "purged, then received with other content"),
    ("namespace ownership", "ownership not verified as required"),
    ("no open lookalike alert", "open lookalike alert"),
    ("valid for strict clients", "not valid for strict clients"),
];

fn gate(name: &str) -> &'static str {
    let found = GATES.iter().find(|(gate, _)| *gate == name);
    found.unwrap_or_else(|| panic!("`{name}` is not a known gate")).0
}

fn failing_gate(description: &str) -> &'static str {
    let found = GATES.iter().find(|(_, failing)| *failing == description);
    found.unwrap_or_else(|| panic!("`{description}` does not describe a known gate")).0
}

fn member(value: &Value, name: &str) -> String {
    let found = value[name].as_str();
    found.unwrap_or_else(|| panic!("no text `{name}` in {value}")).to_owned()
}

fn key(value: &Value, name: &str, quarantined: bool) -> Key {
    let (version, upstream) = (member(value, "version"), member(value, "upstream"));
    Key { name: name.to_owned(), version, upstream, quarantined }
}

/// Reads the lines of `list --all --json`, or of `/list`, but for rows in quarantine.
pub(crate) fn listed(lines: &Value) -> Gates {
    let lines = lines.as_array().expect("a list").iter();
    lines
        .filter(|line| line["state"] != "quarantined")
        .map(|line| {
            let hidden_by = line["hiddenBy"].as_str().map_or(SERVED, failing_gate);
            (key(line, &member(line, "name"), false), hidden_by)
        })
        .collect()
}

/// Reads the rows of `list --quarantined --json`.
fn quarantined(rows: &Value) -> impl Iterator<Item = Key> {
    rows.as_array().expect("a list").iter().map(|row| key(row, &member(row, "name"), true))
}

/// Lists a store without a daemon: every entry and every row in quarantine.
pub(crate) fn offline_list(place: &Workplace) -> Gates {
    let mut gates = listed(&place.json(&["list", "--all", "--json"]));
    let rows = place.json(&["list", "--quarantined", "--json"]);
    gates.extend(quarantined(&rows).map(|key| (key, WELL_FORMED)));
    gates
}

/// Explains all versions of these names without a daemon.
pub(crate) fn offline_explain<'n>(
    place: &Workplace,
    names: impl IntoIterator<Item = &'n String>,
) -> Decisions {
    let mut decisions = Decisions::new();
    for name in names {
        let output = place.run(&["explain", name, "--json"]);
        if output.status.success() {
            let explanation = serde_json::from_str(&text(&output.stdout)).expect("JSON");
            explained(&explanation, &mut decisions);
        } else {
            let printed = text(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{name}: {printed}");
        }
    }
    decisions
}

/// Explains all versions of these names through a daemon.
pub(crate) async fn daemon_explain<'n>(
    daemon: &Daemon,
    names: impl IntoIterator<Item = &'n String>,
) -> Decisions {
    let mut decisions = Decisions::new();
    for name in names {
        let path = format!("/explain/{}", name.replace('/', "%2F"));
        let answer = daemon.operate(&path).await;
        if answer.status == 200 {
            explained(&answer.json(), &mut decisions);
        } else {
            assert_eq!(answer.status, 404, "{name}: {}", answer.text);
        }
    }
    decisions
}

fn explained(explanation: &Value, decisions: &mut Decisions) {
    let name = member(explanation, "name");
    for version in explanation["versions"].as_array().expect("a list") {
        let gates = version["gates"].as_array().expect("a list").iter();
        let failed = gates.filter(|answer| answer["outcome"] != "passed");
        let failed = failed.map(|answer| gate(&member(answer, "gate"))).next().unwrap_or(SERVED);
        let views = version["views"].as_array().expect("a list").iter();
        let views = views.map(|view| view.as_str().expect("a name").to_owned()).collect();
        let digest = version["digest"].as_str().unwrap_or_default();
        let content = digest.trim_start_matches("sha256:").chars().take(8).collect();
        let is_served = version["served"].as_bool().expect("a word");
        assert_eq!(is_served, failed == SERVED, "{name}: {version}");
        let key = key(version, &name, failed == WELL_FORMED);
        let printed = Printed(version.to_string());
        decisions.insert(key, Decision { gate: failed, views, content, printed });
    }
}

/// Returns what each of these views serves to clients.
pub(crate) async fn served(daemon: &Daemon, views: &BTreeSet<String>) -> Served {
    let mut served = Served::new();
    for view in views {
        let root = if view == "default" { String::new() } else { format!("/views/{view}") };
        let mut cursor = String::new();
        loop {
            let path = format!("{root}/v0.1/servers?limit=100{cursor}");
            let answer = daemon.get(&path).await;
            if answer.status == 503 {
                return Served::new();
            }
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            let page = answer.json();
            for item in page["servers"].as_array().expect("a list") {
                let ours = &item["_meta"]["local.vidimus/curation"];
                let server = &item["server"];
                let (name, version) = (member(server, "name"), member(server, "version"));
                let key = (name, version, member(ours, "upstream"));
                served.entry(key).or_default().insert(view.clone());
            }
            let Some(next) = page["metadata"]["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={}", urlencoded(next));
        }
    }
    served
}

fn urlencoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
