//! The place of a store: its data folder, and the file in it.
//!
//! redb locks the file that it has open, which may be removed or replaced meanwhile. The folder is locked beside it, so that
//! no other process takes what is put in the place of the file for a store of its own.

use std::fs::{File, Metadata, metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use super::StoreError;
use crate::files::Identity;

pub(super) const FILE: &str = "vidimus.redb";

/// A locked data folder.
#[derive(Debug)]
pub(super) struct Place {
    data: PathBuf,
    /// The folder, and those that were put in its place since. Each is locked while it is open.
    folders: Mutex<Vec<File>>,
    /// The file of the store, if it could be looked at.
    file: Option<Identity>,
}

/// Folders that are put in the place of the data folder while it is in use; no more are locked.
const MOST_FOLDERS: usize = 8;

impl Place {
    /// Locks a data folder.
    ///
    /// # Errors
    /// When it is absent, or another process has the lock.
    pub(super) fn lock(data: &Path) -> Result<Self, StoreError> {
        let path = data.join(FILE);
        let folder = locked(data).map_err(|source| match source.kind() {
            ErrorKind::WouldBlock => StoreError::Locked { path },
            ErrorKind::NotFound => StoreError::Absent { path },
            _ => StoreError::File { path: data.to_owned(), source },
        })?;
        Ok(Self { data: data.to_owned(), folders: Mutex::new(vec![folder]), file: None })
    }

    /// Takes the file that is there now for the one that was opened.
    pub(super) fn with_file(self) -> Self {
        let file = metadata(self.data.join(FILE)).ok();
        Self { file: file.as_ref().map(Identity::of_found), ..self }
    }

    /// Returns true if the file of the store is still the one that was opened.
    pub(super) fn has_file(&self) -> bool {
        metadata(self.data.join(FILE))
            .is_ok_and(|found| Some(Identity::of_found(&found)) == self.file)
    }

    /// Gives the lock to others.
    pub(super) fn release(&self) {
        self.folders().clear();
    }

    /// Returns the problem of a store whose folder or file was moved, removed or replaced while it is in use. Locks a folder
    /// that was put in the place of the data folder.
    pub(super) fn problem(&self) -> Option<String> {
        let in_place = |path: &Path, is_known: &dyn Fn(&Metadata) -> bool| match metadata(path) {
            Ok(found) => is_known(&found),
            // Any other error says nothing of what is there.
            Err(error) => error.kind() != ErrorKind::NotFound,
        };
        let mut folders = self.folders();
        let first = folders.first().and_then(|folder| folder.metadata().ok());
        let first = first.as_ref().map(Identity::of_found);
        if !in_place(&self.data, &|found| first == Some(Identity::of_found(found))) {
            let is_locked = |folder: &File| {
                let is = |known: Metadata| {
                    in_place(&self.data, &|found| {
                        Identity::of_found(found) == Identity::of_found(&known)
                    })
                };
                folder.metadata().is_ok_and(is)
            };
            if folders.len() < MOST_FOLDERS && !folders.iter().any(is_locked) {
                folders.extend(locked(&self.data));
            }
            return Some(format!("the data folder {} {GONE}", self.data.display()));
        }
        let file = self.data.join(FILE);
        let is_gone = self.file.is_some()
            && !in_place(&file, &|found| self.file == Some(Identity::of_found(found)));
        is_gone.then(|| format!("the store {} {GONE}", file.display()))
    }

    fn folders(&self) -> MutexGuard<'_, Vec<File>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const GONE: &str = "was moved, removed or replaced while it is in use; what is written since is lost when the daemon ends: \
    run `vidimus backup FILE` now, in a data folder that exists, then stop the daemon, and run `vidimus restore FILE`";

/// Opens a folder, and locks it where the file system can do that.
fn locked(folder: &Path) -> io::Result<File> {
    let flags = i32::try_from((OFlags::DIRECTORY | OFlags::NONBLOCK).bits()).unwrap_or_default();
    let opened = File::options().read(true).custom_flags(flags).open(folder)?;
    match flock(&opened, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Err(ErrorKind::WouldBlock.into()),
        // Some network file systems lock no folder; the lock of the file stays.
        _ => Ok(opened),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir, remove_file, rename, write};

    use super::*;
    use crate::model::Timestamp;
    use crate::store::{Store, restore};

    const NOW: Timestamp = Timestamp::from_micros(7);

    fn is_locked<T>(opened: &Result<T, StoreError>) -> bool {
        matches!(opened, Err(StoreError::Locked { .. }))
    }

    /// P106: a second daemon used the folder beside the first one.
    #[test]
    fn folder_of_a_store_that_was_removed_or_replaced_is_in_use_until_it_is_closed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (data, copy) = (folder.path().join("data"), folder.path().join("copy"));
        let file = data.join(FILE);
        let store = Store::create(&data, NOW).expect("a store");
        assert_eq!(store.displaced(), None);
        remove_file(&file).expect("removed");
        assert!(
            store.displaced().is_some_and(|problem| problem.contains("vidimus.redb was moved"))
        );
        store.back_up(&copy).expect("what is open can be copied");
        for _ in 0..2 {
            assert!(is_locked(&Store::open(&data, NOW)));
            assert!(is_locked(&Store::create(&data, NOW)));
            assert!(is_locked(&restore(&copy, &data, NOW)));
            write(&file, "another file").expect("written");
        }
        rename(&data, folder.path().join("moved")).expect("renamed");
        assert!(store.displaced().is_some_and(|problem| problem.contains("data was moved")));
        create_dir(&data).expect("a folder");
        assert!(store.displaced().is_some());
        assert!(is_locked(&Store::create(&data, NOW)), "the folder in its place, too");
        store.close();
        Store::create(&data, NOW).expect("it is free");
    }

    #[test]
    fn store_that_failed_is_not_opened_again_from_another_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(folder.path(), NOW).expect("a store");
        let file = folder.path().join(FILE);
        store.back_up(&folder.path().join("copy")).expect("copied");
        store.reopen();
        store.snapshot().expect("it is open again");
        rename(folder.path().join("copy"), &file).expect("replaced");
        store.reopen();
        assert!(matches!(store.snapshot(), Err(StoreError::Closed)));
    }
}
