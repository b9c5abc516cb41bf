use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use redb::{Database, ReadableDatabase, StorageBackend, WriteTransaction};

use super::codec::{Packer, Unpackers};
use super::meta::{begin, initialise, raise_newest_timestamp};
use super::{Snapshot, StoreError};
use crate::model::Timestamp;

/// redb's own default is 1 GiB; the heads of 100,000 entries fit in this.
const CACHE_BYTES: usize = 16 * 1024 * 1024;
pub(super) const FILE: &str = "vidimus.redb";

/// An open store. It is locked against every other process.
#[derive(Debug)]
pub struct Store {
    /// Empty only when a failed file could not be opened again.
    database: RwLock<Option<Database>>,
    /// Path of the file; a store in memory has none.
    path: Option<PathBuf>,
    packer: Mutex<Packer>,
    unpackers: Arc<Unpackers>,
}

impl Store {
    /// Opens the store in a data folder, making folder and store when they are absent.
    ///
    /// # Errors
    /// When it cannot be made, is in use by another process, has another format, or is not a store.
    pub fn create(data: &Path, now: Timestamp) -> Result<Self, StoreError> {
        std::fs::create_dir_all(data)
            .map_err(|source| StoreError::File { path: data.into(), source })?;
        let path = data.join(FILE);
        let opened = builder().create(&path).map_err(|error| StoreError::opening(&path, error))?;
        Ok(Self { path: Some(path.clone()), ..Self::initialised(opened, &path, now)? })
    }

    /// Opens an existing store.
    ///
    /// # Errors
    /// As for [`Store::create`], and when there is none.
    pub fn open(data: &Path, now: Timestamp) -> Result<Self, StoreError> {
        let path = data.join(FILE);
        let opened = builder().open(&path).map_err(|error| StoreError::opening(&path, error))?;
        Ok(Self { path: Some(path.clone()), ..Self::initialised(opened, &path, now)? })
    }

    fn initialised(database: Database, path: &Path, now: Timestamp) -> Result<Self, StoreError> {
        initialise(&database, path, now)?;
        Ok(Self {
            database: RwLock::new(Some(database)),
            path: None,
            packer: Mutex::new(Packer::new()?),
            unpackers: Arc::new(Unpackers::new()?),
        })
    }

    /// Returns a store in memory, for a sync run that must leave no trace.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn ephemeral(now: Timestamp) -> Result<Self, StoreError> {
        Self::on_backend(redb::backends::InMemoryBackend::new(), now)
    }

    /// Returns a store on another backend than a file, for tests of failures.
    ///
    /// # Errors
    /// As for [`Store::create`].
    pub fn on_backend(backend: impl StorageBackend, now: Timestamp) -> Result<Self, StoreError> {
        let database = builder().create_with_backend(backend)?;
        Self::initialised(database, Path::new("memory"), now)
    }

    /// Returns true if a data folder contains a store.
    #[must_use]
    pub fn exists(data: &Path) -> bool {
        data.join(FILE).exists()
    }

    /// Returns the store as it is now, regardless of later writes.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let closed = self.lock().is_none();
        if closed {
            self.reopen();
        }
        match self.lock().as_ref() {
            Some(database) => Ok(Snapshot::of(database.begin_read()?, Arc::clone(&self.unpackers))),
            None => Err(StoreError::Closed),
        }
    }

    fn lock(&self) -> RwLockReadGuard<'_, Option<Database>> {
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs redb's own check over the file, which may repair it.
    ///
    /// # Errors
    /// When the file cannot be read, or cannot be repaired.
    pub fn check_file(&mut self) -> Result<bool, StoreError> {
        match self.database.get_mut().unwrap_or_else(PoisonError::into_inner) {
            Some(database) => Ok(database.check_integrity()?),
            None => Err(StoreError::Closed),
        }
    }

    pub(super) fn packer(&self) -> MutexGuard<'_, Packer> {
        // A panic while packing leaves a compressor that the next frame resets anyway.
        self.packer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write<T>(
        &self,
        now: Timestamp,
        change: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let written = self.write_once(now, change);
        if matches!(&written, Err(error) if error.needs_reopening()) {
            self.reopen();
        }
        written
    }

    fn write_once<T>(
        &self,
        now: Timestamp,
        change: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let transaction = {
            let database = self.lock();
            begin(database.as_ref().ok_or(StoreError::Closed)?)?
        };
        let value = change(&transaction)?;
        raise_newest_timestamp(&transaction, now)?;
        transaction.commit()?;
        Ok(value)
    }

    pub(super) fn unpackers(&self) -> Arc<Unpackers> {
        Arc::clone(&self.unpackers)
    }

    /// Opens the file again after it failed: redb accepts nothing more on a handle that saw an error,
    /// and a disk that was full may have room again.
    pub(super) fn reopen(&self) {
        let Some(path) = &self.path else { return };
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // The old handle must go first: it holds the file lock.
        *database = None;
        *database = builder().open(path).ok();
    }
}

fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}
