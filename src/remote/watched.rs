use std::error::Error;
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tracing::info;

use crate::files::read_regular_file;
use crate::model::{Digest, Escaped, reason};

/// More bytes of a file are not compared: no key, token or list of certificates has as many.
pub(super) const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// A value that is made of files, and made again when the content of one of them changes.
///
/// Another content is taken up when two looks in a row found it, since a file may be half-written. A file that cannot be
/// read or used leaves the value that was made before.
pub struct Watched<T> {
    files: Vec<PathBuf>,
    value: ArcSwap<T>,
    again: Again<T>,
    /// True if a file could not be read at first, so that the value was made without it.
    is_without: bool,
    seen: Mutex<Seen>,
}

/// The findings of looks at files: a change counts when two looks in a row found it, since a file may be half-written.
#[derive(Debug)]
pub struct Seen {
    /// The content in use; `None` if a file could not be read.
    in_use: Option<Digest>,
    /// The content that the last look found.
    last: Option<Digest>,
}

impl Seen {
    #[must_use]
    pub const fn new(in_use: Option<Digest>) -> Self {
        Self { in_use, last: in_use }
    }

    /// Takes what a look found; returns true if it is other than what is in use, and the look before found it too.
    pub fn is_changed(&mut self, found: Option<Digest>) -> bool {
        let before = std::mem::replace(&mut self.last, found);
        found != self.in_use && found == before
    }

    /// Records that what the last look found is in use.
    pub const fn accept(&mut self) {
        self.in_use = self.last;
    }
}

/// Returns a mark of a file or folder that changes when it is written or replaced: what it is, and its times. A folder
/// changes with its list of names. `None` if there is nothing.
#[must_use]
pub(super) fn mark_of(path: &Path) -> Option<Digest> {
    let found = path.metadata().ok()?;
    let written = (found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec());
    Some(Digest::of_hash(&(found.dev(), found.ino(), found.len(), written)))
}

/// Makes the value from the files as they are now, beside the one before.
type Again<T> = Box<dyn Fn(&T) -> Result<T, String> + Send + Sync>;

impl<T> fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The value may hold a secret.
        f.debug_struct("Watched").field("files", &self.files).finish_non_exhaustive()
    }
}

impl<T> Watched<T> {
    /// Makes the value. `make` reads the files by itself, and gets the value before if there is one.
    ///
    /// # Errors
    /// As `make`.
    pub fn open<E: Error>(
        files: Vec<PathBuf>,
        make: impl Fn(Option<&T>) -> Result<T, E> + Send + Sync + 'static,
    ) -> Result<Self, E> {
        // Before the value: a file that changes in between is then found changed by the first look.
        let before = content(&files).ok();
        let value = ArcSwap::from_pointee(make(None)?);
        // One that changed meanwhile may have been read in part: the next looks read it again, whatever it contains.
        let is_without = before.is_none();
        let in_use = before.filter(|before| content(&files).is_ok_and(|after| after == *before));
        let again: Again<T> = Box::new(move |before| make(Some(before)).map_err(|e| reason(&e)));
        Ok(Self { files, value, again, is_without, seen: Mutex::new(Seen::new(in_use)) })
    }

    /// Returns the value as it is now.
    #[must_use]
    pub fn current(&self) -> Arc<T> {
        self.value.load_full()
    }

    /// Reads the files, and makes the value again if their content changed; returns true if it did. It blocks.
    ///
    /// # Errors
    /// The reason, in words, why a file cannot be read or used; the value stays as it is.
    pub fn look(&self) -> Result<bool, String> {
        if self.files.is_empty() {
            return Ok(false);
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match content(&self.files) {
            Ok(found) => Some(found),
            // It could not be read at first either, and the value was made without it.
            Err(_) if self.is_without => None,
            Err(why) => return Err(why),
        };
        if !seen.is_changed(found) {
            return Ok(false);
        }
        let value = (self.again)(&self.value.load())?;
        if content(&self.files).ok() != found {
            // It changed while it was read for the third time: the next looks decide.
            seen.last = None;
            return Ok(false);
        }
        self.value.store(Arc::new(value));
        seen.accept();
        let names: Vec<_> = self.files.iter().map(|file| file.display().to_string()).collect();
        info!(files = %Escaped(&names.join(", ")), "a changed file is in use");
        Ok(true)
    }
}

/// Returns the digest of what the files contain.
fn content(files: &[PathBuf]) -> Result<Digest, String> {
    let read = |path: &PathBuf| {
        read_regular_file(path, MAX_BYTES)
            .map_err(|error| format!("the file {} cannot be read: {error}", path.display()))
    };
    let texts: Vec<Vec<u8>> = files.iter().map(read).collect::<Result<_, String>>()?;
    Ok(Digest::of_parts(texts.iter().map(Vec::as_slice)))
}

#[cfg(test)]
mod tests {
    use std::fs::{read_to_string, remove_file, rename, write};

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Wrong(String);

    fn watch(path: &Path) -> Result<Watched<String>, Wrong> {
        let file = path.to_owned();
        Watched::open(vec![path.to_owned()], move |_| {
            let text = read_to_string(&file).map_err(|error| Wrong(error.to_string()))?;
            if text.starts_with('!') { Err(Wrong("it is wrong".into())) } else { Ok(text) }
        })
    }

    #[test]
    fn other_content_is_taken_up_at_the_second_look_and_not_half_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        write(&path, "first").expect("a file");
        let watched = watch(&path).expect("a value");
        assert_eq!((watched.look(), &**watched.current()), (Ok(false), "first"));
        write(&path, "sec").expect("a file");
        assert_eq!((watched.look(), &**watched.current()), (Ok(false), "first"));
        write(&path, "second").expect("a file");
        assert_eq!((watched.look(), &**watched.current()), (Ok(false), "first"));
        assert_eq!((watched.look(), &**watched.current()), (Ok(true), "second"));
        assert_eq!((watched.look(), &**watched.current()), (Ok(false), "second"));
    }

    /// P30: the value is made by a third reading, after the two that agreed.
    #[test]
    fn file_that_changes_while_its_value_is_made_is_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        write(&path, "first").expect("a file");
        let file = path.clone();
        // Each reading of "part" finds that its writer has gone on.
        let make = move |_: Option<&String>| -> Result<String, Wrong> {
            let text = read_to_string(&file).map_err(|error| Wrong(error.to_string()))?;
            if text == "part" {
                write(&file, "part and the rest").expect("a file");
            }
            Ok(text)
        };
        let watched = Watched::open(vec![path.clone()], make).expect("a value");
        write(&path, "part").expect("a file");
        assert_eq!([watched.look(), watched.look()], [Ok(false), Ok(false)]);
        assert_eq!(&**watched.current(), "first");
        assert_eq!([watched.look(), watched.look()], [Ok(false), Ok(true)]);
        assert_eq!(&**watched.current(), "part and the rest");
    }

    #[test]
    fn file_that_is_replaced_by_one_of_equal_length_and_age_is_taken_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, other) = (folder.path().join("token"), folder.path().join("other"));
        write(&path, "first").expect("a file");
        let watched = watch(&path).expect("a value");
        write(&other, "other").expect("a file");
        let times = std::fs::metadata(&path).and_then(|file| file.modified()).expect("a time");
        std::fs::File::options()
            .write(true)
            .open(&other)
            .expect("open")
            .set_modified(times)
            .expect("set");
        rename(&other, &path).expect("replaced");
        assert_eq!([watched.look(), watched.look()], [Ok(false), Ok(true)]);
        assert_eq!(&**watched.current(), "other");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn pipe_in_place_of_a_file_is_refused_before_it_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        write(&path, "first").expect("a file");
        let watched = watch(&path).expect("a value");
        remove_file(&path).expect("removed");
        let made = std::process::Command::new("mkfifo").arg(&path).status().expect("it runs");
        assert!(made.success());
        let refused = watched.look().expect_err("a reason");
        assert!(refused.contains("it is not a regular file"), "{refused}");
        assert_eq!(&**watched.current(), "first");
    }

    #[test]
    fn file_that_is_wrong_or_gone_keeps_what_was_read_before_and_says_why() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        write(&path, "first").expect("a file");
        let watched = watch(&path).expect("a value");
        remove_file(&path).expect("removed");
        let gone = watched.look().expect_err("a reason");
        assert!(gone.contains("token cannot be read"), "{gone}");
        write(&path, "!").expect("a file");
        let looks = [watched.look(), watched.look(), watched.look()];
        let wrong = || Err("it is wrong".to_owned());
        assert_eq!(looks, [Ok(false), wrong(), wrong()]);
        assert_eq!(&**watched.current(), "first");
        write(&path, "first").expect("a file");
        assert_eq!(watched.look(), Ok(false));
    }
}
