//! Reads files that people name.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a regular file to read it. Another file is not waited for: a pipe may have no writer, and gives its content once.
///
/// # Errors
/// When it cannot be opened, or is not a regular file.
pub fn open_regular_file(path: &Path) -> io::Result<File> {
    open(File::options().read(true), path)
}

/// Opens an existing regular file to write into it, as [`open_regular_file`] opens one.
///
/// # Errors
/// When it cannot be opened, or is not a regular file.
pub fn open_regular_file_to_write(path: &Path) -> io::Result<File> {
    open(File::options().write(true), path)
}

fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let without_waiting = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = options.custom_flags(without_waiting).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    Ok(file)
}

/// Reads the first bytes of a regular file, this many at most.
///
/// # Errors
/// As [`open_regular_file`], and when it cannot be read.
pub fn read_regular_file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular_file(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a regular file as text.
///
/// # Errors
/// As [`read_regular_file`], and when it is not UTF-8.
pub fn read_regular_text(path: &Path, most: u64) -> io::Result<String> {
    let bytes = read_regular_file(path, most)?;
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Reads a regular file as text that is no longer than this.
///
/// # Errors
/// As [`read_regular_text`], and when it is longer.
pub fn read_short_text(path: &Path, most: u64) -> io::Result<String> {
    let text = read_regular_text(path, most + 1)?;
    if text.len() as u64 > most {
        return Err(io::Error::other(format!("it has more than {most} bytes")));
    }
    Ok(text)
}

/// The identity of a file or a folder, whatever the paths that lead to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// Returns the identity of what a path leads to.
    ///
    /// # Errors
    /// When nothing is there, or it may not be looked at.
    pub fn of(path: &Path) -> io::Result<Self> {
        Ok(Self::of_found(&std::fs::metadata(path)?))
    }

    /// Returns the identity of what was looked at.
    #[must_use]
    pub fn of_found(found: &Metadata) -> Self {
        Self { device: found.dev(), inode: found.ino() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P90.
    #[test]
    fn pipe_without_a_writer_is_refused_and_a_long_file_is_cut() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("long"), "0123456789").expect("written");
        assert_eq!(read_regular_text(&path("long"), 4).expect("read"), "0123");
        let made = std::process::Command::new("mkfifo").arg(path("pipe")).status();
        assert!(made.expect("it runs").success());
        let refused = read_regular_file(&path("pipe"), 4).expect_err("it would wait");
        assert_eq!(refused.to_string(), "it is not a regular file");
        assert!(read_regular_file(folder.path(), 4).is_err(), "a folder");
        assert!(open_regular_file_to_write(&path("pipe")).is_err(), "nothing reads it");
    }
}
