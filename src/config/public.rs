use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use url::Url;

use super::fields::{LIMITS, TLS};
use crate::lint::{Fields, Node, Reader};
use crate::model::is_hidden;

/// The settings of the public address of the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Public {
    /// The origins of web pages that may read answers: `*`, or origins as browsers write them.
    pub cors_origins: Vec<String>,
    pub tls: Option<TlsFiles>,
    /// True if a proxy terminates TLS, so that plain http may leave the machine.
    pub behind_tls_proxy: bool,
    /// Peers that are trusted to name the client in `X-Forwarded-For`.
    pub trusted_proxies: Vec<IpNet>,
    pub limits: PublicLimits,
    pub contact: Contact,
}

/// Whom a person asks for a server that is not served.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contact {
    pub name: Option<String>,
    /// An https or mailto URL.
    pub request_url: Option<String>,
}

/// PEM files, reloaded when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    pub cert_file: PathBuf,
    pub key_file: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicLimits {
    /// Concurrent connections.
    pub connections: usize,
    /// Concurrent connections of one address while more than three quarters of all are open.
    pub connections_per_peer: usize,
    /// Requests of one client a minute; unlimited by default. Requests for single entries are never
    /// limited: an editor that cannot read one removes the server from its user.
    pub requests_per_minute: Option<u32>,
    /// Size of the cache of pages and compressed answers.
    pub cache_bytes: u64,
}

impl Default for Public {
    fn default() -> Self {
        Self {
            cors_origins: vec!["*".into()],
            tls: None,
            behind_tls_proxy: false,
            trusted_proxies: Vec::new(),
            limits: PublicLimits::default(),
            contact: Contact::default(),
        }
    }
}

impl Default for PublicLimits {
    fn default() -> Self {
        Self {
            connections: 4096,
            connections_per_peer: 32,
            requests_per_minute: None,
            cache_bytes: 64 * 1024 * 1024,
        }
    }
}

impl Public {
    /// Returns true if plain http on this address would send answers over a network unprotected.
    #[must_use]
    pub fn is_exposed(&self, address: SocketAddr) -> bool {
        !self.behind_tls_proxy && !address.ip().is_loopback()
    }

    /// Returns true if the peer is a proxy that is trusted to name the client.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        // A listener for both families shows IPv4 peers as mapped addresses.
        let peer = peer.to_canonical();
        self.trusted_proxies.iter().any(|net| net.contains(&peer))
    }

    pub(super) fn take(&mut self, reader: &mut Reader, fields: &Fields<'_>) {
        if let Some(node) = fields.get("cors_origins") {
            self.cors_origins = parsed_list(reader, node, origin);
        }
        if let Some(node) = fields.get("trusted_proxies") {
            self.trusted_proxies = parsed_list(reader, node, network);
        }
        if let Some(node) = fields.get("behind_tls_proxy") {
            self.behind_tls_proxy = reader.boolean(node).unwrap_or_default();
        }
        let contact = fields.get("contact");
        self.contact.name = contact.and_then(|node| reader.parsed(node, contact_name));
        let request_url = fields.get("request_url");
        self.contact.request_url = request_url.and_then(|node| reader.parsed(node, asking_url));
        if let Some(node) = fields.get("tls") {
            let files = reader.mapping(node, &TLS);
            let mut path = |key| {
                let Some(file) = files.as_ref()?.get(key) else {
                    reader.error(node, format!("TLS without `{key}`"), "give both PEM files");
                    return None;
                };
                reader.text(file).map(PathBuf::from)
            };
            let files = path("cert_file").zip(path("key_file"));
            self.tls = files.map(|(cert_file, key_file)| TlsFiles { cert_file, key_file });
        }
        if let Some(node) = fields.get("limits") {
            self.limits.take(reader, node);
        }
    }
}

impl PublicLimits {
    fn take(&mut self, reader: &mut Reader, node: &Node) {
        let Some(limits) = reader.mapping(node, &LIMITS) else { return };
        let mut number = |key, max| {
            limits.get(key).and_then(|node| reader.integer(node, 1..=max)).map(|value| (key, value))
        };
        let numbers = [
            number("connections", 1_000_000),
            number("connections_per_peer", 1_000_000),
            number("requests_per_minute", 1_000_000),
            number("cache_mib", 1_000_000),
        ];
        for (key, number) in numbers.into_iter().flatten() {
            match key {
                "connections" => self.connections = usize::try_from(number).unwrap_or(usize::MAX),
                "connections_per_peer" => {
                    self.connections_per_peer = usize::try_from(number).unwrap_or(usize::MAX);
                }
                "requests_per_minute" => self.requests_per_minute = u32::try_from(number).ok(),
                _ => self.cache_bytes = number * 1024 * 1024,
            }
        }
    }
}

fn parsed_list<T>(
    reader: &mut Reader,
    node: &Node,
    parse: impl Fn(&str) -> Result<T, &'static str>,
) -> Vec<T> {
    reader.list(node).iter().filter_map(|item| reader.parsed(item, &parse)).collect()
}

fn origin(text: &str) -> Result<String, &'static str> {
    const ALLOWED: &str = "`*`, or an origin such as https://editor.example";
    // Editors have schemes of their own, such as vscode-file://vscode-app.
    let parts = text.split_once("://");
    let usable = parts.is_some_and(|(scheme, host)| {
        !scheme.is_empty() && !host.is_empty() && !host.contains(['/', '?', '#', '*', ' '])
    });
    if text == "*" || (usable && text.bytes().all(|byte| byte.is_ascii_graphic())) {
        Ok(text.to_owned())
    } else {
        Err(ALLOWED)
    }
}

fn contact_name(text: &str) -> Result<String, &'static str> {
    const ALLOWED: &str = "the name or address of a team: one line of at most 200 characters";
    let is_usable = text.chars().any(char::is_alphanumeric)
        && text.chars().count() <= 200
        && !text.chars().any(|character| character == '\n' || is_hidden(character));
    if is_usable { Ok(text.trim().to_owned()) } else { Err(ALLOWED) }
}

fn asking_url(text: &str) -> Result<String, &'static str> {
    const ALLOWED: &str = "an https or mailto URL of at most 2000 characters, such as https://example.com/request-a-server";
    let url = Url::parse(text).map_err(|_| ALLOWED)?;
    let is_usable = match url.scheme() {
        "https" => url.has_host() && url.username().is_empty() && url.password().is_none(),
        "mailto" => url.path().contains('@'),
        _ => false,
    };
    // The parser's own spelling has no blank and no character beyond ASCII.
    let url = String::from(url);
    if is_usable && url.len() <= 2_000 { Ok(url) } else { Err(ALLOWED) }
}

fn network(text: &str) -> Result<IpNet, &'static str> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address.or_else(|_| text.parse()).map_err(|_| "an address or network, such as 10.0.0.0/8")
}
