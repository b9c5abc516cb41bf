use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use url::Url;

use crate::ownership::{PackageRegistries, is_public};

/// The sources of ownership evidence, and how to reach them.
#[derive(Debug, Clone)]
pub struct SourceSettings {
    /// The system's resolvers when empty.
    pub resolvers: Vec<SocketAddr>,
    pub github: Url,
    pub github_token: Option<PathBuf>,
    /// Registries by kind of package.
    pub packages: PackageRegistries,
    pub proxy: Option<Url>,
    pub ca_files: Vec<PathBuf>,
    /// Domains that are not sent to the proxy, with all below them.
    pub internal_domains: Vec<String>,
    pub reach: Reach,
}

/// The port and addresses that may be reached; only tests reach loopback.
#[derive(Debug, Clone, Copy)]
pub struct Reach {
    pub port: u16,
    pub admits: fn(IpAddr) -> bool,
}

impl Default for Reach {
    fn default() -> Self {
        Self { port: 443, admits: is_public }
    }
}
