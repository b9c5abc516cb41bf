use std::sync::Arc;

use smol_str::SmolStr;

use super::catalogue::{Candidate, Catalogue, NameUpdate, find};
use super::document::{Document, tombstone};
use super::index::IndexedItem;
use super::item::{Item, Rendered, Source, fold, tag};
use super::latest::latest_of;
use super::ledger::Ledger;
use crate::model::{
    Approved, Damage, Digest, LedgerEntry, LedgerRecord, Name, Shown, Timestamp, ValidationError,
    ValidationRule, Version,
};

/// The output for a share of the names, in their order.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) visible: Vec<Arc<Item>>,
    pub(super) tombstones: Vec<Arc<Item>>,
    /// Entries of which clients see a change.
    pub(super) changes: Vec<LedgerEntry>,
    /// Entries that clients see as before, with the same bytes, and that another rule approves.
    pub(super) reapproved: Vec<LedgerEntry>,
    pub(super) unreadable: Vec<(Name, Damage)>,
}

impl Written {
    pub(super) fn extend(&mut self, next: Self) {
        self.visible.extend(next.visible);
        self.tombstones.extend(next.tombstones);
        self.changes.extend(next.changes);
        self.reapproved.extend(next.reapproved);
        self.unreadable.extend(next.unreadable);
    }
}

/// The approvals of the visible versions of a name, by version.
#[derive(Debug)]
struct Approvals<'a>(Vec<(&'a Version, Approved)>);

impl<'a> Approvals<'a> {
    fn of(update: &NameUpdate<'a>) -> Self {
        let approved = update.candidates.iter();
        let mut approved: Vec<_> =
            approved.map(|candidate| (&candidate.version, candidate.approved)).collect();
        approved.sort_by(|left, right| left.0.cmp(right.0));
        Self(approved)
    }

    fn get(&self, version: &Version) -> Option<Approved> {
        let found = self.0.binary_search_by(|(known, _)| (*known).cmp(version));
        found.ok().map(|at| self.0[at].1)
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
            let approvals = Approvals::of(update);
            written.changes.extend(self.changes(items.iter(), Shown::Visible, &approvals));
            written.changes.extend(self.changes(tombstones.iter(), Shown::Tombstone, &approvals));
            written.reapproved.extend(self.reapproved(update.name, &items, &approvals));
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
        let Rendered { json, splice, later_update } =
            document.render(self.namespace, changed_at, self.before.lists);
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
        approvals: &Approvals<'_>,
    ) -> Vec<LedgerEntry> {
        let changed = items.filter(|item| item.changed_at == self.timestamp);
        let recorded = changed.filter_map(|item| {
            let Item { name, version, changed_at, published_at, digest, .. } = &**item;
            let before = || self.ledger.get(name, version).map(|record| record.approved);
            let approved = approvals.get(version).or_else(before)?;
            let (changed_at, published_at, digest) = (*changed_at, *published_at, *digest);
            let record = LedgerRecord { shown, changed_at, digest, published_at, approved };
            Some(((name.clone(), version.clone()), record))
        });
        recorded.collect()
    }

    /// Returns the entries that stay as clients see them, and of which the ledger has another approval.
    fn reapproved(
        &self,
        name: &Name,
        visible: &[Arc<Item>],
        approvals: &Approvals<'_>,
    ) -> Vec<LedgerEntry> {
        let records = self.ledger.of_name(name);
        let unchanged = records.filter(|((_, version), record)| {
            let found = visible.binary_search_by(|item| item.version.cmp(version));
            found.is_ok_and(|at| visible[at].changed_at == record.changed_at)
        });
        let changed = unchanged.filter_map(|(key, record)| {
            let approved = approvals.get(&key.1).filter(|found| *found != record.approved)?;
            Some((key.clone(), LedgerRecord { approved, ..*record }))
        });
        changed.collect()
    }
}
