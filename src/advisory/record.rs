use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::comparable::{Comparable, Forms};
use super::ecosystem::{Ecosystem, EcosystemPackage, versions_of};
use super::range::{Ordered, Range};
use crate::model::{Digest, Timestamp};

/// One advisory, as far as this registry needs it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Advisory {
    pub id: SmolStr,
    /// Ids of the same matter in other databases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<SmolStr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<Timestamp>,
    /// The time since which it does not apply any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Timestamp>,
    /// The first line, shortened.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    pub severity: Severity,
    /// The packages of ecosystems that entries can name.
    pub affected: Vec<Affected>,
    /// The number of different packages that it names, of whichever ecosystem.
    pub packages: usize,
    /// The parts that could not be read, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
}

/// The affected versions of one package.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Affected {
    pub ecosystem: Ecosystem,
    /// In the normal form of the ecosystem.
    pub package: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<Range>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<SmolStr>,
    #[serde(skip)]
    comparable: Comparable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
    /// Not stated in a form that is read here, so it may be any.
    Unknown,
}

/// The consequence of an advisory for what it concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    Hide,
    Alert,
}

/// The relation of a package to an advisory that concerns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    /// Its version is affected.
    Certain,
    /// It states no version, or one that cannot be compared.
    Possible,
}

impl Severity {
    pub const WORDS: [(&str, Self); 5] = [
        ("low", Self::Low),
        ("medium", Self::Medium),
        ("high", Self::High),
        ("critical", Self::Critical),
        ("unknown", Self::Unknown),
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        Self::WORDS[self as usize].0
    }

    /// Returns the severity of a score times ten.
    pub(super) const fn of_score(tenths: u32) -> Self {
        match tenths {
            90.. => Self::Critical,
            70.. => Self::High,
            40.. => Self::Medium,
            _ => Self::Low,
        }
    }
}

/// Returns true for the id of a report of malicious code.
#[must_use]
pub fn is_malicious(id: &str) -> bool {
    id.starts_with("MAL-")
}

impl Advisory {
    /// Returns true for a report of malicious code, by the prefix that its database reserves.
    #[must_use]
    pub fn is_malicious(&self) -> bool {
        is_malicious(&self.id)
    }

    /// Returns the packages that it affects; none if it is withdrawn.
    pub fn keys(&self) -> impl Iterator<Item = EcosystemPackage> {
        let affected = self.affected.iter().filter(|_| self.withdrawn.is_none());
        affected.map(Affected::key)
    }

    /// Returns the advisory as it applies at a time: a withdrawal that is announced for later withdraws nothing.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        let withdrawn = self.withdrawn.filter(|withdrawn| *withdrawn <= now);
        Self { withdrawn, ..self }
    }

    /// Returns true if it affects everything that another text of it affects.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let is_ended = other.withdrawn.is_some() || other.affected.is_empty();
        let as_definite = !self.is_malicious() || self.packages <= other.packages.max(1);
        let of_other = || other.affected.iter().all(|affected| self.affected.contains(affected));
        is_ended || self.withdrawn.is_none() && as_definite && of_other()
    }

    /// Returns the effect on a package of an entry; `None` if it does not concern it.
    #[must_use]
    pub fn effect_on(
        &self,
        key: &EcosystemPackage,
        identifier: &str,
        version: Option<&str>,
    ) -> Option<(Effect, Match)> {
        let of_package = self.affected.iter().filter(|affected| affected.is_about(key));
        of_package.filter_map(|affected| self.effect_of(affected, identifier, version)).min()
    }

    /// Returns the effect of one part of it on a package of an entry, which that part is about.
    #[must_use]
    pub fn effect_of(
        &self,
        affected: &Affected,
        identifier: &str,
        version: Option<&str>,
    ) -> Option<(Effect, Match)> {
        if self.withdrawn.is_some() {
            return None;
        }
        let versions = versions_of(affected.ecosystem, identifier, version);
        let matched = affected.compare(&versions)?;
        let hides = matched == Match::Certain
            && self.is_malicious()
            && (self.packages == 1 || affected.lists(&versions));
        Some((if hides { Effect::Hide } else { Effect::Alert }, matched))
    }

    /// Returns the digest of everything that is read of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_hash(self)
    }
}

impl Affected {
    pub(super) fn new(
        ecosystem: Ecosystem,
        package: String,
        ranges: Vec<Range>,
        versions: Vec<SmolStr>,
    ) -> Self {
        Self { ecosystem, package, ranges, versions, comparable: Comparable::default() }
    }

    #[must_use]
    pub fn key(&self) -> EcosystemPackage {
        EcosystemPackage { ecosystem: self.ecosystem, package: self.package.clone() }
    }

    fn is_about(&self, key: &EcosystemPackage) -> bool {
        self.ecosystem == key.ecosystem && self.package == key.package
    }

    /// Returns true if it enumerates one of the versions.
    fn lists(&self, versions: &[&str]) -> bool {
        versions.iter().any(|version| self.forms().list(version))
    }

    fn forms(&self) -> &Forms {
        self.comparable.of(self.ecosystem, &self.versions, &self.ranges)
    }

    /// Compares the versions that a package of an entry states.
    pub(super) fn compare(&self, versions: &[&str]) -> Option<Match> {
        let Self { ecosystem, ranges, .. } = self;
        if ranges.iter().any(Range::is_everything) || self.lists(versions) {
            return Some(Match::Certain);
        }
        let ordered: Vec<Ordered> =
            versions.iter().filter_map(|version| Ordered::read(*ecosystem, version)).collect();
        if ordered.iter().any(|version| self.forms().contain(version)) {
            return Some(Match::Certain);
        }
        let is_known = match ecosystem {
            Ecosystem::Oci => self.knows_image(versions),
            _ if ecosystem.has_order() => !ordered.is_empty(),
            _ => !versions.is_empty(),
        };
        (!is_known).then_some(Match::Possible)
    }

    /// Returns true if an image that is not listed is another one: by its digest, or by its tag where only tags are
    /// listed.
    fn knows_image(&self, versions: &[&str]) -> bool {
        let is_digest = |text: &str| text.contains(':');
        if self.versions.iter().any(|listed| is_digest(listed)) {
            versions.iter().any(|version| is_digest(version))
        } else {
            versions.iter().any(|version| !is_digest(version) && *version != "latest")
        }
    }
}
