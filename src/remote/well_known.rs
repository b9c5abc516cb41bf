use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::ACCEPT;
use reqwest::{Client, StatusCode};
use tokio::time::timeout;
use url::{Host, Url};

use super::dns::Resolvers;
use super::http::{AccessError, client_builder, read_beginning};
use super::source_settings::{Reach, SourceSettings};
use super::watched::Watched;
use crate::model::{Escaped, is_public_name, reason};
use crate::ownership::{Addresses, KeyLookup};

const PATH: &str = "/.well-known/mcp-registry-auth";
/// As much as the official registry reads.
const MAX_BYTES: usize = 4096;
const CONNECT: Duration = Duration::from_secs(5);
/// Refusals that pass: a time-out, a repetition, a rate limit.
const PASSING: [u16; 3] = [408, 425, 429];
const TOTAL: Duration = Duration::from_secs(15);

/// Reads the well-known file of a domain.
///
/// A claimed domain is text from outside, and its owner decides where it leads: the addresses it resolves to
/// are checked, and the client connects to no others. It follows no redirect, and ignores the proxy settings
/// of the environment.
pub(super) struct WellKnown {
    client: Watched<Client>,
    resolvers: Arc<Resolvers>,
    reach: Reach,
    proxied: bool,
    /// Domains that are not sent to the proxy, with all below them.
    internal: Vec<String>,
}

impl WellKnown {
    pub(super) fn new(
        resolvers: Arc<Resolvers>,
        settings: &SourceSettings,
    ) -> Result<Self, AccessError> {
        let SourceSettings { proxy, ca_files, reach, internal_domains, .. } = settings.clone();
        let (files, proxied, asked) = (ca_files.clone(), proxy.is_some(), Arc::clone(&resolvers));
        let open = move |_: Option<&Client>| {
            let mut builder = client_builder(proxy.as_ref(), &ca_files)?
                .https_only(true)
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(CONNECT)
                .pool_max_idle_per_host(0);
            if proxy.is_none() {
                let resolvers = Arc::clone(&asked);
                builder = builder.dns_resolver(Arc::new(Checked { resolvers, reach }));
            }
            builder.build().map_err(|source| AccessError::Client { source })
        };
        let client = Watched::open(files, open)?;
        Ok(Self { client, resolvers, reach, proxied, internal: internal_domains })
    }

    /// Takes the certificates up as they are now.
    pub(super) fn look(&self) -> Result<bool, String> {
        self.client.look()
    }

    pub(super) async fn look_up(&self, domain: &str) -> KeyLookup {
        let lookup = timeout(TOTAL, self.look_up_in_time(domain)).await;
        lookup.unwrap_or_else(|_| KeyLookup::Unclear("no complete answer within 15 seconds".into()))
    }

    async fn look_up_in_time(&self, domain: &str) -> KeyLookup {
        if self.proxied {
            // The proxy resolves the name; only its text can be checked here.
            if !is_public_name(domain) || is_below(domain, &self.internal) {
                return KeyLookup::Unclear("it is a name of a private network".into());
            }
            return self.fetch(domain).await.with_note("a proxy resolved the name");
        }
        match self.resolvers.addresses(domain).await {
            Addresses::Absent(what) => KeyLookup::Absent(what.to_owned()),
            Addresses::Unclear(why) => KeyLookup::Unclear(why),
            Addresses::Found { addresses, is_certain } => {
                let is_reserved = |address: &&IpAddr| !(self.reach.admits)(**address);
                let lookup = match addresses.iter().find(is_reserved) {
                    Some(reserved) => KeyLookup::Withheld(format!(
                        "it resolves to the reserved address {reserved}"
                    )),
                    None => self.fetch(domain).await,
                };
                if is_certain { lookup } else { lookup.at_uncertain_addresses() }
            }
        }
    }

    async fn fetch(&self, domain: &str) -> KeyLookup {
        let url = Url::parse(&format!("https://{domain}:{}{PATH}", self.reach.port));
        let Some(url) = url.ok().filter(|url| url.host() == Some(Host::Domain(domain))) else {
            // A client connects to an address without a resolver.
            return KeyLookup::Unclear("it parses as an IP address".into());
        };
        let client = self.client.current();
        let response = match client.get(url).header(ACCEPT, "text/plain").send().await {
            Ok(response) => response,
            Err(error) if !self.proxied && is_refused(&error) => {
                return KeyLookup::Withheld(
                    "no web server there accepts connections, or its certificate is not valid"
                        .into(),
                );
            }
            Err(error) => return KeyLookup::Unclear(reason(&error.without_url())),
        };
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                return KeyLookup::Absent(format!("HTTP {}", response.status().as_u16()));
            }
            status if status.is_redirection() => {
                let target = response.headers().get(reqwest::header::LOCATION);
                let target = String::from_utf8_lossy(target.map_or(b"", |value| value.as_bytes()))
                    .into_owned();
                let target: String = target.chars().take(200).collect();
                return KeyLookup::Withheld(format!(
                    "a redirect to {}, not followed",
                    Escaped(&target)
                ));
            }
            status if status.is_client_error() && !PASSING.contains(&status.as_u16()) => {
                return KeyLookup::Withheld(format!("HTTP {}", status.as_u16()));
            }
            status => return KeyLookup::Unclear(format!("HTTP {}", status.as_u16())),
        }
        match read_beginning(response, MAX_BYTES).await {
            Ok((body, is_whole)) => match KeyLookup::of_file(&String::from_utf8_lossy(&body)) {
                KeyLookup::Absent(_) if !is_whole => {
                    KeyLookup::Withheld("no key record in the first 4 KiB of the file".into())
                }
                lookup => lookup,
            },
            Err(error) => KeyLookup::Unclear(reason(&error)),
        }
    }
}

/// Returns true if nothing listens at the address, or not under this name: no client can read a file there.
fn is_refused(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        let inner = error.downcast_ref::<io::Error>();
        let is_refused =
            inner.is_some_and(|inner| inner.kind() == io::ErrorKind::ConnectionRefused);
        let wrapped = inner.and_then(|inner| inner.get_ref()?.downcast_ref::<rustls::Error>());
        let of_tls = error.downcast_ref::<rustls::Error>().or(wrapped);
        if is_refused || matches!(of_tls, Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Returns true if a domain is one of these, or below one.
pub(super) fn is_below(domain: &str, internal: &[String]) -> bool {
    let is_at = |parent: &String| {
        domain
            .strip_suffix(parent.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    internal.iter().any(is_at)
}

/// A resolver of checked addresses: the client connects only to addresses that were checked, also when the
/// name resolves to others a moment later.
pub(super) struct Checked {
    pub(super) resolvers: Arc<Resolvers>,
    pub(super) reach: Reach,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let (resolvers, reach) = (Arc::clone(&self.resolvers), self.reach);
        Box::pin(async move {
            match resolvers.addresses(name.as_str()).await {
                Addresses::Found { addresses: found, .. }
                    if found.iter().all(|address| (reach.admits)(*address)) =>
                {
                    let addresses: Vec<SocketAddr> =
                        found.into_iter().map(|address| SocketAddr::new(address, 0)).collect();
                    Ok(Box::new(addresses.into_iter()) as Addrs)
                }
                Addresses::Found { .. } => Err("it resolves to a reserved address".into()),
                Addresses::Absent(what) => Err(what.into()),
                Addresses::Unclear(why) => Err(why.into()),
            }
        })
    }
}
