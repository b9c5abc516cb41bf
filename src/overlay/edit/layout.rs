use std::ops::Range;
use std::sync::Arc;

use super::super::rule::Rule;
use crate::lint::{Kind, Node, Place, Source, parse_yaml};

/// The places of lists and items in a text.
pub(super) struct Layout {
    pub(super) source: Arc<Source>,
    pub(super) documents: Vec<Node>,
}

impl Layout {
    pub(super) fn of(source: &Arc<Source>) -> Self {
        let documents = parse_yaml(source, &mut Vec::new());
        Self { source: Arc::clone(source), documents }
    }

    /// Returns the values of `servers`, each with its key.
    pub(super) fn lists(&self) -> impl DoubleEndedIterator<Item = (&Node, &Node)> {
        self.documents
            .iter()
            .flat_map(|document| match &document.kind {
                Kind::Mapping(members) => members.as_slice(),
                _ => &[],
            })
            .filter(|(key, _)| is_text(key, "servers"))
            .map(|(key, value)| (key, value))
    }

    /// Returns true if a `servers` without a value stands there.
    pub(super) fn is_null_list(&self, place: &Place) -> bool {
        self.lists().any(|(_, list)| list.kind == Kind::Null && list.place == *place)
    }

    /// Returns the item of a rule.
    pub(super) fn item_of(&self, rule: &Rule) -> Option<&Node> {
        let items = self.lists().flat_map(|(_, list)| items(list));
        items.into_iter().find(|item| item.place.span.start == rule.place.span.start)
    }

    /// Returns the end of the line of an offset, behind its line end.
    pub(super) fn line_end(&self, at: usize) -> usize {
        let text = &self.source.text;
        text[at..].find('\n').map_or(text.len(), |end| at + end + 1)
    }

    /// Returns the start of the line of an offset.
    pub(super) fn line_start(&self, at: usize) -> usize {
        self.source.text[..at].rfind('\n').map_or(0, |end| end + 1)
    }
}

pub(super) fn items(list: &Node) -> &[Node] {
    match &list.kind {
        Kind::Sequence(items) => items,
        _ => &[],
    }
}

pub(super) fn is_text(node: &Node, wanted: &str) -> bool {
    matches!(&node.kind, Kind::Scalar { text, .. } if text == wanted)
}

/// Returns the member of a mapping.
pub(super) fn member<'n>(node: &'n Node, key: &str) -> Option<(&'n Node, &'n Node)> {
    let Kind::Mapping(members) = &node.kind else { return None };
    members.iter().find(|(name, _)| is_text(name, key)).map(|(name, value)| (name, value))
}

/// Returns the span from the start of a node to the end of its last scalar: what closes it in flow style is not a part.
pub(super) fn extent(node: &Node) -> Range<usize> {
    let last = match &node.kind {
        Kind::Sequence(items) => items.last().map(extent),
        Kind::Mapping(members) => members.last().map(|(_, value)| extent(value)),
        Kind::Null | Kind::Scalar { .. } => None,
    };
    let Range { start, end } = node.place.span;
    start..last.map_or(end, |last| last.end.max(end))
}

/// Returns true if an item states the expiry of its approval.
pub(super) fn states_expiry(item: &Node) -> bool {
    member(item, "approval").is_some_and(|(_, approval)| member(approval, "expires").is_some())
}
