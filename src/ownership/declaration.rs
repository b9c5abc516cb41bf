use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::lookup::Named;
use super::record::Negatives;
use crate::model::{Digest, Timestamp};

/// More contents of one name are not stored; the real maximum is 1,156 versions.
const MAX_REMEMBERED: usize = 2_000;

/// The parts of a `server.json` that a declaration has to match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offer {
    pub name: String,
    pub packages: BTreeSet<Package>,
    /// Hosts of remotes, in lower case; a template is kept as written.
    pub hosts: BTreeSet<String>,
    pub repository: Option<RepositoryLink>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// `npm`, `pypi`, `oci` and so on.
    pub registry: String,
    pub identifier: String,
    pub version: Option<String>,
}

/// The repository on GitHub that an entry names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryLink {
    pub owner: String,
    pub name: String,
    pub id: Option<String>,
    /// The folder of the server; `None` when the stated subfolder cannot be a path.
    pub path: Option<Vec<String>>,
}

impl Offer {
    /// Reads a `server` object or file; `None` when it is not an object with a name.
    #[must_use]
    pub fn read(json: &str) -> Option<Self> {
        Self::of(&serde_json::from_str(json).ok()?)
    }

    /// Reads a parsed `server` object; `None` when it is not an object with a name.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        let list = |member: &str| value[member].as_array().map(Vec::as_slice).unwrap_or_default();
        let hosts = list("remotes").iter().filter_map(|remote| host(remote["url"].as_str()?));
        Some(Self {
            name: value["name"].as_str()?.to_owned(),
            packages: list("packages").iter().filter_map(Package::read).collect(),
            hosts: hosts.collect(),
            repository: RepositoryLink::read(&value["repository"]),
        })
    }

    /// Accepts an entry if this file covers its name, its packages and its remote hosts.
    ///
    /// # Errors
    /// The first of these that the file does not cover.
    pub fn declares(&self, entry: &Self) -> Result<(), String> {
        if self.name != entry.name {
            return Err(format!("it is the file of `{}`", self.name));
        }
        let known: BTreeSet<(&str, &str)> = self.packages.iter().map(Package::key).collect();
        if let Some(other) = entry.packages.iter().find(|package| !known.contains(&package.key())) {
            return Err(format!("it lacks the package {} {}", other.registry, other.identifier));
        }
        match entry.hosts.iter().find(|host| !self.hosts.contains(*host)) {
            Some(other) => Err(format!("it lacks the remote host {other}")),
            None => Ok(()),
        }
    }
}

impl Package {
    fn read(value: &Value) -> Option<Self> {
        Some(Self {
            registry: value["registryType"].as_str()?.to_ascii_lowercase(),
            identifier: value["identifier"].as_str()?.to_owned(),
            version: value["version"].as_str().map(str::to_owned),
        })
    }

    /// Returns what is the same in every version: an image's tag and digest are left out.
    #[must_use]
    pub fn key(&self) -> (&str, &str) {
        let identifier = match self.registry.as_str() {
            "oci" => image(&self.identifier).0,
            _ => self.identifier.as_str(),
        };
        (self.registry.as_str(), identifier)
    }
}

/// Returns an image's repository, and its tag or digest.
#[must_use]
pub fn image(reference: &str) -> (&str, Option<&str>) {
    if let Some((tagged, digest)) = reference.split_once('@') {
        return (image(tagged).0, Some(digest));
    }
    let after_slash = reference.rfind('/').map_or(0, |slash| slash + 1);
    match reference[after_slash..].rfind(':') {
        Some(colon) => {
            let (repository, tag) = reference.split_at(after_slash + colon);
            (repository, Some(&tag[1..]))
        }
        None => (reference, None),
    }
}

impl RepositoryLink {
    fn read(value: &Value) -> Option<Self> {
        let url = value["url"].as_str()?;
        let rest = url.strip_prefix("git+").unwrap_or(url);
        let rest = rest.strip_prefix("https://").or_else(|| rest.strip_prefix("http://"))?;
        let rest = rest.strip_prefix("www.").unwrap_or(rest);
        let (host, path) = rest.split_once('/')?;
        if !host.eq_ignore_ascii_case("github.com") {
            return None;
        }
        let mut segments = path.split(['/', '?', '#']);
        let (owner, name) = (segments.next()?, segments.next()?);
        let name = name.strip_suffix(".git").unwrap_or(name);
        let usable = |text: &str| {
            (1..=100).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
                && !text.starts_with('.')
        };
        (usable(owner) && usable(name)).then(|| Self {
            owner: owner.to_owned(),
            name: name.to_owned(),
            id: value["id"].as_str().map(str::to_owned),
            path: folder(value["subfolder"].as_str().unwrap_or_default()),
        })
    }

    /// Returns true if the stated id is the repository's number or node id. Other texts are hints only.
    #[must_use]
    pub fn is_of(&self, id: u64, node_id: &str) -> bool {
        let Some(stated) = self.id.as_deref() else { return true };
        let is_number = !stated.is_empty() && stated.bytes().all(|byte| byte.is_ascii_digit());
        let is_node = stated.starts_with("R_") || stated.starts_with("MDEw");
        match (is_number, is_node) {
            (true, _) => stated.parse() == Ok(id),
            (_, true) => stated == node_id,
            _ => true,
        }
    }
}

/// Returns the segments of a folder inside a repository; `None` when it leads out, or is not a path.
fn folder(text: &str) -> Option<Vec<String>> {
    let segments: Vec<&str> =
        text.trim_matches('/').split('/').filter(|segment| !segment.is_empty()).collect();
    let usable = |segment: &&str| {
        segment.len() <= 255
            && !matches!(*segment, "." | "..")
            && !segment.contains(|char: char| char.is_control() || char == '\\')
    };
    let all = segments.len() <= 20 && segments.iter().all(usable);
    all.then(|| segments.into_iter().map(str::to_owned).collect())
}

/// Returns the host of a URL, in lower case and with its port; a template is kept as written.
#[must_use]
pub fn host(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Some(host.to_ascii_lowercase())
}

/// The evidence of one name: the contents that its owner's repository declares, and those with a package
/// that names another server.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeclarationRecord {
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub declared: BTreeSet<Digest>,
    /// The account that owns the declaring repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<u64>,
    /// The finding about the package, by content.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub disputed: BTreeMap<Digest, String>,
    /// Consecutive lookups that found nothing where something was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negatives: Option<Negatives>,
    #[serde(default)]
    pub checked_at: Option<Timestamp>,
    /// The number of contents looked up so far, when one lookup does not cover all.
    #[serde(default)]
    pub offset: usize,
    #[serde(default)]
    pub evidence: Vec<String>,
}

/// The evidence of one content of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentLookup {
    pub received: Digest,
    pub declaration: Declaration,
    pub packages: Vec<(Package, Named)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Declaration {
    Declared(String),
    /// No evidence, which is not a revocation: many entries honestly point to a repository of another owner.
    Not(String),
    /// The repository or its file is absent, perhaps only for a while.
    Absent(String),
    Unclear(String),
}

impl DeclarationRecord {
    /// Returns the record after another lookup of some contents of the name.
    #[must_use]
    pub fn after(
        mut self,
        name: &str,
        account: Option<u64>,
        current: &BTreeSet<Digest>,
        lookups: &[ContentLookup],
        now: Timestamp,
    ) -> Self {
        if self.account != account {
            self.declared.clear();
            self.account = account;
        }
        self.declared.retain(|received| current.contains(received));
        self.disputed.retain(|received, _| current.contains(received));
        self.offset = self.offset.wrapping_add(lookups.len());
        let mut missed = false;
        let mut evidence = Vec::new();
        let mut add = |line: String| {
            if !evidence.contains(&line) && evidence.len() < 50 {
                evidence.push(line);
            }
        };
        for lookup in lookups {
            match &lookup.declaration {
                Declaration::Declared(what) => {
                    self.negatives = None;
                    self.declared.insert(lookup.received);
                    add(format!("GitHub: declared by {what}"));
                }
                Declaration::Not(why) => {
                    self.declared.remove(&lookup.received);
                    add(format!("GitHub: not declared: {why}"));
                }
                Declaration::Absent(why) => {
                    missed |= self.declared.contains(&lookup.received);
                    add(format!("GitHub: not declared: {why}"));
                }
                Declaration::Unclear(why) => add(format!("GitHub: unclear: {why}")),
            }
            let mut unclear = false;
            let mut other = None;
            for (Package { registry, identifier, .. }, named) in &lookup.packages {
                let package = format!("{registry} {identifier}");
                match named {
                    Named::Servers(names) if names.is_empty() => {
                        add(format!("{package} names no server"));
                    }
                    Named::Servers(names)
                        if names.iter().any(|other| other.eq_ignore_ascii_case(name)) =>
                    {
                        add(format!("{package} names this server"));
                    }
                    Named::Servers(names) => {
                        let names: Vec<&str> = names.iter().map(String::as_str).collect();
                        let text = format!("{package} names another server: {}", names.join(", "));
                        add(text.clone());
                        other = Some(text);
                    }
                    Named::Absent => {
                        unclear = true;
                        add(format!("{package} does not exist"));
                    }
                    Named::Unavailable(why) => {
                        unclear = true;
                        add(format!("{package}: unavailable, {why}"));
                    }
                }
            }
            match other {
                Some(text) => {
                    self.disputed.insert(lookup.received, text);
                }
                None if !unclear => {
                    self.disputed.remove(&lookup.received);
                }
                None => {}
            }
        }
        if missed {
            let negatives = Negatives::again(self.negatives, now);
            self.negatives = Some(negatives);
            if negatives.are_final() {
                self.declared.clear();
            }
        }
        while self.declared.len() > MAX_REMEMBERED {
            self.declared.pop_first();
        }
        while self.disputed.len() > MAX_REMEMBERED {
            self.disputed.pop_first();
        }
        Self { checked_at: Some(now), evidence, ..self }
    }
}
