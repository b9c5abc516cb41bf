use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use thiserror::Error;

/// The reason why a file was not replaced. The file is as it was.
#[derive(Debug, Error)]
pub enum ReplaceError {
    #[error(
        "{path} is a symbolic link to {target}, and was not written: run the command where that file really is, or take the \
         text of `--stdout` there"
    )]
    Link { path: PathBuf, target: PathBuf },
    #[error(
        "{path} changed since it was read, and was not written: look at the change, and run the command again"
    )]
    Changed { path: PathBuf },
    #[error(
        "another command writes into {folder} now, and this one did not: run it again, or take the text of `--stdout`"
    )]
    Busy { folder: PathBuf },
    #[error(
        "no file can be made in {folder}: allow it, or take the text of `--stdout` to a place where you may write"
    )]
    Folder { folder: PathBuf, source: io::Error },
    #[error(
        "{path} could not be written and is as it was: make room on the disk, and run the command again"
    )]
    Full { path: PathBuf, source: io::Error },
    #[error(
        "the owner and the group of {path} cannot be kept, and with others it would have other readers; it was not written: \
         run the command as its owner, or take the text of `--stdout` there"
    )]
    Owner { path: PathBuf },
    #[error("{path} could not be written and is as it was")]
    Write { path: PathBuf, source: io::Error },
}

/// The beginning and the end of the name under which a new text waits for that of its file.
const PREPARED: (&str, &str) = (".vidimus-", ".tmp");
/// The characters between them: more than a name that a person gives has there, such as `backup`.
const RANDOM: usize = 16;

/// The lock of a folder that a command writes into, until it is dropped.
#[derive(Debug)]
pub struct FolderLock {
    folder: File,
    /// False on a file system without locks.
    is_locked: bool,
}

/// Locks a folder: other commands that lock it are refused.
///
/// # Errors
/// When another process has the lock, or the folder cannot be opened.
pub fn lock_folder(folder: &Path) -> Result<FolderLock, ReplaceError> {
    let in_folder = |source| ReplaceError::Folder { folder: folder.to_owned(), source };
    let opened = File::open(folder).map_err(in_folder)?;
    let locked = flock(&opened, FlockOperation::NonBlockingLockExclusive);
    if locked == Err(Errno::WOULDBLOCK) {
        return Err(ReplaceError::Busy { folder: folder.to_owned() });
    }
    Ok(FolderLock { folder: opened, is_locked: locked.is_ok() })
}

impl FolderLock {
    fn is_of(&self, folder: &Path) -> bool {
        let of = |metadata: Metadata| (metadata.dev(), metadata.ino());
        match (self.folder.metadata(), fs::metadata(folder)) {
            (Ok(ours), Ok(other)) => of(ours) == of(other),
            _ => false,
        }
    }

    /// Removes texts that killed commands left in the folder. While it is locked, none of another command waits there.
    fn remove_abandoned(&self, folder: &Path) {
        let entries = self.is_locked.then(|| fs::read_dir(folder));
        for entry in entries.into_iter().flatten().flatten().flatten() {
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            if is_file && entry.file_name().to_str().is_some_and(is_prepared) {
                // One that stays takes room, and is no overlay.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Returns true for a name that only this module gives.
fn is_prepared(name: &str) -> bool {
    let random = name.strip_prefix(PREPARED.0).and_then(|name| name.strip_suffix(PREPARED.1));
    random.is_some_and(|random| {
        random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Replaces a file with a text, or makes it if there was none: whole, or not at all.
///
/// The text is written beside the file, reaches the disk, and takes the name of the file, which keeps its mode and its
/// owner. Enforces: the file still has the text `before`; it is not a symbolic link; one command writes into a folder at a
/// time, that of `lock` or of its own. Deliberately does not lock out editors: one that saves between the comparison and
/// the new name loses, within microseconds.
///
/// # Errors
/// The reason why the file is as it was.
pub fn replace_file(
    lock: Option<&FolderLock>,
    path: &Path,
    before: Option<&str>,
    text: &str,
) -> Result<(), ReplaceError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let in_folder = |source| ReplaceError::Folder { folder: folder.to_owned(), source };
    let failed = |source: io::Error| match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            ReplaceError::Full { path: path.to_owned(), source }
        }
        _ => ReplaceError::Write { path: path.to_owned(), source },
    };
    refuse_link(path)?;
    let own;
    let lock = if let Some(lock) = lock.filter(|lock| lock.is_of(folder)) {
        lock
    } else {
        own = lock_folder(folder)?;
        &own
    };
    lock.remove_abandoned(folder);
    let prepared = tempfile::Builder::new()
        .prefix(PREPARED.0)
        .suffix(PREPARED.1)
        .rand_bytes(RANDOM)
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(folder);
    let mut prepared = prepared.map_err(|error| match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => failed(error),
        _ => in_folder(error),
    })?;
    prepared.write_all(text.as_bytes()).map_err(failed)?;
    if let Ok(metadata) = fs::metadata(path) {
        let is_kept = keep_marks(prepared.as_file(), &metadata).map_err(failed)?;
        if !is_kept {
            return Err(ReplaceError::Owner { path: path.to_owned() });
        }
    }
    prepared.as_file().sync_all().map_err(failed)?;
    let changed = || ReplaceError::Changed { path: path.to_owned() };
    refuse_link(path)?;
    match (before, fs::read_to_string(path)) {
        (Some(before), Ok(now)) if before == now => {
            prepared.persist(path).map_err(|error| failed(error.error))?;
        }
        (None, Err(error)) if error.kind() == ErrorKind::NotFound => {
            prepared.persist_noclobber(path).map_err(|error| match error.error.kind() {
                ErrorKind::AlreadyExists => changed(),
                _ => failed(error.error),
            })?;
        }
        _ => return Err(changed()),
    }
    lock.folder.sync_all().map_err(failed)
}

/// Refuses a symbolic link: a replacement would take its place.
///
/// # Errors
/// When the path is a symbolic link.
pub fn refuse_link(path: &Path) -> Result<(), ReplaceError> {
    let Ok(target) = fs::read_link(path) else { return Ok(()) };
    Err(ReplaceError::Link { path: path.to_owned(), target })
}

/// Gives a new file the mode and the owner of the one that it replaces. In a shared folder the owner may be another
/// person: then it has the same group. Returns false if other people could read it than before.
fn keep_marks(new: &File, old: &Metadata) -> io::Result<bool> {
    let is_allowed = |changed: io::Result<()>| match changed {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        other => other,
    };
    let is_same = |new: &Metadata| (new.uid(), new.gid()) == (old.uid(), old.gid());
    if !is_same(&new.metadata()?) {
        is_allowed(fchown(new, Some(old.uid()), Some(old.gid())))?;
    }
    if !is_same(&new.metadata()?) {
        is_allowed(fchown(new, None, Some(old.gid())))?;
    }
    new.set_permissions(fs::Permissions::from_mode(old.mode() & 0o7777))?;
    let now = new.metadata()?;
    Ok(is_same(&now) || are_readers_the_same(old.mode(), now.gid() == old.gid()))
}

/// Returns true if the same people read a file of this mode under another owner.
const fn are_readers_the_same(mode: u32, is_same_group: bool) -> bool {
    const GROUP: u32 = 0o040;
    const ALL: u32 = 0o044;
    mode & ALL == ALL || is_same_group && mode & GROUP != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let name = |entry: io::Result<fs::DirEntry>| {
            entry.expect("an entry").file_name().to_string_lossy().into_owned()
        };
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn file_is_replaced_whole_and_keeps_its_mode() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.yaml");
        replace_file(None, &path, None, "one").expect("a new file");
        let mode = |mode: u32| fs::set_permissions(&path, fs::Permissions::from_mode(mode));
        mode(0o640).expect("a mode");
        replace_file(None, &path, Some("one"), "two").expect("a replaced file");
        assert_eq!(fs::read_to_string(&path).expect("a text"), "two");
        assert_eq!(fs::metadata(&path).expect("a file").mode() & 0o7777, 0o640);
        assert_eq!(names(folder.path()), ["a.yaml"]);
    }

    #[rstest::rstest]
    #[case::everyone(0o644, false, true)]
    #[case::group(0o640, true, true)]
    #[case::another_group(0o640, false, false)]
    #[case::owner_only(0o600, true, false)]
    #[case::group_shut_out(0o604, false, false)]
    fn another_owner_is_accepted_where_the_same_people_read(
        #[case] mode: u32,
        #[case] is_same_group: bool,
        #[case] wanted: bool,
    ) {
        assert_eq!(are_readers_the_same(mode, is_same_group), wanted);
    }

    #[rstest::rstest]
    #[case::other_text(Some("one"), Some("other"))]
    #[case::gone(Some("one"), None)]
    #[case::made_meanwhile(None, Some("other"))]
    fn file_that_changed_since_it_was_read_stays(
        #[case] before: Option<&str>,
        #[case] now: Option<&str>,
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.yaml");
        if let Some(now) = now {
            fs::write(&path, now).expect("a file");
        }
        let refused = replace_file(None, &path, before, "two").expect_err("a refusal");
        assert!(matches!(refused, ReplaceError::Changed { .. }), "{refused}");
        assert_eq!(fs::read_to_string(&path).ok().as_deref(), now);
        assert_eq!(names(folder.path()).len(), usize::from(now.is_some()));
    }

    #[test]
    fn symbolic_link_is_refused_with_its_target() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, target) = (folder.path().join("a.yaml"), folder.path().join("b.yaml"));
        fs::write(&target, "one").expect("a file");
        std::os::unix::fs::symlink(&target, &path).expect("a link");
        let refused = replace_file(None, &path, Some("one"), "two").expect_err("a refusal");
        assert!(refused.to_string().contains("b.yaml"), "{refused}");
        assert_eq!(fs::read_to_string(&target).expect("a text"), "one");
    }

    #[test]
    fn second_writer_of_a_folder_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.yaml");
        let other = File::open(folder.path()).expect("a folder");
        flock(&other, FlockOperation::NonBlockingLockExclusive).expect("a lock");
        let refused = replace_file(None, &path, None, "two").expect_err("a refusal");
        assert!(matches!(refused, ReplaceError::Busy { .. }), "{refused}");
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }

    #[test]
    fn lock_of_a_folder_keeps_others_out_and_lets_its_owner_write() {
        let folder = tempfile::tempdir().expect("a folder");
        let below = folder.path().join("below");
        fs::create_dir(&below).expect("a folder");
        let lock = lock_folder(folder.path()).expect("a lock");
        let other = lock_folder(folder.path()).expect_err("a refusal");
        assert!(matches!(other, ReplaceError::Busy { .. }), "{other}");
        for path in [folder.path().join("a.yaml"), below.join("b.yaml")] {
            replace_file(Some(&lock), &path, None, "one").expect("a new file");
        }
        drop(lock);
        lock_folder(folder.path()).expect("a lock");
    }

    #[test]
    fn texts_of_killed_commands_are_removed_and_no_other_file_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let others = [
            ".vidimus-.tmp",
            ".vidimus-backup.tmp",
            ".vidimus-a1B2c3d4e5F6g7h8.tmp~",
            ".vidimus-a1B2c3d4e5F6g7h8i.tmp",
            ".vidimus-a1B2c3d4e5F6g7-8.tmp",
            "vidimus-a1B2c3d4e5F6g7h8.tmp",
        ];
        for name in others.iter().chain(&[".vidimus-a1B2c3d4e5F6g7h8.tmp"]) {
            fs::write(folder.path().join(name), "left").expect("a file");
        }
        fs::create_dir(folder.path().join(".vidimus-a1B2c3d4e5F6g7h9.tmp")).expect("a folder");
        replace_file(None, &folder.path().join("a.yaml"), None, "one").expect("a new file");
        let mut wanted: Vec<&str> = others.to_vec();
        wanted.extend([".vidimus-a1B2c3d4e5F6g7h9.tmp", "a.yaml"]);
        wanted.sort_unstable();
        assert_eq!(names(folder.path()), wanted);
    }

    #[test]
    fn name_of_a_text_that_waits_is_one_that_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.yaml");
        let prepared = tempfile::Builder::new()
            .prefix(PREPARED.0)
            .suffix(PREPARED.1)
            .rand_bytes(RANDOM)
            .tempfile_in(folder.path())
            .expect("a file");
        let (_, left) = prepared.keep().expect("a file that stays");
        replace_file(None, &path, None, "one").expect("a new file");
        assert!(!left.exists());
    }
}
