use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::ownership::Package;

/// The ecosystems of packages that entries can name. Others do not concern this registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ecosystem {
    Npm,
    Pypi,
    Nuget,
    Cargo,
    Go,
    Oci,
    Mcpb,
}

impl Ecosystem {
    /// The type of package in entries, and the name in advisories.
    const WORDS: [(&str, &str, Self); 7] = [
        ("npm", "npm", Self::Npm),
        ("pypi", "PyPI", Self::Pypi),
        ("nuget", "NuGet", Self::Nuget),
        ("cargo", "crates.io", Self::Cargo),
        ("go", "Go", Self::Go),
        ("oci", "OCI", Self::Oci),
        ("mcpb", "MCPB", Self::Mcpb),
    ];

    /// Returns the ecosystem of a type of package, in any case.
    #[must_use]
    pub fn of_type(text: &str) -> Option<Self> {
        let mut words = Self::WORDS.iter();
        words.find(|(word, _, _)| word.eq_ignore_ascii_case(text)).map(|(_, _, found)| *found)
    }

    /// Returns the ecosystem that an advisory names; what follows a colon names a part of it.
    #[must_use]
    pub fn of_osv(text: &str) -> Option<Self> {
        let text = text.split(':').next().unwrap_or_default();
        let mut words = Self::WORDS.iter();
        words.find(|(_, word, _)| *word == text).map(|(_, _, found)| *found)
    }

    /// Returns the type of package in entries, which is the key in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        Self::WORDS[self as usize].0
    }

    /// Returns the name that advisories write.
    #[must_use]
    pub const fn osv(self) -> &'static str {
        Self::WORDS[self as usize].1
    }

    /// Returns true if versions are ordered here by the rules of the ecosystem.
    #[must_use]
    pub const fn has_order(self) -> bool {
        matches!(self, Self::Npm | Self::Pypi | Self::Cargo | Self::Go)
    }

    /// Returns every ecosystem by its name in advisories.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::WORDS.iter().map(|(_, word, _)| *word)
    }
}

impl fmt::Display for Ecosystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.osv())
    }
}

/// The name of a package in the normal form of its ecosystem; an image without its tag and digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EcosystemPackage {
    pub ecosystem: Ecosystem,
    pub package: String,
}

impl EcosystemPackage {
    #[must_use]
    pub fn new(ecosystem: Ecosystem, identifier: &str) -> Self {
        let package = Package::new(ecosystem.as_str(), identifier, None);
        let mut package = package.key().1.to_owned();
        if ecosystem == Ecosystem::Mcpb
            && let Ok(mut url) = url::Url::parse(&package)
        {
            // A fragment names a part of the same file.
            url.set_fragment(None);
            package = url.into();
        }
        Self { ecosystem, package }
    }

    /// Returns the key of a package of an entry; `None` for a type that no advisory names.
    #[must_use]
    pub fn of_entry(kind: &str, identifier: &str) -> Option<Self> {
        Ecosystem::of_type(kind).map(|ecosystem| Self::new(ecosystem, identifier))
    }

    /// Returns a hash for an index in memory. Two packages may share it, so it never decides anything alone.
    #[must_use]
    pub fn short_hash(&self) -> u64 {
        // It is not kept beyond the process, so its function may change with the release.
        let mut hasher = std::collections::hash_map::DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

impl fmt::Display for EcosystemPackage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.ecosystem, crate::model::Escaped(&self.package))
    }
}

/// Returns the texts of a package of an entry that say which version it is: of an image its tag and its digest.
#[must_use]
pub(super) fn versions_of<'p>(
    ecosystem: Ecosystem,
    identifier: &'p str,
    version: Option<&'p str>,
) -> Vec<&'p str> {
    let mut texts: Vec<&str> = Vec::new();
    if ecosystem == Ecosystem::Oci {
        let (name, digest) = identifier.split_once('@').unwrap_or((identifier, ""));
        // A colon before the last slash is that of a port.
        let last = name.rsplit('/').next().unwrap_or_default();
        texts.extend([last.split_once(':').map_or("", |(_, tag)| tag), digest]);
    }
    texts.extend(version);
    texts.retain(|text| !text.is_empty());
    texts
}
