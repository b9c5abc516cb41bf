use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use thiserror::Error;

use crate::advisory::{Advisory, FeedState, MAX_PER_PACKAGE, Unread, is_shrunk, read_osv};
use crate::model::{Name, Timestamp};
use crate::remote::{DownloadError, FeedContent, FeedError};
use crate::store::{PackageUsers, Store, StoreError};

/// Advisories of one commit. Their packages are all over the index, so each commit writes many of its pages.
const BATCH: usize = 5_000;

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
    batch: Vec<Advisory>,
    changed: HashSet<u64>,
    users: Option<PackageUsers>,
}

impl Reading<'_> {
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
            batch: Vec::new(),
            changed: HashSet::new(),
            users: None,
        };
        content.for_each(|name, document| -> Result<(), ReadingError> {
            progress.take(name, document);
            if progress.batch.len() >= BATCH { progress.flush() } else { Ok(()) }
        })?;
        progress.flush()?;
        progress.end(before)
    }
}

impl Progress<'_, '_> {
    fn take(&mut self, name: &str, document: Result<&[u8], String>) {
        let read = document.and_then(|json| read_osv(json).map_err(|why| why.to_string()));
        let advisory = match read {
            Ok(advisory) => advisory,
            Err(why) => {
                // A document has the name of its id.
                let file = name.rsplit('/').next().unwrap_or_default();
                let id = file.strip_suffix(".json").unwrap_or(file);
                self.listed.insert(self.hasher.hash_one(id));
                return self.unread.add(name, &why);
            }
        };
        let is_new = self.listed.insert(self.hasher.hash_one(advisory.id.as_str()));
        if !is_new {
            return self.unread.add(name, "another document has its id");
        }
        if let Some(fault) = advisory.faults.first() {
            self.unread.add(name, fault);
        }
        if advisory.affected.is_empty() {
            if advisory.faults.is_empty() {
                // It is about other ecosystems.
                self.listed.remove(&self.hasher.hash_one(advisory.id.as_str()));
            }
            return;
        }
        if self.has_too_many(&advisory) {
            let why = format!("more than {MAX_PER_PACKAGE} advisories about one package");
            return self.unread.add(name, &why);
        }
        self.kept += 1;
        self.batch.push(advisory);
    }

    fn has_too_many(&mut self, advisory: &Advisory) -> bool {
        let is_malicious = advisory.is_malicious();
        let mut most = 0;
        for key in advisory.keys() {
            let count = self.by_package.entry((key.short_hash(), is_malicious)).or_default();
            *count += 1;
            most = most.max(*count);
        }
        most > MAX_PER_PACKAGE
    }

    /// Stores the batch, and touches the names that use its packages.
    fn flush(&mut self) -> Result<(), ReadingError> {
        let Reading { store, feed, now, is_stopped, .. } = *self.reading;
        if is_stopped() {
            return Err(ReadingError::Stopped);
        }
        let changed = store.store_advisories(feed, &self.batch, now)?;
        self.batch.clear();
        self.touch(&changed)?;
        self.changed.extend(changed);
        Ok(())
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

    fn end(mut self, before: &FeedState) -> Result<FeedState, ReadingError> {
        let Reading { store, feed, now, .. } = *self.reading;
        // Entries may have come since the names were read first.
        self.users = None;
        if is_shrunk(before.advisories, self.kept) {
            let changed = std::mem::take(&mut self.changed);
            self.touch(&changed)?;
            return Err(ReadingError::Shrunk { before: before.advisories, found: self.kept });
        }
        let (listed, hasher) = (&self.listed, &self.hasher);
        let gone =
            store.remove_advisories(feed, |id| listed.contains(&hasher.hash_one(id)), now)?;
        let mut changed = std::mem::take(&mut self.changed);
        changed.extend(gone);
        self.touch(&changed)?;
        Ok(FeedState {
            advisories: self.kept,
            unreadable: self.unread,
            read_at: Some(now),
            since: before.since,
            ..FeedState::default()
        })
    }
}
