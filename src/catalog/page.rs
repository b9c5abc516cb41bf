use super::Catalogue;
use super::cursor::Cursor;
use super::index::{Index, IndexedItem};
use super::item::{Form, fold};
use super::query::{Query, VersionFilter};
use super::search::SearchTerm;
use crate::model::Timestamp;

/// The size limit of a page; clients read at most 10 MiB.
const MAX_PAGE_BYTES: usize = 9 * 1024 * 1024;

/// Returns the number of items, from the first on, that fit on a page; at least one.
fn fitting(items: &[&IndexedItem]) -> usize {
    let mut bytes = 0;
    let fits = |item: &&&IndexedItem| {
        bytes += item.size + 1;
        bytes <= MAX_PAGE_BYTES
    };
    items.iter().take_while(fits).count().max(1).min(items.len())
}

/// One page of a list.
#[derive(Debug)]
pub struct Page<'c> {
    pub items: Vec<&'c IndexedItem>,
    pub form: Form,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
}

impl Catalogue {
    /// Returns the items that a query selects, by (name, version), at most `limit` of them.
    #[must_use]
    pub fn page(&self, query: &Query, limit: usize) -> Page<'_> {
        let until = query.until.or(self.bound(query));
        let query = &Query { until, ..query.within(self.lists) };
        let term = query.search.as_deref().map(fold).filter(|text| !text.is_empty());
        let term = term.map(|text| SearchTerm::new(&text));
        let admitted = self.candidates(query, term).filter(|item| {
            query.version.as_ref().is_none_or(|filter| filter.admits(item))
                && query.updated_since.is_none_or(|since| item.changed_at > since)
                && query.until.is_none_or(|until| item.changed_at <= until)
        });
        let mut items: Vec<&IndexedItem> = admitted.take(limit + 1).collect();
        let kept = fitting(&items).min(limit);
        let more = items.len() > kept;
        items.truncate(kept);
        let next = items.last().filter(|_| more).map(|last| Cursor::behind(query, last));
        Page { items, form: query.form(self.lists), next }
    }

    /// Returns the versions of a name, newest publication first, with tombstones if requested, after the
    /// cursor of an earlier page. One page has everything that fits.
    #[must_use]
    pub fn versions(&self, name: &str, with_tombstones: bool, after: Option<&Query>) -> Page<'_> {
        let mut items: Vec<&IndexedItem> = self.visible.named(name).iter().collect();
        if with_tombstones {
            items.extend(self.tombstones.named(name));
        }
        if let Some(Query { after: Some((_, version)), until: Some(published), .. }) = after {
            let is_behind = |item: &&IndexedItem| {
                (item.published_at, item.version.as_str()) < (*published, version.as_str())
            };
            items.retain(is_behind);
        }
        items.sort_by(|left, right| {
            right.published_at.cmp(&left.published_at).then_with(|| right.key().cmp(&left.key()))
        });
        let kept = fitting(&items);
        let more = items.len() > kept;
        items.truncate(kept);
        let next = items.last().filter(|_| more).map(|last| {
            let until = Some(last.published_at);
            let query = Query { until, include_deleted: with_tombstones, ..Query::default() };
            Cursor::behind(&query, last)
        });
        Page { items, form: Form::Plain, next }
    }

    fn bound(&self, query: &Query) -> Option<Timestamp> {
        query.updated_since.and(self.changed_at)
    }

    /// Returns the items that may match, in order. It reads as few items as possible.
    fn candidates<'c>(
        &'c self,
        query: &Query,
        term: Option<SearchTerm>,
    ) -> Box<dyn Iterator<Item = &'c IndexedItem> + 'c> {
        let visible = self.visible.found(query, term.clone());
        if !query.include_deleted && query.updated_since.is_none() {
            return visible;
        }
        let mut visible = visible.peekable();
        let mut tombstones = self.tombstones.found(query, term).peekable();
        Box::new(std::iter::from_fn(move || match (visible.peek(), tombstones.peek()) {
            (Some(left), Some(right)) if left.key() < right.key() => visible.next(),
            (_, Some(_)) => tombstones.next(),
            (_, None) => visible.next(),
        }))
    }
}

impl Index {
    fn found<'s>(
        &'s self,
        query: &Query,
        term: Option<SearchTerm>,
    ) -> Box<dyn Iterator<Item = &'s IndexedItem> + 's> {
        let from = self.behind(query.after.as_ref());
        match (term, &query.version) {
            (Some(term), _) => Box::new(self.matching(term, from)),
            (None, Some(VersionFilter::Latest)) => Box::new(self.latest(from)),
            (None, _) => Box::new(self.all()[from..].iter()),
        }
    }
}
