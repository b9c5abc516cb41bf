use std::collections::VecDeque;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::lint::{Finding, Source};

/// The marks of a file that change with its content, so that an unchanged one is not read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    pub(super) size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    /// True if the file has another name, under which it may be changed.
    is_linked: bool,
    /// False if the file was just written: another write in the same tick of its file system's clock would leave the same
    /// times.
    pub(super) is_old: bool,
}

/// Longer than a tick of any file system's clock; some count whole seconds, or two.
const TICK: Duration = Duration::from_millis(2_500);

impl Stamp {
    pub(super) fn of(metadata: &Metadata, now: SystemTime) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            is_linked: metadata.nlink() > 1,
            is_old: is_old(metadata, now),
        }
    }
}

/// The files without another name that are looked at in one call.
const AT_ONCE: usize = 200;

fn is_old(metadata: &Metadata, now: SystemTime) -> bool {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let last = metadata.mtime().max(metadata.ctime()).try_into().unwrap_or_default();
    now > Duration::from_secs(last) + TICK
}

/// Files as they were read before, in the order of their paths, so that a look passes over them once.
#[derive(Debug, Default)]
pub struct KnownFiles {
    pub(super) files: VecDeque<(Stamp, Arc<Source>)>,
    /// Paths that the last look could not look at, since the system gave no answer: no verdict about any file. The files that were
    /// read there before are known as they were.
    pub unread: Vec<Finding>,
    /// The number of the file that is looked at next.
    next: usize,
}

impl KnownFiles {
    #[must_use]
    pub const fn new() -> Self {
        Self { files: VecDeque::new(), unread: Vec::new(), next: 0 }
    }

    pub(super) fn with_capacity(files: usize) -> Self {
        Self { files: VecDeque::with_capacity(files), ..Self::new() }
    }

    /// Forgets files, which are then read again.
    pub fn retain(&mut self, mut is_kept: impl FnMut(&Arc<Source>) -> bool) {
        self.files.retain(|(_, source)| is_kept(source));
    }

    /// Returns true if every file is on this device.
    #[must_use]
    pub fn are_on(&self, device: u64) -> bool {
        self.files.iter().all(|(stamp, _)| stamp.device == device)
    }

    /// Returns true if a file is not the one that was read, by its marks. Looks at those that have another name, and at
    /// 200 of the others: at the next ones in each call.
    pub fn have_changed(&mut self) -> bool {
        let (count, first) = (self.files.len(), self.next);
        let last = first + AT_ONCE;
        self.next = if last < count { last } else { 0 };
        let numbered = self.files.iter().enumerate();
        let mut due = numbered
            .filter(|(number, (stamp, _))| stamp.is_linked || (first..last).contains(number))
            .map(|(_, (stamp, source))| (stamp, Path::new(&source.file)));
        due.any(|(stamp, path)| {
            let now = path.metadata().map(|found| Stamp::of(&found, UNIX_EPOCH));
            now.ok() != Some(Stamp { is_old: false, ..*stamp })
        })
    }

    /// Takes the file of a path that is behind every one that was asked for before.
    pub(super) fn take(&mut self, path: &str) -> Option<(Stamp, Arc<Source>)> {
        loop {
            let (_, front) = self.files.front()?;
            if front.file == path {
                return self.files.pop_front();
            }
            if Path::new(&front.file) > Path::new(path) {
                return None;
            }
            self.files.pop_front();
        }
    }
}
