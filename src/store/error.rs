use std::path::{Path, PathBuf};

use redb::{DatabaseError, StorageError};
use thiserror::Error;

use crate::model::Damage;

/// Why the store cannot be used, or what is wrong in it.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error("there is no store at {path}; `vidimus serve` or `vidimus sync` makes one")]
    Absent { path: PathBuf },
    #[error("the store {path} is held by another process; one process at a time can open it")]
    Locked { path: PathBuf },
    #[error(
        "the store {path} has format {found}, this release reads {known}; run the release that \
         wrote it, or point --data at another folder"
    )]
    NewerFormat { path: PathBuf, found: u64, known: u64 },
    #[error(
        "the store {path} has format {found}, this release reads and writes format {known}; move the \
         file away and start again: upstreams are fetched anew, and what was served, acknowledgements \
         and first keys are recorded anew"
    )]
    OlderFormat { path: PathBuf, found: u64, known: u64 },
    #[error("{path} is no store of vidimus, or is damaged; move it away or restore a copy of it")]
    NotAStore { path: PathBuf, source: redb::Error },
    #[error("the file {path} cannot be used")]
    File { path: PathBuf, source: std::io::Error },
    #[error(
        "the store cannot be read or written; if this lasts, restore a copy of it or move it away"
    )]
    Engine { source: Box<redb::Error> },
    #[error("the store was closed after an error of its file, and could not be opened again")]
    Closed,
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

    /// Whether the handle takes nothing more.
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
