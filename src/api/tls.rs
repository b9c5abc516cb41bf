use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use thiserror::Error;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::TlsFiles;
use crate::daemon::try_blocking;
use crate::model::{Escaped, reason};

/// The interval of checks for changed files.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The reason why TLS cannot be used.
#[derive(Debug, Error)]
pub enum TlsError {
    #[error("{path} has no usable PEM: {reason}")]
    Pem { path: PathBuf, reason: String },
    #[error(
        "the certificate in {cert} and the key in {key} do not belong together, or are not supported"
    )]
    Pair { cert: PathBuf, key: PathBuf, source: rustls::Error },
    #[error("TLS cannot be set up")]
    Setup(#[from] rustls::Error),
}

/// TLS with a certificate that is replaced without closing connections.
#[derive(Debug, Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    current: Arc<Current>,
}

type ChangedAt = [Option<SystemTime>; 2];

#[derive(Debug)]
struct Current {
    files: TlsFiles,
    /// The times of the last change of the files, from before they were read.
    seen: ChangedAt,
    pair: ArcSwap<CertifiedKey>,
}

impl Tls {
    /// Loads the certificate and the key.
    ///
    /// # Errors
    /// Returns an error if the files cannot be read, or do not belong together.
    pub fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let seen = changed_at(files);
        let pair = ArcSwap::from_pointee(pair(files)?);
        let current = Arc::new(Current { files: files.clone(), seen, pair });
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Current>::clone(&current));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), current })
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// Reads the files again after every change, until `stop`. If they cannot be used, the daemon logs it
    /// and keeps the earlier pair.
    pub async fn follow_files(self, stop: CancellationToken) {
        warn_of_exposed_key(&self.current.files);
        let mut seen = self.current.seen;
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stop.cancelled() => return,
            }
            let current = Arc::clone(&self.current);
            // A panic leaves the earlier pair, as an error does.
            seen = try_blocking(move || current.look(seen)).await.unwrap_or(seen);
        }
    }
}

impl Current {
    /// Reads the files if they changed since `seen`, and returns the times of the files in use.
    fn look(&self, seen: ChangedAt) -> ChangedAt {
        let now = changed_at(&self.files);
        if now == seen {
            return seen;
        }
        match pair(&self.files) {
            Ok(pair) => {
                self.pair.store(Arc::new(pair));
                let cert = self.files.cert_file.to_string_lossy();
                info!(cert = %Escaped(&cert), "the certificate was replaced");
                warn_of_exposed_key(&self.files);
                now
            }
            // `seen` stays, to try again: the file may be half-written.
            Err(error) => {
                warn!(reason = %reason(&error), "the changed certificate cannot be used; the earlier one stays in use");
                seen
            }
        }
    }
}

fn warn_of_exposed_key(files: &TlsFiles) {
    if let Some(found) = exposed_key(files) {
        warn!(found, allowed = PRIVATE_KEY, "the TLS key is not private");
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.pair.load_full())
    }
}

fn pair(files: &TlsFiles) -> Result<CertifiedKey, TlsError> {
    let TlsFiles { cert_file, key_file } = files;
    let bad = |path: &Path, reason: String| TlsError::Pem { path: path.to_owned(), reason };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(cert_file)
        .map_err(|error| bad(cert_file, error.to_string()))?
        .collect();
    let certificates = certificates.map_err(|error| bad(cert_file, error.to_string()))?;
    if certificates.is_empty() {
        return Err(bad(cert_file, "it contains no certificate".into()));
    }
    let key =
        PrivateKeyDer::from_pem_file(key_file).map_err(|error| bad(key_file, error.to_string()))?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    CertifiedKey::from_der(certificates, key, &provider).map_err(|source| TlsError::Pair {
        cert: cert_file.clone(),
        key: key_file.clone(),
        source,
    })
}

/// Returns the reason why a key is not private: others than its owner can read it.
#[must_use]
pub fn exposed_key(files: &TlsFiles) -> Option<String> {
    let path = &files.key_file;
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let path = path.to_string_lossy();
    (mode & 0o044 != 0).then(|| {
        format!(
            "the TLS key {} can be read by others than its owner: its mode is {mode:04o}",
            Escaped(&path)
        )
    })
}

/// The remedy for a key that others can read.
pub const PRIVATE_KEY: &str =
    "`chmod 600` takes it away from other users; make a new key if one of them may have read it";

fn changed_at(files: &TlsFiles) -> ChangedAt {
    [&files.cert_file, &files.key_file]
        .map(|path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(0o600, false)]
    #[case(0o400, false)]
    #[case(0o640, true)]
    #[case(0o604, true)]
    #[case(0o644, true)]
    fn key_that_others_can_read_is_found(#[case] mode: u32, #[case] is_exposed: bool) {
        let folder = tempfile::tempdir().expect("a folder");
        let key_file = folder.path().join("key\u{1b}[2J.pem");
        std::fs::write(&key_file, "").expect("a file");
        std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(mode)).expect("a mode");
        let found = exposed_key(&TlsFiles { cert_file: key_file.clone(), key_file });
        assert_eq!(found.is_some(), is_exposed, "{mode:o}");
        assert!(found.is_none_or(
            |found| found.contains("\\u{1b}") && found.contains(&format!("{mode:04o}"))
        ));
    }
}
