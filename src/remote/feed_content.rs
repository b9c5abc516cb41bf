use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::archive::{Archive, Document, FeedError, MAX_DOCUMENTS, MAX_UNPACKED, is_document};
use crate::advisory::MAX_BYTES;
use crate::files::open_regular_file;
use crate::model::Digest;

const MAX_DEPTH: usize = 8;
/// A file that was written more recently may be written again without another time in its metadata.
const SETTLED_AFTER: Duration = Duration::from_secs(3);

/// The content of a feed on this machine.
#[derive(Debug)]
pub enum FeedContent {
    Archive(Archive),
    /// The documents in a folder, and in those below it.
    Folder(Vec<PathBuf>),
}

impl FeedContent {
    /// Opens an archive or lists a folder. Returns the content with its mark, which differs if the content does; without
    /// one if it was written just before `now`. Returns `None` for the content of the mark that is `known`.
    ///
    /// # Errors
    /// When it cannot be read, or exceeds a limit.
    pub fn open(
        path: &Path,
        known: Option<&str>,
        now: SystemTime,
    ) -> Result<Option<(Self, Option<String>)>, FeedError> {
        let mut listing = Listing::new(now);
        listing.read(path)?;
        let mark = format!("{}-{:016x}", listing.count, listing.marks);
        if known == Some(&mark) {
            return Ok(None);
        }
        let content = if listing.is_folder {
            listing.documents.sort_unstable();
            Self::Folder(listing.documents)
        } else {
            Self::Archive(Archive::open(open_regular_file(path)?)?)
        };
        Ok(Some((content, listing.is_settled.then_some(mark))))
    }

    /// Returns a mark that differs if an archive, or a document in a folder or below it, is another one; `None` while that
    /// cannot be read.
    #[must_use]
    pub fn mark(path: &Path) -> Option<Digest> {
        let mut listing = Listing { keeps_paths: false, ..Listing::new(SystemTime::UNIX_EPOCH) };
        listing.read(path).ok()?;
        Some(Digest::of_hash(&(listing.count, listing.marks)))
    }

    /// Returns the number of documents.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn count(&self) -> Result<usize, FeedError> {
        match self {
            Self::Archive(archive) => archive.count(),
            Self::Folder(documents) => Ok(documents.len()),
        }
    }

    /// Calls a function with the name and the bytes of each document.
    ///
    /// # Errors
    /// When the content cannot be read or is too large, and those of the function.
    pub fn for_each<E: From<FeedError>>(
        &self,
        mut visit: impl FnMut(&str, Document<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let documents = match self {
            Self::Archive(archive) => return archive.for_each(visit),
            Self::Folder(documents) => documents,
        };
        let mut unpacked = 0;
        for path in documents {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let read = read_bounded(path);
            unpacked += read.as_ref().map_or(0, Vec::len) as u64;
            if unpacked > MAX_UNPACKED {
                return Err(FeedError::Unpacked.into());
            }
            visit(&name, read.as_deref().map_err(Clone::clone))?;
        }
        Ok(())
    }
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = open_regular_file(path)
        .and_then(|file| file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => Err(format!("it cannot be read: {error}")),
        Ok(_) if bytes.len() > MAX_BYTES => Err(format!("more than {MAX_BYTES} bytes")),
        Ok(_) => Ok(bytes),
    }
}

struct Listing {
    is_folder: bool,
    count: usize,
    /// False for a look, which needs no path of a million documents.
    keeps_paths: bool,
    documents: Vec<PathBuf>,
    /// The sum of the marks of all files: their order in the listing has no effect.
    marks: u64,
    is_settled: bool,
    now: SystemTime,
}

impl Listing {
    const fn new(now: SystemTime) -> Self {
        Self {
            is_folder: false,
            count: 0,
            keeps_paths: true,
            documents: Vec::new(),
            marks: 0,
            is_settled: true,
            now,
        }
    }

    fn read(&mut self, path: &Path) -> Result<(), FeedError> {
        let metadata = path.metadata()?;
        self.is_folder = metadata.is_dir();
        if self.is_folder {
            self.folder(path, 0)?;
        } else {
            self.mark(path, &metadata);
        }
        Ok(())
    }

    fn folder(&mut self, folder: &Path, depth: usize) -> Result<(), FeedError> {
        for entry in folder.read_dir()? {
            let entry = entry?;
            // Links are not followed.
            let (kind, path) = (entry.file_type()?, entry.path());
            if kind.is_dir() && depth < MAX_DEPTH {
                self.folder(&path, depth + 1)?;
            } else if kind.is_file() && path.to_str().is_some_and(is_document) {
                self.mark(&path, &entry.metadata()?);
                self.count += 1;
                if self.keeps_paths {
                    self.documents.push(path);
                }
                if self.count as u64 > MAX_DOCUMENTS {
                    return Err(FeedError::Documents);
                }
            }
        }
        Ok(())
    }

    fn mark(&mut self, path: &Path, metadata: &std::fs::Metadata) {
        use std::os::unix::fs::MetadataExt;
        let stamps = (metadata.len(), metadata.ino(), metadata.mtime(), metadata.mtime_nsec());
        let mark = Digest::of_hash(&(path, stamps, metadata.ctime(), metadata.ctime_nsec()));
        let mark = mark.as_bytes().first_chunk().copied().map_or(0, u64::from_le_bytes);
        self.marks = self.marks.wrapping_add(mark);
        let written = metadata.modified().ok();
        let age = written.and_then(|written| self.now.duration_since(written).ok());
        self.is_settled &= age.is_some_and(|age| age > SETTLED_AFTER);
    }
}
