use super::Place;

/// A value in a file, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub place: Place,
    pub kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `null`, `~` or an absent value.
    Null,
    /// Any scalar, as text; `plain` if it has no quotes.
    Scalar {
        text: String,
        plain: bool,
    },
    Sequence(Vec<Node>),
    /// Keys in their order, including duplicates: the reader reports them.
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// Describes the value, for messages.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing (null)".into(),
            Kind::Scalar { text, .. } if text.is_empty() => "an empty text".into(),
            Kind::Scalar { text, .. } => format!("`{text}`"),
            Kind::Sequence(_) => "a list".into(),
            Kind::Mapping(_) => "a mapping".into(),
        }
    }
}
