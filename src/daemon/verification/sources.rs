use crate::config::Settings;
use crate::daemon::DaemonError;
use crate::remote::{OwnershipSources, Reach, SourceSettings};

/// Opens the configured sources of ownership evidence.
///
/// # Errors
/// When a certificate or token file, or a resolver, cannot be used.
pub fn open_sources(settings: &Settings) -> Result<OwnershipSources, DaemonError> {
    let ownership = &settings.ownership;
    let settings = SourceSettings {
        resolvers: ownership.resolvers.clone(),
        github: ownership.github.url.clone(),
        github_token: ownership.github.token_file.clone(),
        packages: ownership.packages.clone(),
        proxy: settings.egress.proxy.clone(),
        ca_files: settings.egress.ca_file.iter().cloned().collect(),
        internal_domains: settings.egress.internal_domains.clone(),
        reach: Reach::default(),
    };
    OwnershipSources::new(&settings).map_err(|source| DaemonError::OwnershipSources { source })
}
