use std::collections::BTreeSet;
use std::sync::Arc;

use super::document::{Document, Facts, tombstone};
use super::index::{Index, IndexedItem};
use super::item::{Item, Source, fold, tag};
use super::latest::latest_of;
use super::ledger::Ledger;
use crate::curation::Sanitized;
use crate::model::{
    Damage, Digest, Entry, LedgerEntry, LedgerRecord, Name, Shown, Timestamp, ValidationError,
    ValidationRule, Version,
};

/// One published generation: an immutable value that answers every request.
#[derive(Debug, Default)]
pub struct Catalogue {
    pub(super) visible: Index,
    pub(super) tombstones: Index,
    /// The timestamp of the last change in it.
    pub(super) changed_at: Option<Timestamp>,
}

/// An entry that passed the gates, with our facts about it.
#[derive(Debug)]
pub struct Candidate {
    pub version: Version,
    pub published_at: Timestamp,
    pub source: Source,
    pub facts: Facts,
    /// Needed unless [`Catalogue::keeps`] an item of this source.
    pub loaded: Option<Loaded>,
}

/// The content that an item is written from.
#[derive(Debug)]
pub struct Loaded {
    pub entry: Entry,
    /// The `server` object as it is served.
    pub served: Sanitized,
}

/// All versions of one name that are now visible in a view.
#[derive(Debug)]
pub struct NameUpdate<'a> {
    pub name: &'a Name,
    pub candidates: Vec<&'a Candidate>,
}

impl Catalogue {
    /// Starts the next generation: this one with the given names replaced.
    ///
    /// An unchanged item keeps its bytes and its timestamp. A version of an updated name that the ledger
    /// shows as visible, and that is not visible now, becomes a tombstone.
    ///
    /// A candidate that cannot be read, because the store was damaged or tampered with, is left out and
    /// reported: one bad record must not block the rest, above all a denial.
    #[must_use]
    pub fn next<'a>(&'a self, ledger: &'a Ledger, now: Timestamp, namespace: &'a str) -> Draft<'a> {
        let timestamp = ledger.next_timestamp(now);
        let writer = Writer { before: self, ledger, timestamp, namespace };
        Draft { writer, names: Vec::new(), written: Written::default(), is_changed: false }
    }

    /// Returns true if an item of the same entry is visible, with any facts.
    #[must_use]
    pub fn keeps(&self, name: &Name, version: &Version, source: &Source) -> bool {
        find(self.visible.named(name.as_str()), version.as_str())
            .is_some_and(|item| item.source.entry == source.entry)
    }

    /// Returns this generation without some visible entries, for clients that must not see them before their tombstones
    /// are committed. Nothing else changes, so readers of changes learn of them by those tombstones.
    #[must_use]
    pub fn without(&self, hidden: &BTreeSet<(Name, Version)>) -> Self {
        let names: BTreeSet<Name> = hidden.iter().map(|(name, _)| name.clone()).collect();
        let names: Vec<Name> = names.into_iter().collect();
        let stays =
            |item: &&IndexedItem| !hidden.contains(&(item.name.clone(), item.version.clone()));
        let items = names.iter().flat_map(|name| self.visible.named(name.as_str()));
        let visible =
            self.visible.next(items.filter(stays).map(IndexedItem::share).collect(), &names);
        Self { visible, tombstones: self.tombstones.share(), changed_at: self.changed_at }
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

fn find<'c>(items: &'c [IndexedItem], version: &str) -> Option<&'c IndexedItem> {
    let index = items.binary_search_by(|item| item.version.as_str().cmp(version)).ok()?;
    items.get(index)
}

/// A generation that is being written in several batches of names, so that the sources of all names need
/// not be in memory together.
#[derive(Debug)]
pub struct Draft<'a> {
    writer: Writer<'a>,
    names: Vec<Name>,
    written: Written,
    is_changed: bool,
}

impl Draft<'_> {
    /// Writes all visible versions of these names. Each name comes once, in the order of names.
    pub fn write(&mut self, updates: &[NameUpdate<'_>]) {
        self.names.extend(updates.iter().map(|update| update.name.clone()));
        // Rendering is most of the work of a generation that changes everything.
        let share = updates.len().div_ceil(THREADS).max(LEAST_SHARE);
        let writer = &self.writer;
        let written = std::thread::scope(|scope| {
            let shares = updates.chunks(share).skip(1);
            let shares: Vec<_> = shares.map(|share| scope.spawn(|| writer.write(share))).collect();
            let mut written = writer.write(updates.get(..share).unwrap_or(updates));
            for share in shares {
                match share.join() {
                    Ok(share) => written.extend(share),
                    Err(panicked) => std::panic::resume_unwind(panicked),
                }
            }
            written
        });
        self.is_changed |= !written.changes.is_empty();
        self.written.extend(written);
    }

    /// Takes the changes of the ledger, to commit before a reader sees the catalogue. If there are none,
    /// nothing changed for clients.
    pub fn take_changes(&mut self) -> Vec<LedgerEntry> {
        std::mem::take(&mut self.written.changes)
    }

    /// Takes the names of candidates that were left out.
    pub fn take_unreadable(&mut self) -> Vec<(Name, Damage)> {
        std::mem::take(&mut self.written.unreadable)
    }

    /// Returns the catalogue of this generation.
    #[must_use]
    pub fn finish(self) -> Catalogue {
        let Self { writer: Writer { before, ledger, timestamp, .. }, names, written, is_changed } =
            self;
        Catalogue {
            visible: before.visible.next(written.visible, &names),
            tombstones: before.tombstones.next(written.tombstones, &names),
            changed_at: if is_changed { Some(timestamp) } else { ledger.newest() },
        }
    }
}

/// The threads that write a generation, and the number of names below which one thread is enough.
const THREADS: usize = 2;
const LEAST_SHARE: usize = 500;

/// The output for a share of the names, in their order.
#[derive(Debug, Default)]
struct Written {
    visible: Vec<Arc<Item>>,
    tombstones: Vec<Arc<Item>>,
    changes: Vec<LedgerEntry>,
    unreadable: Vec<(Name, Damage)>,
}

impl Written {
    fn extend(&mut self, next: Self) {
        self.visible.extend(next.visible);
        self.tombstones.extend(next.tombstones);
        self.changes.extend(next.changes);
        self.unreadable.extend(next.unreadable);
    }
}

/// Writes the items of one generation.
#[derive(Debug)]
struct Writer<'a> {
    before: &'a Catalogue,
    ledger: &'a Ledger,
    timestamp: Timestamp,
    namespace: &'a str,
}

impl Writer<'_> {
    fn write(&self, updates: &[NameUpdate<'_>]) -> Written {
        let mut written = Written::default();
        for update in updates {
            let items = self.visible(update, &mut written.unreadable);
            let tombstones = self.tombstones(update.name, &items);
            written.changes.extend(self.changes(items.iter(), Shown::Visible));
            written.changes.extend(self.changes(tombstones.iter(), Shown::Tombstone));
            written.visible.extend(items);
            written.tombstones.extend(tombstones);
        }
        written
    }

    fn visible(
        &self,
        update: &NameUpdate<'_>,
        unreadable: &mut Vec<(Name, Damage)>,
    ) -> Vec<Arc<Item>> {
        let contenders =
            update.candidates.iter().map(|candidate| (&candidate.version, candidate.published_at));
        let latest = latest_of(contenders);
        let mut items = Vec::with_capacity(update.candidates.len());
        let known = self.before.visible.named(update.name.as_str());
        for (index, candidate) in update.candidates.iter().enumerate() {
            let latest = latest == Some(index);
            let item = find(known, candidate.version.as_str());
            if let Some(same) =
                item.filter(|item| item.source == candidate.source && item.latest == latest)
            {
                items.push(same.share());
                continue;
            }
            let near = items.last().map(|item: &Arc<Item>| &item.searched);
            if let Ok(item) = self.item(update.name, candidate, latest, item, near) {
                items.push(Arc::new(item));
            } else {
                let key = format!("{}@{}", update.name, candidate.version);
                unreadable.push((update.name.clone(), Damage { what: "a body", key }));
            }
        }
        items.sort_by(|left, right| left.version.cmp(&right.version));
        items
    }

    /// Writes an item from the loaded content, or from the earlier item of the same entry.
    fn item(
        &self,
        name: &Name,
        candidate: &Candidate,
        latest: bool,
        before: Option<&IndexedItem>,
        near: Option<&Arc<str>>,
    ) -> Result<Item, ValidationError> {
        let Candidate { source, facts, loaded, .. } = candidate;
        if let Some(before) = before.filter(|item| item.source.entry == source.entry) {
            let document = Document::from_item(&before.json, self.namespace, facts, latest)?;
            return Ok(self.write_item(name, candidate, latest, &document, &before.searched));
        }
        let Some(Loaded { entry, served }) = loaded else {
            return Err(ValidationRule::Unreadable("the content was not loaded".into()).into());
        };
        let official = entry.official()?;
        let document = Document::new(served, &official, &entry.head, facts, latest)?;
        let searched = fold(&format!("{name}\n{}", served.search_text));
        let known = [before.map(|item| &item.searched), near];
        let searched = match known.into_iter().flatten().find(|text| ***text == *searched) {
            Some(same) => Arc::clone(same),
            None => searched.into(),
        };
        Ok(self.write_item(name, candidate, latest, &document, &searched))
    }

    fn write_item(
        &self,
        name: &Name,
        candidate: &Candidate,
        latest: bool,
        document: &Document<'_>,
        searched: &Arc<str>,
    ) -> Item {
        let Candidate { version, published_at, source, .. } = candidate;
        let digest = document.digest(self.namespace);
        let changed_at = self.changed_at(name, version, Shown::Visible, Some(digest));
        Item {
            tag: tag(digest, changed_at),
            source: *source,
            json: document.render(self.namespace, changed_at),
            name: name.clone(),
            version: version.clone(),
            changed_at,
            published_at: *published_at,
            latest,
            digest,
            searched: Arc::clone(searched),
        }
    }

    /// Returns the tombstones of a name, old ones and those of this generation.
    fn tombstones(&self, name: &Name, visible: &[Arc<Item>]) -> Vec<Arc<Item>> {
        let is_visible =
            |version: &Version| visible.binary_search_by(|item| item.version.cmp(version)).is_ok();
        self.ledger
            .of_name(name)
            .filter(|((_, version), _)| !is_visible(version))
            .map(|((name, version), record)| {
                let changed_at = self.changed_at(name, version, Shown::Tombstone, None);
                let json =
                    tombstone(name, version, record.published_at, changed_at, self.namespace);
                Arc::new(Item {
                    tag: tag(Digest::of(&json), changed_at),
                    source: Source::default(),
                    json,
                    name: name.clone(),
                    version: version.clone(),
                    changed_at,
                    published_at: record.published_at,
                    latest: false,
                    digest: record.digest,
                    searched: fold(name.as_str()).into(),
                })
            })
            .collect()
    }

    /// Returns the timestamp of the ledger if its record is unchanged, else that of this generation.
    fn changed_at(
        &self,
        name: &Name,
        version: &Version,
        shown: Shown,
        digest: Option<Digest>,
    ) -> Timestamp {
        match self.ledger.get(name, version) {
            Some(record)
                if record.shown == shown && digest.is_none_or(|digest| digest == record.digest) =>
            {
                record.changed_at
            }
            _ => self.timestamp,
        }
    }

    fn changes<'i>(
        &self,
        items: impl Iterator<Item = &'i Arc<Item>>,
        shown: Shown,
    ) -> Vec<LedgerEntry> {
        items
            .filter(|item| item.changed_at == self.timestamp)
            .map(|item| {
                let record = LedgerRecord {
                    shown,
                    changed_at: item.changed_at,
                    digest: item.digest,
                    published_at: item.published_at,
                };
                ((item.name.clone(), item.version.clone()), record)
            })
            .collect()
    }
}
