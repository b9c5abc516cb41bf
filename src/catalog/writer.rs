use std::sync::Arc;

use smol_str::SmolStr;

use super::catalogue::{Candidate, Catalogue, NameUpdate, find};
use super::document::{Document, tombstone};
use super::index::IndexedItem;
use super::item::{Item, Rendered, Source, fold, tag};
use super::latest::latest_of;
use super::ledger::Ledger;
use crate::model::{
    Damage, Digest, LedgerEntry, LedgerRecord, Name, Shown, Timestamp, ValidationError,
    ValidationRule, Version,
};

/// The output for a share of the names, in their order.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) visible: Vec<Arc<Item>>,
    pub(super) tombstones: Vec<Arc<Item>>,
    pub(super) changes: Vec<LedgerEntry>,
    pub(super) unreadable: Vec<(Name, Damage)>,
}

impl Written {
    pub(super) fn extend(&mut self, next: Self) {
        self.visible.extend(next.visible);
        self.tombstones.extend(next.tombstones);
        self.changes.extend(next.changes);
        self.unreadable.extend(next.unreadable);
    }
}

/// Writes the items of one generation.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    pub(super) before: &'a Catalogue,
    pub(super) ledger: &'a Ledger,
    pub(super) timestamp: Timestamp,
    pub(super) namespace: &'a str,
}

impl Writer<'_> {
    pub(super) fn write(&self, updates: &[NameUpdate<'_>]) -> Written {
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
            let document = Document::from_item(before, self.namespace, facts, latest)?;
            return Ok(self.write_item(name, candidate, latest, &document, &before.searched));
        }
        let Some(loaded) = loaded else {
            return Err(ValidationRule::Unreadable("the content was not loaded".into()).into());
        };
        let document = Document::new(loaded, facts, latest)?;
        let searched = fold(&format!("{name}\n{}", loaded.served.search_text));
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
        let Candidate { version, published_at, source, facts, .. } = candidate;
        let digest = document.digest(self.namespace);
        let changed_at = self.changed_at(name, version, Shown::Visible, Some(digest));
        let Rendered { json, splice, later_update } = document.render(self.namespace, changed_at);
        Item {
            tag: tag(digest, changed_at),
            source: *source,
            json,
            splice,
            later_update,
            name: name.clone(),
            version: version.clone(),
            upstream: facts.upstream().clone(),
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
                let Rendered { json, splice, later_update } =
                    tombstone(name, version, record.published_at, changed_at, self.namespace);
                Arc::new(Item {
                    tag: tag(Digest::of(&json), changed_at),
                    source: Source::default(),
                    json,
                    splice,
                    later_update,
                    name: name.clone(),
                    version: version.clone(),
                    upstream: SmolStr::default(),
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
