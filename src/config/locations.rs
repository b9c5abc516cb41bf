use std::net::SocketAddr;
use std::path::PathBuf;

/// The locations of files and addresses. Each is set by a flag, a `VIDIMUS_…` variable,
/// `vidimus.toml` or a default, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Locations {
    pub data: Option<PathBuf>,
    pub upstreams: Option<PathBuf>,
    pub overlays: Option<PathBuf>,
    pub listen: Option<SocketAddr>,
    pub ops_listen: Option<SocketAddr>,
    pub ops_socket: Option<PathBuf>,
    /// The file of the token that commands send; no settings file names it.
    pub token_file: Option<PathBuf>,
}

impl Locations {
    /// Returns true if a flag or a variable gives the location of a key of the file.
    pub(super) fn has(&self, key: &str) -> bool {
        match key {
            "data" => self.data.is_some(),
            "upstreams" => self.upstreams.is_some(),
            "overlays" => self.overlays.is_some(),
            "listen" => self.listen.is_some(),
            "ops_listen" => self.ops_listen.is_some(),
            "ops_socket" => self.ops_socket.is_some(),
            _ => false,
        }
    }
}
