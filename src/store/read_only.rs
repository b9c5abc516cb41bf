//! A file that cannot be written, whose changes stay in memory: redb may have to repair a file before it reads it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

use crate::files::open_regular_file;

const PAGE: usize = 4_096;

#[derive(Debug)]
pub(super) struct ReadOnlyFile {
    file: File,
    changes: Mutex<Changes>,
}

/// The changes of a file.
#[derive(Debug)]
struct Changes {
    len: u64,
    /// The length up to which a page without changes is that of the file; behind it all is zero.
    backed: u64,
    pages: BTreeMap<u64, Box<[u8]>>,
}

/// A part of one page: its number, its place in the page, and its place in what is read or written.
struct Part {
    page: u64,
    within: std::ops::Range<usize>,
    of_all: std::ops::Range<usize>,
}

impl ReadOnlyFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = open_regular_file(path)?;
        let len = file.metadata()?.len();
        let changes = Mutex::new(Changes { len, backed: len, pages: BTreeMap::new() });
        Ok(Self { file, changes })
    }

    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a page as it is in the file.
    fn page(&self, page: u64, backed: u64) -> io::Result<Box<[u8]>> {
        let mut bytes = vec![0; PAGE].into_boxed_slice();
        let begin = page.saturating_mul(PAGE as u64);
        let there = backed.saturating_sub(begin).min(PAGE as u64);
        let there = usize::try_from(there).unwrap_or(PAGE);
        self.file.read_exact_at(&mut bytes[..there], begin)?;
        Ok(bytes)
    }
}

fn parts(offset: u64, len: usize) -> impl Iterator<Item = Part> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let begin = usize::try_from(at % PAGE as u64).unwrap_or_default();
        let size = (len - done).min(PAGE - begin);
        let of_all = done..done + size;
        done += size;
        (size > 0).then(|| Part { page: at / PAGE as u64, within: begin..begin + size, of_all })
    })
}

impl StorageBackend for ReadOnlyFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.changes().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let changes = self.changes();
        for Part { page, within, of_all } in parts(offset, out.len()) {
            match changes.pages.get(&page) {
                Some(changed) => out[of_all].copy_from_slice(&changed[within]),
                None => out[of_all].copy_from_slice(&self.page(page, changes.backed)?[within]),
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut changes = self.changes();
        changes.len = len;
        changes.backed = changes.backed.min(len);
        changes.pages.split_off(&len.div_ceil(PAGE as u64));
        let end = usize::try_from(len % PAGE as u64).unwrap_or_default();
        if let Some(last) = changes.pages.get_mut(&(len / PAGE as u64)) {
            last[end..].fill(0);
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut changes = self.changes();
        for Part { page, within, of_all } in parts(offset, data.len()) {
            if !changes.pages.contains_key(&page) {
                let unchanged = self.page(page, changes.backed)?;
                changes.pages.insert(page, unchanged);
            }
            if let Some(changed) = changes.pages.get_mut(&page) {
                changed[within].copy_from_slice(&data[of_all]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisory::FeedState;
    use crate::model::Timestamp;
    use crate::store::place::FILE;
    use crate::store::{Store, StoreError};

    const NOW: Timestamp = Timestamp::from_micros(7);

    #[test]
    fn changes_are_read_back_and_leave_the_file_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, vec![7; 10_000]).expect("written");
        let file = ReadOnlyFile::open(&path).expect("opened");
        file.set_len(20_000).expect("longer");
        file.write(4_090, &[1; 12]).expect("written");
        file.write(15_000, &[2; 2]).expect("written");
        let read = |offset, len| {
            let mut out = vec![9; len];
            file.read(offset, &mut out).expect("read");
            out
        };
        assert_eq!(read(4_089, 14), [&[7][..], &[1; 12], &[7]].concat());
        assert_eq!(read(9_999, 3), [7, 0, 0], "behind the end of the file");
        assert_eq!(read(14_999, 4), [0, 2, 2, 0]);
        file.set_len(5_000).expect("shorter");
        file.set_len(20_000).expect("longer");
        assert_eq!((read(4_999, 3), read(15_000, 1)), (vec![7, 0, 0], vec![0]));
        assert_eq!(std::fs::read(&path).expect("a file"), [7; 10_000]);
    }

    /// P33: nothing could be read, not even for a copy.
    #[test]
    fn store_that_cannot_be_written_can_be_read_and_copied_also_after_a_crash() {
        let folder = tempfile::tempdir().expect("a folder");
        let (data, crashed) = (folder.path().join("data"), folder.path().join("crashed"));
        let store = Store::create(&data, NOW).expect("a store");
        store.store_feed("one", &FeedState::default(), NOW).expect("stored");
        // A process that ends without closing it leaves the file so.
        std::fs::create_dir(&crashed).expect("a folder");
        std::fs::copy(data.join(FILE), crashed.join(FILE)).expect("copied");
        drop(store);
        for folder in [&data, &crashed] {
            let before = std::fs::read(folder.join(FILE)).expect("a file");
            let store = Store::open_read_only(folder, NOW).expect("opened");
            let feeds = || store.snapshot().expect("read").feeds().expect("read").len();
            assert_eq!(feeds(), 1);
            let refused = store.store_feed("two", &FeedState::default(), NOW);
            assert!(matches!(refused, Err(StoreError::ReadOnly { .. })), "{refused:?}");
            assert_eq!(feeds(), 1);
            store.back_up(&folder.join("copy")).expect("copied");
            assert_eq!(std::fs::read(folder.join(FILE)).expect("a file"), before);
        }
    }
}
