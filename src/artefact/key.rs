use std::fmt;

use smol_str::SmolStr;
use url::Url;

use crate::ownership::{Package, image};

/// One version of one package at one registry.
///
/// The identifier is in the normal form of its ecosystem, so that another spelling is the same package. An image is
/// named by its repository, and its tag or digest is the version; a bundle is named by its URL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageKey {
    kind: SmolStr,
    base: SmolStr,
    identifier: SmolStr,
    /// Empty if the entry names none.
    version: SmolStr,
}

/// The limit on an identifier and on a base URL, in bytes.
const MAX_PART: usize = 1024;
/// The limit on a version, in bytes; a reference of an image may be a long digest.
const MAX_VERSION: usize = 256;

impl PackageKey {
    /// Returns the key of a package at a registry; `None` if a part of it is too long, or no package can have it.
    #[must_use]
    pub fn new(kind: &str, base: &Url, identifier: &str, version: Option<&str>) -> Option<Self> {
        let package = Package::new(kind, identifier, version);
        let (identifier, version) = match package.registry.as_str() {
            "oci" => {
                let (repository, reference) = image(&package.identifier);
                (repository, Some(reference.or(version).unwrap_or("latest")))
            }
            "mcpb" => (package.identifier.as_str(), None),
            _ => (package.identifier.as_str(), version),
        };
        let version = version.unwrap_or_default().trim();
        let base = base.as_str().trim_end_matches('/');
        // A space separates the parts where the key is a text.
        let is_plain = |text: &str, most: usize| {
            text.len() <= most && text.chars().all(|char| char.is_ascii_graphic())
        };
        let leads_out = |text: &str| text.split('/').any(|part| matches!(part, "." | ".."));
        let is_whole = is_plain(&package.registry, 64)
            && is_plain(identifier, MAX_PART)
            && is_plain(base, MAX_PART)
            && is_plain(version, MAX_VERSION)
            && !identifier.is_empty();
        if !is_whole || leads_out(identifier) || leads_out(version) {
            return None;
        }
        Some(Self {
            kind: package.registry.as_str().into(),
            base: base.into(),
            identifier: identifier.into(),
            version: version.into(),
        })
    }

    /// Reads the text that the key is written as; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(' ').collect();
        let (kind, base, identifier, version) = match *parts.as_slice() {
            [kind, base, identifier] => (kind, base, identifier, ""),
            [kind, base, identifier, version] if !version.is_empty() => {
                (kind, base, identifier, version)
            }
            _ => return None,
        };
        let key = Self {
            kind: kind.into(),
            base: base.into(),
            identifier: identifier.into(),
            version: version.into(),
        };
        (!kind.is_empty() && key.base().is_some()).then_some(key)
    }

    /// Returns the kind of package in lower case, such as `npm`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Returns the URL of the registry.
    #[must_use]
    pub fn base(&self) -> Option<Url> {
        Url::parse(&self.base).ok()
    }

    #[must_use]
    pub fn identifier(&self) -> &str {
        &self.identifier
    }

    /// Returns the version, tag or digest.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        (!self.version.is_empty()).then_some(self.version.as_str())
    }

    /// Returns true if a registry may give another content under this key at any time without a fault: for a tag, a
    /// range, or no version.
    #[must_use]
    pub fn is_floating(&self) -> bool {
        match self.kind.as_str() {
            "npm" => semver::Version::parse(&self.version).is_err(),
            "pypi" => self.version.is_empty() || self.version.eq_ignore_ascii_case("latest"),
            "oci" => !self.version.contains(':'),
            _ => false,
        }
    }

    /// Returns the name of its file, where the registry has exactly one.
    #[must_use]
    pub fn single_file(&self) -> String {
        match self.kind.as_str() {
            "npm" => {
                let name = self.identifier.rsplit('/').next().unwrap_or_default();
                let version = self.version().unwrap_or("latest");
                format!("{name}-{version}.tgz")
            }
            "mcpb" => self.identifier.to_string(),
            _ => self.version.to_string(),
        }
    }

    /// Returns true if a text names this package in any spelling of its identifier.
    #[must_use]
    pub fn is_named(&self, text: &str) -> bool {
        let named = Package::new(&self.kind, text, None);
        match self.kind.as_str() {
            "oci" => image(&named.identifier).0 == self.identifier,
            _ => named.identifier == self.identifier.as_str(),
        }
    }
}

impl fmt::Display for PackageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, base, identifier, version } = self;
        write!(f, "{kind} {base} {identifier}")?;
        if version.is_empty() { Ok(()) } else { write!(f, " {version}") }
    }
}
