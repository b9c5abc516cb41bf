use super::item::Item;
use crate::model::Instant;

/// What a list request asks for. All filters apply together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// Case-insensitive substring of name, title or description.
    pub search: Option<String>,
    pub version: Option<VersionFilter>,
    /// Only what changed here after this instant; tombstones are then included.
    pub updated_since: Option<Instant>,
    pub include_deleted: bool,
    /// Only what changed here up to this instant: set by the first page of a walk under
    /// `updated_since`, and carried by its cursor.
    pub until: Option<Instant>,
    /// Start behind this (name, version).
    pub after: Option<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionFilter {
    Latest,
    Exact(String),
}

impl VersionFilter {
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "latest" => Self::Latest,
            exact => Self::Exact(exact.to_owned()),
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Latest => "latest",
            Self::Exact(exact) => exact,
        }
    }

    pub(super) fn admits(&self, item: &Item) -> bool {
        match self {
            Self::Latest => item.latest,
            Self::Exact(exact) => item.version.as_str() == exact,
        }
    }
}
