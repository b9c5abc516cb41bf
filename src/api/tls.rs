use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use thiserror::Error;
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

use crate::config::TlsFiles;
use crate::daemon::Watch;
use crate::files::read_regular_file;
use crate::model::{Digest, Escaped, reason};

/// The bytes of each file that are read; chains of certificates have a few KiB.
const MAX_BYTES: u64 = 1024 * 1024;

/// The reason why TLS cannot be used.
#[derive(Debug, Error)]
pub enum TlsError {
    #[error("`[tls] {key}` names {path}, which is absent")]
    Absent { key: &'static str, path: PathBuf },
    #[error("`[tls] {key}` names {path}, which cannot be read")]
    Unread { key: &'static str, path: PathBuf, source: std::io::Error },
    #[error("`[tls] {key}` names {path}, which has no usable PEM: {reason}")]
    Pem { key: &'static str, path: PathBuf, reason: String },
    #[error(
        "the certificate in {cert} and the key in {key} do not belong together, or are not supported"
    )]
    Pair { cert: PathBuf, key: PathBuf, source: rustls::Error },
    #[error("TLS cannot be set up")]
    Setup(#[from] rustls::Error),
}

impl TlsError {
    /// Returns the setting that has to be corrected, or what it names.
    #[must_use]
    pub(crate) const fn setting(&self) -> &'static str {
        match self {
            Self::Absent { key, .. } | Self::Unread { key, .. } | Self::Pem { key, .. } => key,
            Self::Pair { .. } | Self::Setup(_) => CERT_FILE,
        }
    }
}

/// The keys of the table `tls`.
const CERT_FILE: &str = "cert_file";
const KEY_FILE: &str = "key_file";

/// TLS with a certificate that is replaced without closing connections.
#[derive(Debug, Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    current: Arc<Current>,
}

#[derive(Debug)]
struct Current {
    files: TlsFiles,
    seen: Mutex<Seen>,
    pair: ArcSwap<CertifiedKey>,
}

/// The digests of what the files contained.
#[derive(Debug)]
struct Seen {
    in_use: Digest,
    /// At the last look.
    last: Digest,
}

/// The content of the files.
struct Contents {
    cert: Vec<u8>,
    key: Vec<u8>,
}

impl Tls {
    /// Loads the certificate and the key.
    ///
    /// # Errors
    /// Returns an error if the files cannot be read, or do not belong together.
    pub fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let contents = Contents::read(files)?;
        let pair = ArcSwap::from_pointee(contents.pair(files)?);
        let digest = contents.digest();
        let seen = Mutex::new(Seen { in_use: digest, last: digest });
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

    /// Returns a watch of the files, which takes up another content. While they cannot be used, the earlier pair stays.
    pub(crate) fn watch(&self) -> Watch {
        warn_of_exposed_key(&self.current.files);
        let current = Arc::clone(&self.current);
        let look = move || current.look().err().iter().map(|error| reason(error)).collect();
        Watch::files("tls", Arc::new(look))
    }
}

impl Current {
    /// Takes up another content of the files at the second look that finds it.
    fn look(&self) -> Result<(), TlsError> {
        let contents = Contents::read(&self.files)?;
        let found = contents.digest();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = std::mem::replace(&mut seen.last, found) == found;
        if found == seen.in_use {
            return Ok(());
        }
        let pair = contents.pair(&self.files)?;
        if is_known {
            self.pair.store(Arc::new(pair));
            seen.in_use = found;
            let cert = self.files.cert_file.to_string_lossy();
            info!(cert = %Escaped(&cert), "the certificate was replaced");
            warn_of_exposed_key(&self.files);
        }
        Ok(())
    }
}

impl Contents {
    fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let read = |key, path: &Path| {
            read_regular_file(path, MAX_BYTES).map_err(|source| match source.kind() {
                ErrorKind::NotFound => TlsError::Absent { key, path: path.to_owned() },
                _ => TlsError::Unread { key, path: path.to_owned(), source },
            })
        };
        let (cert, key) = (read(CERT_FILE, &files.cert_file)?, read(KEY_FILE, &files.key_file)?);
        Ok(Self { cert, key })
    }

    fn digest(&self) -> Digest {
        let both = [Digest::of(&self.cert), Digest::of(&self.key)];
        Digest::of(&both.map(|digest| *digest.as_bytes()).concat())
    }

    fn pair(&self, files: &TlsFiles) -> Result<CertifiedKey, TlsError> {
        let TlsFiles { cert_file, key_file } = files;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.cert).collect();
        let certificates =
            certificates.map_err(|error| bad(CERT_FILE, cert_file, error.to_string()))?;
        if certificates.is_empty() {
            return Err(bad(CERT_FILE, cert_file, "it contains no certificate".into()));
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|error| bad(KEY_FILE, key_file, error.to_string()))?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        CertifiedKey::from_der(certificates, key, &provider).map_err(|source| TlsError::Pair {
            cert: cert_file.clone(),
            key: key_file.clone(),
            source,
        })
    }
}

fn bad(key: &'static str, path: &Path, reason: String) -> TlsError {
    TlsError::Pem { key, path: path.to_owned(), reason }
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
