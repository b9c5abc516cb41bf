//! The provenance of the packages of an entry, judged by its repository and the owner of its namespace.

use serde::{Deserialize, Serialize};

use super::dossier::{ContentHead, Dossier};
use super::package_urls::PackageUrls;
use crate::artefact::{ArtefactRecord, PackageKey, PackageRecord};
use crate::ownership::{Claim, Package, Pins, SharedHosts};
use crate::provenance::{
    Artefact, Build, Drift, Evidence, Expected, Holder, Repository, Verdict, drift, judge,
};

/// The verdict on a package, and how it differs from a build that was verified before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageProvenance {
    #[serde(flatten)]
    pub verdict: Verdict,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
}

/// The facts of an entry that the attestations of its packages must agree with.
pub(super) struct Origin<'p> {
    package_urls: &'p PackageUrls,
    repository: Option<Repository>,
    holder: Option<Holder>,
}

impl<'p> Origin<'p> {
    pub(super) fn of(
        content: &ContentHead,
        dossier: &Dossier,
        pins: &Pins,
        package_urls: &'p PackageUrls,
    ) -> Self {
        let stated = content.facts.as_ref().and_then(|facts| facts.repository.as_deref());
        // Only domains depend on shared hosts.
        let claim = Claim::of(dossier.name.namespace(), &SharedHosts::default());
        let holder = match claim {
            Claim::GitHub { login } => {
                Some(Holder { login, id: pins.github.or(dossier.verification.pinned_account) })
            }
            Claim::Domain { .. } | Claim::Unverifiable { .. } => None,
        };
        Self { package_urls, repository: stated.and_then(Repository::parse), holder }
    }

    /// Judges a package; `None` if its attestations were not looked for.
    pub(super) fn judge(
        &self,
        key: &PackageKey,
        record: &PackageRecord,
    ) -> Option<PackageProvenance> {
        let (package, version) = (Package::new(key.kind(), key.identifier(), None), key.version()?);
        let base = key.base().map(String::from);
        let listed = self.package_urls.of(key.kind());
        let registries: Vec<&str> = listed.chain(base.as_deref()).collect();
        let (mut verdicts, mut lost) = (Vec::new(), None);
        for (name, file) in &record.files {
            let Some(attestations) = &file.attestations else { continue };
            let artefact = artefact(key, name, file);
            let (repository, holder) = (self.repository.as_ref(), self.holder.as_ref());
            let expected = Expected {
                package: &package,
                version,
                artefact: &artefact,
                registries: &registries,
                repository,
                holder,
            };
            let verdict = judge(&attestations.evidence, &expected);
            let mut earlier = attestations.earlier.iter().rev();
            // Another content may have been under the same tag.
            let before = earlier.find_map(|evidence| {
                let artefact = Artefact { digests: evidence.digests(), ..artefact.clone() };
                build(evidence, &Expected { artefact: &artefact, ..expected })
            });
            lost = lost.or_else(|| drift(&before?, &verdict));
            verdicts.push(verdict);
        }
        let is_known = !verdicts.is_empty();
        is_known.then(|| PackageProvenance { verdict: Verdict::of_files(verdicts), drift: lost })
    }
}

fn artefact(key: &PackageKey, name: &str, file: &ArtefactRecord) -> Artefact {
    let digests = file.digest.digest().into_iter().collect();
    // The name of a tarball of npm is ours.
    Artefact { file: (key.kind() == "pypi").then(|| name.to_owned()), digests }
}

fn build(evidence: &Evidence, expected: &Expected<'_>) -> Option<Build> {
    match judge(evidence, expected) {
        Verdict::Verified(build) => Some(*build),
        Verdict::Unsigned | Verdict::Failed { .. } | Verdict::Unavailable => None,
    }
}
