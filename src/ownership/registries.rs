use std::collections::BTreeMap;

use url::Url;

use super::offer::{Package, image, registry_host};

/// The package registries that are asked which server a package belongs to, by kind of package.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct PackageRegistries(BTreeMap<String, Url>);

impl PackageRegistries {
    /// Adds the registry of a kind of package.
    pub fn add(&mut self, kind: String, url: Url) {
        self.0.insert(kind, url);
    }

    /// Returns the URLs, by kind of package.
    pub fn urls(&self) -> impl Iterator<Item = (&str, &Url)> {
        self.0.iter().map(|(kind, url)| (kind.as_str(), url))
    }

    /// Returns the registry that a package is asked from; `None` if none of its kind is configured, or an image is of
    /// another one.
    #[must_use]
    pub fn of(&self, package: &Package) -> Option<&Url> {
        let url = self.0.get(&package.registry)?;
        if package.registry != "oci" {
            return Some(url);
        }
        is_registry_of(url, &package.identifier).then_some(url)
    }
}

/// Returns true if a URL is that of the registry that an image names.
#[must_use]
pub fn is_registry_of(url: &Url, identifier: &str) -> bool {
    let normal = Package::new("oci", identifier, None).identifier;
    let Some((host, _)) = image(&normal).0.split_once('/') else { return false };
    let with_port = url.host_str().zip(url.port()).map(|(host, port)| format!("{host}:{port}"));
    let is_its = |of: &str| registry_host(of) == host;
    url.host_str().is_some_and(is_its) || with_port.as_deref().is_some_and(is_its)
}
