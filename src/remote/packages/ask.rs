use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::client::{Answer, PackageClient};
use super::{bundle, image, npm, pypi, referrers};
use crate::artefact::{Checksum, PackageKey, PackageLookup};
use crate::ownership::{Named, Package, PackageRegistries};
use crate::provenance::Refusal;
use crate::remote::dns::Resolvers;
use crate::remote::http::AccessError;
use crate::remote::source_settings::SourceSettings;

/// The time for all requests about one package.
const TOTAL: Duration = Duration::from_secs(30);
/// The time for the download of a bundle.
const DOWNLOAD: Duration = Duration::from_mins(10);

/// The answer of a registry about the attestations of one file: documents of the form that the registry has, none if it
/// definitely has none; or the reason why that is not known. What is definitely no such document is refused.
pub type AttestationAnswer = Result<Vec<Result<Bytes, Refusal>>, String>;

/// A client of the configured package registries, and no others.
pub struct Packages {
    client: PackageClient,
    registries: PackageRegistries,
}

impl std::fmt::Debug for Packages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packages").finish_non_exhaustive()
    }
}

impl Packages {
    pub(in crate::remote) fn new(
        resolvers: &Arc<Resolvers>,
        settings: &SourceSettings,
    ) -> Result<Self, AccessError> {
        let client = PackageClient::new(resolvers, settings)?;
        Ok(Self { client, registries: settings.packages.clone() })
    }

    /// Takes the certificates up as they are now.
    pub(in crate::remote) fn look(&self) -> Result<bool, String> {
        self.client.look()
    }

    /// Returns true if the settings name the registry of a package.
    pub(in crate::remote) fn is_configured(&self, package: &Package) -> bool {
        self.registries.of(package).is_some()
    }

    /// Returns the servers that a package names.
    pub(in crate::remote) async fn servers(&self, package: &Package) -> Named {
        let Some(base) = self.registries.of(package) else {
            return Named::NotConfigured;
        };
        let leads_out = |text: &str| text.split('/').any(|part| matches!(part, "." | ".."));
        if leads_out(&package.identifier) || package.version.as_deref().is_some_and(leads_out) {
            return Named::Unavailable("its name or version has a segment `.` or `..`".into());
        }
        let asked = async {
            match package.registry.as_str() {
                "npm" => npm::servers(&self.client, base, package).await,
                "pypi" => pypi::servers(&self.client, base, package).await,
                _ => image::servers(&self.client, base, package).await,
            }
        };
        let late = |_| Named::Unavailable("no complete answer within 30 seconds".into());
        timeout(TOTAL, asked).await.unwrap_or_else(late)
    }

    /// Returns the attestations of one file of a package, as its registry has them.
    pub async fn attestations(
        &self,
        key: &PackageKey,
        file: &str,
        checksum: &Checksum,
    ) -> AttestationAnswer {
        let base = key.base().ok_or("its registry has no URL")?;
        let (client, base) = (&self.client, &base);
        let asked = async {
            let answer = match key.kind() {
                "npm" => npm::attestations(client, base, key).await,
                "pypi" => pypi::attestations(client, base, key, file).await,
                "oci" => return referrers::attestations(client, base, key, checksum).await,
                _ => Answer::Unclear("attestations of its kind are not fetched".into()),
            };
            let document = answer.found()?;
            Ok(document.into_iter().map(|document| Ok(document.body)).collect())
        };
        let late = |_| Err("no complete answer within 30 seconds".into());
        timeout(TOTAL, asked).await.unwrap_or_else(late)
    }

    /// Returns the files of a package, as its registry states them.
    pub async fn artefacts(&self, key: &PackageKey) -> PackageLookup {
        let Some(base) = key.base() else {
            return PackageLookup::Unclear("its registry has no URL".into());
        };
        let (client, base) = (&self.client, &base);
        let asked = async {
            match key.kind() {
                "npm" => npm::artefacts(client, base, key).await,
                "pypi" => pypi::artefacts(client, base, key).await,
                "oci" => image::artefacts(client, base, key).await,
                "mcpb" => bundle::artefacts(client, base, key).await,
                _ => PackageLookup::Unclear("packages of its kind are not looked at".into()),
            }
        };
        let (limit, words) = match key.kind() {
            "mcpb" => (DOWNLOAD, "10 minutes"),
            _ => (TOTAL, "30 seconds"),
        };
        let late = |_| PackageLookup::Unclear(format!("no complete answer within {words}"));
        timeout(limit, asked).await.unwrap_or_else(late)
    }
}
