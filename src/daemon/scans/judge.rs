use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::config::{Folder, KnownFiles, Settings, read_evidence};
use crate::daemon::runtime::readable;
use crate::lint::{Finding, Source};
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
pub fn lint_scans(folder: &Path) -> Vec<Finding> {
    if !folder.exists() {
        return Vec::new();
    }
    let Folder { sources, mut findings } = read(folder);
    findings.extend(sources.iter().filter_map(|source| read_scan(source).err()).flatten());
    findings
}

fn read(folder: &Path) -> Folder {
    // No file is known, so the time does not matter.
    read_evidence(folder, &mut KnownFiles::new(), std::time::UNIX_EPOCH)
}
