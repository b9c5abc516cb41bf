use super::NamePattern;
use super::fields::{DEPRECATED, ON_DEPRECATED};
use super::later::OnDeprecated;
use super::rule::Rule;
use crate::lint::{Kind, Node, Reader, duration};
use crate::model::Name;

/// Reads `on_deprecated`: `keep`, or a mapping of `hide_after`.
pub(super) fn read_on_deprecated(reader: &mut Reader, node: &Node) -> Option<OnDeprecated> {
    if matches!(node.kind, Kind::Scalar { .. }) {
        let keep = |text: &str| match text {
            "keep" => Ok(OnDeprecated::Keep),
            _ => Err(DEPRECATED),
        };
        return reader.parsed(node, keep);
    }
    let fields = reader.mapping(node, &ON_DEPRECATED)?;
    let Some(node) = fields.get("hide_after") else {
        reader.error(node, "`on_deprecated` without `hide_after`", "`hide_after: 30d`, or `keep`");
        return None;
    };
    reader.parsed(node, duration).map(OnDeprecated::HideAfter)
}

/// Reads the `successor` of a rule.
pub(super) fn read_successor(reader: &mut Reader, node: &Node, rule: &Rule) -> Option<Name> {
    let successor = reader.parsed(node, Name::parse)?;
    match &rule.name {
        NamePattern::Exact(name) if name.denial_form() == successor.denial_form() => {
            reader.error(node, "a server that succeeds itself", "the name of another server");
        }
        NamePattern::Exact(_) => return Some(successor),
        _ => reader.error(
            node,
            format!("`successor` for `{}`", rule.name),
            "a successor stands on a rule that names one server",
        ),
    }
    None
}
