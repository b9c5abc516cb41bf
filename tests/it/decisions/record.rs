//! The record: one line for each entry of each world, and its required coverage.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use super::answers::{Decision, GATES, Key, SERVED};
use super::stage::{Outcome, shown_by};
use super::world::World;

/// The results of one world.
#[derive(Default)]
pub(crate) struct Report {
    /// The lines of the record.
    pub(crate) lines: Vec<String>,
    /// The explanation of each line.
    pub(crate) printed: BTreeMap<String, String>,
    /// Differences between the ways to ask.
    pub(crate) disagreements: Vec<String>,
}

/// Compares the answers about a world, and returns its lines for the record.
pub(crate) fn report(world: &World, outcome: &Outcome) -> Report {
    let mut report = Report::default();
    let mut disagree = |key: &Key, what: String| {
        let Key { name, version, upstream, .. } = key;
        report
            .disagreements
            .push(format!("w{:03} {upstream} {name}@{version}: {what}", world.number));
    };
    let mut keys: Vec<&Key> = outcome.list.keys().collect();
    keys.extend(outcome.explained.keys().filter(|key| !outcome.list.contains_key(key)));
    for key in &keys {
        let listed = outcome.list.get(key);
        let by_daemon = if key.quarantined { listed } else { outcome.daemon_list.get(key) };
        let explained = outcome.explained.get(key);
        let explained_by_daemon = outcome.daemon_explained.get(key);
        let gates = [
            listed,
            by_daemon,
            explained.map(|decision| &decision.gate),
            explained_by_daemon.map(|decision| &decision.gate),
        ];
        if explained != explained_by_daemon || gates.iter().any(|gate| *gate != gates[0]) {
            disagree(key, format!("{gates:?} {explained:?} {explained_by_daemon:?}"));
        }
    }
    let expected = shown_by(&outcome.daemon_explained);
    for ((name, version, upstream), views) in &outcome.served {
        let entry = (name.clone(), version.clone(), upstream.clone());
        if expected.get(&entry) != Some(views) {
            let key = key_of(&entry);
            disagree(&key, format!("served in {views:?}, explained {:?}", expected.get(&entry)));
        }
    }
    for (entry, views) in &expected {
        if !outcome.served.contains_key(entry) {
            disagree(&key_of(entry), format!("explained {views:?}, and not served"));
        }
    }
    for key in keys {
        let line = line(world, outcome, key);
        if let Some(decision) = outcome.daemon_explained.get(key) {
            report.printed.insert(line.clone(), decision.printed.0.clone());
        }
        report.lines.push(line);
    }
    report.lines.sort();
    report
}

fn key_of((name, version, upstream): &(String, String, String)) -> Key {
    let (name, version, upstream) = (name.clone(), version.clone(), upstream.clone());
    Key { name, version, upstream, quarantined: false }
}

/// Returns one line: world, upstream, entry, content, the first failed gate or the views that show it, tags.
fn line(world: &World, outcome: &Outcome, key: &Key) -> String {
    let Key { name, version, upstream, quarantined } = key;
    let unknown = Decision::default();
    let decision = outcome.daemon_explained.get(key).unwrap_or(&unknown);
    let entry = (name.clone(), version.clone(), upstream.clone());
    let views = outcome.served.get(&entry).filter(|_| !quarantined);
    let fate = match views {
        Some(views) => {
            let views: Vec<&str> = views.iter().map(String::as_str).collect();
            format!("{SERVED}: {}", views.join(" "))
        }
        // A row in quarantine with an invalid name has no explanation.
        None if decision.gate.is_empty() => outcome.list[key].to_owned(),
        None if decision.gate == SERVED => format!("{SERVED}: nowhere"),
        None => decision.gate.to_owned(),
    };
    let content = if decision.content.is_empty() { "-" } else { &decision.content };
    let mut line = format!("w{:03} {upstream} {name}@{version} {content} {fate}", world.number);
    if let Some(tags) = world.tags.get(&(name.clone(), version.clone())) {
        let tags: Vec<&str> = tags.iter().copied().collect();
        let _ = write!(line, " | {}", tags.join(" "));
    }
    line
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/decisions/record.txt")
}

pub(crate) fn read() -> String {
    fs::read_to_string(file()).expect("a record")
}

pub(crate) fn write(lines: &[&str]) {
    fs::write(file(), lines.join("\n") + "\n").expect("written");
}

/// Tags, each with an outcome that it must have at least `LEAST` times.
const SITUATIONS: [(&str, &str); 38] = [
    ("wildcard", SERVED),
    ("wildcard", "no open lookalike alert"),
    ("wildcard", "namespace ownership"),
    ("rewritten", SERVED),
    ("pins-other", SERVED),
    ("pins-first", SERVED),
    ("pins-nothing", "digest matches pin"),
    ("replaced", "content as reviewed"),
    ("pins-replacement", SERVED),
    ("restored", SERVED),
    ("missing", "active upstream"),
    ("deleted", "active upstream"),
    ("deleted-by-invalid", "active upstream"),
    ("deprecated", SERVED),
    ("quarantined-sibling", SERVED),
    ("quarantined-sibling", "well-formed"),
    ("invalid", "well-formed"),
    ("not-valid", "valid for strict clients"),
    ("sanitized", SERVED),
    ("late", "approved"),
    ("tie", SERVED),
    ("transferred", "upstream authoritative"),
    ("after-acknowledgement", "no open lookalike alert"),
    ("denied-by-refused", "approved"),
    ("expires-now", SERVED),
    ("expired-just-now", "approval not expired"),
    ("verified", SERVED),
    ("through-parent", "namespace ownership"),
    ("through-parent", SERVED),
    ("unverified", "namespace ownership"),
    ("revoked", "namespace ownership"),
    ("other-keys", "namespace ownership"),
    ("stale", "namespace ownership"),
    ("nearly-stale", SERVED),
    ("doubtful", SERVED),
    ("inconclusive-after-serving", SERVED),
    ("disputed", "namespace ownership"),
    ("declared", SERVED),
];
const LEAST: usize = 5;

/// Returns the situations that a record covers too rarely.
pub(crate) fn gaps(record: &str) -> Vec<String> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for line in record.lines() {
        let (decided, tags) = line.split_once(" | ").unwrap_or((line, ""));
        let fate = decided.splitn(5, ' ').nth(4).expect("five parts");
        let fate = fate.split(':').next().unwrap_or_default();
        for tag in tags.split(' ').chain(["any"]) {
            *counts.entry((tag, fate)).or_default() += 1;
        }
    }
    let gates = GATES.iter().map(|(gate, _)| ("any", *gate));
    gates
        .chain(SITUATIONS)
        .filter_map(|wanted| {
            let count = counts.get(&wanted).copied().unwrap_or_default();
            (count < LEAST).then(|| format!("{} {}: {count}", wanted.0, wanted.1))
        })
        .collect()
}
