//! A file that keeps room on the disk for writes that must not fail.
//!
//! When a write fails for lack of space the file is removed, and the next attempt has its room. From then on ordinary
//! writes, which bring new content, are refused: deletions, decisions, the ledger and alerts may use what is left. The
//! daemon makes the file again as soon as the disk has room for it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::StoreError;

const FILE: &str = "reserve";
/// Enough for the ledger and the deletions of a registry with 100,000 entries.
const BYTES: u64 = 64 * 1024 * 1024;
/// On a small disk the file is halved until it fits, down to this.
const LEAST_BYTES: u64 = 1024 * 1024;
static CHUNK: [u8; 64 * 1024] = [0xa5; 64 * 1024];

#[derive(Debug, Default)]
pub(super) struct Reserve {
    /// A store in memory has none.
    path: Option<PathBuf>,
    is_given_up: AtomicBool,
}

impl Reserve {
    pub(super) fn in_folder(data: &Path) -> Self {
        Self { path: Some(data.join(FILE)), is_given_up: AtomicBool::new(false) }
    }

    /// Refuses an ordinary write while the reserve is given up.
    pub(super) fn admit_ordinary(&self) -> Result<(), StoreError> {
        if self.is_given_up.load(Ordering::Relaxed) { Err(StoreError::NoReserve) } else { Ok(()) }
    }

    /// Removes the file if the error is a lack of space.
    pub(super) fn observe(&self, error: &StoreError) {
        let Some(path) = self.path.as_ref().filter(|_| error.is_full()) else { return };
        // It may never have been made; then there is no room to give.
        let _ = fs::remove_file(path);
        self.is_given_up.store(true, Ordering::Relaxed);
    }

    /// Makes the file if it is absent, as large as the disk allows.
    pub(super) fn restore(&self) -> Result<(), StoreError> {
        let Some(path) = &self.path else { return Ok(()) };
        let mut bytes = BYTES;
        while !path.exists() {
            match fill(path, bytes) {
                Ok(()) => {}
                Err(_) if bytes > LEAST_BYTES => bytes /= 2,
                Err(source) => return Err(StoreError::File { path: path.clone(), source }),
            }
        }
        self.is_given_up.store(false, Ordering::Relaxed);
        Ok(())
    }
}

/// Writes the file under another name first: a file that is present is complete.
fn fill(path: &Path, bytes: u64) -> io::Result<()> {
    let partial = path.with_extension("partial");
    let written = || -> io::Result<()> {
        let mut file = File::create(&partial)?;
        for _ in 0..bytes / CHUNK.len() as u64 {
            file.write_all(&CHUNK)?;
        }
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    written().inspect_err(|_| {
        // What was written is in the way of others.
        let _ = fs::remove_file(&partial);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> StoreError {
        let error = redb::Error::Io(io::ErrorKind::StorageFull.into());
        StoreError::Engine { source: Box::new(error) }
    }

    #[test]
    fn reserve_is_given_up_for_lack_of_space_only_and_made_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let reserve = Reserve::in_folder(folder.path());
        let size = || fs::metadata(folder.path().join(FILE)).ok().map(|file| file.len());
        reserve.restore().expect("made");
        assert_eq!(size(), Some(BYTES));
        reserve.observe(&StoreError::Closed);
        assert_eq!(size(), Some(BYTES));
        assert!(reserve.admit_ordinary().is_ok());
        reserve.observe(&full());
        assert_eq!(size(), None);
        assert!(matches!(reserve.admit_ordinary(), Err(StoreError::NoReserve)));
        reserve.restore().expect("made again");
        assert!(size().is_some() && reserve.admit_ordinary().is_ok());
    }
}
