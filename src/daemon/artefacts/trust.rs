use std::path::PathBuf;

use crate::attestation::Verifier;
use crate::config::{ProvenanceSettings, Settings};
use crate::daemon::DaemonError;
use crate::files::read_regular_file;
use crate::remote::Watched;

/// More bytes are not read: the verifier refuses as many.
const MAX_FILE: u64 = 1024 * 1024 + 1;

/// Returns a verifier under the configured trust, which its files may change later.
///
/// # Errors
/// When a file cannot be read, or is not what it should be.
pub(in crate::daemon) fn open_verifier(
    settings: &ProvenanceSettings,
) -> Result<Watched<Verifier>, DaemonError> {
    let files = settings.trusted_root.iter().chain(&settings.npm_keys).cloned().collect();
    let settings = settings.clone();
    Watched::open(files, move |_| read_trust(&settings))
}

/// Checks the files of the configured trust.
///
/// # Errors
/// As a start would report them.
pub fn check_trust(settings: &Settings) -> Result<(), DaemonError> {
    read_trust(&settings.ownership.provenance).map(drop)
}

fn read_trust(settings: &ProvenanceSettings) -> Result<Verifier, DaemonError> {
    let (root, keys) = (read(settings.trusted_root.as_ref())?, read(settings.npm_keys.as_ref())?);
    Verifier::new(root.as_deref(), keys.as_deref()).map_err(|source| DaemonError::Trust { source })
}

fn read(path: Option<&PathBuf>) -> Result<Option<Vec<u8>>, DaemonError> {
    let Some(path) = path else { return Ok(None) };
    let read = read_regular_file(path, MAX_FILE);
    read.map(Some).map_err(|source| DaemonError::TrustFile { path: path.clone(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_replaces_the_embedded_trust_or_stops_the_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("trusted_root.json");
        let with = || {
            let trusted_root = Some(path.clone());
            open_verifier(&ProvenanceSettings { trusted_root, ..ProvenanceSettings::default() })
        };
        let embedded = open_verifier(&ProvenanceSettings::default()).expect("a verifier");
        assert!(matches!(with(), Err(DaemonError::TrustFile { .. })));
        let mut settings = Settings::default();
        check_trust(&settings).expect("the embedded trust");
        settings.ownership.provenance.trusted_root = Some(path.clone());
        assert!(matches!(check_trust(&settings), Err(DaemonError::TrustFile { .. })));
        for unusable in [b"{}".to_vec(), vec![b' '; 2 << 20]] {
            std::fs::write(&path, unusable).expect("a file");
            assert!(matches!(with(), Err(DaemonError::Trust { .. })));
        }
        let staging = include_bytes!("../../../tests/fixtures/attestations/staging_root.json");
        std::fs::write(&path, staging).expect("a file");
        assert_ne!(with().expect("a verifier").current().trust(), embedded.current().trust());
    }
}
