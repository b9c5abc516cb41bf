//! Reads the little of a SARIF log that a result shows: the tool of each run, and the number of results by level.

use std::collections::BTreeMap;

use super::found::{count, member, scalar};
use crate::lint::{Kind, Node, Reader};

/// The levels of results, the worst first.
const LEVELS: [&str; 4] = ["error", "warning", "note", "none"];
/// The version that is read.
const VERSION: &str = "2.1.0";

/// Reads a log whose runs are all of one tool.
pub(super) fn read_sarif(
    reader: &mut Reader,
    node: &Node,
    tool: Option<(&str, &str)>,
) -> Vec<(&'static str, usize)> {
    let mut found = Vec::new();
    if member(reader, node, "version").and_then(scalar) != Some(VERSION) {
        reader.error(node, "a log without `version: 2.1.0`", "a log of SARIF 2.1.0");
    }
    let runs = member(reader, node, "runs").map(items).unwrap_or_default();
    if runs.is_empty() {
        reader.error(node, "a log without `runs`", "a log with one run at least");
    }
    for run in runs {
        let driver = member(reader, run, "tool");
        let driver = driver.and_then(|tool| member(reader, tool, "driver"));
        let Some(driver) = driver else {
            reader.error(run, "a run without `tool.driver`", "a log of SARIF 2.1.0");
            continue;
        };
        is_same_tool(reader, driver, tool);
        let defaults = defaults(reader, driver);
        let Some(results) = member(reader, run, "results") else { continue };
        if !matches!(results.kind, Kind::Sequence(_)) {
            reader.error(results, results.describe(), "a list");
        }
        for result in items(results) {
            found.extend(level(reader, result, &defaults));
        }
    }
    count(&LEVELS, &found)
}

/// Refuses a log of another tool than the result states: one of the two would be wrong.
fn is_same_tool(reader: &mut Reader, driver: &Node, tool: Option<(&str, &str)>) {
    let Some((name, version)) = tool else { return };
    let stated = member(reader, driver, "name").and_then(scalar);
    if stated != Some(name) {
        let found = format!("a run of `{}`", stated.unwrap_or_default());
        reader.error(driver, found, format!("a log of the tool of the result, `{name}`"));
    }
    let semantic = member(reader, driver, "semanticVersion").and_then(scalar);
    let plain = member(reader, driver, "version").and_then(scalar);
    let mut versions = [semantic, plain].into_iter().flatten().peekable();
    if let Some(first) = versions.peek().copied()
        && !versions.any(|stated| stated == version)
    {
        let found = format!("a run of the version `{first}`");
        reader.error(driver, found, format!("the version of the result, `{version}`"));
    }
}

/// Returns the levels that the rules of a tool give to results without one, by id.
fn defaults<'n>(reader: &mut Reader, driver: &'n Node) -> BTreeMap<&'n str, &'static str> {
    let rules = member(reader, driver, "rules").map(items).unwrap_or_default();
    let mut defaults = BTreeMap::new();
    for rule in rules {
        let id = member(reader, rule, "id").and_then(scalar);
        let configuration = member(reader, rule, "defaultConfiguration");
        let level = configuration.and_then(|node| member(reader, node, "level")).and_then(known);
        defaults.extend(id.zip(level));
    }
    defaults
}

/// Returns the level of a result; `None` with a finding if it has an unknown one.
fn level(
    reader: &mut Reader,
    result: &Node,
    defaults: &BTreeMap<&str, &'static str>,
) -> Option<&'static str> {
    if let Some(node) = member(reader, result, "level") {
        let level = known(node);
        if level.is_none() {
            reader.error(node, node.describe(), "`error`, `warning`, `note` or `none`");
        }
        return level;
    }
    let kind = member(reader, result, "kind").and_then(scalar);
    if kind.is_some_and(|kind| kind != "fail") {
        return Some("none");
    }
    let rule = member(reader, result, "ruleId").and_then(scalar);
    Some(rule.and_then(|rule| defaults.get(rule)).copied().unwrap_or("warning"))
}

fn known(node: &Node) -> Option<&'static str> {
    let text = scalar(node)?;
    LEVELS.into_iter().find(|level| *level == text)
}

fn items(node: &Node) -> &[Node] {
    match &node.kind {
        Kind::Sequence(items) => items,
        _ => &[],
    }
}
