use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::advisory::{
    Advisory, EcosystemPackage, FeedState, MAX_PER_PACKAGE, Unread, is_shrunk, read_osv,
};
use crate::model::{Name, Timestamp};
use crate::remote::{DownloadError, FeedContent, FeedError};
use crate::store::{PackageUsers, Snapshot, Store, StoreError};

/// Advisories of one commit. Their packages are all over the index, so each commit writes many of its pages.
const BATCH: usize = 20_000;
/// Bytes of the documents of one commit.
const BATCH_BYTES: usize = 32 * 1024 * 1024;
/// An advisory that was read is stored after this time, also if its batch is not full.
pub(super) const FLUSH_AFTER: Duration = Duration::from_secs(1);

/// The reason why a reading of a feed ended early, or removed nothing.
#[derive(Debug, Error)]
pub(super) enum ReadingError {
    #[error(transparent)]
    Feed(#[from] FeedError),
    #[error(transparent)]
    Download(#[from] DownloadError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("it has {found} advisories, and had {before}: more than half of them are gone")]
    Shrunk { before: usize, found: usize },
    #[error("the daemon stops")]
    Stopped,
}

/// One reading of a feed.
pub(super) struct Reading<'a> {
    pub(super) store: &'a Store,
    pub(super) feed: &'a str,
    pub(super) now: Timestamp,
    /// Takes the names with packages whose advisories changed.
    pub(super) touched: &'a dyn Fn(BTreeSet<Name>),
    pub(super) is_stopped: &'a dyn Fn() -> bool,
    pub(super) moment: &'a dyn Fn() -> Instant,
}

/// The documents that were read so far.
struct Progress<'r, 'a> {
    reading: &'r Reading<'a>,
    hasher: RandomState,
    /// Hashes of the ids that are listed: also of those whose document cannot be used, which says nothing about them.
    listed: HashSet<u64>,
    kept: usize,
    /// Advisories by package, those about malicious code apart.
    by_package: HashMap<(u64, bool), u32>,
    unread: Unread,
    /// True if it is not known which advisory a document without readable content is about: it may be any.
    is_anonymous: bool,
    batch: Vec<Advisory>,
    /// The bytes of its documents.
    batch_bytes: usize,
    /// True if nothing of the feed was stored before this reading.
    is_new: bool,
    /// The store as it was before the batch.
    stored: Option<Snapshot>,
    flushed_at: Instant,
    /// Hashes of the ids whose stored advisory affects something that the document does not: that waits for the end.
    /// With the packages that have too many advisories without it.
    narrower: HashMap<u64, BTreeSet<EcosystemPackage>>,
    changed: HashSet<u64>,
    users: Option<PackageUsers>,
}

impl Reading<'_> {
    fn go_on(&self) -> Result<(), ReadingError> {
        if (self.is_stopped)() { Err(ReadingError::Stopped) } else { Ok(()) }
    }

    /// Reads all documents into the store. Returns the new state of the feed, without its mark.
    ///
    /// # Errors
    /// When it cannot be read or stored, or has lost more than half of its advisories; then it removed nothing.
    pub(super) fn read(
        &self,
        content: &FeedContent,
        before: &FeedState,
    ) -> Result<FeedState, ReadingError> {
        let found = content.count()?;
        if is_shrunk(before.advisories, found) {
            return Err(ReadingError::Shrunk { before: before.advisories, found });
        }
        let mut progress = Progress {
            reading: self,
            hasher: RandomState::new(),
            listed: HashSet::new(),
            kept: 0,
            by_package: HashMap::new(),
            unread: Unread::default(),
            is_anonymous: false,
            batch: Vec::new(),
            batch_bytes: 0,
            is_new: !self.store.snapshot()?.has_advisories(self.feed)?,
            stored: None,
            flushed_at: (self.moment)(),
            narrower: HashMap::new(),
            changed: HashSet::new(),
            users: None,
        };
        let read = progress.all(content).and_then(|()| progress.end(content, before));
        match &read {
            Ok(_) | Err(ReadingError::Stopped) => {}
            // It is not known which of them were committed.
            Err(ReadingError::Store(_)) => (self.touched)(self.store.snapshot()?.names()?),
            Err(_) => progress.touch_all()?,
        }
        read
    }
}

impl Progress<'_, '_> {
    fn all(&mut self, content: &FeedContent) -> Result<(), ReadingError> {
        content.for_each(|name, document| -> Result<(), ReadingError> {
            self.reading.go_on()?;
            self.batch_bytes += document.as_ref().map_or(0, |json| json.len());
            self.take(name, document)?;
            let age = (self.reading.moment)().saturating_duration_since(self.flushed_at);
            let is_due = age >= FLUSH_AFTER;
            if is_due && self.batch.is_empty() {
                // A snapshot keeps pages of the store from being reused: none lasts while a slow feed has nothing new.
                self.stored = None;
                self.flushed_at = (self.reading.moment)();
            }
            if (is_due && !self.batch.is_empty()) || self.is_full() { self.flush() } else { Ok(()) }
        })?;
        self.flush()
    }

    fn is_full(&self) -> bool {
        self.batch.len() >= BATCH || self.batch_bytes >= BATCH_BYTES
    }

    fn take(&mut self, name: &str, document: Result<&[u8], String>) -> Result<(), StoreError> {
        let feed = self.reading.feed;
        let read = document.and_then(|json| read_osv(json).map_err(|why| why.to_string()));
        let mut advisory = match read {
            Ok(advisory) => advisory.at(self.reading.now),
            Err(why) => {
                // A document has the name of its id.
                let file = name.rsplit('/').next().unwrap_or_default();
                let id = file.strip_suffix(".json").unwrap_or(file);
                self.listed.insert(self.hasher.hash_one(id));
                self.unread.add(name, &why);
                let is_stored = !matches!(self.stored()?.advisory_of(feed, id), Ok(None));
                self.is_anonymous |= !is_stored;
                return Ok(());
            }
        };
        let hash = self.hasher.hash_one(advisory.id.as_str());
        if !self.listed.insert(hash) {
            self.unread.add(name, "another document has its id");
            return Ok(());
        }
        if let Some(fault) = advisory.faults.first() {
            self.unread.add(name, fault);
        }
        if advisory.affected.is_empty() {
            if advisory.faults.is_empty() {
                // It is about other ecosystems.
                self.listed.remove(&hash);
            }
            return Ok(());
        }
        let full = self.full_packages(&advisory);
        if !full.is_empty() {
            let why = format!("more than {MAX_PER_PACKAGE} advisories about one package");
            self.unread.add(name, &why);
            advisory.affected.retain(|affected| !full.contains(&affected.key()));
            if advisory.affected.is_empty() {
                return Ok(());
            }
        }
        self.kept += 1;
        match self.before(&advisory.id)? {
            Some(before) if before == advisory => {}
            Some(before) if !advisory.covers(&before) => _ = self.narrower.insert(hash, full),
            Some(_) | None => self.batch.push(advisory),
        }
        Ok(())
    }

    /// Returns the stored advisory with an id. One that does not decode is replaced at once.
    fn before(&mut self, id: &str) -> Result<Option<Advisory>, StoreError> {
        let feed = self.reading.feed;
        let is_new = self.is_new;
        Ok(if is_new { None } else { self.stored()?.advisory_of(feed, id).unwrap_or_default() })
    }

    fn stored(&mut self) -> Result<&Snapshot, StoreError> {
        match self.stored {
            Some(ref snapshot) => Ok(snapshot),
            ref mut none => Ok(none.insert(self.reading.store.snapshot()?)),
        }
    }

    /// Counts the advisory for each of its packages. Returns those that have too many.
    fn full_packages(&mut self, advisory: &Advisory) -> BTreeSet<EcosystemPackage> {
        let is_malicious = advisory.is_malicious();
        let mut keys: BTreeSet<EcosystemPackage> = advisory.keys().collect();
        keys.retain(|key| {
            let count = self.by_package.entry((key.short_hash(), is_malicious)).or_default();
            *count += 1;
            *count > MAX_PER_PACKAGE
        });
        keys
    }

    /// Stores the batch, and touches the names that use its packages.
    fn flush(&mut self) -> Result<(), ReadingError> {
        let Reading { store, feed, now, .. } = *self.reading;
        self.reading.go_on()?;
        self.stored = None;
        // Neighbours are on one page of the store.
        self.batch.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        let changed = store.store_advisories(feed, &self.batch, now)?;
        self.batch.clear();
        self.batch_bytes = 0;
        self.changed.extend(&changed);
        self.touch(&changed)?;
        self.flushed_at = (self.reading.moment)();
        Ok(())
    }

    /// Touches the names of everything that changed: entries may have come since the names were read first.
    fn touch_all(&mut self) -> Result<(), StoreError> {
        self.users = None;
        let changed = std::mem::take(&mut self.changed);
        self.touch(&changed)
    }

    fn touch(&mut self, changed: &HashSet<u64>) -> Result<(), StoreError> {
        if changed.is_empty() {
            return Ok(());
        }
        let users = match self.users.take() {
            Some(users) => users,
            None => self.reading.store.snapshot()?.package_users()?,
        };
        (self.reading.touched)(users.of(changed));
        self.users = Some(users);
        Ok(())
    }

    fn end(
        &mut self,
        content: &FeedContent,
        before: &FeedState,
    ) -> Result<FeedState, ReadingError> {
        let Reading { store, feed, now, .. } = *self.reading;
        if is_shrunk(before.advisories, self.kept) {
            return Err(ReadingError::Shrunk { before: before.advisories, found: self.kept });
        }
        self.narrow(content)?;
        if !self.is_anonymous {
            let (listed, hasher) = (&self.listed, &self.hasher);
            let gone =
                store.remove_advisories(feed, |id| listed.contains(&hasher.hash_one(id)), now)?;
            self.changed.extend(gone);
        }
        self.touch_all()?;
        Ok(FeedState {
            advisories: self.kept,
            unreadable: std::mem::take(&mut self.unread),
            read_at: Some(now),
            content_at: Some(now),
            since: before.since,
            ..FeedState::default()
        })
    }

    /// Reads once more the documents that affect less than what is stored, and stores them.
    fn narrow(&mut self, content: &FeedContent) -> Result<(), ReadingError> {
        if self.narrower.is_empty() {
            return Ok(());
        }
        content.for_each(|_, document| -> Result<(), ReadingError> {
            self.reading.go_on()?;
            let Ok(json) = document else { return Ok(()) };
            let Ok(mut advisory) = read_osv(json) else { return Ok(()) };
            let hash = self.hasher.hash_one(advisory.id.as_str());
            if let Some(full) = self.narrower.remove(&hash) {
                advisory.affected.retain(|affected| !full.contains(&affected.key()));
                self.batch_bytes += json.len();
                self.batch.push(advisory.at(self.reading.now));
            }
            if self.is_full() { self.flush() } else { Ok(()) }
        })?;
        self.flush()
    }
}
