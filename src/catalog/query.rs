use super::item::{Form, Item};
use crate::model::Timestamp;

/// The filters and the position of a list request. All filters apply together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// Case-insensitive substring of name, title or description.
    pub search: Option<String>,
    pub version: Option<VersionFilter>,
    /// Only items that changed here after this timestamp; tombstones are then included.
    pub updated_since: Option<Timestamp>,
    pub include_deleted: bool,
    /// Only items that changed here up to this timestamp. The first page under `updated_since` sets it, and
    /// the cursor carries it.
    pub until: Option<Timestamp>,
    /// Only items after this (name, version).
    pub after: Option<(String, String)>,
}

impl Query {
    /// Returns the form of the items. The cursor carries `updated_since`, so later pages keep the form.
    pub(super) const fn form(&self) -> Form {
        if self.updated_since.is_some() { Form::Changes } else { Form::Plain }
    }
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
