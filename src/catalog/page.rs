use super::Catalogue;
use super::cursor::Cursor;
use super::item::fold;
use super::query::{Query, VersionFilter};
use super::shelf::{Shelf, Slot};
use super::texts::Needle;
use crate::model::Instant;

/// The largest page; clients read no more than 10 MiB.
const MAX_PAGE_BYTES: usize = 9 * 1024 * 1024;

/// How many items from the first on fit on a page; at least one.
fn fitting(items: &[&Slot]) -> usize {
    let mut bytes = 0;
    let fits = |item: &&&Slot| {
        bytes += item.size + 1;
        bytes <= MAX_PAGE_BYTES
    };
    items.iter().take_while(fits).count().max(1).min(items.len())
}

/// One page of a list.
#[derive(Debug)]
pub struct Page<'c> {
    pub items: Vec<&'c Slot>,
    /// Given only when there is more.
    pub next: Option<String>,
}

impl Catalogue {
    /// The items a query asks for by (name, version), at most `limit` of them.
    #[must_use]
    pub fn page(&self, query: &Query, limit: usize) -> Page<'_> {
        let query = &Query { until: query.until.or(self.bound(query)), ..query.clone() };
        let needle = query.search.as_deref().map(|text| Needle::new(&fold(text)));
        let admitted = self.candidates(query, needle).filter(|item| {
            query.version.as_ref().is_none_or(|filter| filter.admits(item))
                && query.updated_since.is_none_or(|since| item.changed_at > since)
                && query.until.is_none_or(|until| item.changed_at <= until)
        });
        let mut items: Vec<&Slot> = admitted.take(limit + 1).collect();
        let kept = fitting(&items).min(limit);
        let more = items.len() > kept;
        items.truncate(kept);
        let next = items.last().filter(|_| more).map(|last| Cursor::behind(query, last));
        Page { items, next }
    }

    /// The versions of a name, newest publication first, with tombstones when asked; those behind
    /// the cursor of an earlier page. Everything that fits is on one page.
    #[must_use]
    pub fn versions(&self, name: &str, with_tombstones: bool, after: Option<&Query>) -> Page<'_> {
        let mut items: Vec<&Slot> = self.visible.named(name).iter().collect();
        if with_tombstones {
            items.extend(self.tombstones.named(name));
        }
        if let Some(Query { after: Some((_, version)), until: Some(published), .. }) = after {
            let is_behind = |item: &&Slot| {
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
        Page { items, next }
    }

    fn bound(&self, query: &Query) -> Option<Instant> {
        query.updated_since.and(self.changed_at)
    }

    /// The items that may be wanted, in order, with as little looked at as can be.
    fn candidates<'c>(
        &'c self,
        query: &Query,
        needle: Option<Needle>,
    ) -> Box<dyn Iterator<Item = &'c Slot> + 'c> {
        let visible = self.visible.found(query, needle.clone());
        if !query.include_deleted && query.updated_since.is_none() {
            return visible;
        }
        let mut visible = visible.peekable();
        let mut tombstones = self.tombstones.found(query, needle).peekable();
        Box::new(std::iter::from_fn(move || match (visible.peek(), tombstones.peek()) {
            (Some(left), Some(right)) if left.key() < right.key() => visible.next(),
            (_, Some(_)) => tombstones.next(),
            (_, None) => visible.next(),
        }))
    }
}

impl Shelf {
    fn found<'s>(
        &'s self,
        query: &Query,
        needle: Option<Needle>,
    ) -> Box<dyn Iterator<Item = &'s Slot> + 's> {
        let from = self.behind(query.after.as_ref());
        match (needle, &query.version) {
            (Some(needle), _) => Box::new(self.matching(needle, from)),
            (None, Some(VersionFilter::Latest)) => Box::new(self.latest(from)),
            (None, _) => Box::new(self.all()[from..].iter()),
        }
    }
}
