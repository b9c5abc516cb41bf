use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::{Deref, Range};
use std::sync::Arc;

use super::item::{Item, Tag};
use super::texts::{Needle, Texts};
use crate::model::{Instant, Name};

/// Items in the order of name and version, and what finding among them needs.
///
/// What requests look at stands side by side in memory: following a pointer to each of a hundred
/// items costs more than all the rest of a list.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    slots: Vec<Slot>,
    index: Arc<Index>,
}

/// Where things stand. Generations share it as long as the same versions say the same.
#[derive(Debug, Default)]
struct Index {
    /// Where the versions of a name stand, by the hash of the name.
    names: HashMap<u64, Range<usize>>,
    hasher: RandomState,
    /// Where the latest versions stand.
    latest: Vec<usize>,
    texts: Texts,
}

/// An item, and what lists need of it without going there.
#[derive(Debug, Clone)]
pub struct Slot {
    item: Arc<Item>,
    pub tag: Tag,
    /// Bytes of its JSON.
    pub size: usize,
    pub changed_at: Instant,
    pub latest: bool,
    version_hash: u32,
}

impl Deref for Slot {
    type Target = Item;

    fn deref(&self) -> &Item {
        &self.item
    }
}

impl Slot {
    pub(super) fn share(&self) -> Arc<Item> {
        Arc::clone(&self.item)
    }
}

impl From<Arc<Item>> for Slot {
    fn from(item: Arc<Item>) -> Self {
        let (latest, version_hash) = (item.latest, hash_of_version(item.version.as_str()));
        let (size, changed_at) = (item.json.len(), item.changed_at);
        Self { tag: item.tag, size, changed_at, latest, version_hash, item }
    }
}

/// Tells nearly all versions of one name apart; those that it does not are compared (FNV-1a).
fn hash_of_version(version: &str) -> u32 {
    version
        .bytes()
        .fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

impl Index {
    fn of(slots: &[Slot]) -> Self {
        let mut index = Self::default();
        let mut before: Option<&Item> = None;
        let mut first_of_name = 0;
        for (position, slot) in slots.iter().enumerate() {
            if slot.latest {
                index.latest.push(position);
            }
            if before.is_none_or(|before| before.name != slot.name) {
                first_of_name = position;
            }
            let hash = index.hasher.hash_one(slot.name.as_str());
            let range = index.names.entry(hash).or_insert(first_of_name..position);
            if range.start == first_of_name {
                range.end = position + 1;
            }
            if !before.is_some_and(|before| Arc::ptr_eq(&before.searched, &slot.searched)) {
                index.texts.push(&slot.searched, position);
            }
            before = Some(slot);
        }
        index
    }
}

impl Shelf {
    /// This shelf with the items of some names, in their order, in place of those before.
    pub(super) fn next(&self, new: Vec<Arc<Item>>, replaced: &[Name]) -> Self {
        let new: Vec<Slot> = new.into_iter().map(Slot::from).collect();
        let same = self.says_the_same(&new, replaced);
        let slots = merged(&self.slots, new, replaced);
        let index = if same { Arc::clone(&self.index) } else { Arc::new(Index::of(&slots)) };
        Self { slots, index }
    }

    /// Whether the items of these names stand where those before stood, for search and order alike.
    fn says_the_same(&self, new: &[Slot], replaced: &[Name]) -> bool {
        let old = || replaced.iter().flat_map(|name| self.named(name.as_str()));
        let alike = |(old, new): (&Slot, &Slot)| {
            old.key() == new.key()
                && old.latest == new.latest
                && Arc::ptr_eq(&old.searched, &new.searched)
        };
        old().count() == new.len() && old().zip(new).all(alike)
    }

    pub(super) fn all(&self) -> &[Slot] {
        &self.slots
    }

    /// One version of a name, with as little looked at as can be: each item that is not needed is a
    /// wait for memory.
    pub(super) fn version(&self, name: &str, version: &str) -> Option<&Slot> {
        let hash = hash_of_version(version);
        self.one(name, |slot| slot.version_hash == hash && slot.version.as_str() == version)
    }

    /// The latest version of a name.
    pub(super) fn latest_version(&self, name: &str) -> Option<&Slot> {
        self.one(name, |slot| slot.latest)
    }

    fn one(&self, name: &str, wanted: impl Fn(&Slot) -> bool) -> Option<&Slot> {
        let range = self.index.names.get(&self.index.hasher.hash_one(name))?;
        let near = self.slots[range.clone()].iter().find(|slot| wanted(slot));
        match near {
            Some(slot) if slot.name.as_str() == name => near,
            // None of it, or two names of one hash.
            _ => self.named(name).iter().find(|slot| wanted(slot)),
        }
    }

    /// The versions of a name.
    pub(super) fn named(&self, name: &str) -> &[Slot] {
        &self.slots[self.range(name)]
    }

    fn range(&self, name: &str) -> Range<usize> {
        match self.index.names.get(&self.index.hasher.hash_one(name)) {
            None => 0..0,
            Some(range) if self.slots[range.start].name.as_str() == name => range.clone(),
            // Two names of one hash: the order finds both.
            Some(_) => {
                let start = self.slots.partition_point(|slot| slot.name.as_str() < name);
                let rest = &self.slots[start..];
                start..start + rest.partition_point(|slot| slot.name.as_str() == name)
            }
        }
    }

    /// Where the first item behind (name, version) stands.
    pub(super) fn behind(&self, after: Option<&(String, String)>) -> usize {
        let Some((name, version)) = after else { return 0 };
        let range = self.range(name);
        if range.is_empty() {
            let position = (name.as_str(), version.as_str());
            return self.slots.partition_point(|slot| slot.key() <= position);
        }
        let versions = &self.slots[range.clone()];
        range.start + versions.partition_point(|slot| slot.version.as_str() <= version.as_str())
    }

    /// The latest versions from an index on.
    pub(super) fn latest(&self, from: usize) -> impl Iterator<Item = &Slot> {
        let start = self.index.latest.partition_point(|index| *index < from);
        self.index.latest[start..].iter().map(|index| &self.slots[*index])
    }

    /// The items from an index on whose text holds the needle.
    pub(super) fn matching(&self, needle: Needle, from: usize) -> impl Iterator<Item = &Slot> {
        let mut text =
            if from < self.slots.len() { self.index.texts.of_item(from) } else { usize::MAX };
        let runs = std::iter::from_fn(move || {
            let (found, first, next) = self.index.texts.find(&needle, text)?;
            text = found + 1;
            Some(first.max(from)..next.unwrap_or(self.slots.len()))
        });
        runs.flatten().map(|index| &self.slots[index])
    }
}

/// The old items without those of the replaced names, and the new ones, in order.
fn merged(old: &[Slot], new: Vec<Slot>, replaced: &[Name]) -> Vec<Slot> {
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
