use smol_str::SmolStr;

use super::conditions::{Condition, Waive, WaivedCondition};
use super::expires::last_moment;
use super::fields::WAIVE;
use super::reading::FileContext;
use super::rule::Rule;
use crate::lint::{Finding, Node, Reader};

/// Reads the `waive` of a rule.
pub(super) fn read_waive(
    reader: &mut Reader,
    context: &FileContext<'_>,
    node: &Node,
    rule: &Rule,
) -> Option<Waive> {
    let fields = reader.mapping(node, &WAIVE)?;
    if !rule.name.is_exact() {
        reader.error(
            node,
            format!("`waive` for `{}`", rule.name),
            "a waiver stands on a rule that names one server",
        );
    }
    let advisory = fields.get("advisory");
    for key in ["condition", "reason", "reviewer", "expires"] {
        if fields.get(key).is_none() && (key != "condition" || advisory.is_none()) {
            let allowed = "`condition` or `advisory`, `reason`, `reviewer` and `expires`";
            reader.error(node, format!("`waive` without `{key}`"), allowed);
        }
    }
    if let Some(advisory) = advisory
        && fields.get("condition").is_some()
    {
        reader.error(advisory, "`advisory` beside `condition`", "a waiver waives one of them");
    }
    for key in ["reason", "reviewer"] {
        fields.get(key).and_then(|node| reader.text(node));
    }
    let mut words: Vec<(&str, WaivedCondition)> =
        vec![("packages", WaivedCondition::Packages), ("remotes", WaivedCondition::Remotes)];
    words.extend(Condition::WORDS.map(|(word, condition)| (word, WaivedCondition::One(condition))));
    let words: Vec<(&str, &WaivedCondition)> =
        words.iter().map(|(word, condition)| (*word, condition)).collect();
    let condition = match advisory {
        Some(node) => reader.parsed(node, advisory_id).map(WaivedCondition::Advisory),
        None => fields.get("condition").and_then(|node| reader.word(node, &words)).cloned(),
    };
    let expires = fields.get("expires").and_then(|node| reader.parsed(node, last_moment));
    let (condition, expires) = (condition?, expires?);
    if context.is_past(expires) {
        let found = format!("the waiver ended at {expires}");
        reader.findings.push(Finding::warning(&node.place, found, "review it again, or remove it"));
    }
    Some(Waive { place: node.place.clone(), condition, expires })
}

fn advisory_id(text: &str) -> Result<SmolStr, &'static str> {
    let is_id = text.len() <= 128
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_id.then(|| text.into()).ok_or(
        "the id of one advisory, as `explain`, the alert and `vidimus advisories ID` write it",
    )
}
