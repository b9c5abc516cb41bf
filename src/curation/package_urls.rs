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

    /// Returns true if the objection is to a registry that is listed for this kind of package.
    #[must_use]
    pub fn admit(&self, objection: &Objection) -> bool {
        let SafetyRule::Registry(kind) = &objection.rule else { return false };
        let plain = |url: &str| url.strip_suffix('/').unwrap_or(url).to_owned();
        let found = plain(&objection.found);
        self.0.get(kind.as_str()).is_some_and(|urls| urls.iter().any(|url| plain(url) == found))
    }
}

impl Default for PackageUrls {
    fn default() -> Self {
        let owned = |urls: &[&str]| urls.iter().map(|url| (*url).to_owned()).collect();
        Self(Self::DEFAULTS.iter().map(|(kind, urls)| ((*kind).to_owned(), owned(urls))).collect())
    }
}
