use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::config::{Folder, KnownFiles, Settings, read_evidence};
use crate::daemon::runtime::{is_absent, readable};
use crate::lint::{Finding, Source};
use crate::model::Timestamp;
use crate::scan::{ScanResult, ScanResults, read_scan};
use crate::store::{Store, StoreError};

/// The advice about a folder that became empty.
const TO_END: &str = "restore the files; to end all results, keep one file with a comment";

/// The scan results as they were judged.
#[derive(Debug, Clone, Default)]
pub(super) struct JudgedScans {
    pub(super) results: Arc<ScanResults>,
    /// Each text that counts with what it says, by path below the folder.
    files: BTreeMap<String, (Arc<Source>, Option<Arc<ScanResult>>)>,
    pub(super) findings: Vec<Finding>,
}

impl JudgedScans {
    /// Returns the texts that count.
    pub(super) fn sources(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.files.values().map(|(source, _)| source)
    }

    /// Takes texts that were kept.
    fn kept(sources: &[Arc<Source>]) -> Self {
        let mut kept = Self::default();
        for source in sources {
            // An earlier release may have read more.
            if let Ok(result) = read_scan(source) {
                let read = (Arc::clone(source), result.map(Arc::new));
                kept.files.insert(source.file.clone(), read);
            }
        }
        kept
    }

    /// Judges a folder as it was read: a file with an error says what it said before.
    pub(super) fn judge(&self, path: &Path, folder: Folder) -> Self {
        let before: Vec<Arc<Source>> = self.sources().cloned().collect();
        let (sources, mut findings) = readable(path, folder, &before, TO_END);
        let mut files = BTreeMap::new();
        for source in sources {
            let earlier = self.files.get(&source.file);
            let read = match earlier {
                Some((known, result)) if *known == source => {
                    Some((Arc::clone(known), result.clone()))
                }
                earlier => match read_scan(&source) {
                    Ok(result) => Some((Arc::clone(&source), result.map(Arc::new))),
                    Err(found) => {
                        findings.extend(found);
                        earlier.cloned()
                    }
                },
            };
            files.extend(read.map(|read| (source.file.clone(), read)));
        }
        let results = files.values().filter_map(|(_, result)| result.clone());
        Self { results: Arc::new(ScanResults::new(results)), files, findings }
    }
}

/// Reads the evidence folder against what the store has of it.
pub(super) fn load(settings: &Settings, store: &Store) -> Result<JudgedScans, StoreError> {
    let kept = JudgedScans::kept(&store.snapshot()?.scans()?);
    Ok(kept.judge(&settings.evidence, read(&settings.evidence)))
}

/// Reads the evidence folder as a daemon does, for commands that run without one.
///
/// # Errors
/// When the store cannot be read.
pub fn load_scans(settings: &Settings, store: &Store) -> Result<Arc<ScanResults>, StoreError> {
    Ok(load(settings, store)?.results)
}

/// Returns the findings in the evidence folder, which may be absent.
#[must_use]
pub fn lint_scans(folder: &Path, now: Timestamp) -> Vec<Finding> {
    if is_absent(folder) {
        return Vec::new();
    }
    let Folder { sources, mut findings } = read(folder);
    for source in &sources {
        match read_scan(source) {
            Ok(result) => findings.extend(result.and_then(|result| idle(source, &result, now))),
            Err(found) => findings.extend(found),
        }
    }
    findings
}

/// Warns of a result that does not count now.
fn idle(source: &Arc<Source>, result: &ScanResult, now: Timestamp) -> Option<Finding> {
    let ScanResult { time, expires, .. } = result;
    let (found, allowed) = if *time > now {
        (format!("the scan is dated ahead, {time}"), "it does not count before that")
    } else if *expires < now {
        (format!("the result expired at {expires}"), "scan again, or remove the file")
    } else {
        return None;
    };
    Some(Finding::warning(&source.start(), found, allowed))
}

fn read(folder: &Path) -> Folder {
    // No file is known, so the time does not matter.
    read_evidence(folder, &mut KnownFiles::new(), std::time::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(tool: &str, verdict: &str) -> String {
        format!(
            "tool: {{name: {tool}, version: 1}}\nsubject: {{name: com.example/wiki, version: 1.0.0, \
             digest: 'sha256:{}'}}\nverdict: {verdict}\ntime: 2026-01-01T00:00:00Z\nexpires: 2026-12-01\n",
            "0".repeat(64)
        )
    }

    /// Returns the folder with these files, and with an error about each of `failed`.
    fn folder(path: &Path, files: &[(&str, String)], failed: &[&Path]) -> Folder {
        let source = |file: &str, text: &str| Source::new(path.join(file).to_string_lossy(), text);
        let sources = files.iter().map(|(file, text)| source(file, text)).collect();
        let finding = |path: &&Path| {
            Finding::error(&Source::new(path.to_string_lossy(), "").start(), "failed", "")
        };
        Folder { sources, findings: failed.iter().map(finding).collect() }
    }

    /// P80.
    #[test]
    fn folder_that_is_empty_gone_or_too_large_ends_no_result_and_a_removed_file_ends_its_own() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path();
        let (one, two) = (("a/x.yaml", text("one", "pass")), ("b/y.json", text("two", "fail")));
        let both = [one.clone(), two.clone()];
        let before = JudgedScans::default().judge(path, folder(path, &both, &[]));
        assert_eq!((before.results.count(), before.findings.len()), (2, 0));
        let broken = ("a/x.yaml", text("one", "past"));
        let changed = ("a/x.yaml", text("one", "fail"));
        let cases = [
            ("the same", folder(path, &both, &[]), 2, 0),
            ("empty", folder(path, &[], &[]), 2, 1),
            ("unreadable", folder(path, &[], &[path]), 2, 1),
            (
                "a folder in it is",
                folder(path, std::slice::from_ref(&two), &[&path.join("a")]),
                2,
                1,
            ),
            (
                "a file is",
                folder(path, std::slice::from_ref(&two), &[&path.join("a/x.yaml")]),
                2,
                1,
            ),
            ("broken", folder(path, &[broken, two.clone()], &[]), 2, 1),
            ("removed", folder(path, std::slice::from_ref(&two), &[]), 1, 0),
            ("a comment", folder(path, &[("c.yaml", "# none".to_owned())], &[]), 0, 0),
        ];
        for (what, folder, results, findings) in cases {
            let after = before.judge(path, folder);
            assert_eq!(
                (after.results.count(), after.findings.len()),
                (results, findings),
                "{what}"
            );
            assert_eq!(after.results == before.results, results == 2, "{what}");
            // A restart knows the same.
            let kept: Vec<Arc<Source>> = after.sources().cloned().collect();
            let again = JudgedScans::kept(&kept)
                .judge(path, Folder { findings: folder_error(path), ..Folder::default() });
            assert_eq!(again.results, after.results, "{what}");
        }
        let after = before.judge(path, folder(path, &[changed, two], &[]));
        assert_ne!(after.results, before.results);
    }

    fn folder_error(path: &Path) -> Vec<Finding> {
        folder(path, &[], &[path]).findings
    }
}
