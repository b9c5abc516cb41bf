use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::attestation::BadTrust;
use crate::config::HiddenError;
use crate::remote::AccessError;
use crate::store::StoreError;

/// The reasons for which the daemon does not start. Once it runs, a failed loop is restarted.
#[derive(Debug, Error)]
pub enum DaemonError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the upstream {id} cannot be reached as configured")]
    Access { id: String, source: AccessError },
    #[error(
        "namespace ownership cannot be verified with the settings in `[ownership]`, `[github]`, `[packages]` and `[egress]`"
    )]
    OwnershipSources { source: AccessError },
    #[error("the webhook `{name}` cannot be used")]
    Hidden { name: String, source: HiddenError },
    #[error("the webhook `{name}` cannot be used")]
    Webhook { name: String, source: AccessError },
    #[error("attestations of packages cannot be verified with the settings in `[provenance]`")]
    Trust { source: BadTrust },
    #[error("the file {} of `[provenance]` cannot be read", path.display())]
    TrustFile { path: PathBuf, source: io::Error },
    #[error("feeds of advisories cannot be read with the settings in `[egress]`")]
    Feeds { source: AccessError },
    #[error(
        "the system gives {found} further threads, and {needed} are needed: raise the limit of processes of the user \
         (`ulimit -u`), the service (`TasksMax=`) or the container (`--pids-limit`)"
    )]
    TooFewThreads { found: usize, needed: usize },
    #[error("the supervisor of the loops panicked")]
    Panicked(#[from] tokio::task::JoinError),
}
