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
    for key in WAIVE.keys().into_iter().filter(|key| fields.get(key).is_none()) {
        reader.error(
            node,
            format!("`waive` without `{key}`"),
            "`condition`, `reason`, `reviewer` and `expires`",
        );
    }
    for key in ["reason", "reviewer"] {
        fields.get(key).and_then(|node| reader.text(node));
    }
    let mut words: Vec<(&str, WaivedCondition)> =
        vec![("packages", WaivedCondition::Packages), ("remotes", WaivedCondition::Remotes)];
    words.extend(Condition::WORDS.map(|(word, condition)| (word, WaivedCondition::One(condition))));
    let condition = fields.get("condition").and_then(|node| reader.word(node, &words));
    let expires = fields.get("expires").and_then(|node| reader.parsed(node, last_moment));
    let (condition, expires) = (condition?, expires?);
    if context.is_past(expires) {
        let found = format!("the waiver ended at {expires}");
        reader.findings.push(Finding::warning(&node.place, found, "review it again, or remove it"));
    }
    Some(Waive { place: node.place.clone(), condition, expires })
}
