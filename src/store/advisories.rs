//! Advisories of feeds with an index by package, the states of feeds, and what is kept of own advisories.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use redb::{ReadableTable, Table};

use super::feed_room::{MAX_FEED_SIZE, check_feed_bytes, feed_bytes, keep_feed_bytes};
use super::rows::after;
use super::tables::{
    ADVISED_PACKAGES, ADVISORIES, ADVISORY_FEEDS, ADVISORY_HOLDS, Bytes, OWN_ADVISORIES, Row,
};
use super::{Rows, Snapshot, Store, StoreError, codec};
use crate::advisory::{Advisory, EcosystemPackage, FeedState, Hold};
use crate::lint::Source;
use crate::model::{Digest, Name, Timestamp};

/// The advisories of the organisation, as far as they are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptOwn {
    /// The last valid texts, by file.
    pub sources: Vec<Arc<Source>>,
    pub holds: BTreeMap<Digest, Hold>,
}

impl Store {
    /// Stores advisories of a feed in place of those with the same ids. Returns the hashes of the packages of those that
    /// changed.
    ///
    /// # Errors
    /// When the file cannot be written, or has no room for them; then none of them is stored.
    pub fn store_advisories(
        &self,
        feed: &str,
        advisories: &[Advisory],
        now: Timestamp,
    ) -> Result<HashSet<u64>, StoreError> {
        self.store_advisories_within(MAX_FEED_SIZE, feed, advisories, now)
    }

    pub(super) fn store_advisories_within(
        &self,
        limit: u64,
        feed: &str,
        advisories: &[Advisory],
        now: Timestamp,
    ) -> Result<HashSet<u64>, StoreError> {
        if advisories.is_empty() {
            return Ok(HashSet::new());
        }
        let encoded = advisories.iter().map(codec::json).collect::<Result<Vec<_>, _>>()?;
        let hashes = advisories.iter().flat_map(Advisory::keys).map(|key| key.short_hash());
        // Before the commit: a snapshot with these rows finds them.
        let snapshot = self.snapshot()?;
        self.advised.add(hashes, || snapshot.advised_hashes())?;
        drop(snapshot);
        let bytes: usize = encoded.iter().map(Vec::len).sum();
        self.check_room_for_advisories(bytes as u64)?;
        self.write_content(bytes as u64, now, |transaction| {
            let used = feed_bytes(transaction, feed)?;
            let (mut added, mut replaced) = (0, 0);
            let mut rows = transaction.open_table(ADVISORIES)?;
            let mut index = transaction.open_table(ADVISED_PACKAGES)?;
            let (mut touched, mut about) = (HashSet::new(), Vec::new());
            for (advisory, encoded) in advisories.iter().zip(&encoded) {
                let id = advisory.id.as_str();
                let before = {
                    let before = rows.insert((feed, id), encoded.as_slice())?;
                    match before {
                        Some(before) if before.value() == encoded.as_slice() => continue,
                        before => before.and_then(|value| {
                            replaced += value.value().len() as u64;
                            decoded(value.value())
                        }),
                    }
                };
                added += encoded.len() as u64;
                touched.extend(unindex(&mut index, feed, before.as_ref())?);
                about.extend(advisory.keys().map(|key| (key, indexed(feed, id))));
            }
            // Neighbours are on one page.
            about.sort_unstable();
            for (key, by) in &about {
                touched.insert(key.short_hash());
                let row = (key.ecosystem.as_str(), key.package.as_str(), by.as_str());
                index.insert(row, [].as_slice())?;
            }
            let bytes = used.saturating_add(added).saturating_sub(replaced);
            check_feed_bytes(used, bytes, limit)?;
            keep_feed_bytes(transaction, feed, bytes)?;
            Ok(touched)
        })
    }

    /// Removes the advisories of a feed for which `is_listed` is false. Returns the hashes of their packages.
    ///
    /// # Errors
    /// When the file cannot be read or written; then some of them may be removed.
    pub fn remove_advisories(
        &self,
        feed: &str,
        is_listed: impl Fn(&str) -> bool,
        now: Timestamp,
    ) -> Result<HashSet<u64>, StoreError> {
        const BATCH: usize = 2_000;
        let gone: Vec<String> = {
            let snapshot = self.snapshot()?;
            let end = after(feed);
            let rows = snapshot.tables.advisories()?.range((feed, "")..(end.as_str(), ""))?;
            let ids = rows.map(|row| Ok(row?.0.value().1.to_owned()));
            let gone = ids.filter(|id: &Result<String, StoreError>| {
                id.as_ref().map_or(true, |id| !is_listed(id))
            });
            gone.collect::<Result<_, _>>()?
        };
        let mut touched = HashSet::new();
        for batch in gone.chunks(BATCH) {
            touched.extend(self.write(now, |transaction| {
                let mut bytes = feed_bytes(transaction, feed)?;
                let mut rows = transaction.open_table(ADVISORIES)?;
                let mut index = transaction.open_table(ADVISED_PACKAGES)?;
                let mut touched = Vec::new();
                for id in batch {
                    let before = rows.remove((feed, id.as_str()))?;
                    let before = before.and_then(|value| {
                        bytes = bytes.saturating_sub(value.value().len() as u64);
                        decoded(value.value())
                    });
                    touched.extend(unindex(&mut index, feed, before.as_ref())?);
                }
                keep_feed_bytes(transaction, feed, bytes)?;
                Ok(touched)
            })?);
        }
        Ok(touched)
    }

    /// Removes the feeds that are not configured any more, with their advisories. Returns the hashes of their packages.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn retire_feeds(
        &self,
        configured: &[&str],
        now: Timestamp,
    ) -> Result<HashSet<u64>, StoreError> {
        let feeds = self.snapshot()?.feeds()?;
        let mut touched = HashSet::new();
        for feed in feeds.keys().filter(|feed| !configured.contains(&feed.as_str())) {
            touched.extend(self.remove_advisories(feed, |_| false, now)?);
            self.write(now, |transaction| {
                transaction.open_table(ADVISORY_FEEDS)?.remove(feed.as_str())?;
                Ok(())
            })?;
        }
        Ok(touched)
    }

    /// Stores the state of a feed.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn store_feed(
        &self,
        feed: &str,
        state: &FeedState,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(now, |transaction| {
            transaction.open_table(ADVISORY_FEEDS)?.insert(feed, codec::json(state)?.as_slice())?;
            Ok(())
        })
    }

    /// Keeps the texts of own advisories and the holds, in place of the previous ones.
    ///
    /// # Errors
    /// When the file cannot be written; then the previous ones stay.
    pub fn keep_own_advisories(&self, kept: &KeptOwn, now: Timestamp) -> Result<(), StoreError> {
        self.write(now, |transaction| {
            let mut table = transaction.open_table(OWN_ADVISORIES)?;
            table.retain(|_, _| false)?;
            for source in &kept.sources {
                table.insert(source.file.as_str(), source.text.as_bytes())?;
            }
            let mut table = transaction.open_table(ADVISORY_HOLDS)?;
            table.retain(|_, _| false)?;
            for (digest, hold) in &kept.holds {
                table.insert(*digest.as_bytes(), codec::json(hold)?.as_slice())?;
            }
            Ok(())
        })
    }
}

/// Removes an advisory from the index; returns the hashes of its packages.
fn unindex(
    index: &mut Table<'_, Row, Bytes>,
    feed: &str,
    advisory: Option<&Advisory>,
) -> Result<Vec<u64>, StoreError> {
    let Some(advisory) = advisory else { return Ok(Vec::new()) };
    let by = indexed(feed, &advisory.id);
    let mut touched = Vec::new();
    for key in advisory.keys() {
        index.remove((key.ecosystem.as_str(), key.package.as_str(), by.as_str()))?;
        touched.push(key.short_hash());
    }
    Ok(touched)
}

/// Returns the last part of a key of the index. Neither a feed nor an id has a blank.
fn indexed(feed: &str, id: &str) -> String {
    format!("{feed} {id}")
}

fn decoded(value: &[u8]) -> Option<Advisory> {
    serde_json::from_slice(value).ok()
}

impl Snapshot {
    /// Returns the hashes of all packages that an advisory names.
    pub(super) fn advised_hashes(&self) -> Result<Vec<u64>, StoreError> {
        let mut hashes: Vec<u64> = Vec::new();
        for row in self.tables.advised_packages()?.iter()? {
            let (key, _) = row?;
            let (ecosystem, package, _) = key.value();
            // The key has the normal form already.
            let Some(ecosystem) = crate::advisory::Ecosystem::of_type(ecosystem) else { continue };
            let hash = EcosystemPackage { ecosystem, package: package.to_owned() }.short_hash();
            if hashes.last() != Some(&hash) {
                hashes.push(hash);
            }
        }
        Ok(hashes)
    }

    /// Returns true if any advisory of a feed is stored.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn has_advisories(&self, feed: &str) -> Result<bool, StoreError> {
        let end = after(feed);
        let mut rows = self.tables.advisories()?.range((feed, "")..(end.as_str(), ""))?;
        Ok(rows.next().transpose()?.is_some())
    }

    /// Returns one advisory of a feed.
    ///
    /// # Errors
    /// Also when it does not decode.
    pub fn advisory_of(&self, feed: &str, id: &str) -> Result<Option<Advisory>, StoreError> {
        let value = self.tables.advisories()?.get((feed, id))?;
        value.map(|value| codec::read_json(value.value(), "an advisory", id)).transpose()
    }

    /// Returns the states of all feeds.
    ///
    /// # Errors
    /// When the file cannot be read. A state that does not decode counts as new: the feed is read again.
    pub fn feeds(&self) -> Result<BTreeMap<String, FeedState>, StoreError> {
        let mut feeds = BTreeMap::new();
        for row in self.tables.advisory_feeds()?.iter()? {
            let (feed, value) = row?;
            let state = serde_json::from_slice(value.value()).unwrap_or_default();
            feeds.insert(feed.value().to_owned(), state);
        }
        Ok(feeds)
    }

    /// Returns what is kept of own advisories.
    ///
    /// # Errors
    /// When the file cannot be read, or a text or hold does not decode.
    pub fn own_advisories(&self) -> Result<KeptOwn, StoreError> {
        let mut kept = KeptOwn::default();
        for row in self.tables.own_advisories()?.iter()? {
            let (file, text) = row?;
            let text = std::str::from_utf8(text.value())
                .map_err(|_| StoreError::damaged("an own advisory", file.value()))?;
            kept.sources.push(Source::new(file.value(), text));
        }
        for row in self.tables.advisory_holds()?.iter()? {
            let (digest, value) = row?;
            let digest = Digest::from_bytes(digest.value());
            let hold =
                codec::read_json(value.value(), "a hold of an advisory", &digest.to_string())?;
            kept.holds.insert(digest, hold);
        }
        Ok(kept)
    }

    /// Returns the names that any of these views shows.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn visible_names<'v>(
        &self,
        views: impl Iterator<Item = &'v str>,
    ) -> Result<BTreeSet<Name>, StoreError> {
        let mut names = BTreeSet::new();
        for view in views {
            let rows: Rows<'_, _> = self.ledger(view)?;
            for row in rows {
                let ((name, _), record) = row?;
                if record.shown == crate::model::Shown::Visible {
                    names.insert(name);
                }
            }
        }
        Ok(names)
    }
}
