use std::sync::Arc;

use super::Catalogue;
use super::cursor::Cursor;
use super::item::{Item, fold};
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

    fn admits(&self, item: &Item) -> bool {
        match self {
            Self::Latest => item.latest,
            Self::Exact(exact) => item.version.as_str() == exact,
        }
    }
}

/// One page of a list.
#[derive(Debug)]
pub struct Page<'c> {
    pub items: Vec<&'c Arc<Item>>,
    /// Given only when there is more.
    pub next: Option<String>,
}

impl Catalogue {
    /// The items a query asks for by (name, version), at most `limit` of them.
    #[must_use]
    pub fn page(&self, query: &Query, limit: usize) -> Page<'_> {
        let query = &Query { until: query.until.or(self.bound(query)), ..query.clone() };
        let needle = query.search.as_deref().map(fold);
        let finder = needle.as_deref().map(memchr::memmem::Finder::new);
        let admitted = self.candidates(query).filter(|item| {
            query.version.as_ref().is_none_or(|filter| filter.admits(item))
                && query.updated_since.is_none_or(|since| item.changed_at > since)
                && query.until.is_none_or(|until| item.changed_at <= until)
                && finder.as_ref().is_none_or(|it| it.find(item.searched.as_bytes()).is_some())
        });
        let mut items: Vec<&Arc<Item>> = admitted.take(limit + 1).collect();
        let more = items.len() > limit;
        items.truncate(limit);
        let next = match items.last() {
            Some(last) if more => {
                Some(Cursor::write(query, last.name.as_str(), last.version.as_str()))
            }
            _ => None,
        };
        Page { items, next }
    }

    fn bound(&self, query: &Query) -> Option<Instant> {
        query.updated_since.and(self.changed_at)
    }

    fn candidates<'c>(&'c self, query: &Query) -> Box<dyn Iterator<Item = &'c Arc<Item>> + 'c> {
        let visible = behind(&self.visible, query);
        if !query.include_deleted && query.updated_since.is_none() {
            return Box::new(visible.iter());
        }
        let mut visible = visible.iter().peekable();
        let mut tombstones = behind(&self.tombstones, query).iter().peekable();
        Box::new(std::iter::from_fn(move || match (visible.peek(), tombstones.peek()) {
            (Some(left), Some(right)) if left.key() < right.key() => visible.next(),
            (_, Some(_)) => tombstones.next(),
            (_, None) => visible.next(),
        }))
    }
}

fn behind<'c>(items: &'c [Arc<Item>], query: &Query) -> &'c [Arc<Item>] {
    let Some((name, version)) = &query.after else {
        return items;
    };
    let start = items.partition_point(|item| item.key() <= (name.as_str(), version.as_str()));
    &items[start..]
}
