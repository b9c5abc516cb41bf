use std::collections::BTreeMap;

use super::safe::{Objection, SafetyRule};

/// The package registries that the settings list, by kind of package.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PackageUrls(BTreeMap<String, Vec<String>>);

impl PackageUrls {
    /// The kinds of packages with the places that are listed if the settings say nothing.
    pub const DEFAULTS: [(&str, &[&str]); 7] = [
        ("npm", &[]),
        ("pypi", &[]),
        ("nuget", &[]),
        ("oci", &[]),
        ("mcpb", &["https://github.com", "https://gitlab.com"]),
        ("cargo", &[]),
        ("go", &[]),
    ];

    /// Replaces the registries of one kind of package.
    pub fn set(&mut self, kind: &str, urls: Vec<String>) {
        self.0.insert(kind.to_owned(), urls);
    }

    /// Adds a registry of one kind of package.
    pub fn add(&mut self, kind: &str, url: &str) {
        self.0.entry(kind.to_owned()).or_default().push(url.to_owned());
    }

    /// Returns the registries of one kind of package, as they are listed.
    pub fn of(&self, kind: &str) -> impl Iterator<Item = &str> {
        self.0.get(kind).into_iter().flatten().map(String::as_str)
    }

    /// Returns true if a registry is listed for a kind of package.
    #[must_use]
    pub fn lists(&self, kind: &str, url: &str) -> bool {
        let plain = |url: &str| url.strip_suffix('/').unwrap_or(url).to_owned();
        self.of(kind).any(|listed| plain(listed) == plain(url))
    }

    /// Returns true if the objection is to a registry that is listed for this kind of package.
    #[must_use]
    pub fn admit(&self, objection: &Objection) -> bool {
        let SafetyRule::Registry(kind) = &objection.rule else { return false };
        self.lists(kind, &objection.found)
    }
}

impl Default for PackageUrls {
    fn default() -> Self {
        let owned = |urls: &[&str]| urls.iter().map(|url| (*url).to_owned()).collect();
        Self(Self::DEFAULTS.iter().map(|(kind, urls)| ((*kind).to_owned(), owned(urls))).collect())
    }
}
