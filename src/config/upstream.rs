use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use url::Url;

use super::fields::{NAMESPACES, REQUESTS, SAFETY_LIMITS, SYNC, UPSTREAM};
use super::folder;
use crate::curation::UpstreamPolicy;
use crate::lint::{Fields, Finding, Node, Reader, Source, duration, has_errors, parse_toml, size};
use crate::model::{NamespacePattern, NamespaceRules, is_loopback};
use crate::sync::{MAX_UPSTREAM_SIZE, SafetyLimits};

/// The configuration of one upstream. Its id is the file's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    pub id: String,
    pub origin: Origin,
    pub trust: Trust,
    pub priority: u64,
    pub enabled: bool,
    /// True if the dates of what the first full sync brings say how long a name is known.
    pub trust_dates: bool,
    /// Holds a bearer token.
    pub token_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    pub sync: SyncSettings,
    pub safety_limits: SafetyLimits,
    pub namespaces: NamespaceRules,
    /// Further requests wait.
    pub requests_per_hour: u32,
    /// The bytes of its stored content; new content beyond them is left out.
    pub max_size: u64,
}

/// The source of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A registry API by its root; `/v0.1/…` is appended.
    Registry(Url),
    /// A folder of `server.json` files, or one file with a list of them.
    Files(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(url) => write!(f, "{url}"),
            Self::Files(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Upstream {
    /// Returns true if its answers state the time: folders have no clock.
    #[must_use]
    pub fn states_time(&self) -> bool {
        self.enabled && matches!(self.origin, Origin::Registry(_))
    }

    /// Returns the settings that decide which upstream is authoritative for a name.
    #[must_use]
    pub fn policy(&self) -> UpstreamPolicy {
        UpstreamPolicy {
            id: self.id.clone(),
            priority: self.priority,
            internal: self.trust == Trust::Internal,
            enabled: self.enabled,
            trust_dates: self.trust_dates,
            namespaces: self.namespaces.clone(),
        }
    }
}

/// The trust in an upstream: internal ones are the organisation's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    Internal,
    External,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncSettings {
    /// Time between the end of a sync run and the next.
    pub interval: Duration,
    /// Time between full syncs.
    pub full_sync: Duration,
    pub page_size: u32,
    /// Time that an incremental sync reads back.
    pub overlap: Duration,
}

impl Default for SyncSettings {
    fn default() -> Self {
        const MINUTE: Duration = Duration::from_mins(1);
        Self {
            interval: 5 * MINUTE,
            full_sync: 24 * 60 * MINUTE,
            page_size: 100,
            overlap: 10 * MINUTE,
        }
    }
}

const DEFAULT_PRIORITY: u64 = 100;

/// Reads `upstreams/*.toml`.
///
/// # Errors
/// All findings in the files, each with its place; also for a folder without any.
pub fn read_upstreams(folder: &Path) -> Result<Vec<Upstream>, Vec<Finding>> {
    let folder::Folder { sources, mut findings } = folder::read(folder, "toml", false);
    let mut upstreams: Vec<(Upstream, Arc<Source>)> = Vec::new();
    for source in &sources {
        let upstream = read(source, &mut findings);
        upstreams.extend(upstream.map(|upstream| (upstream, Arc::clone(source))));
    }
    if sources.is_empty() && !has_errors(&findings) {
        let place = Source::new(folder.to_string_lossy(), "").start();
        let allowed = "at least one `*.toml`, such as the included `official.toml`";
        findings.push(Finding::error(&place, "no upstream file", allowed));
    }
    check_together(&upstreams, &mut findings);
    if has_errors(&findings) {
        return Err(findings);
    }
    Ok(upstreams.into_iter().map(|(upstream, _)| upstream).collect())
}

/// Reads one upstream file by itself.
///
/// # Errors
/// Everything that is wrong in it, each with its place.
pub fn read_upstream(file: &Path) -> Result<Upstream, Vec<Finding>> {
    let source = folder::read_file(file)?;
    let mut findings = Vec::new();
    let upstream = read(&source, &mut findings);
    upstream.filter(|_| !has_errors(&findings)).ok_or(findings)
}

fn check_together(upstreams: &[(Upstream, Arc<Source>)], findings: &mut Vec<Finding>) {
    for (index, (upstream, source)) in upstreams.iter().enumerate() {
        let earlier = &upstreams[..index];
        if let Some((_, other)) =
            earlier.iter().find(|(known, _)| known.priority == upstream.priority)
        {
            let found = format!("priority {} is already used", upstream.priority);
            let allowed = "give each upstream a unique priority; the lowest wins";
            findings.push(Finding::error(&source.start(), found, allowed).against(&other.start()));
        }
    }
    let external = |upstream: &Upstream| upstream.enabled && upstream.trust == Trust::External;
    let first = upstreams
        .iter()
        .filter(|(upstream, _)| external(upstream))
        .min_by_key(|(upstream, _)| upstream.priority);
    for (upstream, source) in upstreams.iter().filter(|(upstream, _)| external(upstream)) {
        let is_first = first.is_some_and(|(first, _)| first.id == upstream.id);
        let unlimited = upstream.namespaces.allow.is_none();
        if !is_first
            && unlimited
            && let Some((_, first)) = first
        {
            let allowed =
                "list the namespaces that it is authoritative for in `[namespaces] allow`";
            let found = "a second external upstream is authoritative for every namespace";
            findings.push(Finding::error(&source.start(), found, allowed).against(&first.start()));
        }
    }
}

fn read(source: &Arc<Source>, findings: &mut Vec<Finding>) -> Option<Upstream> {
    let mut reader = Reader::default();
    let root = parse_toml(source, &mut reader.findings);
    let upstream = if reader.findings.is_empty() {
        reader.mapping(&root, &UPSTREAM).and_then(|fields| upstream(&mut reader, &fields, source))
    } else {
        None
    };
    findings.append(&mut reader.findings);
    upstream
}

fn upstream(reader: &mut Reader, fields: &Fields<'_>, source: &Arc<Source>) -> Option<Upstream> {
    let id = id_of(source).map_err(|finding| reader.findings.push(finding)).ok();
    let kind = required(reader, fields, "kind")?;
    reader.word(kind, &[("registry", ()), ("files", ())])?;
    let allow_http =
        fields.get("allow_http").and_then(|node| reader.boolean(node)).unwrap_or(false);
    let (wanted, other) = match reader.text(kind) {
        Some("files") => ("path", "url"),
        _ => ("url", "path"),
    };
    if let Some(node) = fields.get(other) {
        let allowed = "`url` goes with `kind = \"registry\"`, `path` with `kind = \"files\"`";
        reader.error(node, format!("`{other}` beside `{wanted}`"), allowed);
    }
    let node = required(reader, fields, wanted)?;
    let origin = match wanted {
        "path" => Origin::Files(reader.text(node)?.into()),
        _ => Origin::Registry(reader.parsed(node, |text| root_url(text, allow_http))?),
    };
    let path = |reader: &mut Reader, key| {
        fields.get(key).and_then(|node| reader.text(node)).map(PathBuf::from)
    };
    let limits = limits(reader, fields);
    let trust = [("internal", Trust::Internal), ("external", Trust::External)];
    Some(Upstream {
        id: id?,
        origin,
        trust: fields
            .get("trust")
            .and_then(|node| reader.word(node, &trust))
            .unwrap_or(Trust::External),
        priority: fields
            .get("priority")
            .and_then(|node| reader.integer(node, 0..=u64::from(u32::MAX)))
            .unwrap_or(DEFAULT_PRIORITY),
        enabled: fields.get("enabled").and_then(|node| reader.boolean(node)).unwrap_or(true),
        trust_dates: fields
            .get("trust_dates")
            .and_then(|node| reader.boolean(node))
            .unwrap_or(false),
        token_file: path(reader, "token_file"),
        ca_file: path(reader, "ca_file"),
        sync: sync(reader, fields),
        safety_limits: safety_limits(reader, fields),
        namespaces: namespaces(reader, fields),
        requests_per_hour: limits.0,
        max_size: limits.1,
    })
}

fn required<'n>(reader: &mut Reader, fields: &Fields<'n>, key: &str) -> Option<&'n Node> {
    let node = fields.get(key);
    if node.is_none() {
        reader.error(fields.node, format!("no `{key}`"), format!("`{key}` is required"));
    }
    node
}

fn sync(reader: &mut Reader, fields: &Fields<'_>) -> SyncSettings {
    let mut sync = SyncSettings::default();
    let Some(fields) = fields.get("sync").and_then(|node| reader.mapping(node, &SYNC)) else {
        return sync;
    };
    for (key, setting) in [
        ("interval", &mut sync.interval),
        ("full_sync", &mut sync.full_sync),
        ("overlap", &mut sync.overlap),
    ] {
        let read = fields.get(key).and_then(|node| reader.parsed(node, duration));
        *setting = read.unwrap_or(*setting);
    }
    if let Some(size) = fields.get("page_size").and_then(|node| reader.integer(node, 1..=100)) {
        sync.page_size = u32::try_from(size).unwrap_or(sync.page_size);
    }
    sync
}

/// Returns the requests of an hour, and the bytes of content.
fn limits(reader: &mut Reader, fields: &Fields<'_>) -> (u32, u64) {
    /// Twenty full syncs of today's size.
    const REQUESTS_PER_HOUR: u32 = 20_000;
    let limits = fields.get("limits").and_then(|node| reader.mapping(node, &REQUESTS));
    let Some(limits) = limits else { return (REQUESTS_PER_HOUR, MAX_UPSTREAM_SIZE) };
    let requests = limits.get("requests_per_hour");
    let requests = requests.and_then(|node| reader.integer(node, 1..=10_000_000));
    let requests = requests.and_then(|requests| u32::try_from(requests).ok());
    let max_size = limits.get("max_size").and_then(|node| reader.parsed(node, size));
    (requests.unwrap_or(REQUESTS_PER_HOUR), max_size.unwrap_or(MAX_UPSTREAM_SIZE))
}

fn namespaces(reader: &mut Reader, fields: &Fields<'_>) -> NamespaceRules {
    let Some(fields) = fields.get("namespaces").and_then(|node| reader.mapping(node, &NAMESPACES))
    else {
        return NamespaceRules::default();
    };
    let mut patterns = |key| {
        let items = fields.get(key).map(|node| reader.list(node))?;
        let parse = |item| reader.parsed(item, NamespacePattern::parse);
        Some(items.iter().filter_map(parse).collect::<Vec<_>>())
    };
    NamespaceRules { allow: patterns("allow"), deny: patterns("deny").unwrap_or_default() }
}

fn safety_limits(reader: &mut Reader, fields: &Fields<'_>) -> SafetyLimits {
    let mut safety_limits = SafetyLimits::default();
    let Some(fields) =
        fields.get("safety_limits").and_then(|node| reader.mapping(node, &SAFETY_LIMITS))
    else {
        return safety_limits;
    };
    let mut number = |key, bounds| fields.get(key).and_then(|node| reader.integer(node, bounds));
    if let Some(syncs) = number("missing_syncs", 1..=100) {
        safety_limits.missing_syncs = u32::try_from(syncs).unwrap_or(safety_limits.missing_syncs);
    }
    for (key, percent) in [
        ("removed_percent", &mut safety_limits.removed_percent),
        ("rewritten_percent", &mut safety_limits.rewritten_percent),
        ("deleted_percent", &mut safety_limits.deleted_percent),
        ("shrink_percent", &mut safety_limits.shrink_percent),
        ("growth_percent", &mut safety_limits.growth_percent),
    ] {
        *percent = number(key, 0..=100).unwrap_or(*percent);
    }
    for (key, growth) in [
        ("name_growth", &mut safety_limits.name_growth),
        ("namespace_growth", &mut safety_limits.namespace_growth),
    ] {
        *growth = number(key, 1..=10_000_000).unwrap_or(*growth);
    }
    for (key, span) in [
        ("purge_after", &mut safety_limits.purge_after),
        ("rewind", &mut safety_limits.rewind),
        ("frozen_after", &mut safety_limits.frozen_after),
    ] {
        let read = fields.get(key).and_then(|node| reader.parsed(node, duration));
        *span = read.unwrap_or(*span);
    }
    safety_limits
}

/// Returns true if a text is a valid id of an upstream, a view or a webhook.
pub(super) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// Returns the id under which all data of an upstream is stored: its file's name.
fn id_of(source: &Arc<Source>) -> Result<String, Finding> {
    let stem = Path::new(&source.file).file_stem().unwrap_or_default().to_string_lossy();
    if is_id(&stem) {
        return Ok(stem.into_owned());
    }
    Err(Finding::error(
        &source.start(),
        format!("the file name `{stem}` is not a valid id"),
        "name it with lower-case letters, digits and '-', such as `official.toml`",
    ))
}

pub(super) fn root_url(text: &str, allow_http: bool) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("an https URL is needed: {error}"))?;
    let Some(host) = url.host() else { return Err("a URL with a host is needed".into()) };
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&host) || allow_http => {}
        "http" => {
            return Err("http lets anyone on the network path rewrite entries; use https, or set \
                        `allow_http = true`"
                .into());
        }
        other => return Err(format!("the scheme `{other}` is not supported; use https")),
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err("a plain root is needed, without user, query and fragment; a token goes into \
                    `token_file`"
            .into());
    }
    let last = url.path().trim_end_matches('/').rsplit('/').next().unwrap_or("");
    if matches!(last, "v0" | "v0.1" | "servers") {
        return Err("the root is needed; `/v0.1/servers` is appended to it".into());
    }
    Ok(url)
}
