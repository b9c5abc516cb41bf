use std::collections::BTreeSet;
use std::sync::Arc;

use super::facts::Facts;
use super::index::{Index, IndexedItem};
use super::item::{Item, Source};
use super::latest::latest_of;
use crate::curation::{ListForm, Sanitized};
use crate::model::{Approved, Entry, Name, Official, Timestamp, Version};

/// No registry served anything before.
const END_OF_1970: Timestamp = Timestamp::from_micros(365 * 86_400 * 1_000_000);

/// One published generation: an immutable value that answers every request.
#[derive(Debug, Default)]
pub struct Catalogue {
    pub(super) visible: Index,
    pub(super) tombstones: Index,
    /// The timestamp of the last change in it.
    pub(super) changed_at: Option<Timestamp>,
    /// The time up to which tombstones were removed; `None` if it has all of them.
    pub(super) pruned_until: Option<Timestamp>,
    pub(super) lists: ListForm,
}

/// An entry that passed the gates, with our facts about it.
#[derive(Debug)]
pub struct Candidate {
    pub version: Version,
    pub published_at: Timestamp,
    pub source: Source,
    pub facts: Facts,
    pub approved: Approved,
    /// Needed unless [`Catalogue::keeps`] an item of this source.
    pub loaded: Option<Loaded>,
}

/// The content that an item is written from.
#[derive(Debug)]
pub struct Loaded {
    pub entry: Entry,
    /// The official block that upstream sent last, also if it came with another content.
    pub official: Official,
    /// The `server` object as it is served.
    pub served: Sanitized,
    /// True if upstream sent other contents of the entry too.
    pub is_rewritten: bool,
}

/// All versions of one name that are now visible in a view.
#[derive(Debug)]
pub struct NameUpdate<'a> {
    pub name: &'a Name,
    pub candidates: Vec<&'a Candidate>,
}

impl Catalogue {
    /// Returns an empty generation whose successors list in this form.
    #[must_use]
    pub fn listing(lists: ListForm) -> Self {
        Self { lists, ..Self::default() }
    }

    /// Returns true if an item of the same entry is visible, with any facts.
    #[must_use]
    pub fn keeps(&self, name: &Name, version: &Version, source: &Source) -> bool {
        find(self.visible.named(name.as_str()), version.as_str())
            .is_some_and(|item| item.source.entry == source.entry)
    }

    /// Returns this generation without some visible entries, for clients that must not see them before their tombstones
    /// are committed. Of the others only the latest version of a name may change, so readers of changes learn of the
    /// hidden ones by those tombstones.
    #[must_use]
    pub fn without(&self, hidden: &BTreeSet<(Name, Version)>) -> Self {
        let names: BTreeSet<Name> = hidden.iter().map(|(name, _)| name.clone()).collect();
        let names: Vec<Name> = names.into_iter().collect();
        let stays =
            |item: &&IndexedItem| !hidden.contains(&(item.name.clone(), item.version.clone()));
        let items = names.iter().flat_map(|name| {
            let items = self.visible.named(name.as_str()).iter();
            with_a_latest(items.filter(stays).map(IndexedItem::share).collect())
        });
        let visible = self.visible.next(items.collect(), &names);
        Self {
            visible,
            tombstones: self.tombstones.clone(),
            changed_at: self.changed_at,
            pruned_until: self.pruned_until,
            lists: self.lists,
        }
    }

    /// Returns this generation without the tombstones up to a time.
    #[must_use]
    pub fn forgetting(&self, until: Timestamp) -> Self {
        let is_old = |item: &&IndexedItem| item.changed_at <= until;
        let old = self.tombstones.all().iter().filter(is_old);
        let names: BTreeSet<Name> = old.map(|item| item.name.clone()).collect();
        let names: Vec<Name> = names.into_iter().collect();
        let kept = names.iter().flat_map(|name| self.tombstones.named(name.as_str()));
        let kept = kept.filter(|item| !is_old(item)).map(IndexedItem::share).collect();
        Self {
            visible: self.visible.clone(),
            tombstones: self.tombstones.next(kept, &names),
            changed_at: self.changed_at,
            pruned_until: Some(until),
            lists: self.lists,
        }
    }

    /// Returns the time up to which tombstones were removed.
    #[must_use]
    pub const fn pruned_until(&self) -> Option<Timestamp> {
        self.pruned_until
    }

    /// Returns true if a reader that knows what was served at this time may lack a tombstone that was removed. A reader
    /// that knows nothing asks from 1970, and lacks none.
    #[must_use]
    pub fn lacks_changes_since(&self, since: Timestamp) -> bool {
        since >= END_OF_1970 && self.pruned_until.is_some_and(|until| since < until)
    }

    /// Returns true if a reader knows a change that is later than every one of this view.
    #[must_use]
    pub fn is_before(&self, since: Timestamp) -> bool {
        self.changed_at.is_none_or(|newest| newest < since)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.visible.all().len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.visible.all().is_empty()
    }

    /// Returns true if any version of a name is visible.
    #[must_use]
    pub fn has(&self, name: &Name) -> bool {
        !self.visible.named(name.as_str()).is_empty()
    }

    /// Returns every visible item by (name, version).
    pub fn items(&self) -> impl Iterator<Item = &IndexedItem> {
        self.visible.all().iter()
    }

    /// Returns one version of a name; `latest` is an alias of the greatest visible one.
    #[must_use]
    pub fn version(
        &self,
        name: &str,
        version: &str,
        with_tombstones: bool,
    ) -> Option<&IndexedItem> {
        let found = match version {
            "latest" => self.visible.latest_version(name),
            exact => self.visible.version(name, exact),
        };
        match found {
            None if with_tombstones => self.tombstones.version(name, version),
            found => found,
        }
    }
}

/// Returns the versions of a name with one of them as the latest.
fn with_a_latest(mut items: Vec<Arc<Item>>) -> Vec<Arc<Item>> {
    if items.iter().all(|item| !item.latest) {
        let versions = items.iter().map(|item| (&item.version, item.published_at));
        if let Some(index) = latest_of(versions) {
            items[index] = Arc::new(items[index].as_latest());
        }
    }
    items
}

/// Returns the item of a version among those of one name.
pub(super) fn find<'c>(items: &'c [IndexedItem], version: &str) -> Option<&'c IndexedItem> {
    let index = items.binary_search_by(|item| item.version.as_str().cmp(version)).ok()?;
    items.get(index)
}
