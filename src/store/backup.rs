//! Copies of the store, and the return of one.
//!
//! The file of a store that is copied while it is written is broken. [`Store::back_up`] copies every table under one read
//! transaction into a new file, opens that and counts its rows, so what it leaves is whole. [`restore`] checks a copy
//! completely before it takes the place of the store, which stays beside it. A restored store has another epoch:
//! followers notice that what they saw since the copy was made is gone.

use std::fs::{File, OpenOptions, hard_link, read_dir, remove_file, rename};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf, absolute};
use std::time::Duration;

use redb::{Database, ReadableDatabase};
use serde::{Deserialize, Serialize};

use super::database::{builder, without_panic};
use super::meta::{begin, is_of_this_format, renew_epoch};
use super::place::{FILE, Place};
use super::tables::{ReadTables, copy_all, count_all, lost_table};
use super::{Snapshot, Store, StoreError, Verification, folder};
use crate::files::open_regular_file;
use crate::model::{Bytes, Timestamp};

/// A copy that is being checked, in the data folder.
const PART: &str = "vidimus.redb.part";
/// The beginning of the names of copies that were asked for, in the data folder.
const COPY: &str = "vidimus.redb.copy";
/// The time after which such a copy was left behind by a command that ended.
const LEFT_BEHIND: Duration = Duration::from_hours(1);
/// The store that a restored one replaced.
const BEFORE: &str = "vidimus.redb.before";

/// More stores are not kept: a person has to remove some.
const MOST_BEFORE: u32 = 100;

/// A copy of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    pub file: PathBuf,
    pub rows: u64,
    pub bytes: u64,
}

/// A store that was put in the place of another.
#[derive(Debug, Serialize, Deserialize)]
pub struct Restored {
    pub entries: u64,
    /// The store that it replaced, if there was one.
    pub before: Option<PathBuf>,
}

impl Store {
    /// Copies the store into its data folder, from where the command that asks moves it. What commands left there an hour
    /// ago is removed.
    ///
    /// # Errors
    /// As for [`Store::back_up`], and when the copy would take the room that new content must leave free.
    pub fn back_up_in(&self, data: &Path) -> Result<Backup, StoreError> {
        // Who asked for it may have another working directory.
        let data = &absolute(data).map_err(|source| of_file(data, source))?;
        remove_copies(data, LEFT_BEHIND);
        let store = data.join(FILE);
        // The file may have been removed while it is open.
        let needed = store.metadata().map_or(0, |store| store.len());
        let needed = needed.saturating_add(self.limits().min_free);
        if let Some(free) = self.free_bytes().filter(|free| *free < needed) {
            let (free, needed) = (Bytes(free), Bytes(needed));
            let full = format!("a copy needs {needed} of free space, and {free} are free");
            return Err(of_file(data, io::Error::other(full)));
        }
        let mut random = [0; 8];
        aws_lc_rs::rand::fill(&mut random)
            .map_err(|_| of_file(data, io::Error::other("there is no randomness")))?;
        self.back_up(&data.join(format!("{COPY}.{:016x}", u64::from_be_bytes(random))))
    }

    /// Copies the store as it is now into a new file, which only its owner can read, and reads the copy back.
    ///
    /// # Errors
    /// When the file exists, or cannot be written, or does not have what was copied; then it is removed again.
    pub fn back_up(&self, file: &Path) -> Result<Backup, StoreError> {
        let snapshot = self.snapshot()?;
        let created = create(file).map_err(|source| of_file(file, source))?;
        let copied = copied(&snapshot, created, file);
        if copied.is_err() {
            // Half a copy must not be taken for one.
            let _ = remove_file(file);
        }
        copied
    }
}

fn copied(snapshot: &Snapshot, created: File, file: &Path) -> Result<Backup, StoreError> {
    let target =
        builder().create_file(created).map_err(|error| StoreError::opening(file, error))?;
    let rows = copy_all(&snapshot.tables, || begin(&target))?;
    drop(target);
    let read = open(file)?;
    let found = count_all(&ReadTables::new(read.begin_read()?))?;
    if found != rows {
        let source =
            io::Error::other(format!("{rows} rows were copied, and {found} are in the copy"));
        return Err(of_file(file, source));
    }
    let bytes = file.metadata().map_err(|source| of_file(file, source))?.len();
    Ok(Backup { file: file.to_owned(), rows, bytes })
}

/// Removes the copies in a data folder that commands left there; no daemon makes one now.
pub fn remove_left_copies(data: &Path) {
    remove_copies(data, Duration::ZERO);
}

/// Removes copies in a data folder that are at least this old.
fn remove_copies(data: &Path, least: Duration) {
    let Ok(entries) = read_dir(data) else { return };
    for entry in entries.flatten() {
        let is_copy = entry.file_name().to_string_lossy().starts_with(COPY);
        let modified = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
        if is_copy && (least.is_zero() || modified().is_some_and(|age| age >= least)) {
            // One that cannot be removed is looked at again.
            let _ = remove_file(entry.path());
        }
    }
}

fn open(file: &Path) -> Result<Database, StoreError> {
    builder().open(file).map_err(|error| StoreError::opening(file, error))
}

fn create(file: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(file)
}

fn of_file(file: &Path, source: io::Error) -> StoreError {
    StoreError::File { path: file.to_owned(), source }
}

/// Checks a copy of a store whole, and puts it in the place of the store in a data folder. The store that it replaces stays
/// in the folder.
///
/// # Errors
/// When a daemon uses the store, when the copy is not sound or of another format, or when it cannot be put there; then
/// the store stays as it was.
pub fn restore(copy_of: &Path, data: &Path, now: Timestamp) -> Result<Restored, StoreError> {
    folder::create(data).map_err(|source| of_file(data, source))?;
    let (current, part) = (data.join(FILE), data.join(PART));
    // Locked until the end; one that is damaged is what a copy is for.
    let _place = Place::lock(data)?;
    let opened = match without_panic(&current, || open(&current)) {
        Err(StoreError::Locked { path }) => return Err(StoreError::Locked { path }),
        opened => opened.ok(),
    };
    let is_itself = |path: &Path| copy_of.canonicalize().ok().zip(path.canonicalize().ok());
    if is_itself(&current).is_some_and(|(one, other)| one == other) {
        let problem = "it is the store itself".to_owned();
        return Err(StoreError::Unsound { path: copy_of.to_owned(), problem });
    }
    let _ = remove_file(&part);
    let prepared = without_panic(copy_of, || prepared(copy_of, &part, now));
    let restored = prepared.and_then(|verification| {
        let before = replace(&current, &part, data)?;
        Ok(Restored { entries: verification.entries, before })
    });
    if restored.is_err() {
        let _ = remove_file(&part);
    }
    drop(opened);
    restored
}

/// Copies the copy beside the store, checks it, and gives it another epoch.
fn prepared(copy_of: &Path, part: &Path, now: Timestamp) -> Result<Verification, StoreError> {
    let mut copied = open_regular_file(copy_of).map_err(|source| of_file(copy_of, source))?;
    let mut new = create(part).map_err(|source| of_file(part, source))?;
    io::copy(&mut copied, &mut new).map_err(|source| of_file(copy_of, source))?;
    drop(new);
    let database = open(part).map_err(|error| match error {
        // The advice about a damaged store is not for a copy.
        StoreError::NotAStore { .. } => StoreError::Unsound {
            path: copy_of.to_owned(),
            problem: "it is no store, or it is damaged: name a file that `vidimus backup` wrote"
                .to_owned(),
        },
        error => error,
    })?;
    // A file that was copied while it was written may open without its tables.
    let read = database.begin_read()?;
    if is_of_this_format(&read)?
        && let Some(table) = lost_table(&read)?
    {
        let problem = format!("the table {table} is lost");
        return Err(StoreError::Unsound { path: copy_of.to_owned(), problem });
    }
    drop(read);
    let mut store = Store::checked(database, copy_of, now)?;
    let is_whole = store.check_file()?;
    let verification = store.snapshot()?.verify()?;
    if !is_whole || !verification.is_sound() {
        let first = verification.problems.first().cloned().unwrap_or_default();
        return Err(StoreError::Unsound { path: copy_of.to_owned(), problem: first });
    }
    store.write(now, renew_epoch)?;
    Ok(verification)
}

/// Puts the new file in place of the current one, which stays under another name. A crash leaves one of the two.
fn replace(current: &Path, part: &Path, data: &Path) -> Result<Option<PathBuf>, StoreError> {
    let before = if current.exists() { Some(keep(current, data)?) } else { None };
    rename(part, current).map_err(|source| of_file(current, source))?;
    File::open(data)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| of_file(data, source))?;
    Ok(before)
}

/// Gives the store a second name that no earlier store has.
fn keep(current: &Path, data: &Path) -> Result<PathBuf, StoreError> {
    let mut number = 1;
    loop {
        let name = if number == 1 { BEFORE.to_owned() } else { format!("{BEFORE}.{number}") };
        let before = data.join(name);
        match hard_link(current, &before) {
            Ok(()) => return Ok(before),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < MOST_BEFORE => {
                number += 1;
            }
            Err(source) => return Err(of_file(&before, source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::advisory::FeedState;

    const NOW: Timestamp = Timestamp::from_micros(7);

    fn filled(data: &Path) -> Store {
        let store = Store::create(data, NOW).expect("a store");
        for feed in ["one", "two"] {
            store.store_feed(feed, &FeedState::default(), NOW).expect("stored");
        }
        store
    }

    fn feeds(store: &Store) -> Vec<String> {
        store.snapshot().and_then(|snapshot| snapshot.feeds()).expect("read").into_keys().collect()
    }

    fn epoch(store: &Store) -> String {
        store.snapshot().and_then(|snapshot| snapshot.epoch()).expect("an epoch")
    }

    /// P33.
    #[test]
    fn copy_of_a_store_in_use_is_whole_and_returns_with_another_epoch() {
        let folder = tempfile::tempdir().expect("a folder");
        let (data, file) = (folder.path().join("data"), folder.path().join("copy"));
        let store = filled(&data);
        let backup = store.back_up(&file).expect("copied");
        assert!(backup.rows >= 5 && backup.bytes > 0, "{backup:?}");
        assert!(store.back_up(&file).is_err(), "it overwrites nothing");
        std::fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("a mode");
        store.store_feed("three", &FeedState::default(), NOW).expect("stored");
        let refused = restore(&file, &data, NOW).expect_err("in use");
        assert!(matches!(refused, StoreError::Locked { .. }), "{refused}");
        let before = epoch(&store);
        drop(store);
        let restored = restore(&file, &data, NOW).expect("restored");
        let store = Store::open(&data, NOW).expect("a store");
        assert_eq!(feeds(&store), ["one", "two"]);
        assert_ne!(epoch(&store), before);
        let mode = std::fs::metadata(data.join(FILE)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let kept = restored.before.expect("kept");
        drop(store);
        std::fs::rename(kept, data.join(FILE)).expect("renamed");
        assert_eq!(feeds(&Store::open(&data, NOW).expect("a store")).len(), 3);
    }

    #[test]
    fn file_that_is_no_sound_copy_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let (data, file) = (folder.path().join("data"), folder.path().join("copy"));
        drop(filled(&data));
        for bytes in [b"text".to_vec(), Vec::new(), vec![0; 1 << 20]] {
            std::fs::write(&file, bytes).expect("written");
            restore(&file, &data, NOW).expect_err("not a copy");
        }
        // One without tables, and one that lost a table with decisions.
        std::fs::remove_file(&file).expect("removed");
        drop(builder().create(&file).expect("an empty file of the engine"));
        let refused = restore(&file, &data, NOW).expect_err("empty").to_string();
        assert!(refused.contains("is lost"), "{refused}");
        std::fs::remove_file(&file).expect("removed");
        let store = Store::create(&folder.path().join("less"), NOW).expect("a store");
        let lose = |transaction: &redb::WriteTransaction| {
            assert!(transaction.delete_table(super::super::tables::DENYING)?);
            Ok(())
        };
        store.write(NOW, lose).expect("written");
        drop(store);
        std::fs::copy(folder.path().join("less").join(FILE), &file).expect("copied");
        let refused = restore(&file, &data, NOW).expect_err("a lost table").to_string();
        assert!(refused.contains("the table denying is lost"), "{refused}");
        // A copy with a row that does not decode.
        let store = Store::create(&folder.path().join("other"), NOW).expect("a store");
        let damage = |transaction: &redb::WriteTransaction| {
            let mut rows = transaction.open_table(super::super::tables::ADVISORIES)?;
            rows.insert(("feed", "A-1"), b"{".as_slice())?;
            Ok(())
        };
        store.write(NOW, damage).expect("written");
        std::fs::remove_file(&file).expect("removed");
        store.back_up(&file).expect("copied as it is");
        let refused = restore(&file, &data, NOW).expect_err("not sound");
        assert!(refused.to_string().contains("A-1"), "{refused}");
        assert_eq!(feeds(&Store::open(&data, NOW).expect("a store")), ["one", "two"]);
        assert!(!data.join(PART).exists());
    }

    /// P33: a pipe was waited for, and a page that the engine cannot read ended the command with a trace.
    #[test]
    fn pipe_or_a_copy_with_any_page_changed_is_refused_and_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let (data, file) = (folder.path().join("data"), folder.path().join("copy"));
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("it runs").success());
        let refused = restore(&pipe, &data, NOW).expect_err("a pipe");
        assert!(crate::model::reason(&refused).contains("not a regular file"), "{refused}");
        filled(&data).back_up(&file).expect("copied");
        let bytes = std::fs::read(&file).expect("a copy");
        let mut refusals = 0;
        for place in (4_096..bytes.len()).step_by(4_096) {
            let mut changed = bytes.clone();
            changed[place] ^= 0xff;
            std::fs::write(&file, &changed).expect("written");
            // A page that is not in use may be any.
            refusals += u32::from(restore(&file, &data, NOW).is_err());
            assert!(!data.join(PART).exists());
        }
        assert!(refusals > 0);
        assert_eq!(feeds(&Store::open(&data, NOW).expect("a store")), ["one", "two"]);
    }

    #[test]
    fn restored_store_needs_none_before_it_and_may_replace_a_damaged_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("copy");
        filled(&folder.path().join("data")).back_up(&file).expect("copied");
        let new = folder.path().join("new");
        assert_eq!(restore(&file, &new, NOW).expect("restored").before, None);
        std::fs::write(new.join(FILE), b"broken").expect("written");
        let kept = restore(&file, &new, NOW).expect("restored").before.expect("kept");
        assert_eq!(std::fs::read(kept).expect("a file"), b"broken");
        let second = restore(&file, &new, NOW).expect("restored").before.expect("kept");
        assert!(second.ends_with("vidimus.redb.before.2"), "no earlier one is replaced");
        restore(&new.join(FILE), &new, NOW).expect_err("itself");
        assert_eq!(feeds(&Store::open(&new, NOW).expect("a store")), ["one", "two"]);
    }
}
