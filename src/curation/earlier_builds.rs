use super::artefacts::EntryPackage;
use crate::artefact::PackageKey;
use crate::model::Timestamp;
use crate::provenance::{Build, Verdict, drift};

/// The packages of one version of a name.
pub(super) struct VersionPackages<'e, 'a> {
    pub(super) published_at: Timestamp,
    pub(super) upstream: &'e str,
    pub(super) packages: &'e mut [EntryPackage<'a>],
}

/// A verified build of a package of one version.
struct EarlierBuild<'e> {
    published_at: Timestamp,
    upstream: &'e str,
    /// The package without its version.
    package: (String, String, String),
    build: Build,
}

/// Compares each package with the one of the verified version that was published before, in the same upstream: a release
/// that an attacker publishes with a stolen token has no attestation, or one of another workflow.
pub(super) fn compare_with_earlier_builds(versions: Vec<VersionPackages<'_, '_>>) {
    let mut builds = Vec::new();
    for VersionPackages { published_at, upstream, packages } in &versions {
        for package in packages.iter() {
            if let Some((key, _)) = package.recorded
                && let Some(found) = &package.provenance
                && let Verdict::Verified(build) = &found.verdict
            {
                let (package, build) = (without_version(key), (**build).clone());
                builds.push(EarlierBuild { published_at: *published_at, upstream, package, build });
            }
        }
    }
    if builds.is_empty() {
        return;
    }
    for VersionPackages { published_at, upstream, packages } in versions {
        for package in packages {
            if let Some((key, _)) = package.recorded
                && let Some(found) = &mut package.provenance
            {
                let its = without_version(key);
                let is_earlier = |earlier: &&EarlierBuild<'_>| {
                    earlier.published_at < published_at
                        && earlier.upstream == upstream
                        && earlier.package == its
                };
                let last = builds.iter().filter(is_earlier).max_by_key(|known| known.published_at);
                let compared = || drift(&last?.build, &found.verdict);
                found.drift = found.drift.take().or_else(compared);
            }
        }
    }
}

/// Returns true if a package was verified in the version that a reviewer saw, and is unsigned or built elsewhere in another
/// one.
pub(super) fn has_lost_provenance(
    reviewed: &[EntryPackage<'_>],
    later: &[EntryPackage<'_>],
) -> bool {
    let builds = reviewed.iter().filter_map(|package| {
        let (key, _) = package.recorded?;
        match &package.provenance.as_ref()?.verdict {
            Verdict::Verified(build) => Some((without_version(key), build)),
            _ => None,
        }
    });
    builds.into_iter().any(|(package, build)| {
        later.iter().any(|other| {
            let is_same = other.recorded.is_some_and(|(key, _)| without_version(key) == package);
            let verdict = other.provenance.as_ref().map(|found| &found.verdict);
            is_same && verdict.is_some_and(|verdict| drift(build, verdict).is_some())
        })
    })
}

fn without_version(key: &PackageKey) -> (String, String, String) {
    let base = key.base().map(String::from).unwrap_or_default();
    (key.kind().to_owned(), base, key.identifier().to_owned())
}
