use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A file that is written again for each input, for readers that take a path.
pub struct Scratch {
    path: PathBuf,
    file: File,
    _folder: TempDir,
}

impl Scratch {
    #[must_use]
    pub fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join(name);
        let file = File::create(&path).expect("a file");
        Self { path, file, _folder: folder }
    }

    /// Writes the input, and returns the path of the file. It is overwritten and then cut: some file
    /// systems wait for the disk when a file is emptied first.
    pub fn holding(&self, input: &[u8]) -> &Path {
        self.file.write_all_at(input, 0).expect("the input is written");
        self.file.set_len(input.len() as u64).expect("the file is cut");
        &self.path
    }
}
