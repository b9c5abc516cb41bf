use serde::{Serialize, Serializer};
use smol_str::SmolStr;

use super::item::Source;
use crate::artefact::{ArtefactRecord, Checksum, Floating};
use crate::curation::{Concern, EntryPackage, Reach};
use crate::model::{Digest, Escaped, Head, Name, Timestamp};
use crate::overlay::{Classification, EffectivePolicy, Reviewed, Track};
use crate::provenance::Verdict;

/// The facts about an entry under our own key in its `_meta`; without persons, reasons and conditions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Facts {
    pub(super) listed: ListedFacts,
    pub(super) details: Details,
    pub(super) packages: Packages,
    /// True if it is the greatest version that its upstream has, whatever that says of the row: it changes the flag of an
    /// older row without another date, so that no reader of changes learns of it.
    is_latest_upstream: bool,
}

/// The packages of an entry of which files are recorded, that an advisory concerns, or that are floating; bounded, and only
/// in single entries.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub(super) struct Packages {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    packages: Vec<PackageFact>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
struct PackageFact {
    identifier: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    artefacts: Vec<ArtefactFact>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provenance: Option<ProvenanceFact>,
    /// The ids of those advisories of the entry that affect the package.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    advisories: Vec<SmolStr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    floating: Option<Floating>,
}

/// The definite verdict on who built a package; a failing registry changes no byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
struct ProvenanceFact {
    verdict: &'static str,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    build: Option<BuildFact>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
struct BuildFact {
    repository: String,
    commit: String,
    workflow: String,
    builder: String,
    signed_at: Seconds,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
struct ArtefactFact {
    file: String,
    digest: Checksum,
}

impl ProvenanceFact {
    /// Returns `None` if the verdict is not definite. The texts are those of a verified build only.
    fn of(verdict: &Verdict) -> Option<Self> {
        let escaped = |text: &String| Escaped(text).to_string();
        let build = match verdict {
            Verdict::Unavailable => return None,
            Verdict::Unsigned | Verdict::Failed { .. } => None,
            Verdict::Verified(build) => Some(BuildFact {
                repository: escaped(&build.repository),
                commit: escaped(&build.commit),
                workflow: escaped(&build.workflow),
                builder: escaped(&build.builder),
                signed_at: Seconds(build.signed_at),
            }),
        };
        Some(Self { verdict: verdict.as_str(), build })
    }
}

/// Packages of one entry, and files of one package, that its block lists.
const MAX_PACKAGES: usize = 16;
const MAX_ARTEFACTS: usize = 16;

impl PackageFact {
    /// Returns `None` if nothing is known of the package.
    fn of<'a>(package: &EntryPackage<'a>, concerns: &[Concern<'a>]) -> Option<Self> {
        let files = package.files().take(MAX_ARTEFACTS);
        let artefact = |(file, record): (&str, &ArtefactRecord)| ArtefactFact {
            file: file.to_owned(),
            digest: record.digest.clone(),
        };
        let (artefacts, floating) = (files.map(artefact).collect::<Vec<_>>(), package.floating);
        let identifier = package.facts.identifier.clone();
        let provenance = package.provenance.as_ref();
        let provenance = provenance.and_then(|found| ProvenanceFact::of(&found.verdict));
        let affecting = Concern::of_package(concerns, package.facts);
        let advisories: Vec<_> = affecting.map(|concern| concern.advisory.id.clone()).collect();
        let is_known = floating.is_some() || !artefacts.is_empty() || !advisories.is_empty();
        is_known.then_some(Self { identifier, artefacts, provenance, advisories, floating })
    }
}

/// Returns the word of the worst definite verdict on the packages of an entry; that they are verified only if each is.
fn worst(packages: &[EntryPackage<'_>]) -> Option<&'static str> {
    let verdicts = packages.iter().map(|package| Some(&package.provenance.as_ref()?.verdict));
    let definite = verdicts.map(|verdict| verdict.filter(|known| **known != Verdict::Unavailable));
    let worst = definite.clone().flatten().max_by_key(|verdict| verdict.weight())?;
    let is_whole = definite.clone().all(|verdict| verdict.is_some());
    (is_whole || !matches!(worst, Verdict::Verified(_))).then_some(worst.as_str())
}

/// The facts that every form of an item has: programs choose by them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListedFacts {
    upstream: SmolStr,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<u8>,
    /// The verdict on the ownership of the name, if it is definite.
    #[serde(skip_serializing_if = "Option::is_none")]
    ownership: Option<&'static str>,
    /// True if a package does not name one content.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    floating: bool,
    /// The verdict on its packages that is known to be the worst.
    #[serde(skip_serializing_if = "Option::is_none")]
    provenance: Option<&'static str>,
}

/// The facts that only a single entry has: people read them, and a list would repeat them in every item.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Details {
    #[serde(skip_serializing_if = "Option::is_none")]
    classification: Option<Classification>,
    #[serde(skip_serializing_if = "Option::is_none")]
    track: Option<Track>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reviewed: Option<Reviewed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Seconds>,
    /// The server to use instead, where it is visible too.
    #[serde(skip_serializing_if = "Option::is_none")]
    successor: Option<SmolStr>,
    /// The advisories that concern it, the heaviest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    advisories: Vec<AdvisoryFact>,
}

/// An advisory that concerns a served entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
struct AdvisoryFact {
    id: SmolStr,
    severity: &'static str,
}

impl AdvisoryFact {
    fn of(concern: &Concern<'_>) -> Self {
        Self { id: concern.advisory.id.clone(), severity: concern.advisory.severity.as_str() }
    }
}

/// Advisories that an entry lists, and its packages with it.
const MAX_ADVISORIES: usize = 10;

/// A time that is written in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Seconds(Timestamp);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Facts {
    #[must_use]
    pub fn new<'a>(
        upstream: &SmolStr,
        effective: &EffectivePolicy<'_>,
        ownership: Option<&'static str>,
        successor: Option<&Name>,
        packages: &[EntryPackage<'a>],
        concerns: &[Concern<'a>],
    ) -> Self {
        let concerns = concerns.get(..MAX_ADVISORIES).unwrap_or(concerns);
        let EffectivePolicy { tier, classification, .. } = *effective;
        let approval = effective.approval.map(|(_, approval)| approval);
        let floating = packages.iter().any(|package| package.floating.is_some());
        let provenance = worst(packages);
        let known = packages.iter().filter_map(|package| PackageFact::of(package, concerns));
        Self {
            listed: ListedFacts {
                upstream: upstream.clone(),
                tier,
                ownership,
                floating,
                provenance,
            },
            packages: Packages { packages: known.take(MAX_PACKAGES).collect() },
            details: Details {
                classification,
                track: approval.and_then(|approval| approval.track),
                reviewed: approval.and_then(|approval| approval.reviewed),
                expires: approval.and_then(|approval| approval.expires).map(Seconds),
                successor: successor.map(|name| SmolStr::new(name.as_str())),
                advisories: concerns.iter().map(AdvisoryFact::of).collect(),
            },
            is_latest_upstream: false,
        }
    }

    /// Returns the facts of the version that is, or is not, the latest one of its upstream.
    #[must_use]
    pub fn of_latest_upstream(self, is_latest_upstream: bool) -> Self {
        Self { is_latest_upstream, ..self }
    }

    /// Returns if it is the latest version of its upstream, where that differs from ours.
    pub(super) fn differs_upstream(&self, is_latest: bool) -> Option<bool> {
        Some(self.is_latest_upstream).filter(|theirs| *theirs != is_latest)
    }

    /// Returns the upstream of the entry.
    #[must_use]
    pub fn upstream(&self) -> &SmolStr {
        &self.listed.upstream
    }

    /// Returns the members in which other facts differ from these.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let (listed, details) = (&self.listed, &self.details);
        let members = [
            ("upstream", listed.upstream != other.listed.upstream),
            ("tier", listed.tier != other.listed.tier),
            ("ownership", listed.ownership != other.listed.ownership),
            ("floating", listed.floating != other.listed.floating),
            ("provenance", listed.provenance != other.listed.provenance),
            ("packages", self.packages != other.packages),
            ("upstreamIsLatest", self.is_latest_upstream != other.is_latest_upstream),
            ("classification", details.classification != other.details.classification),
            ("track", details.track != other.details.track),
            ("reviewed", details.reviewed != other.details.reviewed),
            ("expires", details.expires != other.details.expires),
            ("successor", details.successor != other.details.successor),
            ("advisories", details.advisories != other.details.advisories),
        ];
        members.into_iter().filter(|(_, differs)| *differs).map(|(member, _)| member).collect()
    }

    /// Returns the source of an item of the entry with this head, this reach and these facts. Status, message
    /// and dates come from what upstream sent last, which `newest` describes.
    #[must_use]
    pub fn source(&self, head: &Head, newest: &Head, reach: &Reach<'_>) -> Source {
        let Head { sent, received, status, published_at, .. } = head;
        let short = |digest: Digest| digest.as_bytes().first_chunk().copied().unwrap_or_default();
        let newest = (newest.sent, newest.is_rewritten());
        let entry = (sent, newest, received, status, published_at, self.upstream(), reach);
        let entry = Digest::of_hash(&entry);
        Source { entry: short(entry), facts: short(Digest::of_hash(self)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curation::{ContentFacts, PackageProvenance};
    use crate::provenance::{Build, Failure};

    fn verdict(word: &str) -> Option<Verdict> {
        let build = Build {
            repository: "https://github.com/a/b".into(),
            repository_id: None,
            commit: "c".into(),
            workflow: "w".into(),
            called: None,
            builder: "b".into(),
            signed_at: Timestamp::MIN,
        };
        match word {
            "verified" => Some(Verdict::Verified(Box::new(build))),
            "unsigned" => Some(Verdict::Unsigned),
            "failed" => Some(Verdict::Failed { reason: Failure::NoSource }),
            "unavailable" => Some(Verdict::Unavailable),
            _ => None,
        }
    }

    #[rstest::rstest]
    #[case(&[], None)]
    #[case(&["verified"], Some("verified"))]
    #[case(&["verified", "unsigned", "verified"], Some("unsigned"))]
    #[case(&["failed", "unsigned"], Some("failed"))]
    #[case(&["unavailable", "failed"], Some("failed"))]
    #[case(&["unavailable", "unsigned"], Some("unsigned"))]
    #[case(&["verified", "unavailable"], None)]
    #[case(&["verified", "not looked for"], None)]
    #[case(&["unavailable"], None)]
    fn list_has_the_worst_definite_verdict_and_says_verified_only_of_all_packages(
        #[case] words: &[&str],
        #[case] wanted: Option<&str>,
    ) {
        let package = r#"{"registryType":"npm","identifier":"a","version":"1.0.0","transport":{"type":"stdio"}}"#;
        let packages = vec![package; words.len()].join(",");
        let facts = ContentFacts::of(&format!(
            r#"{{"name":"a.b/c","description":"d","version":"1","packages":[{packages}]}}"#
        ));
        let known = facts.packages.iter().zip(words).map(|(facts, word)| EntryPackage {
            facts,
            recorded: None,
            floating: None,
            provenance: verdict(word).map(|verdict| PackageProvenance { verdict, drift: None }),
            demanded: None,
            owed: None,
        });
        assert_eq!(worst(&known.collect::<Vec<_>>()), wanted);
    }
}
