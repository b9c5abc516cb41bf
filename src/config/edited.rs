use std::path::Path;

use super::folder::{EMPTY, Folder, MAX_DEPTH, MAX_FILE_BYTES, MAX_FILES, is_left_behind};
use crate::lint::{Finding, Source};

impl Folder {
    /// Returns the folder of overlays at `root` as it would be read with this text in one of its files. A file that would
    /// not be read is not among the sources, and a finding says why.
    #[must_use]
    pub fn with(&self, root: &Path, file: &str, text: &str) -> Self {
        let source = Source::new(file, text);
        let mut folder = self.clone();
        folder.sources.retain(|other| other.file != file);
        folder.findings.retain(|finding| finding.place.source.file != file);
        let refused = refuse_path(root, Path::new(file)).or_else(|| {
            if folder.sources.len() >= MAX_FILES {
                Some((format!("more than {MAX_FILES} files"), "name one of them".to_owned()))
            } else if text.len() as u64 > MAX_FILE_BYTES {
                let found = format!("the file would have {} bytes", text.len());
                Some((found, format!("at most {MAX_FILE_BYTES} bytes; split it")))
            } else if text.trim().is_empty() {
                Some(("an empty file".to_owned(), EMPTY.to_owned()))
            } else {
                None
            }
        });
        if let Some((found, allowed)) = refused {
            folder.findings.push(Finding::error(&source.start(), found, allowed));
            return folder;
        }
        folder.sources.push(source);
        folder.sources.sort_by(|left, right| Path::new(&left.file).cmp(Path::new(&right.file)));
        folder
    }
}

/// Returns the reason why a file at this path is not read, with what is allowed.
fn refuse_path(root: &Path, file: &Path) -> Option<(String, String)> {
    let Ok(below) = file.strip_prefix(root) else {
        return Some(("a file outside of the folder is not read".to_owned(), String::new()));
    };
    let mut names = below.components().map(|name| name.as_os_str().to_string_lossy());
    if let Some(name) = names.find(|name| is_left_behind(name)) {
        let found = format!("`{name}` is hidden or a backup, and is not read");
        return Some((found, "choose another path".to_owned()));
    }
    if below.components().count() > MAX_DEPTH + 1 {
        let found = format!("folders nested deeper than {MAX_DEPTH}");
        return Some((found, "choose another path".to_owned()));
    }
    let is_yaml = below.extension().is_some_and(|extension| extension == "yaml");
    (!is_yaml).then(|| ("a file of another kind".to_owned(), "name it `*.yaml`".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::read_overlays;
    use super::*;

    const DENIAL: &str = "servers: [{name: com.a/x, approval: {state: denied}}]\n";

    /// Writes the file, and reads the folder as the daemon does.
    fn is_read(folder: &Path, file: &Path, text: &str) -> bool {
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("folders");
        std::fs::write(file, text).expect("a file");
        let read = read_overlays(folder);
        read.sources.iter().any(|source| Path::new(&source.file) == file)
    }

    #[rstest::rstest]
    #[case::usual("x.yaml", true)]
    #[case::below("teams/x.yaml", true)]
    #[case::hidden_file(".x.yaml", false)]
    #[case::hidden_folder(".hid/x.yaml", false)]
    #[case::below_a_hidden_folder("teams/.hid/more/x.yaml", false)]
    #[case::backup_folder("old~/x.yaml", false)]
    #[case::another_kind("x.yml", false)]
    #[case::deepest("1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/x.yaml", true)]
    #[case::too_deep("1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/x.yaml", false)]
    fn edited_folder_has_a_file_exactly_if_it_is_read(#[case] file: &str, #[case] wanted: bool) {
        let root = tempfile::tempdir().expect("a folder");
        let file = root.path().join(file);
        let path = file.to_str().expect("UTF-8");
        let edited = read_overlays(root.path()).with(root.path(), path, DENIAL);
        assert_eq!(edited.sources.len(), usize::from(wanted));
        assert_eq!(edited.findings.len(), usize::from(!wanted));
        assert_eq!(is_read(root.path(), &file, DENIAL), wanted);
    }

    #[rstest::rstest]
    #[case(0, true)]
    #[case(1, false)]
    fn edited_file_is_as_large_as_one_that_is_read(#[case] more: usize, #[case] wanted: bool) {
        let root = tempfile::tempdir().expect("a folder");
        let file = root.path().join("x.yaml");
        let most = usize::try_from(MAX_FILE_BYTES).expect("a size");
        let text = format!("# {}\n{DENIAL}", "x".repeat(most + more - DENIAL.len() - 3));
        let path = file.to_str().expect("UTF-8");
        let edited = read_overlays(root.path()).with(root.path(), path, &text);
        assert_eq!(!edited.sources.is_empty(), wanted);
        assert_eq!(is_read(root.path(), &file, &text), wanted);
    }
}
