use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::{Deref, Range};
use std::sync::Arc;

use super::item::{Item, Tag};
use super::search::{SearchTerm, SearchText};
use crate::model::{Name, Timestamp};

/// Items in the order of name and version, with the positions for lookups.
///
/// The fields that requests read are adjacent in memory: following a pointer to each of a hundred items
/// costs more than the rest of a list request.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    items: Vec<IndexedItem>,
    positions: Arc<Positions>,
}

/// The positions of items. Generations share it while versions, latest versions and search texts stay the
/// same.
#[derive(Debug, Default)]
struct Positions {
    /// The positions of the versions of a name, by the hash of the name.
    names: HashMap<u64, Range<usize>>,
    hasher: RandomState,
    /// The positions of the latest versions.
    latest: Vec<usize>,
    search: SearchText,
}

/// An item, with copies of the fields that lists read.
#[derive(Debug, Clone)]
pub struct IndexedItem {
    item: Arc<Item>,
    pub tag: Tag,
    /// The size of the JSON in bytes, in a list.
    pub size: usize,
    pub changed_at: Timestamp,
    pub latest: bool,
    version_hash: u32,
}

impl Deref for IndexedItem {
    type Target = Item;

    fn deref(&self) -> &Item {
        &self.item
    }
}

impl IndexedItem {
    pub(super) fn share(&self) -> Arc<Item> {
        Arc::clone(&self.item)
    }
}

impl From<Arc<Item>> for IndexedItem {
    fn from(item: Arc<Item>) -> Self {
        let (latest, version_hash) = (item.latest, hash_of_version(item.version.as_str()));
        let (size, changed_at) = (item.listed_size(), item.changed_at);
        Self { tag: item.tag, size, changed_at, latest, version_hash, item }
    }
}

/// Returns a hash (FNV-1a) that differs for nearly all versions of one name; the rest are compared.
fn hash_of_version(version: &str) -> u32 {
    version
        .bytes()
        .fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

impl Positions {
    fn of(items: &[IndexedItem]) -> Self {
        let mut positions = Self::default();
        let mut before: Option<&Item> = None;
        let mut first_of_name = 0;
        for (position, item) in items.iter().enumerate() {
            if item.latest {
                positions.latest.push(position);
            }
            if before.is_none_or(|before| before.name != item.name) {
                first_of_name = position;
            }
            let hash = positions.hasher.hash_one(item.name.as_str());
            let range = positions.names.entry(hash).or_insert(first_of_name..position);
            if range.start == first_of_name {
                range.end = position + 1;
            }
            if !before.is_some_and(|before| Arc::ptr_eq(&before.searched, &item.searched)) {
                positions.search.push(&item.searched, position);
            }
            before = Some(item);
        }
        positions
    }
}

impl Index {
    /// Returns this index with the items of some names, in order, in place of the earlier ones.
    pub(super) fn next(&self, new: Vec<Arc<Item>>, replaced: &[Name]) -> Self {
        let new: Vec<IndexedItem> = new.into_iter().map(IndexedItem::from).collect();
        let same = self.is_unchanged(&new, replaced);
        let items = merged(&self.items, new, replaced);
        let positions =
            if same { Arc::clone(&self.positions) } else { Arc::new(Positions::of(&items)) };
        Self { items, positions }
    }

    /// Returns true if the items of these names leave all positions and search texts unchanged.
    fn is_unchanged(&self, new: &[IndexedItem], replaced: &[Name]) -> bool {
        let old = || replaced.iter().flat_map(|name| self.named(name.as_str()));
        let alike = |(old, new): (&IndexedItem, &IndexedItem)| {
            old.key() == new.key()
                && old.latest == new.latest
                && Arc::ptr_eq(&old.searched, &new.searched)
        };
        old().count() == new.len() && old().zip(new).all(alike)
    }

    pub(super) fn all(&self) -> &[IndexedItem] {
        &self.items
    }

    /// Returns one version of a name. It reads as few items as possible: each further one waits for memory.
    pub(super) fn version(&self, name: &str, version: &str) -> Option<&IndexedItem> {
        let hash = hash_of_version(version);
        self.one(name, |item| item.version_hash == hash && item.version.as_str() == version)
    }

    /// Returns the latest version of a name.
    pub(super) fn latest_version(&self, name: &str) -> Option<&IndexedItem> {
        self.one(name, |item| item.latest)
    }

    fn one(&self, name: &str, wanted: impl Fn(&IndexedItem) -> bool) -> Option<&IndexedItem> {
        let range = self.positions.names.get(&self.positions.hasher.hash_one(name))?;
        let near = self.items[range.clone()].iter().find(|item| wanted(item));
        match near {
            Some(item) if item.name.as_str() == name => near,
            // The name has no such version, or two names have one hash.
            _ => self.named(name).iter().find(|item| wanted(item)),
        }
    }

    /// Returns the versions of a name.
    pub(super) fn named(&self, name: &str) -> &[IndexedItem] {
        &self.items[self.range(name)]
    }

    fn range(&self, name: &str) -> Range<usize> {
        match self.positions.names.get(&self.positions.hasher.hash_one(name)) {
            None => 0..0,
            Some(range) if self.items[range.start].name.as_str() == name => range.clone(),
            // Two names have one hash; a binary search finds both.
            Some(_) => {
                let start = self.items.partition_point(|item| item.name.as_str() < name);
                let rest = &self.items[start..];
                start..start + rest.partition_point(|item| item.name.as_str() == name)
            }
        }
    }

    /// Returns the position of the first item after (name, version).
    pub(super) fn behind(&self, after: Option<&(String, String)>) -> usize {
        let Some((name, version)) = after else { return 0 };
        let range = self.range(name);
        if range.is_empty() {
            let position = (name.as_str(), version.as_str());
            return self.items.partition_point(|item| item.key() <= position);
        }
        let versions = &self.items[range.clone()];
        range.start + versions.partition_point(|item| item.version.as_str() <= version.as_str())
    }

    /// Returns the latest versions from a position on.
    pub(super) fn latest(&self, from: usize) -> impl Iterator<Item = &IndexedItem> {
        let start = self.positions.latest.partition_point(|position| *position < from);
        self.positions.latest[start..].iter().map(|position| &self.items[*position])
    }

    /// Returns the items from a position on with the search term in their text.
    pub(super) fn matching(
        &self,
        term: SearchTerm,
        from: usize,
    ) -> impl Iterator<Item = &IndexedItem> {
        let mut text =
            if from < self.items.len() { self.positions.search.of_item(from) } else { usize::MAX };
        let runs = std::iter::from_fn(move || {
            let (found, first, next) = self.positions.search.find(&term, text)?;
            text = found + 1;
            Some(first.max(from)..next.unwrap_or(self.items.len()))
        });
        runs.flatten().map(|position| &self.items[position])
    }
}

/// Merges the old items, without those of the replaced names, and the new ones in order.
fn merged(old: &[IndexedItem], new: Vec<IndexedItem>, replaced: &[Name]) -> Vec<IndexedItem> {
    let mut merged = Vec::with_capacity(old.len() + new.len());
    let mut replaced = replaced.iter().peekable();
    let mut new = new.into_iter().peekable();
    for item in old {
        while replaced.next_if(|name| **name < item.name).is_some() {}
        if replaced.peek().is_some_and(|name| **name == item.name) {
            continue;
        }
        while let Some(earlier) = new.next_if(|new| new.name < item.name) {
            merged.push(earlier);
        }
        merged.push(item.clone());
    }
    merged.extend(new);
    merged
}
