//! A file that keeps room on the disk for writes that must not fail.
//!
//! When a write fails for lack of space the file is cut, and the next attempt has its room. From then on writes that
//! bring new content have a share of that room only: deletions, decisions, the ledger and alerts may use all of it. The
//! file begins with its size, so that a cut one tells a restart that it was given up. It returns in that size, and new
//! content is unlimited again, when the disk has room enough.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;

use super::StoreError;
use super::folder::open_private;
use crate::files::{open_regular_file, open_regular_file_to_write};

const FILE: &str = "reserve";
/// Enough for the ledger and the deletions of a registry with 100,000 entries.
const BYTES: u64 = 64 * 1024 * 1024;
/// On a small disk the file is halved until it fits, down to this.
const LEAST_BYTES: u64 = 1024 * 1024;
/// The share of new content in the room that was given up: upstreams send deletions among it, so refusing all of it
/// would refuse them too.
const SHARE_OF_CONTENT: u64 = 4;
static CHUNK: [u8; 64 * 1024] = [0xa5; 64 * 1024];

#[derive(Debug, Default)]
pub(super) struct Reserve {
    /// A store in memory has none.
    path: Option<PathBuf>,
    is_given_up: AtomicBool,
    /// The bytes of new content that may still be written after it was given up.
    content_left: AtomicU64,
}

/// The file as it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Absent,
    Kept { size: u64 },
    GivenUp { size: u64, left: u64 },
}

impl Reserve {
    pub(super) fn in_folder(data: &Path) -> Self {
        let path = data.join(FILE);
        let reserve = Self { path: Some(path.clone()), ..Self::default() };
        if let Ok(Found::GivenUp { left, .. }) = find(&path) {
            reserve.give_up(left);
        }
        reserve
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.is_given_up.load(Ordering::Relaxed)
    }

    /// Admits new content: without a limit while there is a reserve, else up to its share. Returns the bytes of the share
    /// that it takes.
    pub(super) fn admit_content(&self, bytes: u64) -> Result<u64, StoreError> {
        let spend = |left: u64| left.checked_sub(bytes);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        if !self.is_given_up() {
            return Ok(0);
        }
        match self.content_left.fetch_update(set, fetch, spend) {
            Ok(before) => {
                self.note_left(before - bytes);
                Ok(bytes)
            }
            Err(_) => Err(StoreError::NoReserve),
        }
    }

    /// Gives back what was admitted and could not be written.
    pub(super) fn return_content(&self, bytes: u64) {
        if bytes > 0 {
            let before = self.content_left.fetch_add(bytes, Ordering::Relaxed);
            self.note_left(before + bytes);
        }
    }

    /// Writes what is left into the cut file: a restart gives no further share.
    fn note_left(&self, left: u64) {
        let Some(path) = &self.path else { return };
        // The file may have no room for it either; then a restart gives the share again.
        let _ = write_left(path, left);
    }

    /// Returns the bytes that are free on the disk of the folder; `None` if the system does not say.
    pub(super) fn free_bytes(&self) -> Option<u64> {
        let folder = self.path.as_ref()?.parent()?;
        let disk = statvfs(folder).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Cuts the file if the error is a lack of space.
    pub(super) fn observe(&self, error: &StoreError) {
        let Some(path) = self.path.as_ref().filter(|_| error.is_full()) else { return };
        match find(path).unwrap_or(Found::Absent) {
            Found::Kept { size } => {
                // If it cannot be cut there is no room to give, and the next failure tries again.
                let left = size / SHARE_OF_CONTENT;
                let _ = cut(path, left);
                self.give_up(left);
            }
            // It may never have been made.
            Found::Absent | Found::GivenUp { .. } if !self.is_given_up() => self.give_up(0),
            Found::Absent | Found::GivenUp { .. } => {}
        }
    }

    fn give_up(&self, content_left: u64) {
        self.content_left.store(content_left, Ordering::Relaxed);
        self.is_given_up.store(true, Ordering::Relaxed);
    }

    /// Makes the file if it is absent, as large as the disk allows; a smaller one grows, and one that was given up
    /// returns in its former size.
    pub(super) fn restore(&self) -> Result<(), StoreError> {
        let Some(path) = &self.path else { return Ok(()) };
        let restored = find(path).and_then(|found| match found {
            Found::Absent => make(path, BYTES).inspect_err(|_| {
                // What is left of it would say that a reserve was given up.
                let _ = fs::remove_file(path);
            }),
            // A smaller one would end the limit on new content, which then takes the room of denials step by step.
            Found::GivenUp { size, .. } => fill(path, size),
            Found::Kept { size } if size < BYTES => {
                // What there is stays as it is on a disk without more room.
                let _ = fill(path, BYTES);
                Ok(())
            }
            Found::Kept { .. } => Ok(()),
        });
        restored.map_err(|source| StoreError::File { path: path.clone(), source })?;
        self.is_given_up.store(false, Ordering::Relaxed);
        Ok(())
    }
}

/// Looks at the file.
///
/// # Errors
/// When it cannot be opened: it may be there, and must not be replaced.
fn find(path: &Path) -> io::Result<Found> {
    let mut file = match open_regular_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Absent),
        opened => opened?,
    };
    let mut read = || -> io::Result<(u64, u64, u64)> {
        let mut numbers = [[0; size_of::<u64>()]; 2];
        file.read_exact(numbers.as_flattened_mut())?;
        let [size, left] = numbers.map(u64::from_le_bytes);
        Ok((file.metadata()?.len(), size, left))
    };
    Ok(match read() {
        Ok((length, size @ LEAST_BYTES..=BYTES, left)) if length < size => {
            Found::GivenUp { size, left: left.min(size / SHARE_OF_CONTENT) }
        }
        Ok((_, size @ LEAST_BYTES..=BYTES, _)) => Found::Kept { size },
        // A crash may leave a file that says nothing.
        _ => Found::Absent,
    })
}

/// Makes the file of this size, or halves it until the disk has the room.
fn make(path: &Path, mut bytes: u64) -> io::Result<()> {
    loop {
        match fill(path, bytes) {
            Err(_) if bytes / 2 >= LEAST_BYTES => bytes /= 2,
            made => return made,
        }
    }
}

/// Gives the file this size, if the disk has twice its room: else what it gave up would return at once, and the disk
/// would be full again.
fn fill(path: &Path, bytes: u64) -> io::Result<()> {
    let mut file = open_private(path)?;
    let before = file.metadata()?.len();
    let allocated = allocate(&mut file, 2 * bytes);
    // What was allocated beyond is in the way of others.
    file.set_len(if allocated.is_ok() { bytes } else { before })?;
    allocated?;
    file.rewind()?;
    file.write_all(&bytes.to_le_bytes())?;
    file.sync_all()
}

fn allocate(file: &mut File, bytes: u64) -> io::Result<()> {
    match fallocate(&*file, FallocateFlags::empty(), 0, bytes) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
            file.seek(io::SeekFrom::End(0))?;
            while file.stream_position()? < bytes {
                file.write_all(&CHUNK)?;
            }
            Ok(())
        }
        allocated => Ok(allocated?),
    }
}

/// Leaves the size in the file, with the share of new content.
fn cut(path: &Path, left: u64) -> io::Result<()> {
    write_left(path, left)?.set_len(2 * size_of::<u64>() as u64)
}

/// Writes the share of new content behind the size.
fn write_left(path: &Path, left: u64) -> io::Result<File> {
    let mut file = open_regular_file_to_write(path)?;
    file.seek(io::SeekFrom::Start(size_of::<u64>() as u64))?;
    file.write_all(&left.to_le_bytes())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> StoreError {
        let error = redb::Error::Io(io::ErrorKind::StorageFull.into());
        StoreError::Engine { source: Box::new(error) }
    }

    fn content(reserve: &Reserve) -> bool {
        reserve.admit_content(BYTES).is_ok()
    }

    #[test]
    fn reserve_is_given_up_for_lack_of_space_only_also_across_a_restart_and_made_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let reserve = Reserve::in_folder(folder.path());
        let length = || fs::metadata(folder.path().join(FILE)).ok().map(|file| file.len());
        reserve.restore().expect("made");
        reserve.observe(&StoreError::Closed);
        assert_eq!((length(), content(&reserve)), (Some(BYTES), true));
        reserve.observe(&full());
        assert_eq!((length(), content(&reserve)), (Some(16), false));
        let restarted = Reserve::in_folder(folder.path());
        assert!(!content(&restarted));
        restarted.restore().expect("made again");
        assert_eq!((length(), content(&restarted)), (Some(BYTES), true));
    }

    /// Without descriptors the reserve could not be opened, and was removed.
    #[test]
    fn reserve_that_cannot_be_opened_is_neither_removed_nor_taken_for_a_full_disk() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE);
        std::os::unix::fs::symlink(FILE, &path).expect("a link to itself");
        let reserve = Reserve::in_folder(folder.path());
        let error = reserve.restore().expect_err("it cannot be opened");
        let StoreError::File { source, .. } = &error else { panic!("{error}") };
        assert_eq!(Errno::from_io_error(source), Some(Errno::LOOP));
        assert!(path.is_symlink());
    }

    /// P90: a start waited for what writes into it, without a word.
    #[test]
    fn pipe_in_place_of_the_reserve_is_an_error_and_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE);
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("it runs").success());
        let reserve = Reserve::in_folder(folder.path());
        let error = reserve.restore().expect_err("a pipe");
        assert!(crate::model::reason(&error).contains("not a regular file"), "{error}");
        reserve.observe(&full());
        assert!(!content(&reserve), "there is no room to give");
    }

    #[test]
    fn new_content_has_a_share_of_the_room_that_was_given_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let reserve = Reserve::in_folder(folder.path());
        reserve.restore().expect("made");
        reserve.observe(&full());
        let half = BYTES / SHARE_OF_CONTENT / 2;
        let admitted = [half, half, 1].map(|bytes| reserve.admit_content(bytes).is_ok());
        assert_eq!(admitted, [true, true, false]);
        let restarted = Reserve::in_folder(folder.path());
        assert!(restarted.admit_content(1).is_err(), "a restart gives no further share");
        reserve.return_content(1);
        assert!(reserve.admit_content(1).is_ok(), "what was not written is given back");
        reserve.observe(&full());
        assert!(reserve.admit_content(1).is_err(), "a further failure gives no further share");
    }

    #[test]
    fn smaller_reserve_grows_and_a_damaged_one_is_made_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE);
        for before in [Some(LEAST_BYTES), None] {
            match before {
                Some(bytes) => fill(&path, bytes).expect("made"),
                None => fs::write(&path, "?").expect("a file"),
            }
            let reserve = Reserve::in_folder(folder.path());
            reserve.restore().expect("made");
            assert_eq!(find(&path).expect("a file"), Found::Kept { size: BYTES });
        }
    }
}
