use std::collections::BTreeSet;

/// Hosts under which anyone gets a name: tunnels, hosting platforms, names that spell an address. Most
/// such hosts are in the private section of the public suffix list; these are not, or were not always.
const KNOWN: [&str; 46] = [
    "a.run.app",
    "amplifyapp.com",
    "appspot.com",
    "azurewebsites.net",
    "bolt.host",
    "cfargotunnel.com",
    "cloudfunctions.net",
    "cyclic.app",
    "deno.dev",
    "devtunnels.ms",
    "fly.dev",
    "gitbook.io",
    "github.dev",
    "gitpod.io",
    "glitch.me",
    "herokuapp.com",
    "hf.space",
    "koyeb.app",
    "lhr.life",
    "loca.lt",
    "localhost.run",
    "localtunnel.me",
    "localxpose.io",
    "lovable.app",
    "modal.run",
    "netlify.app",
    "ngrok-free.app",
    "ngrok-free.dev",
    "ngrok.app",
    "ngrok.dev",
    "ngrok.io",
    "nip.io",
    "onrender.com",
    "pagekite.me",
    "pages.dev",
    "railway.app",
    "replit.app",
    "replit.dev",
    "serveo.net",
    "sslip.io",
    "streamlit.app",
    "trycloudflare.com",
    "vercel.app",
    "web.app",
    "workers.dev",
    "xip.io",
];

/// The shared hosts: the known ones, and those that overlays name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SharedHosts {
    named: BTreeSet<String>,
}

impl SharedHosts {
    /// Returns the known hosts and these domains, which are in lower case.
    #[must_use]
    pub fn with(named: impl IntoIterator<Item = String>) -> Self {
        Self { named: named.into_iter().collect() }
    }

    /// Returns the longest shared host that equals the domain or is above it.
    pub(super) fn above<'d>(&self, domain: &'d str) -> Option<&'d str> {
        let is_shared = |host: &str| KNOWN.contains(&host) || self.named.contains(host);
        ancestors(domain).find(|host| is_shared(host))
    }
}

/// Returns the domain, its parent, and so on.
pub(super) fn ancestors(domain: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(domain), |domain| domain.split_once('.').map(|(_, parent)| parent))
}
