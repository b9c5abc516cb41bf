use std::fmt;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use redb::{Database, DatabaseError, ReadableDatabase, StorageBackend, WriteTransaction};

use super::advised::Advised;
use super::codec::{Packer, Unpackers};
use super::folder;
use super::health::{Health, WriteFailure};
use super::meta::{begin, initialise, raise_newest_timestamp};
use super::place::{FILE, Place};
use super::read_only::ReadOnlyFile;
use super::reserve::Reserve;
use super::{Snapshot, StoreError};
use crate::model::Timestamp;
use crate::sync::DiskLimits;

/// redb's own default is 1 GiB; the heads of 100,000 entries fit in this.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// An open store. It is locked against every other process.
#[derive(Debug)]
pub struct Store {
    /// Empty when a failed file could not be opened again, and when it was closed.
    database: RwLock<Option<Database>>,
    is_closed: AtomicBool,
    /// Opens the file again.
    reopen: Reopen,
    /// A store in memory has none.
    place: Option<Arc<Place>>,
    /// The file, if nothing can be written to it.
    read_only: Option<PathBuf>,
    health: Health,
    reserve: Reserve,
    limits: DiskLimits,
    packer: Mutex<Packer>,
    unpackers: Arc<Unpackers>,
    pub(super) advised: Arc<Advised>,
}

impl Store {
    /// Opens the store in a data folder, making folder and store when they are absent.
    ///
    /// # Errors
    /// When it cannot be made, is in use by another process, has another format, or is not a store.
    pub fn create(data: &Path, now: Timestamp) -> Result<Self, StoreError> {
        folder::create(data).map_err(|source| StoreError::File { path: data.into(), source })?;
        // Before the lock: another user who can open the folder could keep it. The start reports what cannot be done.
        let _ = folder::restrict_folder(data);
        let place = Place::lock(data)?;
        let path = data.join(FILE);
        folder::open_private(&path)
            .map_err(|source| StoreError::File { path: path.clone(), source })?;
        Self::in_place(place, data, now, |path| builder().create(path))
    }

    /// Opens an existing store; to read it alone, if its file system is mounted read-only.
    ///
    /// # Errors
    /// As for [`Store::create`], and when there is none.
    pub fn open(data: &Path, now: Timestamp) -> Result<Self, StoreError> {
        match Self::in_place(Place::lock(data)?, data, now, |path| builder().open(path)) {
            Err(StoreError::File { source, .. })
                if source.kind() == ErrorKind::ReadOnlyFilesystem =>
            {
                Self::open_read_only(data, now)
            }
            opened => opened,
        }
    }

    pub(super) fn open_read_only(data: &Path, now: Timestamp) -> Result<Self, StoreError> {
        let open = |path: &Path| builder().create_with_backend(ReadOnlyFile::open(path)?);
        let store = Self::in_place(Place::lock(data)?, data, now, open)?;
        Ok(Self { reopen: Reopen(Box::new(|| None)), read_only: Some(data.join(FILE)), ..store })
    }

    fn in_place(
        place: Place,
        data: &Path,
        now: Timestamp,
        open: impl FnOnce(&Path) -> Result<Database, DatabaseError>,
    ) -> Result<Self, StoreError> {
        let path = data.join(FILE);
        without_panic(&path, || {
            let opened = open(&path).map_err(|error| StoreError::opening(&path, error))?;
            let place = Arc::new(place.with_file());
            let reopen = Reopen::file(&path, Arc::clone(&place));
            let store = Self::initialised(opened, &path, reopen, now)?;
            Ok(Self { reserve: Reserve::in_folder(data), place: Some(place), ..store })
        })
    }

    /// Returns the problem of a store whose data folder or file was moved, removed or replaced while it is in use.
    #[must_use]
    pub fn displaced(&self) -> Option<String> {
        self.place.as_ref()?.problem()
    }

    fn initialised(
        database: Database,
        path: &Path,
        reopen: Reopen,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        initialise(&database, path, now)?;
        let store = Self {
            database: RwLock::new(Some(database)),
            is_closed: AtomicBool::new(false),
            reopen,
            place: None,
            read_only: None,
            health: Health::default(),
            reserve: Reserve::default(),
            limits: DiskLimits::default(),
            packer: Mutex::new(Packer::new()?),
            unpackers: Arc::new(Unpackers::new()?),
            advised: Arc::default(),
        };
        // A disk that cannot be written counts them with the next write.
        let _ = store.count_once();
        Ok(store)
    }

    /// Returns the store with other limits on the content of upstreams.
    #[must_use]
    pub fn limited(self, limits: DiskLimits) -> Self {
        Self { limits, ..self }
    }

    /// Returns the limits on the content of upstreams.
    pub(super) const fn limits(&self) -> DiskLimits {
        self.limits
    }

    /// Returns the store of a file that was opened, without a reserve and never opened again.
    pub(super) fn checked(
        database: Database,
        path: &Path,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        Self::initialised(database, path, Reopen(Box::new(|| None)), now)
    }

    /// Returns a store in memory, for a sync run that must leave no trace.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn ephemeral(now: Timestamp) -> Result<Self, StoreError> {
        let backend = redb::backends::InMemoryBackend::new();
        let database = builder().create_with_backend(backend)?;
        Self::initialised(database, Path::new(MEMORY), Reopen(Box::new(|| None)), now)
    }

    /// Returns a store on another backend than a file, for tests of failures. Clones of the backend have one content,
    /// as handles of a file have.
    ///
    /// # Errors
    /// As for [`Store::create`].
    pub fn on_backend(
        backend: impl StorageBackend + Clone,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let database = builder().create_with_backend(backend.clone())?;
        let reopen = Reopen(Box::new(move || builder().create_with_backend(backend.clone()).ok()));
        Self::initialised(database, Path::new(MEMORY), reopen, now)
    }

    /// Returns the failure of the last write; `None` if it succeeded.
    #[must_use]
    pub fn write_failure(&self) -> Option<WriteFailure> {
        self.health.failure()
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
            Some(database) => {
                let (unpackers, advised) = (Arc::clone(&self.unpackers), Arc::clone(&self.advised));
                Ok(Snapshot::of(database.begin_read()?, unpackers, advised))
            }
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
        // A write that succeeds in the room of the reserve does not show that the disk has room.
        if written.is_err() || !self.reserve.is_given_up() {
            self.health.record(&written, now);
        }
        if let Err(error) = &written {
            self.reserve.observe(error);
        }
        if matches!(&written, Err(error) if error.needs_reopening()) {
            self.reopen();
        }
        written
    }

    /// Writes new content of about this size. While the reserve of disk space is given up it has a share of the room.
    ///
    /// # Errors
    /// As for every write, and when that share is used up.
    pub(super) fn write_content<T>(
        &self,
        bytes: u64,
        now: Timestamp,
        change: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let admitted = self.reserve.admit_content(bytes);
        if admitted.is_err() {
            self.health.record(&admitted, now);
        }
        let taken = admitted?;
        self.write(now, change).inspect_err(|_| self.reserve.return_content(taken))
    }

    /// Returns the bytes that are free on the disk of the store; `None` if they are not known.
    pub(super) fn free_bytes(&self) -> Option<u64> {
        self.reserve.free_bytes()
    }

    /// Makes the reserve of disk space if it is absent or was given up. It may write 64 MiB.
    ///
    /// # Errors
    /// When the disk has no room for it.
    pub fn keep_reserve(&self) -> Result<(), StoreError> {
        self.reserve.restore()
    }

    fn write_once<T>(
        &self,
        now: Timestamp,
        change: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if let Some(path) = &self.read_only {
            return Err(StoreError::ReadOnly { path: path.clone() });
        }
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
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // The old handle must go first: it holds the file lock.
        *database = None;
        if !self.is_closed.load(Ordering::Acquire) {
            *database = (self.reopen.0)();
        }
    }

    /// Closes the file for good: what reads or writes with a handle that is left fails.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.database.write().unwrap_or_else(PoisonError::into_inner).take();
        self.place.iter().for_each(|place| place.release());
    }
}

/// The name of a store without a file.
const MEMORY: &str = "memory";

/// Opens the database again after its handle saw an error.
struct Reopen(Box<dyn Fn() -> Option<Database> + Send + Sync>);

impl Reopen {
    /// Another file in the place of the one that failed is another store.
    fn file(path: &Path, place: Arc<Place>) -> Self {
        let path = path.to_owned();
        Self(Box::new(move || if place.has_file() { builder().open(&path).ok() } else { None }))
    }
}

impl fmt::Debug for Reopen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reopen")
    }
}

/// Opens and reads a file whose pages may be damaged: the storage engine may panic then.
pub(super) fn without_panic<T>(
    path: &Path,
    read: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        let source = redb::Error::Corrupted("the storage engine failed over its pages".to_owned());
        Err(StoreError::NotAStore { path: path.to_owned(), source })
    })
}

pub(super) fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}
