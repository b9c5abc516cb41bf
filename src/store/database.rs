use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use redb::{Database, ReadableDatabase, StorageBackend, WriteTransaction};

use super::codec::{Packer, Unpackers};
use super::meta::{begin, initialise, note_instant};
use super::{Snapshot, StoreError};
use crate::model::Instant;

/// redb's own default is 1 GiB; the heads of 100,000 entries fit in this.
const CACHE_BYTES: usize = 16 * 1024 * 1024;
pub(super) const FILE: &str = "vidimus.redb";

/// An open store. It is locked against every other process.
#[derive(Debug)]
pub struct Store {
    /// Empty only when a failed file could not be opened again.
    database: RwLock<Option<Database>>,
    /// Where the file is; a store in memory has none.
    path: Option<PathBuf>,
    packer: Mutex<Packer>,
    unpackers: Arc<Unpackers>,
}

impl Store {
    /// Opens the store in a data folder, making folder and store when they are absent.
    ///
    /// # Errors
    /// When it cannot be made, is held by another process, is of another format, or is no store.
    pub fn create(data: &Path, now: Instant) -> Result<Self, StoreError> {
        std::fs::create_dir_all(data)
            .map_err(|source| StoreError::File { path: data.into(), source })?;
        let path = data.join(FILE);
        let opened = builder().create(&path).map_err(|error| StoreError::opening(&path, error))?;
        Ok(Self { path: Some(path.clone()), ..Self::initialised(opened, &path, now)? })
    }

    /// Opens a store that is there.
    ///
    /// # Errors
    /// As for [`Store::create`], and when there is none.
    pub fn open(data: &Path, now: Instant) -> Result<Self, StoreError> {
        let path = data.join(FILE);
        let opened = builder().open(&path).map_err(|error| StoreError::opening(&path, error))?;
        Ok(Self { path: Some(path.clone()), ..Self::initialised(opened, &path, now)? })
    }

    fn initialised(database: Database, path: &Path, now: Instant) -> Result<Self, StoreError> {
        initialise(&database, path, now)?;
        Ok(Self {
            database: RwLock::new(Some(database)),
            path: None,
            packer: Mutex::new(Packer::new()?),
            unpackers: Arc::new(Unpackers::new()?),
        })
    }

    /// A store in memory, for a pass that must leave no trace.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn ephemeral(now: Instant) -> Result<Self, StoreError> {
        Self::on_backend(redb::backends::InMemoryBackend::new(), now)
    }

    /// A store on something else than a file, as tests of faults need it.
    ///
    /// # Errors
    /// As for [`Store::create`].
    pub fn on_backend(backend: impl StorageBackend, now: Instant) -> Result<Self, StoreError> {
        let database = builder().create_with_backend(backend)?;
        Self::initialised(database, Path::new("memory"), now)
    }

    /// Whether a data folder holds a store.
    #[must_use]
    pub fn exists(data: &Path) -> bool {
        data.join(FILE).exists()
    }

    /// All of the store as it is now, whatever is written meanwhile.
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
        now: Instant,
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
        now: Instant,
        change: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let transaction = {
            let database = self.lock();
            begin(database.as_ref().ok_or(StoreError::Closed)?)?
        };
        let value = change(&transaction)?;
        note_instant(&transaction, now)?;
        transaction.commit()?;
        Ok(value)
    }

    pub(super) fn unpackers(&self) -> Arc<Unpackers> {
        Arc::clone(&self.unpackers)
    }

    /// Opens the file anew after it failed: redb takes nothing more from a handle that saw an
    /// error, and a disk that was full may have room again.
    pub(super) fn reopen(&self) {
        let Some(path) = &self.path else { return };
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // The old one must go first: it holds the lock.
        *database = None;
        *database = builder().open(path).ok();
    }
}

fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}
