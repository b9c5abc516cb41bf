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
use crate::model::reason;

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

#[derive(Debug)]
struct Current {
    files: TlsFiles,
    /// The times of the last change of the files, from before they were read.
    seen: [Option<SystemTime>; 2],
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
        let files = &self.current.files;
        let mut seen = self.current.seen;
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stop.cancelled() => return,
            }
            let now = changed_at(files);
            if now == seen {
                continue;
            }
            match pair(files) {
                Ok(pair) => {
                    self.current.pair.store(Arc::new(pair));
                    seen = now;
                    info!(cert = %files.cert_file.display(), "the certificate was replaced");
                }
                // `seen` stays, to try again: the file may be half-written.
                Err(error) => {
                    warn!(reason = %reason(&error), "the changed certificate cannot be used; the earlier one stays in use");
                }
            }
        }
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

fn changed_at(files: &TlsFiles) -> [Option<SystemTime>; 2] {
    [&files.cert_file, &files.key_file]
        .map(|path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok())
}
