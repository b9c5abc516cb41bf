use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use super::advisories::{AdvisoryFeed, read_feeds};
use super::fields::{EGRESS, LOOKALIKES, PACKAGE_URLS, SETTINGS, STORE, TRACKS};
use super::folder::MAX_FILE_BYTES;
use super::ownership::OwnershipSettings;
use super::public::Public;
use super::views::read_views;
use super::webhooks::{Webhook, read_webhooks};
use crate::curation::{DEFAULT_VIEW, PackageUrls, View};
use crate::files::read_short_text;
use crate::lint::{Fields, Finding, Reader, Source, duration, parse_toml, size};
use crate::model::{Digest, Name};
use crate::overlay::Terms;
use crate::sync::DiskLimits;

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

/// The settings for all outgoing connections.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Egress {
    pub proxy: Option<Url>,
    /// Certificates in PEM that are trusted in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// Domains that a claim never sends to the proxy, with all below them.
    pub internal_domains: Vec<String>,
}

/// A reading of the settings file, which another reading repeats.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// The digest of the content; `None` if there was no file.
    pub digest: Option<Digest>,
    /// The locations of the command line, and true if it names the file.
    given: (Locations, bool),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The configuration file, even if it is absent.
    pub file: PathBuf,
    pub reading: Reading,
    pub data: PathBuf,
    pub upstreams: PathBuf,
    pub overlays: PathBuf,
    /// The interval at which the overlay folder is looked at without a notification.
    pub overlays_poll: Duration,
    /// The folder of the organisation's own advisories.
    pub advisories: PathBuf,
    pub advisory_feeds: Vec<AdvisoryFeed>,
    /// The folder of scan results.
    pub evidence: PathBuf,
    pub listen: SocketAddr,
    pub ops_listen: SocketAddr,
    /// True if a flag, a variable or the file names `ops_listen`: a token goes to no other address.
    pub ops_listen_named: bool,
    /// The file of a token that commands send to that address.
    pub token_file: Option<PathBuf>,
    /// The Unix socket of operations, if it is not the one in the data folder.
    pub ops_socket: Option<PathBuf>,
    /// Values of `Host` that the operations address accepts besides loopback.
    pub ops_hosts: Vec<String>,
    /// Our own reverse-DNS namespace, the key of our block in `_meta`.
    pub namespace: String,
    /// The terms of approvals without `expires`.
    pub terms: Terms,
    /// The days before the end of an approval, waiver or allowed URL at which an alert is raised.
    pub expiry_alerts: Vec<u64>,
    pub egress: Egress,
    pub public: Public,
    /// The limits on the disk that content of all upstreams takes.
    pub disk: DiskLimits,
    pub ownership: OwnershipSettings,
    /// True if names that resemble a protected name are withheld from wildcard approvals until a review.
    pub withhold: bool,
    /// True if the daemon is not ready while the store cannot be written.
    pub ready_requires_store: bool,
    /// The registries that packages may name.
    pub package_urls: PackageUrls,
    /// The recipients of alerts.
    pub webhooks: Vec<Webhook>,
    /// Every registry that is served, including the default one.
    pub views: Vec<View>,
}

fn proxy_url(text: &str) -> Result<Url, &'static str> {
    const ALLOWED: &str = "a URL with its scheme, such as http://proxy.example:3128";
    let url = Url::parse(text).map_err(|_| ALLOWED)?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        _ => Err(ALLOWED),
    }
}

fn domain(text: &str) -> Result<String, &'static str> {
    let is_label = |label: &str| {
        let usable = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=63).contains(&label.len()) && label.bytes().all(usable)
    };
    let all = text.len() <= 253 && text.split('.').all(is_label);
    all.then(|| text.to_owned()).ok_or("a domain without a wildcard, in lower case")
}

fn package_url(text: &str) -> Result<String, &'static str> {
    const ALLOWED: &str = "an https or http URL, as the entries have it";
    let url = Url::parse(text).map_err(|_| ALLOWED)?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(text.to_owned()),
        _ => Err(ALLOWED),
    }
}

/// The Unix socket of operations in the data folder.
const SOCKET_FILE: &str = "ops.sock";
const MAX_DAYS: u64 = 10 * 366;

impl Default for Settings {
    fn default() -> Self {
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Self {
            file: "vidimus.toml".into(),
            reading: Reading::default(),
            data: "data".into(),
            upstreams: "upstreams".into(),
            overlays: "overlays".into(),
            overlays_poll: Duration::from_secs(2),
            advisories: "advisories".into(),
            advisory_feeds: Vec::new(),
            evidence: "evidence".into(),
            listen: loopback(8080),
            ops_listen: loopback(8081),
            ops_listen_named: false,
            token_file: None,
            ops_socket: None,
            ops_hosts: Vec::new(),
            namespace: "local.vidimus".into(),
            terms: Terms::default(),
            expiry_alerts: vec![30, 7, 1],
            egress: Egress::default(),
            public: Public::default(),
            disk: DiskLimits::default(),
            ownership: OwnershipSettings::default(),
            withhold: true,
            ready_requires_store: false,
            package_urls: PackageUrls::default(),
            webhooks: Vec::new(),
            views: vec![View::unlimited(DEFAULT_VIEW)],
        }
    }
}

impl Settings {
    /// Reads the configuration file, which may be absent unless it was `named`. Locations from the
    /// command line override it.
    ///
    /// # Errors
    /// All findings in the file, each with its place.
    pub fn load(file: &Path, named: bool, given: Locations) -> Result<Self, Vec<Finding>> {
        Self::of_text(std::fs::read_to_string(file), file, named, given)
    }

    fn of_text(
        text: std::io::Result<String>,
        file: &Path,
        named: bool,
        given: Locations,
    ) -> Result<Self, Vec<Finding>> {
        let reading = Reading { digest: None, given: (given.clone(), named) };
        let mut settings = Self { file: file.to_owned(), reading, ..Self::default() };
        match text {
            Ok(text) => {
                settings.read(&text, file)?;
                settings.reading.digest = Some(Digest::of(text.as_bytes()));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => {}
            Err(error) => {
                let place = Source::new(file.to_string_lossy(), "").start();
                let found = format!("the configuration cannot be read: {error}");
                return Err(vec![Finding::error(&place, found, "name another file with --config")]);
            }
        }
        settings.data = given.data.unwrap_or(settings.data);
        settings.upstreams = given.upstreams.unwrap_or(settings.upstreams);
        settings.overlays = given.overlays.unwrap_or(settings.overlays);
        settings.listen = given.listen.unwrap_or(settings.listen);
        settings.ops_listen_named |= given.ops_listen.is_some();
        settings.ops_listen = given.ops_listen.unwrap_or(settings.ops_listen);
        settings.ops_socket = given.ops_socket.or(settings.ops_socket);
        settings.token_file = given.token_file;
        Ok(settings)
    }

    /// Reads the file again; `None` if it says what it said before.
    ///
    /// # Errors
    /// All findings in the file, each with its place.
    pub fn reread(&self) -> Result<Option<Self>, Vec<Finding>> {
        let Reading { digest, given: (given, named) } = &self.reading;
        // A file that was there is not optional any more.
        let named = *named || digest.is_some();
        // What was put in its place must not end the looks at it.
        let text = read_short_text(&self.file, MAX_FILE_BYTES);
        let mut read = Self::of_text(text, &self.file, named, given.clone())?;
        let reading = std::mem::replace(&mut read.reading, self.reading.clone());
        let is_other = read != *self;
        read.reading = reading;
        Ok(is_other.then_some(read))
    }

    /// Returns the path of the Unix socket of operations.
    #[must_use]
    pub fn ops_socket(&self) -> PathBuf {
        self.ops_socket.clone().unwrap_or_else(|| self.data.join(SOCKET_FILE))
    }

    fn read(&mut self, text: &str, file: &Path) -> Result<(), Vec<Finding>> {
        let mut reader = Reader::default();
        let source = Source::new(file.to_string_lossy(), text);
        let root = parse_toml(&source, &mut reader.findings);
        if reader.findings.is_empty()
            && let Some(fields) = reader.mapping(&root, &SETTINGS)
        {
            self.take(&mut reader, &fields);
        }
        if reader.findings.is_empty() { Ok(()) } else { Err(reader.findings) }
    }

    fn take(&mut self, reader: &mut Reader, fields: &Fields<'_>) {
        for (key, path) in [
            ("data", &mut self.data),
            ("upstreams", &mut self.upstreams),
            ("overlays", &mut self.overlays),
            ("advisories", &mut self.advisories),
            ("evidence", &mut self.evidence),
        ] {
            if let Some(text) = fields.get(key).and_then(|node| reader.text(node)) {
                *path = text.into();
            }
        }
        self.ops_listen_named = fields.get("ops_listen").is_some();
        self.ops_socket =
            fields.get("ops_socket").and_then(|node| reader.text(node)).map(PathBuf::from);
        for (key, address) in [("listen", &mut self.listen), ("ops_listen", &mut self.ops_listen)] {
            let parsed = fields.get(key).and_then(|node| {
                reader.parsed(node, |text| {
                    text.parse().map_err(|_| "an address and a port, such as 127.0.0.1:8080")
                })
            });
            *address = parsed.unwrap_or(*address);
        }
        let poll = fields.get("overlays_poll");
        let poll = poll.and_then(|node| reader.parsed(node, duration));
        self.overlays_poll = poll.unwrap_or(self.overlays_poll);
        if let Some(node) = fields.get("expiry_alerts") {
            let items = reader.items(node).iter();
            self.expiry_alerts = items.filter_map(|item| reader.integer(item, 1..=366)).collect();
        }
        if let Some(node) = fields.get("ops_hosts") {
            self.ops_hosts = reader.texts(node);
        }
        if let Some(node) = fields.get("namespace") {
            let parsed =
                reader.parsed(node, |text| match Name::parse(&format!("{text}/curation")) {
                    Ok(_) => Ok(text.to_owned()),
                    Err(_) => Err("a reverse-DNS namespace, such as com.example.registry"),
                });
            self.namespace = parsed.unwrap_or_default();
        }
        if let Some(node) = fields.get("ready_requires_store") {
            self.ready_requires_store = reader.boolean(node).unwrap_or_default();
        }
        self.views = read_views(reader, fields.get("views"));
        self.public.take(reader, fields);
        self.disk(reader, fields);
        self.ownership.take(reader, fields);
        self.package_urls(reader, fields);
        // A registry that is asked about packages may also be named by them.
        for (kind, url) in self.ownership.packages.urls() {
            self.package_urls.add(kind, url.as_str());
        }
        self.lookalikes(reader, fields);
        self.advisory_feeds = read_feeds(reader, fields.get("advisory_feeds"));
        self.webhooks = read_webhooks(reader, fields.get("webhooks"));
        self.tracks(reader, fields);
        self.take_egress(reader, fields);
    }

    fn tracks(&mut self, reader: &mut Reader, fields: &Fields<'_>) {
        let Some(node) = fields.get("tracks") else { return };
        let Some(tracks) = reader.mapping(node, &TRACKS) else {
            return;
        };
        for (key, term) in [
            ("fast", &mut self.terms.fast),
            ("standard", &mut self.terms.standard),
            ("heavy", &mut self.terms.heavy),
        ] {
            let days = tracks.get(key).and_then(|node| reader.integer(node, 1..=MAX_DAYS));
            if let Some(days) = days {
                *term = Duration::from_secs(days * 24 * 60 * 60);
            }
        }
    }

    fn disk(&mut self, reader: &mut Reader, fields: &Fields<'_>) {
        let Some(node) = fields.get("store") else { return };
        let Some(store) = reader.mapping(node, &STORE) else { return };
        for (key, bytes) in
            [("max_size", &mut self.disk.max_size), ("min_free", &mut self.disk.min_free)]
        {
            let read = store.get(key).and_then(|node| reader.parsed(node, size));
            *bytes = read.unwrap_or(*bytes);
        }
    }

    fn lookalikes(&mut self, reader: &mut Reader, fields: &Fields<'_>) {
        let Some(node) = fields.get("lookalikes") else { return };
        let Some(lookalikes) = reader.mapping(node, &LOOKALIKES) else { return };
        let withhold = lookalikes.get("withhold").and_then(|node| reader.boolean(node));
        self.withhold = withhold.unwrap_or(self.withhold);
    }

    fn package_urls(&mut self, reader: &mut Reader, fields: &Fields<'_>) {
        let Some(node) = fields.get("package_urls") else { return };
        let Some(tables) = reader.mapping(node, &PACKAGE_URLS) else { return };
        for kind in PACKAGE_URLS.keys() {
            let Some(node) = tables.get(kind) else { continue };
            let urls = reader.list(node).iter().filter_map(|item| reader.parsed(item, package_url));
            self.package_urls.set(kind, urls.collect());
        }
    }

    fn take_egress(&mut self, reader: &mut Reader, fields: &Fields<'_>) {
        let Some(node) = fields.get("egress") else { return };
        let Some(egress) = reader.mapping(node, &EGRESS) else { return };
        self.egress.proxy = egress.get("proxy").and_then(|node| reader.parsed(node, proxy_url));
        self.egress.ca_file =
            egress.get("ca_file").and_then(|node| reader.text(node)).map(PathBuf::from);
        if let Some(node) = egress.get("internal_domains") {
            let items = reader.list(node).iter();
            self.egress.internal_domains =
                items.filter_map(|item| reader.parsed(item, domain)).collect();
        }
    }
}
