//! Reads the documents of a feed of advisories: an archive (ZIP), or a folder.
//!
//! An archive is read through its central directory, one entry after another, so that memory does not grow with the
//! number of entries: a feed has some hundred thousand. Sizes in it are claims, so every reading has a limit of its own.
//! Nothing is unpacked to the disk. Several disks, encryption and other methods than deflation are refused.

use std::fs::File;
use std::io::{BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use flate2::bufread::DeflateDecoder;
use thiserror::Error;

use crate::advisory::MAX_BYTES;

/// Packed size of a feed.
pub(super) const MAX_PACKED: u64 = 512 * 1024 * 1024;
/// Unpacked size of all documents of a feed.
pub(super) const MAX_UNPACKED: u64 = 4 * 1024 * 1024 * 1024;
/// Packed size of a document: one that grows by packing is none.
const MAX_ENTRY: u64 = 2 * MAX_BYTES as u64;
/// Documents of a feed.
pub(super) const MAX_DOCUMENTS: u64 = 2_000_000;
/// The end of an archive: the last record and its comment, with the record for large archives before it.
const MAX_TAIL: u64 = 22 + 65_535 + 20;

/// The reason why a feed cannot be read at all.
#[derive(Debug, Error)]
pub enum FeedError {
    #[error("it cannot be read")]
    Io(#[from] std::io::Error),
    #[error("it is not a ZIP archive: {0}")]
    NotAnArchive(&'static str),
    #[error("it has more than {} MiB packed", MAX_PACKED / 1024 / 1024)]
    Packed,
    #[error("it unpacks to more than {} MiB", MAX_UNPACKED / 1024 / 1024)]
    Unpacked,
    #[error("it has more than {MAX_DOCUMENTS} documents")]
    Documents,
}

/// A document of a feed: its bytes, or the reason why it has none.
pub(super) type Document<'b> = Result<&'b [u8], String>;

/// An archive with advisories.
#[derive(Debug)]
pub struct Archive {
    file: File,
    length: u64,
    entries: u64,
    directory: u64,
    directory_length: u64,
    pub(super) max_unpacked: u64,
}

/// An entry as the central directory describes it.
struct Entry {
    name: Result<String, String>,
    is_encrypted: bool,
    method: u16,
    sum: u32,
    packed: u64,
    at: u64,
}

impl Archive {
    /// Opens an archive.
    ///
    /// # Errors
    /// When it cannot be read, is too large, or is not an archive.
    pub fn open(file: File) -> Result<Self, FeedError> {
        let length = file.metadata()?.len();
        if length > MAX_PACKED {
            return Err(FeedError::Packed);
        }
        let mut tail = vec![0; usize::try_from(length.min(MAX_TAIL)).unwrap_or_default()];
        let begin = length - tail.len() as u64;
        file.read_exact_at(&mut tail, begin)?;
        // The length of the comment has to lead to the end of the file: a comment may have such a mark in it.
        let is_end = |record: &[u8]| {
            record.starts_with(b"PK\x05\x06")
                && half(record, 20).is_ok_and(|comment| record.len() == 22 + usize::from(comment))
        };
        let end = (0..tail.len()).rev().find(|at| is_end(&tail[*at..]));
        let end = end.ok_or(FeedError::NotAnArchive("it has no end record"))?;
        let record = &tail[end..];
        let mut entries = u64::from(half(record, 10)?);
        let mut directory_length = u64::from(word(record, 12)?);
        let mut directory = u64::from(word(record, 16)?);
        let locator = end.checked_sub(20).map(|at| &tail[at..]);
        if let Some(locator) = locator.filter(|locator| locator.starts_with(b"PK\x06\x07")) {
            let mut large = [0; 56];
            file.read_exact_at(&mut large, long(locator, 8)?)?;
            if !large.starts_with(b"PK\x06\x06") {
                return Err(FeedError::NotAnArchive("its record for large archives is elsewhere"));
            }
            (entries, directory_length, directory) =
                (long(&large, 32)?, long(&large, 40)?, long(&large, 48)?);
        }
        let is_inside = directory.checked_add(directory_length).is_some_and(|end| end <= length);
        if !is_inside {
            return Err(FeedError::NotAnArchive("its directory is outside"));
        }
        if entries > MAX_DOCUMENTS {
            return Err(FeedError::Documents);
        }
        Ok(Self { file, length, entries, directory, directory_length, max_unpacked: MAX_UNPACKED })
    }

    /// Returns the number of documents.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub fn count(&self) -> Result<usize, FeedError> {
        let mut count = 0;
        self.each_entry(|entry| {
            count += usize::from(entry.name.is_ok());
            Ok(())
        })?;
        Ok(count)
    }

    /// Calls a function with the name and the bytes of each document.
    ///
    /// # Errors
    /// When the archive cannot be read or unpacks to too much, and those of the function.
    pub fn for_each<E: From<FeedError>>(
        &self,
        mut visit: impl FnMut(&str, Document<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut bytes = Vec::new();
        // One for all: its tables are larger than most documents.
        let mut decoder = DeflateDecoder::new(self.window(0, 0));
        let mut unpacked = 0_u64;
        let mut failure = None;
        let read = self.each_entry(|entry| {
            let (name, document) = match &entry.name {
                Ok(name) => (name.as_str(), self.read(&entry, &mut decoder, &mut bytes)),
                Err(why) => {
                    // Those of the document before it were counted.
                    bytes.clear();
                    ("an entry", Err(why.clone()))
                }
            };
            // Also what is refused was unpacked.
            unpacked += (bytes.len() as u64).max(entry.packed.min(MAX_ENTRY));
            if unpacked > self.max_unpacked {
                return Err(FeedError::Unpacked);
            }
            let visited = visit(name, document.map(|()| bytes.as_slice()));
            failure = visited.err();
            // The first failure of the visitor ends the reading.
            if failure.is_some() { Err(FeedError::NotAnArchive("")) } else { Ok(()) }
        });
        match (failure, read) {
            (Some(failure), _) => Err(failure),
            (None, read) => Ok(read?),
        }
    }

    /// Unpacks one entry.
    fn read<'f>(
        &'f self,
        entry: &Entry,
        decoder: &mut DeflateDecoder<BufReader<Window<'f>>>,
        bytes: &mut Vec<u8>,
    ) -> Result<(), String> {
        bytes.clear();
        if entry.is_encrypted {
            return Err("it is encrypted".to_owned());
        }
        if entry.packed > MAX_ENTRY {
            return Err(format!("more than {MAX_ENTRY} bytes packed"));
        }
        let unreadable = |_| "its place in the archive cannot be read".to_owned();
        let mut local = [0; 30];
        self.file.read_exact_at(&mut local, entry.at).map_err(unreadable)?;
        if !local.starts_with(b"PK\x03\x04") {
            return Err("its place in the archive has no entry".to_owned());
        }
        let lengths = [half(&local, 26), half(&local, 28)].map(Result::unwrap_or_default);
        let skipped = 30 + lengths.map(u64::from).iter().sum::<u64>();
        let data = self.window(entry.at.saturating_add(skipped), entry.packed);
        let limit = MAX_BYTES as u64 + 1;
        let read = match entry.method {
            0 => data.take(limit).read_to_end(bytes),
            8 => {
                decoder.reset(data);
                decoder.take(limit).read_to_end(bytes)
            }
            method => return Err(format!("it is packed by the method {method}")),
        };
        read.map_err(|error| format!("it cannot be unpacked: {error}"))?;
        if bytes.len() > MAX_BYTES {
            return Err(format!("more than {MAX_BYTES} bytes"));
        }
        if crc32fast::hash(bytes) == entry.sum {
            Ok(())
        } else {
            Err("its checksum differs".to_owned())
        }
    }

    /// Calls a function with each document of the central directory.
    fn each_entry(
        &self,
        mut visit: impl FnMut(Entry) -> Result<(), FeedError>,
    ) -> Result<(), FeedError> {
        const SHORT: FeedError = FeedError::NotAnArchive("its directory is cut off");
        let mut directory = self.window(self.directory, self.directory_length);
        for _ in 0..self.entries {
            let mut header = [0; 46];
            directory.read_exact(&mut header).map_err(|_| SHORT)?;
            if !header.starts_with(b"PK\x01\x02") {
                return Err(FeedError::NotAnArchive("its directory is damaged"));
            }
            let [name, extra, comment] =
                [half(&header, 28)?, half(&header, 30)?, half(&header, 32)?];
            let mut text = vec![0; usize::from(name)];
            directory.read_exact(&mut text).map_err(|_| SHORT)?;
            let mut extras = vec![0; usize::from(extra) + usize::from(comment)];
            directory.read_exact(&mut extras).map_err(|_| SHORT)?;
            let name = name_of(&text);
            if name.as_ref().is_ok_and(|name| !is_document(name)) {
                continue;
            }
            let (packed, at) = large_sizes(&header, &extras[..usize::from(extra)])?;
            visit(Entry {
                name,
                is_encrypted: half(&header, 8)? & 1 == 1,
                method: half(&header, 10)?,
                sum: word(&header, 16)?,
                packed,
                at,
            })?;
        }
        Ok(())
    }

    fn window(&self, at: u64, length: u64) -> BufReader<Window<'_>> {
        let left = length.min(self.length.saturating_sub(at));
        let capacity = usize::try_from(left).unwrap_or(usize::MAX).min(16 * 1024);
        BufReader::with_capacity(capacity, Window { file: &self.file, at, left })
    }
}

/// Returns true for the name of a document.
pub(super) fn is_document(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "json")
}

/// Returns the name of an entry. One that leads out of a folder is refused, although nothing is unpacked to a folder:
/// no honest feed has one.
fn name_of(bytes: &[u8]) -> Result<String, String> {
    let Ok(name) = std::str::from_utf8(bytes) else {
        return Err("a name that is not UTF-8".to_owned());
    };
    let leads_out =
        name.split(['/', '\\']).any(|part| part == "..") || name.starts_with(['/', '\\']);
    if leads_out { Err(format!("`{name}` leads out of the archive")) } else { Ok(name.to_owned()) }
}

/// Returns the packed size and the place of an entry, which large archives state in an extra field.
fn large_sizes(header: &[u8], extras: &[u8]) -> Result<(u64, u64), FeedError> {
    let (unpacked, packed, at) = (word(header, 24)?, word(header, 20)?, word(header, 42)?);
    let mut sizes = (u64::from(packed), u64::from(at));
    let mut rest = extras;
    while rest.len() >= 4 {
        let (id, length) = (half(rest, 0)?, usize::from(half(rest, 2)?));
        let field = rest.get(4..4 + length).unwrap_or_default();
        if id == 1 {
            let mut next = usize::from(unpacked == u32::MAX) * 8;
            if packed == u32::MAX {
                sizes.0 = long(field, next)?;
                next += 8;
            }
            if at == u32::MAX {
                sizes.1 = long(field, next)?;
            }
        }
        rest = rest.get(4 + length..).unwrap_or_default();
    }
    Ok(sizes)
}

/// A part of a file.
struct Window<'f> {
    file: &'f File,
    at: u64,
    left: u64,
}

impl Read for Window<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], FeedError> {
    let part = bytes.get(at..).and_then(|rest| rest.first_chunk());
    part.copied().ok_or(FeedError::NotAnArchive("a record is cut off"))
}

fn half(bytes: &[u8], at: usize) -> Result<u16, FeedError> {
    part(bytes, at).map(u16::from_le_bytes)
}

fn word(bytes: &[u8], at: usize) -> Result<u32, FeedError> {
    part(bytes, at).map(u32::from_le_bytes)
}

fn long(bytes: &[u8], at: usize) -> Result<u64, FeedError> {
    part(bytes, at).map(u64::from_le_bytes)
}
