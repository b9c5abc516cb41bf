use crate::config::Settings;
use crate::daemon::DaemonError;
use crate::remote::{Enquiry, Reach, Witnesses};

/// Those who are asked about owners, as the configuration says.
///
/// # Errors
/// When a certificate or token file, or a resolver, cannot be used.
pub fn open_witnesses(settings: &Settings) -> Result<Witnesses, DaemonError> {
    let ownership = &settings.ownership;
    let enquiry = Enquiry {
        resolvers: ownership.resolvers.clone(),
        github: ownership.github.url.clone(),
        github_token: ownership.github.token_file.clone(),
        packages: ownership.packages.clone(),
        proxy: settings.egress.proxy.clone(),
        ca_files: settings.egress.ca_file.iter().cloned().collect(),
        reach: Reach::default(),
    };
    Witnesses::new(&enquiry).map_err(|source| DaemonError::Witnesses { source })
}
