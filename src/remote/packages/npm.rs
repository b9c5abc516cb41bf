use url::Url;

use super::answers::{bounded, named, observed};
use super::client::{Answer, JSON, PackageClient};
use super::documents::NpmVersion;
use crate::artefact::{Checksum, PackageKey, PackageLookup, StatedFile};
use crate::ownership::{Named, Package};
use crate::remote::github::segment;

fn path(identifier: &str, version: Option<&str>) -> String {
    format!("{}/{}", segment(identifier), segment(version.unwrap_or("latest")))
}

/// Returns the server that a version of a package names.
pub(super) async fn servers(client: &PackageClient, base: &Url, package: &Package) -> Named {
    let path = path(&package.identifier, package.version.as_deref());
    named(client.get(base, &path, JSON, None).await, |document: NpmVersion| {
        document
            .name
            .0
            .is_some()
            .then(|| document.mcp_name.0.as_deref().map(bounded).into_iter().collect())
    })
}

/// Returns the attestations of a version.
pub(super) async fn attestations(client: &PackageClient, base: &Url, key: &PackageKey) -> Answer {
    let release = format!("{}@{}", key.identifier(), key.version().unwrap_or_default());
    let path = format!("-/npm/v1/attestations/{}", segment(&release));
    client.get(base, &path, JSON, None).await
}

/// Returns the tarball of a version, by the integrity that the registry states.
pub(super) async fn artefacts(
    client: &PackageClient,
    base: &Url,
    key: &PackageKey,
) -> PackageLookup {
    let path = path(key.identifier(), key.version());
    observed(client.get(base, &path, JSON, None).await, |document: NpmVersion| {
        if document.name.0.as_deref() != Some(key.identifier()) {
            return Err("an answer about another package".to_owned());
        }
        if !key.is_floating() && document.version.0.as_deref() != key.version() {
            return Err("an answer about another version".to_owned());
        }
        let checksum = document.dist.integrity.0.as_deref().and_then(Checksum::of_integrity);
        Ok(vec![StatedFile::new(key.single_file(), checksum)])
    })
}
