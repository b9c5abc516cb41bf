use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::holding::Negatives;
use super::sight::Named;
use crate::model::{Digest, Instant};

/// More contents of one name are not remembered; the real maximum is 1,156 versions.
const MAX_REMEMBERED: usize = 2_000;

/// What a `server.json` offers, as far as a declaration has to match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offer {
    pub name: String,
    pub packages: BTreeSet<Package>,
    /// Hosts of remotes, in small letters; a template stands as it is written.
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
    /// Where in it the server lies; `None` when what is stated cannot be a path.
    pub path: Option<Vec<String>>,
}

impl Offer {
    /// Reads what matters of a `server` object or file; `None` when it is no object with a name.
    #[must_use]
    pub fn read(json: &str) -> Option<Self> {
        Self::of(&serde_json::from_str(json).ok()?)
    }

    /// Reads what matters of a parsed `server` object; `None` when it is no object with a name.
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

    /// Whether this file speaks for an entry: its name, its packages and its remote hosts.
    ///
    /// # Errors
    /// What it does not speak for.
    pub fn declares(&self, entry: &Self) -> Result<(), String> {
        if self.name != entry.name {
            return Err(format!("it is the file of `{}`", self.name));
        }
        let known: BTreeSet<(&str, &str)> = self.packages.iter().map(Package::key).collect();
        if let Some(other) = entry.packages.iter().find(|it| !known.contains(&it.key())) {
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

    /// What is the same in every version: an image's tag and digest are not.
    #[must_use]
    pub fn key(&self) -> (&str, &str) {
        let identifier = match self.registry.as_str() {
            "oci" => image(&self.identifier).0,
            _ => self.identifier.as_str(),
        };
        (self.registry.as_str(), identifier)
    }
}

/// An image's repository, and its tag or digest.
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
                && text.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_.".contains(&it))
                && !text.starts_with('.')
        };
        (usable(owner) && usable(name)).then(|| Self {
            owner: owner.to_owned(),
            name: name.to_owned(),
            id: value["id"].as_str().map(str::to_owned),
            path: folder(value["subfolder"].as_str().unwrap_or_default()),
        })
    }

    /// Whether a stated id is the repository's: its number or its node id. Other texts are hints only.
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

/// The segments of a folder inside a repository; `None` when it leads out, or is no path.
fn folder(text: &str) -> Option<Vec<String>> {
    let segments: Vec<&str> =
        text.trim_matches('/').split('/').filter(|it| !it.is_empty()).collect();
    let usable = |segment: &&str| {
        segment.len() <= 255
            && !matches!(*segment, "." | "..")
            && !segment.contains(|it: char| it.is_control() || it == '\\')
    };
    let all = segments.len() <= 20 && segments.iter().all(usable);
    all.then(|| segments.into_iter().map(str::to_owned).collect())
}

/// The host of a URL, in small letters and with its port; a template stands as it is written.
#[must_use]
pub fn host(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Some(host.to_ascii_lowercase())
}

/// What is remembered of one name: which contents its owner's repository declares, and which have a
/// package that names another server.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Naming {
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub declared: BTreeSet<Digest>,
    /// The account whose repository declares them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<u64>,
    /// By content, what the package says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub disputed: BTreeMap<Digest, String>,
    /// Looks in a row that found nothing where something was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negatives: Option<Negatives>,
    #[serde(default)]
    pub checked_at: Option<Instant>,
    /// How many contents were looked at so far, when not all are in one look.
    #[serde(default)]
    pub turn: usize,
    #[serde(default)]
    pub evidence: Vec<String>,
}

/// What was seen of one content of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentSight {
    pub received: Digest,
    pub declaration: Declaration,
    pub packages: Vec<(Package, Named)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Declaration {
    Declared(String),
    /// No evidence, which is no refutation either: many entries point to another's repository, honestly.
    Not(String),
    /// The repository or its file is not there, which may pass.
    Absent(String),
    Unclear(String),
}

impl Naming {
    /// What is remembered after another look at some contents of the name.
    #[must_use]
    pub fn after(
        mut self,
        name: &str,
        account: Option<u64>,
        current: &BTreeSet<Digest>,
        sights: &[ContentSight],
        now: Instant,
    ) -> Self {
        if self.account != account {
            self.declared.clear();
            self.account = account;
        }
        self.declared.retain(|received| current.contains(received));
        self.disputed.retain(|received, _| current.contains(received));
        self.turn = self.turn.wrapping_add(sights.len());
        let mut missed = false;
        let mut evidence = Vec::new();
        let mut say = |line: String| {
            if !evidence.contains(&line) && evidence.len() < 50 {
                evidence.push(line);
            }
        };
        for sight in sights {
            match &sight.declaration {
                Declaration::Declared(what) => {
                    self.negatives = None;
                    self.declared.insert(sight.received);
                    say(format!("GitHub: declared by {what}"));
                }
                Declaration::Not(why) => {
                    self.declared.remove(&sight.received);
                    say(format!("GitHub: not declared: {why}"));
                }
                Declaration::Absent(why) => {
                    missed |= self.declared.contains(&sight.received);
                    say(format!("GitHub: not declared: {why}"));
                }
                Declaration::Unclear(why) => say(format!("GitHub: unclear: {why}")),
            }
            let mut unclear = false;
            let mut other = None;
            for (Package { registry, identifier, .. }, named) in &sight.packages {
                let package = format!("{registry} {identifier}");
                match named {
                    Named::Servers(names) if names.is_empty() => {
                        say(format!("{package} names no server"));
                    }
                    Named::Servers(names)
                        if names.iter().any(|it| it.eq_ignore_ascii_case(name)) =>
                    {
                        say(format!("{package} names this server"));
                    }
                    Named::Servers(names) => {
                        let names: Vec<&str> = names.iter().map(String::as_str).collect();
                        let text = format!("{package} names another server: {}", names.join(", "));
                        say(text.clone());
                        other = Some(text);
                    }
                    Named::Absent => {
                        unclear = true;
                        say(format!("{package} is not there"));
                    }
                    Named::Unavailable(why) => {
                        unclear = true;
                        say(format!("{package}: unavailable, {why}"));
                    }
                }
            }
            match other {
                Some(text) => drop(self.disputed.insert(sight.received, text)),
                None if !unclear => drop(self.disputed.remove(&sight.received)),
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
