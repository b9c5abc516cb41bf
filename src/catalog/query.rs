use super::item::{Form, Item};
use crate::curation::ListForm;
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
    /// Returns the form of the items. The cursor carries the filters, so later pages keep the form.
    pub(super) const fn form(&self, lists: ListForm) -> Form {
        if self.updated_since.is_some() {
            Form::Changes
        } else if lists.without_icons && self.browses() {
            Form::WithoutIcons
        } else {
            Form::Plain
        }
    }

    /// Returns the query with the filter of a view that lists latest versions only.
    pub(super) fn within(&self, lists: ListForm) -> Self {
        let latest = (lists.latest_only && self.browses()).then_some(VersionFilter::Latest);
        Self { version: latest.or_else(|| self.version.clone()), ..self.clone() }
    }

    /// Returns true if the client browses. One that asks for an exact version, for changes or for deletions gets whole
    /// items of all versions: a mirror that got less in a full list would take the rest for removed or rewritten.
    const fn browses(&self) -> bool {
        self.updated_since.is_none()
            && !self.include_deleted
            && !matches!(self.version, Some(VersionFilter::Exact(_)))
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
