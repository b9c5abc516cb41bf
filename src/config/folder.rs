use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{DirEntry, Metadata};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::known_files::{KnownFiles, Stamp};
use super::system::is_of_system;
use crate::files::read_regular_file;
use crate::lint::{Finding, Source};

/// Larger than any file a person reviews; a thousand approvals take a fifth of it.
pub(super) const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// The files of a folder of overlays; one for each server is far below it.
pub const MAX_FILES: usize = 10_000;
pub(super) const MAX_DEPTH: usize = 16;
/// The files of a folder of evidence in all: they are kept in memory.
const MAX_MIB: u64 = 32;
const EVIDENCE_LIMIT: Option<u64> = Some(MAX_MIB * 1024 * 1024);

/// The content of a folder of text files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Folder {
    /// Sorted by path, so that the order of the file system has no effect.
    pub sources: Vec<Arc<Source>>,
    pub findings: Vec<Finding>,
}

impl Folder {
    /// Takes files that another process read. The limits are those of a folder.
    #[must_use]
    pub fn received(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut folder = Self::default();
        let mut seen = BTreeSet::new();
        for (file, text) in files {
            let source = Source::new(file, text);
            let problem = if !seen.insert(PathBuf::from(&source.file)) {
                Some(("two files of one name".to_owned(), "name each file once".to_owned()))
            } else if seen.len() > MAX_FILES {
                Some((format!("more than {MAX_FILES} files"), String::new()))
            } else if source.text.len() as u64 > MAX_FILE_BYTES {
                let found = format!("a file of {} bytes", source.text.len());
                Some((found, format!("at most {MAX_FILE_BYTES} bytes; split it")))
            } else if source.text.trim().is_empty() {
                Some(("an empty file".to_owned(), EMPTY.to_owned()))
            } else {
                None
            };
            match problem {
                None => folder.sources.push(source),
                Some((found, allowed)) => {
                    folder.findings.push(Finding::error(&source.start(), found, allowed));
                }
            }
        }
        folder.sources.sort_by(|left, right| Path::new(&left.file).cmp(Path::new(&right.file)));
        folder
    }
}

/// The advice about a file without text.
pub(super) const EMPTY: &str = "remove it, or explain it in a comment";

/// Reads `overlays/**/*.yaml`.
///
/// Markdown is documentation and skipped. Any other regular file is a finding: an unread `.yml`
/// would be a policy that is not enforced. Hidden files, which editors and version control leave,
/// are only warnings, and hidden folders are skipped.
#[must_use]
pub fn read_overlays(folder: &Path) -> Folder {
    read(folder, "yaml", true)
}

/// Reads `overlays/**/*.yaml`, but no file again whose stamp is the known one: a folder that does not
/// change costs a look at each entry. `known` then has the files that were read; a file that was written just before
/// `now` is read again in any case.
#[must_use]
pub fn read_changed_overlays(folder: &Path, known: &mut KnownFiles, now: SystemTime) -> Folder {
    read_into(folder, YAML, known, now)
}

/// Reads `advisories/**/*.yaml` in the same way.
#[must_use]
pub fn read_advisories(folder: &Path, known: &mut KnownFiles, now: SystemTime) -> Folder {
    read_all(folder, YAML, known, now)
}

/// Reads `evidence/**/*.yaml` and `evidence/**/*.json` in the same way. Too many files, or too many bytes in all, make the
/// folder as a whole unreadable: which of them to leave out is no question of their order.
#[must_use]
pub fn read_evidence(folder: &Path, known: &mut KnownFiles, now: SystemTime) -> Folder {
    let kind = FileKind { extensions: &["yaml", "json"], recursive: true, most: EVIDENCE_LIMIT };
    read_all(folder, kind, known, now)
}

/// Takes what could not be looked at for an error, which changes nothing.
fn read_all(folder: &Path, kind: FileKind<'_>, known: &mut KnownFiles, now: SystemTime) -> Folder {
    let mut read = read_into(folder, kind, known, now);
    read.findings.append(&mut known.unread);
    read
}

/// Reads the files with one extension below a folder.
pub(super) fn read(folder: &Path, extension: &str, recursive: bool) -> Folder {
    // No file is known, so the time does not matter.
    let kind = FileKind { extensions: &[extension], recursive, most: None };
    read_all(folder, kind, &mut KnownFiles::new(), UNIX_EPOCH)
}

/// The files that are read below a folder.
#[derive(Debug, Clone, Copy)]
struct FileKind<'a> {
    extensions: &'a [&'a str],
    recursive: bool,
    /// The bytes of all files, if they are limited.
    most: Option<u64>,
}

/// Overlays and advisories.
const YAML: FileKind<'static> = FileKind { extensions: &["yaml"], recursive: true, most: None };

fn read_into(folder: &Path, kind: FileKind<'_>, known: &mut KnownFiles, now: SystemTime) -> Folder {
    known.unread.clear();
    let root = match folder.canonicalize() {
        Ok(root) => root,
        Err(error) => {
            let place = Source::new(folder.to_string_lossy(), "").start();
            let found = format!("the folder cannot be read: {error}");
            let finding = Finding::error(&place, found, "create it, or configure another folder");
            if is_of_system(&error) {
                let sources = known.files.iter().map(|(_, source)| Arc::clone(source)).collect();
                known.unread = vec![finding];
                return Folder { sources, ..Folder::default() };
            }
            return Folder { findings: vec![finding], ..Folder::default() };
        }
    };
    let mut reading = Reading {
        root,
        kind,
        now,
        bytes: 0,
        is_full: false,
        read: KnownFiles::with_capacity(known.files.len()),
        known: std::mem::take(known),
        findings: Vec::new(),
    };
    reading.folder(folder, 0);
    if reading.is_full {
        reading.read.files.clear();
        reading.findings.clear();
        let allowed = "remove results that ended";
        let found = format!("more than {MAX_FILES} files, or more than {MAX_MIB} MiB in all");
        reading.error(folder, found, allowed);
    }
    *known = reading.read;
    let sources = known.files.iter().map(|(_, source)| Arc::clone(source)).collect();
    Folder { sources, findings: reading.findings }
}

/// Returns true for the names of files that editors and version control leave.
pub(super) fn is_left_behind(name: &str) -> bool {
    name.starts_with('.') || name.starts_with('#') || name.ends_with('~') || name == "4913"
}

/// Returns true if a part of the name says that it is one of the formats that people write policy in.
fn may_hold_policy(path: &Path) -> bool {
    const FORMATS: [&str; 4] = ["yaml", "yml", "json", "toml"];
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    name.split(|character: char| !character.is_ascii_alphanumeric())
        .skip(1)
        .any(|part| FORMATS.contains(&part))
}

struct Reading<'a> {
    root: PathBuf,
    kind: FileKind<'a>,
    now: SystemTime,
    /// The bytes of the files so far.
    bytes: u64,
    /// True if the bytes or the files in all are too many.
    is_full: bool,
    known: KnownFiles,
    read: KnownFiles,
    findings: Vec<Finding>,
}

impl Reading<'_> {
    fn folder(&mut self, folder: &Path, depth: usize) {
        if depth > MAX_DEPTH {
            return self.error(folder, format!("folders nested deeper than {MAX_DEPTH}"), "");
        }
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.failed(folder, "the folder cannot be read", &error),
        };
        let mut named: Vec<(OsString, DirEntry)> = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) => named.push((entry.file_name(), entry)),
                // What the listing lacks stays as it was.
                Err(error) if is_of_system(&error) => {
                    return self.failed(folder, "the folder cannot be read completely", &error);
                }
                Err(error) => {
                    self.failed(folder, "the folder cannot be read completely", &error);
                }
            }
        }
        // By name in each folder: that is the order of whole paths.
        named.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
        for (name, entry) in named {
            self.entry(&entry, is_left_behind(&name.to_string_lossy()), depth);
        }
    }

    fn entry(&mut self, entry: &DirEntry, hidden: bool, depth: usize) {
        let path = &entry.path();
        // The listing says so; most file systems are not asked again.
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        let metadata = match if is_link { path.metadata() } else { entry.metadata() } {
            Ok(metadata) => metadata,
            Err(_) if hidden => return,
            // An editor replaced the file between listing and reading: the next read finds it.
            Err(error) if error.kind() == ErrorKind::NotFound && !path.is_symlink() => return,
            Err(_) if path.is_symlink() => {
                return self.misplaced(path, "a broken symbolic link", "remove it");
            }
            Err(error) => return self.failed(path, "it cannot be read", &error),
        };
        if metadata.is_dir() {
            if !self.kind.recursive || hidden {
                return;
            }
            if is_link {
                let found = "a symbolic link to a folder is not followed";
                self.error(path, found, "put the files here");
            } else {
                self.folder(path, depth + 1);
            }
        } else if !metadata.is_file() {
            self.misplaced(path, "not a regular file", "only files belong here; remove it");
        } else if is_link && !path.canonicalize().is_ok_and(|target| target.starts_with(&self.root))
        {
            self.error(
                path,
                "a symbolic link out of the folder",
                "keep reviewed files in one place",
            );
        } else {
            self.file(path, hidden, &metadata);
        }
    }

    fn file(&mut self, path: &Path, hidden: bool, metadata: &Metadata) {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some(extension) if self.kind.extensions.contains(&extension) && !hidden => {
                self.take(path, metadata);
            }
            Some("md") => {}
            _ if hidden => {
                let place = Source::new(path.to_string_lossy(), "").start();
                let found = "a hidden or backup file is not read";
                self.findings.push(Finding::warning(&place, found, ""));
            }
            _ => {
                let allowed = self.kind.extensions.iter().map(|kind| format!("`*.{kind}`"));
                let allowed = allowed.chain(["`*.md`".to_owned()]).collect::<Vec<_>>();
                let allowed = format!("only {} belong here", allowed.join(" and "));
                self.misplaced(path, "a file of another kind", allowed);
            }
        }
    }

    fn take(&mut self, path: &Path, metadata: &Metadata) {
        let Some(file) = path.to_str() else {
            // Two such files would have one name in every message.
            return self.error(path, "a path that is not UTF-8", "rename it");
        };
        if self.is_full {
            return;
        }
        self.bytes = self.bytes.saturating_add(metadata.size().min(MAX_FILE_BYTES));
        if let Some(most) = self.kind.most
            && (self.bytes > most || self.read.files.len() >= MAX_FILES)
        {
            self.is_full = true;
            return;
        }
        if self.read.files.len() >= MAX_FILES {
            return self.error(path, format!("more than {MAX_FILES} files"), "");
        }
        let stamp = Stamp::of(metadata, self.now);
        let known = self.known.take(file);
        if let Some((before, source)) = &known
            && *before == stamp
            && stamp.is_old
        {
            return self.read.files.push_back((stamp, Arc::clone(source)));
        }
        if stamp.size > MAX_FILE_BYTES {
            let found = format!("a file of {} bytes", stamp.size);
            return self.error(path, found, format!("at most {MAX_FILE_BYTES} bytes; split it"));
        }
        match read_regular_file(path, MAX_FILE_BYTES + 1).map(String::from_utf8) {
            Ok(Ok(text)) if text.trim().is_empty() => {
                self.error(path, "an empty file", EMPTY);
            }
            Ok(Ok(text)) => self.read.files.push_back((stamp, Source::new(file, text))),
            Ok(Err(_)) => self.error(path, "the file is not UTF-8", "save it as UTF-8"),
            Err(error) => {
                if is_of_system(&error) {
                    self.read.files.extend(known);
                }
                self.failed(path, "the file cannot be read", &error);
            }
        }
    }

    /// Notes an error of the system about a path: what was read there before stays, if the system gave no answer.
    fn failed(&mut self, path: &Path, what: &str, error: &Error) {
        if !is_of_system(error) {
            return self.error(path, format!("{what}: {error}"), "");
        }
        let place = Source::new(path.to_string_lossy(), "").start();
        let allowed = "it is tried again; what was read before stays in use";
        self.read.unread.push(Finding::error(&place, format!("{what}: {error}"), allowed));
        while let Some((stamp, source)) = self.known.files.pop_front() {
            let file = Path::new(&source.file);
            if file.starts_with(path) {
                self.read.files.push_back((stamp, source));
            } else if file > path {
                return self.known.files.push_front((stamp, source));
            }
        }
    }

    /// Refuses what its author may have meant as policy; anything else among the files is a warning.
    fn misplaced(&mut self, path: &Path, found: &str, allowed: impl Into<String>) {
        if may_hold_policy(path) {
            return self.error(path, found, allowed);
        }
        let place = Source::new(path.to_string_lossy(), "").start();
        self.findings.push(Finding::warning(&place, found, allowed));
    }

    fn error(&mut self, path: &Path, found: impl Into<String>, allowed: impl Into<String>) {
        let place = Source::new(path.to_string_lossy(), "").start();
        self.findings.push(Finding::error(&place, found, allowed));
    }
}

/// Reads one file that a person wrote.
///
/// # Errors
/// A finding about the file, when it cannot be read as text.
pub fn read_file(file: &Path) -> Result<Arc<Source>, Vec<Finding>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Source::new(file.to_string_lossy(), text)),
        Err(error) => {
            let place = Source::new(file.to_string_lossy(), "").start();
            let found = format!("the file cannot be read: {error}");
            let allowed = "name a text file that exists and that you may read";
            Err(vec![Finding::error(&place, found, allowed)])
        }
    }
}
