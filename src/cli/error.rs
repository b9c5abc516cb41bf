use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use thiserror::Error;

use crate::api::TlsError;
use crate::daemon::DaemonError;
use crate::lint::Finding;
use crate::model::BadName;
use crate::store::StoreError;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// There are findings, or something was refused.
    Findings,
    /// Something could not be reached, or failed.
    Failed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        // 2 is the usage error, and clap's.
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Findings => 1,
            Exit::Failed => 3,
        })
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug, Error)]
pub(super) enum CliError {
    #[error("what was read is refused, and nothing was changed")]
    Findings(Vec<Finding>),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Daemon(#[from] DaemonError),
    #[error("`{text}` names no server: {source}")]
    Name { text: String, source: BadName },
    #[error(
        "`{0}` is no namespace; write it as com.example or io.github.login, without a server's name"
    )]
    Namespace(String),
    #[error("`{0}` is no time, as 2026-11-20T00:00:00Z")]
    Time(String),
    #[error("no set `{0}` is held; `vidimus alerts` names what is, as UPSTREAM@ID")]
    UnknownSet(String),
    /// An alert that is not there, or shows something else than what was seen.
    #[error("{0}")]
    NotAcknowledged(String),
    #[error("there is no webhook `{0}`; `vidimus status` lists them")]
    UnknownWebhook(String),
    #[error("no upstream lists `{0}`")]
    Unknown(String),
    #[error(
        "{what} cannot listen on {address}; if another process holds the port, choose another \
         with {flag}"
    )]
    Listen { what: &'static str, address: SocketAddr, flag: &'static str, source: std::io::Error },
    #[error(
        "{address} is no loopback address, and plain http would carry answers unprotected over the \
         network: give `[tls]` a certificate and a key, or say `behind_tls_proxy = true` when a proxy \
         in front speaks TLS"
    )]
    Exposed { address: SocketAddr },
    #[error(
        "operations speak plain http, and {address} is no loopback address: their token would travel \
         unprotected; keep them on loopback, or say `behind_tls_proxy = true` when a proxy in front \
         speaks TLS"
    )]
    ExposedOperations { address: SocketAddr },
    #[error("{0}")]
    Tls(#[from] TlsError),
    #[error("{path} cannot be used")]
    File { path: PathBuf, source: std::io::Error },
    #[error("a daemon holds the store; stop it before the file itself is checked")]
    DaemonRuns,
    #[error(
        "another process holds the store and does not answer as a daemon at {address}; if its \
         operations are elsewhere, say so with --ops-listen"
    )]
    Unreachable { address: SocketAddr, source: reqwest::Error },
    #[error("the daemon at {address} answered {status}: {detail}")]
    Refused { address: SocketAddr, status: u16, detail: String },
    #[error(
        "vidimus ended in a way that it should not; if `verify` does so too, the store is damaged: \
         move it away, or restore a copy of it"
    )]
    Panicked,
    #[error("the runtime cannot be started")]
    Runtime(#[source] std::io::Error),
}

impl CliError {
    #[must_use]
    pub(super) const fn exit(&self) -> Exit {
        match self {
            Self::Findings(_)
            | Self::Unknown(_)
            | Self::NotAcknowledged(_)
            | Self::UnknownWebhook(_)
            | Self::UnknownSet(_)
            | Self::Name { .. }
            | Self::Namespace(_)
            | Self::Time(_)
            | Self::DaemonRuns => Exit::Findings,
            Self::Listen { .. }
            | Self::File { .. }
            | Self::Exposed { .. }
            | Self::ExposedOperations { .. }
            | Self::Tls(_) => Exit::Findings,
            Self::Store(StoreError::Engine { .. } | StoreError::Damaged(_)) => Exit::Failed,
            Self::Store(_)
            | Self::Daemon(DaemonError::Access { .. } | DaemonError::Witnesses { .. }) => {
                Exit::Findings
            }
            Self::Refused { status, .. } if *status < 500 => Exit::Findings,
            _ => Exit::Failed,
        }
    }
}
