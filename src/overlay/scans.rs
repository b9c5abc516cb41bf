use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use super::fields::{SCAN, TOOL};
use crate::lint::{Node, Reader, duration};

/// The demand of one rule that scanners passed a content.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct ScanDemand {
    /// The tools, each of which needs a result.
    pub tools: BTreeSet<String>,
    /// The greatest age of a result.
    pub max_age: Option<Duration>,
}

impl ScanDemand {
    /// Returns true if everything that meets this demand meets the other one.
    #[must_use]
    pub fn implies(&self, other: &Self) -> bool {
        let is_younger =
            other.max_age.is_none_or(|most| self.max_age.is_some_and(|max_age| max_age <= most));
        self.tools.is_superset(&other.tools) && is_younger
    }
}

/// Reads the `scan` of `conditions`.
pub(super) fn read_scan_demand(reader: &mut Reader, node: &Node) -> Option<ScanDemand> {
    let fields = reader.mapping(node, &SCAN)?;
    for key in ["tools", "verdict"] {
        if fields.get(key).is_none() {
            reader.error(node, format!("`scan` without `{key}`"), "`tools` and `verdict`");
        }
    }
    let tools = fields.get("tools").map(|node| reader.list(node)).unwrap_or_default().iter();
    let tools = tools.filter_map(|item| reader.parsed(item, tool)).collect();
    let max_age = fields.get("max_age").and_then(|node| reader.parsed(node, duration));
    fields.get("verdict").and_then(|node| reader.word(node, &[("pass", ())]));
    Some(ScanDemand { tools, max_age })
}

fn tool(text: &str) -> Result<String, &'static str> {
    let is_name = text.len() <= 128
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_name.then(|| text.to_owned()).ok_or(TOOL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demand_implies_those_of_fewer_tools_and_greater_ages() {
        let demand = |tools: &[&str], days: Option<u64>| ScanDemand {
            tools: tools.iter().map(|tool| (*tool).to_owned()).collect(),
            max_age: days.map(|days| Duration::from_hours(24 * days)),
        };
        let strict = demand(&["a", "b"], Some(7));
        for weaker in [demand(&["a"], Some(7)), demand(&["a", "b"], Some(30)), demand(&["b"], None)]
        {
            assert!(strict.implies(&weaker), "{weaker:?}");
            assert!(!weaker.implies(&strict), "{weaker:?}");
        }
        assert!(strict.implies(&strict));
        assert!(!strict.implies(&demand(&["c"], None)));
    }
}
