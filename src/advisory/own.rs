//! Reads the advisories of the organisation: OSV in YAML, with an action and more than packages. Each file stands by
//! itself, so an error in one leaves the others in effect.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use smol_str::SmolStr;

use super::ecosystem::Ecosystem;
use super::fields::{ADVISORY, AFFECTED, EVENT, PACKAGE, RANGE, SEVERITY, VIDIMUS};
use super::hold::{EarlierText, Hold};
use super::range::Event;
use super::raw::{RawAdvisory, RawAffected, RawRange};
use super::record::{Advisory, Affected, Effect};
use crate::lint::{Fields, Finding, Kind, Node, Place, Reader, Source, parse_yaml};
use crate::model::{Digest, Name};
use crate::overlay::NamePattern;

/// The consequence that the organisation wants.
pub type Action = Effect;

/// One advisory of the organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnAdvisory {
    pub place: Place,
    pub advisory: Advisory,
    pub action: Action,
    pub servers: Vec<NamePattern>,
    /// Hosts, or `*.` and a domain, in lower case.
    pub hosts: Vec<String>,
    /// Host and path, in lower case.
    pub repositories: Vec<String>,
    /// The digest of everything above but the place.
    pub digest: Digest,
}

/// The advisories of the organisation that apply, and those on hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnAdvisories {
    pub advisories: Vec<OwnAdvisory>,
    /// The holds of those that hide nothing before an operator releases them, and the releases.
    pub holds: BTreeMap<Digest, Hold>,
    /// The earlier texts of the advisories on hold, which stay in effect.
    earlier: Vec<OwnAdvisory>,
}

impl OwnAdvisories {
    #[must_use]
    pub fn new(advisories: Vec<OwnAdvisory>, holds: BTreeMap<Digest, Hold>) -> Self {
        let open = advisories.iter().filter_map(|own| holds.get(&own.digest));
        let earlier = open.filter(|hold| hold.is_open()).filter_map(earlier).collect();
        Self { advisories, holds, earlier }
    }

    /// Returns the file of the text that is in effect for an id.
    #[must_use]
    pub fn text_in_effect(&self, id: &str) -> Option<EarlierText> {
        let own = self.effective().find(|own| own.advisory.id == id)?;
        let Source { file, text, .. } = &*own.place.source;
        Some(EarlierText { file: file.clone(), text: text.clone() })
    }

    /// Returns true if an advisory waits for the decision of an operator.
    #[must_use]
    pub fn is_on_hold(&self, advisory: &OwnAdvisory) -> bool {
        self.holds.get(&advisory.digest).is_some_and(Hold::is_open)
    }

    /// Returns the advisories that take effect now.
    pub fn effective(&self) -> impl Iterator<Item = &OwnAdvisory> {
        let ended = |own: &&OwnAdvisory| own.advisory.withdrawn.is_some() || self.is_on_hold(own);
        self.advisories.iter().chain(&self.earlier).filter(move |own| !ended(own))
    }

    /// Returns the digest of everything that decides about entries.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let digests: BTreeSet<Digest> = self.effective().map(|own| own.digest).collect();
        Digest::of_hash(&digests)
    }
}

impl OwnAdvisory {
    /// Returns true if the name of a server alone decides if it concerns it.
    #[must_use]
    pub fn names_only_servers(&self) -> bool {
        let Self { advisory, hosts, repositories, .. } = self;
        advisory.affected.is_empty() && hosts.is_empty() && repositories.is_empty()
    }

    /// Returns true for a report of malicious code in one package, or in versions that it lists: it is never on hold.
    #[must_use]
    pub fn is_definite_report(&self) -> bool {
        let Self { advisory, servers, hosts, repositories, .. } = self;
        let lists =
            |affected: &Affected| affected.ranges.is_empty() && !affected.versions.is_empty();
        advisory.is_malicious()
            && servers.is_empty()
            && hosts.is_empty()
            && repositories.is_empty()
            && (advisory.packages == 1 || advisory.affected.iter().all(lists))
    }

    /// Returns true if it selects the name, in any spelling that a client could confuse.
    #[must_use]
    pub fn selects(&self, name: &Name) -> bool {
        let form = |part: &str| Name::part_denial_form(part);
        self.servers.iter().any(|pattern| match pattern {
            NamePattern::Any => true,
            NamePattern::Exact(exact) => exact.denial_form() == name.denial_form(),
            NamePattern::Namespace(namespace) => form(namespace) == form(name.namespace()),
            NamePattern::Below(above) => {
                let (namespace, above) = (form(name.namespace()), form(above));
                let below = namespace.strip_prefix(&above);
                below.is_some_and(|below| below.is_empty() || below.starts_with('.'))
            }
        })
    }

    /// Returns true if it names the host, with or without a port.
    #[must_use]
    pub fn names_host(&self, host: &str) -> bool {
        if self.hosts.is_empty() {
            return false;
        }
        let parsed = url::Url::parse(&format!("https://{host}")).ok();
        let parsed = parsed.as_ref().and_then(url::Url::host_str).unwrap_or(host);
        let host = parsed.trim_end_matches('.').to_ascii_lowercase();
        self.hosts.iter().any(|pattern| match pattern.strip_prefix("*.") {
            Some(domain) => host.strip_suffix(domain).is_some_and(|below| below.ends_with('.')),
            None => *pattern == host,
        })
    }

    /// Returns true if it names the repository of this URL, or one that a folder of it is in.
    #[must_use]
    pub fn names_repository(&self, url: &str) -> bool {
        !self.repositories.is_empty()
            && repository_form(url).is_some_and(|form| {
                let is_below = |named: &String| {
                    let below = form.strip_prefix(named.as_str());
                    below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
                };
                self.repositories.iter().any(is_below)
            })
    }
}

fn earlier(hold: &Hold) -> Option<OwnAdvisory> {
    let EarlierText { file, text } = hold.earlier.as_ref()?;
    let read = read_own(&[Source::new(file.as_str(), text.as_str())]).0;
    read.into_iter().find(|own| own.advisory.id == hold.id)
}

/// Reads files, each document as one advisory. Files with an error yield findings and nothing else.
#[must_use]
pub fn read_own(sources: &[Arc<Source>]) -> (Vec<OwnAdvisory>, Vec<Finding>) {
    let mut known: BTreeMap<SmolStr, Place> = BTreeMap::new();
    let (mut advisories, mut findings) = (Vec::new(), Vec::new());
    for source in sources {
        let (mut read, mut found) = read_file(source);
        let mut in_file: BTreeMap<SmolStr, Place> = BTreeMap::new();
        for own in &read {
            let id = &own.advisory.id;
            if let Some(first) = known.get(id).or_else(|| in_file.get(id)) {
                let text = format!("the id `{id}` again");
                let finding =
                    Finding::error(&own.place, text, "give each advisory an id of its own");
                found.push(finding.against(first));
            }
            in_file.insert(id.clone(), own.place.clone());
        }
        if found.is_empty() {
            known.append(&mut in_file);
            advisories.append(&mut read);
        }
        findings.append(&mut found);
    }
    (advisories, crate::lint::bounded(findings))
}

fn read_file(source: &Arc<Source>) -> (Vec<OwnAdvisory>, Vec<Finding>) {
    let mut reader = Reader::default();
    let documents = parse_yaml(source, &mut reader.findings);
    let mut advisories = Vec::new();
    if reader.findings.is_empty() {
        for node in documents.iter().filter(|node| node.kind != Kind::Null) {
            advisories.extend(read_document(&mut reader, node));
        }
    }
    (advisories, reader.findings)
}

fn read_document(reader: &mut Reader, node: &Node) -> Option<OwnAdvisory> {
    let fields = reader.mapping(node, &ADVISORY)?;
    let text = |reader: &mut Reader, key: &str| {
        fields.get(key).and_then(|node| reader.text(node)).map(str::to_owned)
    };
    if fields.get("id").is_none() {
        reader.error(node, "an advisory without an `id`", "give it an id");
    }
    let specific = fields.get("database_specific").and_then(|node| member(node, "severity"));
    let mut raw = RawAdvisory {
        id: text(reader, "id").unwrap_or_default(),
        aliases: fields.get("aliases").map(|node| reader.texts(node)).unwrap_or_default(),
        modified: text(reader, "modified"),
        withdrawn: text(reader, "withdrawn"),
        summary: text(reader, "summary"),
        word: specific.and_then(|node| reader.text(node)).map(str::to_owned),
        vectors: scores(reader, &fields),
        affected: Vec::new(),
    };
    for item in fields.get("affected").map(|node| reader.list(node)).unwrap_or_default() {
        let Some(fields) = reader.mapping(item, &AFFECTED) else { continue };
        raw.vectors.extend(scores(reader, &fields));
        raw.affected.extend(affected(reader, item, &fields));
    }
    let vidimus = fields.get("vidimus").and_then(|node| reader.mapping(node, &VIDIMUS));
    let list = |key: &str| vidimus.as_ref().and_then(|fields| fields.get(key));
    let action = list("action")
        .and_then(|node| reader.word(node, &[("hide", Action::Hide), ("alert", Action::Alert)]));
    let servers = read_list(reader, list("servers"), NamePattern::parse);
    let hosts = read_list(reader, list("hosts"), host);
    let repositories = read_list(reader, list("repositories"), |text| {
        repository_form(text).ok_or("an https URL of a repository")
    });
    if raw.affected.is_empty() && servers.is_empty() && hosts.is_empty() && repositories.is_empty()
    {
        let allowed = "`affected`, or `servers`, `hosts` or `repositories` under `vidimus`";
        reader.error(node, "an advisory that concerns nothing", allowed);
    }
    let advisory = match raw.checked() {
        Ok(advisory) => advisory,
        Err(why) => {
            reader.error(node, why, "correct the advisory");
            return None;
        }
    };
    for fault in &advisory.faults {
        reader.error(node, fault.as_str(), "correct it: what cannot be read protects nothing");
    }
    let action = action.unwrap_or(Action::Alert);
    let digest = Digest::of_hash(&(&advisory, action, &servers, &hosts, &repositories));
    let place = node.place.clone();
    Some(OwnAdvisory { place, advisory, action, servers, hosts, repositories, digest })
}

fn affected(reader: &mut Reader, item: &Node, fields: &Fields<'_>) -> Option<RawAffected> {
    let Some(node) = fields.get("package") else {
        reader.error(item, "`affected` without a `package`", "name the package");
        return None;
    };
    let package = reader.mapping(node, &PACKAGE)?;
    for key in ["ecosystem", "name"] {
        if package.get(key).is_none() {
            reader.error(node, format!("a package without `{key}`"), "`ecosystem` and `name`");
        }
    }
    let ecosystem = package.get("ecosystem").and_then(|node| {
        let words: Vec<(&str, &str)> = Ecosystem::names().map(|name| (name, name)).collect();
        reader.word(node, &words)
    });
    let name = package.get("name").and_then(|node| reader.text(node));
    let ranges = fields.get("ranges").map(|node| reader.list(node)).unwrap_or_default();
    let ranges = ranges.iter().filter_map(|node| range(reader, node)).collect();
    let versions = fields.get("versions").map(|node| reader.texts(node)).unwrap_or_default();
    let (ecosystem, package) = (ecosystem?.to_owned(), name?.to_owned());
    Some(RawAffected { ecosystem, package, ranges, versions })
}

fn range(reader: &mut Reader, node: &Node) -> Option<RawRange> {
    let fields = reader.mapping(node, &RANGE)?;
    for key in ["type", "events"] {
        if fields.get(key).is_none() {
            reader.error(node, format!("a range without `{key}`"), "`type` and `events`");
        }
    }
    let kinds = &[("SEMVER", "SEMVER"), ("ECOSYSTEM", "ECOSYSTEM")];
    let kind = fields.get("type").and_then(|node| reader.word(node, kinds));
    let mut events = Vec::new();
    for item in fields.get("events").map(|node| reader.list(node)).unwrap_or_default() {
        let Some(event) = reader.mapping(item, &EVENT) else { continue };
        let mut bound = |key| event.get(key).and_then(|node| reader.text(node)).map(SmolStr::from);
        events.extend(bound("introduced").map(Event::Introduced));
        events.extend(bound("fixed").map(Event::Fixed));
        events.extend(bound("last_affected").map(Event::LastAffected));
    }
    Some(RawRange { kind: kind?.to_owned(), events })
}

fn scores(reader: &mut Reader, fields: &Fields<'_>) -> Vec<String> {
    let items = fields.get("severity").map(|node| reader.list(node)).unwrap_or_default();
    let mut scores = Vec::new();
    for item in items {
        let fields = reader.mapping(item, &SEVERITY);
        let score = fields.and_then(|fields| fields.get("score"));
        scores.extend(score.and_then(|node| reader.text(node)).map(str::to_owned));
    }
    scores
}

/// Returns a member of a mapping with keys that are not checked.
fn member<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    let Kind::Mapping(members) = &node.kind else { return None };
    let is_key = |node: &Node| matches!(&node.kind, Kind::Scalar { text, .. } if text == key);
    members.iter().find(|(name, _)| is_key(name)).map(|(_, value)| value)
}

fn read_list<T, E: std::fmt::Display>(
    reader: &mut Reader,
    node: Option<&Node>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Vec<T> {
    let items = node.map(|node| reader.list(node)).unwrap_or_default();
    items.iter().filter_map(|item| reader.parsed(item, &parse)).collect()
}

fn host(text: &str) -> Result<String, &'static str> {
    const ALLOWED: &str = "a host, or `*.` and a domain for all below it";
    let domain = text.strip_prefix("*.").unwrap_or(text);
    let parsed = url::Host::parse(domain).map_err(|_| ALLOWED)?.to_string();
    let parsed = parsed.trim_end_matches('.');
    if domain.contains(['*', '/']) || parsed.is_empty() {
        return Err(ALLOWED);
    }
    Ok(if domain.len() < text.len() { format!("*.{parsed}") } else { parsed.to_owned() })
}

/// Returns host and path of the URL of a repository, in the form in which two are compared.
fn repository_form(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_prefix("git+").unwrap_or(text);
    // As `git` writes it: user, host and path.
    let short = text.split_once(':').filter(|(host, _)| host.contains('@') && !host.contains('/'));
    let url = match short {
        Some((host, path)) => url::Url::parse(&format!("ssh://{host}/{path}")),
        None => url::Url::parse(text),
    };
    let url = url.ok()?;
    let host = url.host_str()?.trim_end_matches('.').to_ascii_lowercase();
    let host = host.strip_prefix("www.").unwrap_or(&host);
    let path = percent_decode_str(url.path()).decode_utf8_lossy().to_ascii_lowercase();
    let parts = path.split(['/', '\\']).map(|part| part.strip_suffix(".git").unwrap_or(part));
    let parts: Vec<&str> = parts.filter(|part| !matches!(*part, "" | ".")).collect();
    let is_plain = matches!(url.scheme(), "https" | "http" | "ssh" | "git") && !parts.is_empty();
    is_plain.then(|| format!("{host}/{}", parts.join("/")))
}
