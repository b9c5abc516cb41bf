use std::path::{Path, PathBuf};

use redb::{DatabaseError, StorageError};
use thiserror::Error;

use crate::model::Damage;
use crate::sync::OutOfRoom;

/// The reason why the store cannot be used, or the damage in it.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error("there is no store at {path}; `vidimus serve` or `vidimus sync` creates one")]
    Absent { path: PathBuf },
    #[error(
        "the store {path} is in use by another process; only one process at a time can open it"
    )]
    Locked { path: PathBuf },
    #[error(
        "the store {path} has format {found}, this release reads and writes format {known}; run the \
         release that wrote it, or name another folder with `data` (--data)"
    )]
    NewerFormat { path: PathBuf, found: u64, known: u64 },
    #[error(
        "the store {path} has format {found}, this release reads and writes format {known}; move the \
         file away and start again: upstreams are fetched again, and the ledger, acknowledgements and \
         first keys start empty"
    )]
    OlderFormat { path: PathBuf, found: u64, known: u64 },
    #[error(
        "{path} is not a vidimus store, or it is damaged; move it away or restore a copy of it"
    )]
    NotAStore { path: PathBuf, source: redb::Error },
    #[error("{path} is not a sound copy of a store, so nothing changed; {problem}")]
    Unsound { path: PathBuf, problem: String },
    #[error(
        "the file system of the store {path} is mounted read-only: commands that only read work, and `vidimus backup`; \
         mount it read-write, or use a copy with --data"
    )]
    ReadOnly { path: PathBuf },
    #[error("the file {path} cannot be used")]
    File { path: PathBuf, source: std::io::Error },
    #[error(
        "the store cannot be read or written; if this lasts, restore a copy of it or move it away"
    )]
    Engine { source: Box<redb::Error> },
    #[error("the store was closed after an error of its file and could not be opened again")]
    Closed,
    #[error(
        "the disk was full, and new content has used its share of the reserve: it is refused until the disk of the \
         data folder has twice the room of the reserve: 128 MiB, less on a small disk"
    )]
    NoReserve,
    #[error(
        "new content of the upstream is left out, {}: {}; allowed: {}", .0.left_out(), .0.found(), .0.allowed()
    )]
    NoRoom(OutOfRoom),
    #[error("the feed has no room, and keeps what it has: {found}; allowed: {allowed}")]
    NoFeedRoom { found: String, allowed: String },
    #[error("{0}")]
    Damaged(Damage),
}

impl StoreError {
    pub(super) fn opening(path: &Path, error: DatabaseError) -> Self {
        let path = path.to_owned();
        match error {
            DatabaseError::DatabaseAlreadyOpen => Self::Locked { path },
            DatabaseError::Storage(StorageError::Io(source)) => match source.kind() {
                std::io::ErrorKind::NotFound => Self::Absent { path },
                std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof => {
                    Self::NotAStore { path, source: source.into() }
                }
                _ => Self::File { path, source },
            },
            other => Self::NotAStore { path, source: other.into() },
        }
    }

    /// Returns true if the file failed, and not a row in it.
    pub(super) fn is_of_file(&self) -> bool {
        matches!(self, Self::Closed | Self::NoReserve | Self::Engine { .. })
    }

    /// Returns true if there is no room for new content.
    pub fn is_of_room(&self) -> bool {
        matches!(self, Self::NoReserve | Self::NoRoom(_) | Self::NoFeedRoom { .. })
            || self.is_full()
    }

    /// Returns true if the disk has no room, or a quota or the limit of a file's size is reached.
    pub(super) fn is_full(&self) -> bool {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        let Self::Engine { source } = self else { return false };
        match &**source {
            redb::Error::Io(error) => {
                matches!(error.kind(), FileTooLarge | QuotaExceeded | StorageFull)
            }
            _ => false,
        }
    }

    /// Returns true if the handle accepts nothing more.
    pub(super) fn needs_reopening(&self) -> bool {
        match self {
            Self::Closed => true,
            Self::Engine { source } => {
                matches!(**source, redb::Error::Io(_) | redb::Error::PreviousIo)
            }
            _ => false,
        }
    }

    pub(super) fn damaged(what: &'static str, key: impl Into<String>) -> Self {
        Self::Damaged(Damage { what, key: key.into() })
    }
}

macro_rules! from_engine {
    ($($error:ty),*) => {$(
        impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                Self::Engine { source: Box::new(error.into()) }
            }
        }
    )*};
}
from_engine!(
    redb::DatabaseError,
    redb::TransactionError,
    redb::TableError,
    redb::StorageError,
    redb::CommitError
);
