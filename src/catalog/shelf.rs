use std::sync::Arc;

use memchr::memmem::Finder;

use super::item::Item;

/// Items in the order of name and version, and what finding among them needs.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    items: Vec<Arc<Item>>,
    /// Where the latest versions stand.
    latest: Vec<usize>,
    texts: Texts,
}

/// All that search looks at, in one piece of memory: running through it costs a fraction of what
/// following a pointer to each item would. Versions of a name that say the same share one text.
#[derive(Debug, Default)]
struct Texts {
    /// Each text followed by [`BORDER`].
    all: String,
    /// Where each text begins, and the first item that it belongs to.
    begins: Vec<(usize, usize)>,
}

/// No text that is served holds a NUL, and no query does.
const BORDER: char = '\0';

impl Shelf {
    pub(super) fn new(items: Vec<Arc<Item>>) -> Self {
        let mut shelf = Self { items, ..Self::default() };
        let mut before: Option<&Arc<str>> = None;
        for (index, item) in shelf.items.iter().enumerate() {
            if item.latest {
                shelf.latest.push(index);
            }
            if !before.is_some_and(|before| Arc::ptr_eq(before, &item.searched)) {
                shelf.texts.begins.push((shelf.texts.all.len(), index));
                shelf.texts.all.push_str(&item.searched);
                shelf.texts.all.push(BORDER);
            }
            before = Some(&item.searched);
        }
        shelf
    }

    pub(super) fn all(&self) -> &[Arc<Item>] {
        &self.items
    }

    /// Where the first item behind (name, version) stands.
    pub(super) fn behind(&self, after: Option<&(String, String)>) -> usize {
        let Some((name, version)) = after else { return 0 };
        self.items.partition_point(|item| item.key() <= (name.as_str(), version.as_str()))
    }

    /// The latest versions from an index on.
    pub(super) fn latest(&self, from: usize) -> impl Iterator<Item = &Arc<Item>> {
        let start = self.latest.partition_point(|index| *index < from);
        self.latest[start..].iter().map(|index| &self.items[*index])
    }

    /// The items from an index on whose text holds what the finder looks for.
    pub(super) fn matching<'s>(
        &'s self,
        finder: Finder<'static>,
        from: usize,
    ) -> impl Iterator<Item = &'s Arc<Item>> {
        let begins = &self.texts.begins;
        let text_of = |item: usize| begins.partition_point(|(_, first)| *first <= item);
        let mut text = if from < self.items.len() { text_of(from) - 1 } else { begins.len() };
        let runs = std::iter::from_fn(move || {
            let (start, _) = *begins.get(text)?;
            let found = start + finder.find(&self.texts.all.as_bytes()[start..])?;
            let next = begins.partition_point(|(begin, _)| *begin <= found);
            let first = begins[next - 1].1;
            let end = begins.get(next).map_or(self.items.len(), |(_, first)| *first);
            text = next;
            Some(first.max(from)..end)
        });
        runs.flatten().map(|index| &self.items[index])
    }
}
