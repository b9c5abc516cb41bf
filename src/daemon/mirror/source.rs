use std::sync::Arc;

use crate::config::{Egress, Origin, Upstream};
use crate::daemon::DaemonError;
use crate::model::Name;
use crate::remote::{Access, Files, RegistryApi};
use crate::sync::{FetchFailure, FetchedPage, PageRequest, PageSource};

/// The client of an upstream.
#[derive(Debug)]
pub enum Source {
    Registry(Box<RegistryApi>),
    Files(Files),
}

impl Source {
    /// Reads the token and the certificates of a registry again, and looks at files; returns true if they changed. It
    /// blocks.
    pub(super) fn look_at_files(&self) -> Result<bool, String> {
        match self {
            Self::Registry(registry) => registry.look_at_files(),
            Self::Files(files) => Ok(files.have_changed()),
        }
    }
}

impl PageSource for Source {
    async fn page(&self, request: &PageRequest) -> Result<FetchedPage, FetchFailure> {
        match self {
            Self::Registry(registry) => registry.page(request).await,
            Self::Files(files) => files.page(request).await,
        }
    }

    async fn versions(&self, name: &Name) -> Result<Option<FetchedPage>, FetchFailure> {
        match self {
            Self::Registry(registry) => registry.versions(name).await,
            Self::Files(files) => files.versions(name).await,
        }
    }
}

/// Returns the client of an upstream, as its file and `[egress]` define it.
///
/// # Errors
/// When a certificate or token file cannot be used.
pub fn open_source(upstream: &Upstream, egress: &Egress) -> Result<Arc<Source>, DaemonError> {
    let root = match &upstream.origin {
        Origin::Files(path) => return Ok(Arc::new(Source::Files(Files::new(path)))),
        Origin::Registry(root) => root,
    };
    let ca_files = upstream.ca_file.iter().chain(&egress.ca_file).cloned().collect();
    let token_file = upstream.token_file.clone();
    let access = Access {
        proxy: egress.proxy.clone(),
        ca_files,
        token_file,
        requests_per_hour: upstream.requests_per_hour,
    };
    RegistryApi::new(root, &access)
        .map(|registry| Arc::new(Source::Registry(Box::new(registry))))
        .map_err(|source| DaemonError::Access { id: upstream.id.clone(), source })
}
