//! What the binary says about its decisions, read from its output alone.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::support::daemon::{Daemon, Workplace, text};

/// An entry: its upstream, name and version, and whether it is a row in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub name: String,
    pub version: String,
    pub upstream: String,
    pub quarantined: bool,
}

/// What is decided about an entry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decision {
    /// The first gate that fails, or `served`.
    pub gate: &'static str,
    pub views: BTreeSet<String>,
    /// The content that is decided about, by the begin of its digest.
    pub content: String,
}

pub type Gates = BTreeMap<Key, &'static str>;
pub type Decisions = BTreeMap<Key, Decision>;
/// By entry, the views whose list holds it.
pub type Served = BTreeMap<(String, String, String), BTreeSet<String>>;

pub const SERVED: &str = "served";
const WELL_FORMED: &str = "well-formed";

/// The gates, each with the words that `explain` and `list` have for it.
pub const GATES: [(&str, &[&str]); 10] = [
    (WELL_FORMED, &["well-formed", "malformed"]),
    (
        "active upstream",
        &["not deleted upstream", "deleted or missing upstream", "active upstream"],
    ),
    (
        "upstream authoritative",
        &[
            "upstream may speak for this name",
            "its upstream may not speak for it",
            "upstream authoritative",
        ],
    ),
    ("approved", &["approved", "not approved"]),
    ("approval not expired", &["not expired", "approval expired", "approval not expired"]),
    (
        "digest matches pin",
        &["digest as pinned", "other content than pinned", "digest matches pin"],
    ),
    (
        "content as reviewed",
        &["no unreviewed drift", "came back as something else", "content as reviewed"],
    ),
    (
        "namespace ownership",
        &["ownership as required", "ownership not proven as required", "namespace ownership"],
    ),
    (
        "no open lookalike alert",
        &[
            "no lookalike that nobody looked at",
            "it resembles something protected",
            "no open lookalike alert",
        ],
    ),
    (
        "valid for strict clients",
        &[
            "readable to strict clients",
            "strict clients cannot read it",
            "valid for strict clients",
        ],
    ),
];

fn gate(word: &str) -> &'static str {
    let found = GATES.iter().find(|(_, words)| words.contains(&word));
    found.unwrap_or_else(|| panic!("`{word}` is not a known word for a gate")).0
}

fn member(value: &Value, name: &str) -> String {
    let found = value[name].as_str();
    found.unwrap_or_else(|| panic!("no text `{name}` in {value}")).to_owned()
}

fn key(value: &Value, name: &str, quarantined: bool) -> Key {
    let (version, upstream) = (member(value, "version"), member(value, "upstream"));
    Key { name: name.to_owned(), version, upstream, quarantined }
}

/// The lines of `list --all --json`, or of `/list`.
pub fn listed(lines: &Value) -> Gates {
    let lines = lines.as_array().expect("a list").iter();
    lines
        .map(|line| {
            let hidden_by = line["hiddenBy"].as_str().map_or(SERVED, gate);
            (key(line, &member(line, "name"), false), hidden_by)
        })
        .collect()
}

/// The rows of `list --quarantined --json`.
fn quarantined(rows: &Value) -> impl Iterator<Item = Key> {
    rows.as_array().expect("a list").iter().map(|row| key(row, &member(row, "name"), true))
}

/// What a store says without a daemon: every entry and every row in quarantine.
pub fn offline_list(place: &Workplace) -> Gates {
    let mut gates = listed(&place.json(&["list", "--all", "--json"]));
    let rows = place.json(&["list", "--quarantined", "--json"]);
    gates.extend(quarantined(&rows).map(|key| (key, WELL_FORMED)));
    gates
}

/// What `explain` says of all versions of some names.
pub fn offline_explain<'n>(
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
            let told = text(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{name}: {told}");
        }
    }
    decisions
}

/// The same of a daemon.
pub async fn daemon_explain<'n>(
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
        let failed = gates.filter(|answer| answer["outcome"] != "pass");
        let failed = failed.map(|answer| gate(&member(answer, "gate"))).next().unwrap_or(SERVED);
        let views = version["views"].as_array().expect("a list").iter();
        let views = views.map(|view| view.as_str().expect("a name").to_owned()).collect();
        let digest = version["digest"].as_str().unwrap_or_default();
        let content = digest.trim_start_matches("sha256:").chars().take(8).collect();
        let is_served = version["served"].as_bool().expect("a word");
        assert_eq!(is_served, failed == SERVED, "{name}: {version}");
        let key = key(version, &name, failed == WELL_FORMED);
        decisions.insert(key, Decision { gate: failed, views, content });
    }
}

/// What clients are served in each of these views.
pub async fn served(daemon: &Daemon, views: &BTreeSet<String>) -> Served {
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
