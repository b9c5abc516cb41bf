//! The memory: one redb file that survives kill -9 at any moment.
//!
//! # What is stored
//! | table | key | value | could upstream restore it? |
//! |---|---|---|---|
//! | `meta` | word | format, epoch, newest instant | no |
//! | `upstreams` | upstream | [`UpstreamState`](crate::sync::UpstreamState) as JSON | by walking anew |
//! | `heads` | upstream, name, version | the facts that decisions read, 90 bytes | but for `first_seen` |
//! | `bodies` | the same | `server` and `_meta` byte for byte, compressed | yes |
//! | `quarantine` | upstream, name, version or digest | reason and bytes of a row that is no entry | yes |
//! | `staged` | upstream, name, version | rows of a pass that was not accepted yet | yes |
//! | `seen` | upstream, batch | which rows a complete walk saw so far, 8 bytes each | yes |
//! | `held` | upstream, name, version | rows and absences that a rail keeps back | by walking anew |
//! | `absences` | upstream, name, version | since how many complete walks an entry is not seen | no |
//! | `rewritten` | upstream, name, version and content | other contents of a published entry | the older ones not |
//! | `purged` | upstream, name, version | the head of what was purged, 90 bytes | no |
//! | `ledger` | view, name, version | what was served, and since when | no |
//! | `owners` | name | the upstream it was served from last | no |
//! | `holdings` | namespace | what was seen of its owner, and the first key or account | not what came first |
//! | `namings` | name | what its repository declares and its packages name | yes |
//! | `spared` | name@version | what was served before owners were first to be proven | no |
//! | `overlays` | file | the last good set, as it was read | from review |
//! | `alerts` | id | what a person should look at, and who has | not the acknowledgements |
//! | `receivers` | name | who is told of alerts, and how that goes | no |
//! | `letters`, `undelivered` | receiver, alert | what is still to be told, and what was given up | no |
//!
//! Heads and bodies are apart because a restart reads every head and only the visible bodies, and
//! a walk that finds nothing new reads heads alone.
//!
//! # How it changes
//! Each change is one transaction: a batch of rows with the cursor behind them, the acceptance of
//! a staged pass with its watermark, the ledger's difference before a generation is published. A
//! crash leaves the state before or after one of these, never between. There is one writer at a
//! time and any number of snapshots beside it; a snapshot that is held long keeps old pages from
//! being reused, so none outlives the work it was taken for.
//!
//! Every commit is durable and records the allocator's state (`quick_repair`), which costs a
//! second sync and makes reopening after a crash independent of size.
//!
//! # Decided against
//! - One table for head and body: a quarter smaller, and a restart would read everything.
//! - Server objects as columns: whatever the columns forget is lost, and bytes cannot be proven.
//! - A dictionary trained on the first walk: rows would depend on a second thing that can be lost.
//!   The dictionary is a constant of the format instead, made of invented entries.
//!
//! # What grows
//! Of one entry 32 contents are kept beside the first, even when upstream goes back to that: one of
//! them may be pinned. Beyond that the one that came last makes room.
//! Markers of purged entries stay, since a name that comes back after years is still the same
//! name; a million of them are 100 MB. Closed alerts go after 90 days.
//!
//! # What will not scale
//! A name's versions are read by a range over its key, one upstream after another; dozens of
//! upstreams with the same names would want an index by name.

mod accept;
mod alerts;
mod codec;
mod error;
mod letters;
mod live;
mod overlays;
mod proofs;
mod read;
mod tables;
mod verify;
mod write;

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use redb::{Database, ReadableDatabase, StorageBackend};

pub use accept::{Acceptance, Hold};
pub use error::StoreError;
pub use letters::{Mailbox, Undelivered};
pub use proofs::Proofs;
pub use read::{QuarantinedRow, SeenRows, Snapshot, StagedKind, StagedRow, StoredHead};
pub use verify::Verification;
pub use write::{Batch, Destination, Seen, ViewChanges};

use crate::model::Instant;
use codec::Packer;

/// The format this release writes, and the newest it reads.
const FORMAT: u64 = 1;
/// redb's own default is 1 GiB; the heads of 100,000 entries fit in this several times.
const CACHE_BYTES: usize = 16 * 1024 * 1024;
const FILE: &str = "vidimus.redb";

/// An open store. It is locked against every other process.
#[derive(Debug)]
pub struct Store {
    /// Empty only when a failed file could not be opened again.
    database: RwLock<Option<Database>>,
    /// Where the file is; a store in memory has none.
    path: Option<PathBuf>,
    packer: std::sync::Mutex<Packer>,
}

impl Store {
    /// Opens the store in a data folder, making folder and store when they are absent.
    ///
    /// # Errors
    /// When it cannot be made, is held by another process, is of a newer format, or is no store.
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
        tables::initialise(&database, path, now)?;
        Ok(Self {
            database: RwLock::new(Some(database)),
            path: None,
            packer: std::sync::Mutex::new(Packer::new()?),
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
            Some(database) => Snapshot::of(&database.begin_read()?),
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

    /// Opens the file anew after it failed: redb takes nothing more from a handle that saw an
    /// error, and a disk that was full may have room again.
    fn reopen(&self) {
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

#[cfg(test)]
mod letter_tests;
#[cfg(test)]
mod tests;
