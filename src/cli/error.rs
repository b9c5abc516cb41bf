use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use thiserror::Error;

use crate::api::{SocketError, TlsError};
use crate::config::ReplaceError;
use crate::daemon::DaemonError;
use crate::lint::Finding;
use crate::model::BadName;
use crate::overlay::BadPattern;
use crate::overlay::edit::Refusal;
use crate::remote::AccessError;
use crate::store::StoreError;

/// The end of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// There are findings, or something was refused.
    Findings,
    /// The arguments contradict each other in a way that only the command sees.
    Usage,
    /// Something could not be reached, or failed.
    Failed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Findings => 1,
            // As clap has it.
            Exit::Usage => 2,
            Exit::Failed => 3,
        })
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug, Error)]
pub(super) enum CliError {
    #[error("what was read is refused, and nothing was changed")]
    Findings(Vec<Finding>),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    #[error("`{text}` is not a server name")]
    Name { text: String, source: BadName },
    #[error(
        "`{0}` is not a namespace; write it as com.example or io.github.login, without a server's name"
    )]
    Namespace(String),
    #[error("`{0}` is neither a time such as 2026-11-20T00:00:00Z nor a day such as 2026-11-20")]
    Time(String),
    /// The object of a decision does not exist, or is not what the person saw; or a name is taken.
    #[error("{0}")]
    Declined(String),
    #[error("the change set `{set}` is not on hold any more; the one with the id {id} is")]
    AnotherSet { set: String, id: String },
    #[error("`{text}` is not a pattern of names")]
    Pattern { text: String, source: BadPattern },
    #[error(
        "{what} {bytes} bytes, and a daemon takes at most {most}; split the change, or plan it beside a copy of the store"
    )]
    LargeProposal { what: &'static str, bytes: usize, most: usize },
    #[error(
        "`--base` and the proposed overlays are one folder, {0}: the plan would compare it with itself; remove the symbolic \
         link, or name two folders"
    )]
    SameFolder(PathBuf),
    #[error(
        "{exposed}, more than `--allow-visible {allowed}` allows; narrow the rules, or allow what the plan lists"
    )]
    TooVisible { exposed: String, allowed: u64 },
    #[error("there is no webhook `{0}`; `vidimus status` lists them")]
    UnknownWebhook(String),
    #[error(
        "no upstream lists `{0}`; `vidimus list --all TEXT` lists the names with a text in them, and `vidimus status` says \
         if content of an upstream was left out"
    )]
    Unknown(String),
    #[error("no upstream lists `{text}`; {advice}")]
    NotListed { text: String, advice: String },
    #[error(
        "nothing is known yet: no list of an upstream was accepted; `vidimus status` has the reasons, and `vidimus sync` \
         tries again; `vidimus demo` shows the product without a network"
    )]
    NothingKnown,
    #[error("{ids} ids and {seen} digests: write each ID with its own `--seen DIGEST`")]
    UnpairedIds { ids: usize, seen: usize },
    #[error("{0} is neither an overlay (.yaml) nor an upstream or settings file (.toml)")]
    UnknownFile(PathBuf),
    #[error(
        "{what} cannot listen on {address}; if another process holds the port, choose another \
         with {flag}"
    )]
    Listen { what: &'static str, address: SocketAddr, flag: &'static str, source: std::io::Error },
    #[error(
        "{address} is not a loopback address, and plain http would carry answers unprotected over the \
         network: give `[tls]` a certificate and a key, or say `behind_tls_proxy = true` when a proxy \
         in front speaks TLS"
    )]
    Exposed { address: SocketAddr },
    #[error(
        "operations speak plain http, and {address} is not a loopback address: their token would travel \
         unprotected; keep them on loopback, or say `behind_tls_proxy = true` when a proxy in front \
         speaks TLS"
    )]
    ExposedOperations { address: SocketAddr },
    #[error("the ownership sources of the demo cannot be used")]
    Sources(#[source] AccessError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Edit(Box<Refusal>),
    #[error(transparent)]
    Replace(#[from] ReplaceError),
    #[error("the decision stands in {written}, and in another file that has the rule it does not")]
    PartlyWritten { written: String, source: ReplaceError },
    #[error("{path} cannot be used")]
    File { path: PathBuf, source: std::io::Error },
    #[error("a daemon holds the store; stop it before the file itself is checked")]
    DaemonRuns,
    #[error(
        "another process holds the store, and no daemon answers at its socket; name the socket with --ops-socket, or an \
         address with --ops-listen: the token goes only to an address that you name"
    )]
    NoSocket { source: SocketError },
    #[error("the token of {path} goes only to an address that you name: give --ops-listen")]
    TokenWithoutAddress { path: PathBuf },
    #[error(
        "another process holds the store and does not answer as a daemon at {daemon}; if its \
         operations are elsewhere, say so with --ops-socket or --ops-listen"
    )]
    Unreachable { daemon: String, source: std::io::Error },
    #[error("the daemon at {daemon} answered {status}: {detail}")]
    Refused { daemon: String, status: u16, detail: String },
    #[error(
        "vidimus failed in a way that it should not; the lines above are worth a report. If \
         `vidimus verify` fails too, the store is damaged: restore a copy, or move it away"
    )]
    Panicked,
    #[error("the runtime cannot be started")]
    Runtime(#[source] std::io::Error),
}

impl CliError {
    #[must_use]
    pub(super) const fn exit(&self) -> Exit {
        match self {
            Self::UnpairedIds { .. } | Self::Time(_) => Exit::Usage,
            Self::Findings(_)
            | Self::Unknown(_)
            | Self::NotListed { .. }
            | Self::UnknownFile(_)
            | Self::UnknownWebhook(_)
            | Self::Declined(_)
            | Self::Edit(_)
            | Self::AnotherSet { .. }
            | Self::Name { .. }
            | Self::Pattern { .. }
            | Self::LargeProposal { .. }
            | Self::SameFolder(_)
            | Self::TooVisible { .. }
            | Self::Namespace(_)
            | Self::DaemonRuns => Exit::Findings,
            Self::Replace(source) | Self::PartlyWritten { source, .. } => match source {
                ReplaceError::Full { .. } | ReplaceError::Write { .. } => Exit::Failed,
                _ => Exit::Findings,
            },
            Self::Listen { .. }
            | Self::File { .. }
            | Self::Exposed { .. }
            | Self::ExposedOperations { .. }
            | Self::Tls(_) => Exit::Findings,
            Self::Store(
                StoreError::Absent { .. } | StoreError::Engine { .. } | StoreError::Damaged(_),
            ) => Exit::Failed,
            Self::Store(_)
            | Self::Daemon(
                DaemonError::Access { .. }
                | DaemonError::OwnershipSources { .. }
                | DaemonError::Trust { .. }
                | DaemonError::TrustFile { .. },
            ) => Exit::Findings,
            Self::Refused { status, .. } if *status < 500 => Exit::Findings,
            _ => Exit::Failed,
        }
    }
}
