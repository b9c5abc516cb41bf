use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, StatusCode};
use tokio::time::timeout;
use url::{Host, Url};

use super::dns::{Addresses, Resolvers};
use super::http::{AccessError, client_builder};
use crate::model::{Escaped, reason};
use crate::ownership::{Look, is_public};

const PATH: &str = "/.well-known/mcp-registry-auth";
/// A record has less than 200 bytes, and nobody needs more than a few.
const MAX_BYTES: usize = 1024;
const CONNECT: Duration = Duration::from_secs(5);
const TOTAL: Duration = Duration::from_secs(15);

/// Last labels of names that only a network of its own resolves (RFC 6761, RFC 6762, RFC 8375, and ICANN's
/// name collisions).
const SPECIAL: [&str; 13] = [
    "arpa",
    "corp",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "onion",
    "private",
    "test",
];

/// What may be reached; tests reach loopback, and nothing else does.
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

/// Reads the well-known file of a domain.
///
/// A domain that is claimed is somebody else's text, and where it leads is theirs to say: the addresses
/// it resolves to are checked, and the client connects to no others. Nothing is followed, and
/// nothing from the environment is heeded.
pub(super) struct WellKnown {
    client: Client,
    resolvers: Arc<Resolvers>,
    reach: Reach,
    proxied: bool,
}

impl WellKnown {
    pub(super) fn new(
        resolvers: Arc<Resolvers>,
        proxy: Option<&Url>,
        ca_files: &[PathBuf],
        reach: Reach,
    ) -> Result<Self, AccessError> {
        let mut builder = client_builder(proxy, ca_files)?
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .pool_max_idle_per_host(0);
        if proxy.is_none() {
            let resolvers = Arc::clone(&resolvers);
            builder = builder.dns_resolver(Arc::new(Checked { resolvers, reach }));
        }
        let client = builder.build().map_err(|source| AccessError::Client { source })?;
        Ok(Self { client, resolvers, reach, proxied: proxy.is_some() })
    }

    pub(super) async fn look(&self, domain: &str) -> Look {
        let looked = timeout(TOTAL, self.look_in_time(domain)).await;
        looked.unwrap_or_else(|_| Look::Unclear("no whole answer in 15 seconds".into()))
    }

    async fn look_in_time(&self, domain: &str) -> Look {
        if self.proxied {
            // Whoever resolves is behind the proxy; what can be told from the text is told here.
            let last = domain.rsplit('.').next().unwrap_or_default();
            if !domain.contains('.') || SPECIAL.contains(&last) {
                return Look::Unclear("it is a name of the network's own".into());
            }
            return self.fetch(domain).await.noting("a proxy resolved the name");
        }
        match self.resolvers.addresses(domain).await {
            Addresses::Absent(what) => Look::Absent(what.to_owned()),
            Addresses::Unclear(why) => Look::Unclear(why),
            Addresses::Found(found) => match found.iter().find(|it| !(self.reach.admits)(**it)) {
                Some(reserved) => {
                    Look::Unclear(format!("it leads to the reserved address {reserved}"))
                }
                None => self.fetch(domain).await,
            },
        }
    }

    async fn fetch(&self, domain: &str) -> Look {
        let url = Url::parse(&format!("https://{domain}:{}{PATH}", self.reach.port));
        let Some(url) = url.ok().filter(|url| url.host() == Some(Host::Domain(domain))) else {
            // A client connects to an address without asking any resolver.
            return Look::Unclear("it reads as an address".into());
        };
        let mut response = match self.client.get(url).send().await {
            Ok(response) => response,
            Err(error) => return Look::Unclear(reason(&error.without_url())),
        };
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                return Look::Absent(format!("HTTP {}", response.status().as_u16()));
            }
            status if status.is_redirection() => {
                let target = response.headers().get(reqwest::header::LOCATION);
                let target =
                    String::from_utf8_lossy(target.map_or(b"", |it| it.as_bytes())).into_owned();
                let target: String = target.chars().take(200).collect();
                return Look::Unclear(format!("a redirect to {}, not followed", Escaped(&target)));
            }
            status => return Look::Unclear(format!("HTTP {}", status.as_u16())),
        }
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(None) => return Look::of_file(&String::from_utf8_lossy(&body)),
                Ok(Some(chunk)) if body.len() + chunk.len() <= MAX_BYTES => {
                    body.extend_from_slice(&chunk);
                }
                Ok(Some(_)) => return Look::Unclear("the file has more than 1 KiB".into()),
                Err(error) => return Look::Unclear(reason(&error.without_url())),
            }
        }
    }
}

/// Hands out addresses that were checked: what is connected to is what was looked at, also when the
/// name leads elsewhere a moment later.
struct Checked {
    resolvers: Arc<Resolvers>,
    reach: Reach,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let (resolvers, reach) = (Arc::clone(&self.resolvers), self.reach);
        Box::pin(async move {
            match resolvers.addresses(name.as_str()).await {
                Addresses::Found(found) if found.iter().all(|it| (reach.admits)(*it)) => {
                    let addresses: Vec<SocketAddr> =
                        found.into_iter().map(|it| SocketAddr::new(it, 0)).collect();
                    Ok(Box::new(addresses.into_iter()) as Addrs)
                }
                Addresses::Found(_) => Err("it leads to a reserved address".into()),
                Addresses::Absent(what) => Err(what.into()),
                Addresses::Unclear(why) => Err(why.into()),
            }
        })
    }
}
