use std::collections::BTreeSet;

use serde_json::Value;

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
    /// In the normal form of its ecosystem.
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
    /// Returns a package with its identifier in the normal form of its ecosystem.
    #[must_use]
    pub fn new(registry: &str, identifier: &str, version: Option<&str>) -> Self {
        let registry = registry.to_ascii_lowercase();
        let identifier = normalized(&registry, identifier);
        Self { registry, identifier, version: version.map(str::to_owned) }
    }

    fn read(value: &Value) -> Option<Self> {
        let (registry, identifier) =
            (value["registryType"].as_str()?, value["identifier"].as_str()?);
        Some(Self::new(registry, identifier, value["version"].as_str()))
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

/// The registry of images without one.
const DOCKER: &str = "docker.io";

/// Returns true if the first part of a reference is a registry, and not a user of Docker Hub.
fn is_registry(host: &str) -> bool {
    host.contains(['.', ':']) || host == "localhost"
}

/// Returns the host of a registry of images in one form: without the usual port and a final dot, and Docker Hub by one
/// name.
pub(super) fn registry_host(host: &str) -> String {
    let host = host.strip_suffix(":443").unwrap_or(host).trim_end_matches('.').to_ascii_lowercase();
    match host.as_str() {
        "index.docker.io" | "registry-1.docker.io" | "registry.hub.docker.com" => DOCKER.to_owned(),
        _ => host,
    }
}

/// Returns the identifier of a package as its ecosystem compares it: another spelling is the same package.
fn normalized(registry: &str, identifier: &str) -> String {
    let identifier = identifier.trim();
    match registry {
        // PEP 503.
        "pypi" => {
            let parts = identifier.split(['-', '_', '.']).filter(|part| !part.is_empty());
            parts.collect::<Vec<_>>().join("-").to_ascii_lowercase()
        }
        "cargo" => identifier.replace('_', "-").to_ascii_lowercase(),
        "nuget" => identifier.to_ascii_lowercase(),
        "oci" => {
            let (host, path) = match identifier.split_once('/') {
                Some((host, path)) if is_registry(host) => {
                    (host.to_ascii_lowercase(), path.to_owned())
                }
                Some(_) => (DOCKER.to_owned(), identifier.to_owned()),
                None => (DOCKER.to_owned(), format!("library/{identifier}")),
            };
            format!("{}/{path}", registry_host(&host))
        }
        _ => identifier.to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("pypi", "stripe_mcp", "stripe-mcp")]
    #[case("pypi", "Stripe-.mcp", "stripe-mcp")]
    #[case("pypi", "zope.interface", "zope-interface")]
    #[case("npm", "@Scope/Name", "@Scope/Name")]
    #[case("cargo", "Some_Crate", "some-crate")]
    #[case("nuget", "Some.Package", "some.package")]
    #[case("oci", "Images.example/Owner/image:Tag", "images.example/Owner/image:Tag")]
    #[case("oci", "images.example:443/o/image", "images.example/o/image")]
    #[case("oci", "images.example./o/image", "images.example/o/image")]
    #[case("oci", "user/image:1", "docker.io/user/image:1")]
    #[case("oci", "image", "docker.io/library/image")]
    #[case("oci", "registry-1.docker.io/user/image", "docker.io/user/image")]
    #[case("oci", "localhost:5000/image", "localhost:5000/image")]
    fn identifier_is_compared_as_its_ecosystem_does(
        #[case] registry: &str,
        #[case] identifier: &str,
        #[case] wanted: &str,
    ) {
        assert_eq!(normalized(registry, identifier), wanted);
    }
}
