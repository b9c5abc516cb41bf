use std::sync::Arc;

use super::super::reading::Context;
use super::super::rule::Rule;
use super::decision::Decision;
use super::layout::is_text;
use super::refusal::Refusal;
use super::value::{Member, Value, as_item};
use crate::lint::{Kind, Node, Source, has_errors};

/// Gives a refusal the whole rule with the decision in it, for a person to put in place of the one that stands there.
pub(super) fn in_place_of(
    refusal: Refusal,
    source: &Arc<Source>,
    (rule, item): (&Rule, &Node),
    decision: &Decision,
    context: &Context<'_>,
) -> Refusal {
    let Refusal::Manual { place, why, .. } = refusal else { return refusal };
    let replaces = Some(rule.place.clone());
    let merged = merged(&source.text, item, &decision.members(Some(rule)));
    let paste = as_item(&merged, 2);
    let text = Source::new("", format!("servers:\n{paste}"));
    let read = super::super::parse(&[text], context);
    // A rule that cannot be read is of no use; the decision alone is.
    let paste = if has_errors(&read.findings) { decision.item_text() } else { paste };
    Refusal::Manual { place, why, replaces, paste }
}

/// Returns the members of a mapping as they are to be.
fn merged(text: &str, node: &Node, members: &[Member]) -> Vec<Member> {
    let Kind::Mapping(present) = &node.kind else { return members.to_vec() };
    let mut result: Vec<Member> = Vec::new();
    for (key, value) in present {
        let Kind::Scalar { text: name, .. } = &key.kind else { continue };
        let value = match members.iter().find(|(key, _)| key == name) {
            None => Some(value_of(text, value)),
            Some((_, Some(Value::Mapping(inner)))) => {
                Some(Value::Mapping(merged(text, value, inner)))
            }
            Some((_, set)) => set.clone(),
        };
        result.push((name.clone(), value));
    }
    let is_new = |(key, _): &&Member| !present.iter().any(|(name, _)| is_text(name, key));
    result.extend(members.iter().filter(is_new).cloned());
    result
}

/// Returns a value as it is written, but for texts of several lines.
fn value_of(text: &str, node: &Node) -> Value {
    match &node.kind {
        Kind::Null => Value::Raw("null".to_owned()),
        Kind::Scalar { text: read, .. } => {
            let written = text.get(node.place.span.clone()).unwrap_or_default();
            if written.is_empty() || written.contains('\n') {
                Value::Text(read.clone())
            } else {
                Value::Raw(written.to_owned())
            }
        }
        Kind::Sequence(items) => {
            Value::Values(items.iter().map(|item| value_of(text, item)).collect())
        }
        Kind::Mapping(members) => Value::Mapping(
            members
                .iter()
                .filter_map(|(key, value)| match &key.kind {
                    Kind::Scalar { text: name, .. } => {
                        Some((name.clone(), Some(value_of(text, value))))
                    }
                    _ => None,
                })
                .collect(),
        ),
    }
}
