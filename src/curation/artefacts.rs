//! The packages of an entry beside what is recorded of their files.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use url::Url;

use super::conditions::normal;
use super::dossier::{ContentHead, Dossier};
use super::evidence::Evidence;
use super::facts::PackageFacts;
use super::policy::PolicySnapshot;
use super::provenance::{Origin, PackageProvenance};
use super::requirement::{Demanded, TypeDemands};
use crate::artefact::{ArtefactRecord, Checksum, Floating, PackageKey, PackageRecord};
use crate::model::Timestamp;
use crate::overlay::EffectivePolicy;
use crate::ownership::{Package, is_registry_of};

/// A package of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryPackage<'a> {
    pub facts: &'a PackageFacts,
    /// The record of its files, if its registry was looked at.
    pub recorded: Option<(&'a PackageKey, &'a PackageRecord)>,
    pub floating: Option<Floating>,
    /// The verdict on who built it; `None` if its attestations were not looked for.
    pub provenance: Option<PackageProvenance>,
    /// The provenance that rules and settings demand of it.
    pub demanded: Option<Demanded<'a>>,
    /// The moment since which it could have been looked at, and why it was not, where provenance is demanded.
    pub owed: Option<(Timestamp, &'static str)>,
}

/// The time without a definite answer after which a person should look at it.
const UNCONFIRMED_AFTER: Duration = Duration::from_hours(7 * 24);

const NOT_LOOKED: &str =
    "it was not looked at: the requests of a day, or the limits of one name, leave no room";
const NO_REGISTRY: &str = "it is of no registry in `[packages]` or `[package_urls]`";

/// A file whose digest is another one than before, or than the entry states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArtefactChange<'a> {
    pub file: &'a str,
    /// The digest before, in the form `sha256:…`.
    pub before: &'a str,
    pub now: &'a Checksum,
}

impl PackageFacts {
    /// Returns the package at the registry that is asked about it. An entry's own registry counts only where the
    /// settings list it; `None` if no listed registry has the package.
    #[must_use]
    pub fn key(&self, policy: &PolicySnapshot) -> Option<PackageKey> {
        let kind = self.registry.to_ascii_lowercase();
        let version = self.version.as_deref();
        let listed = || policy.package_urls.of(&kind).filter_map(|url| Url::parse(url).ok());
        let base = match kind.as_str() {
            "npm" | "pypi" => match &self.base_url {
                None => policy.asked.of(&Package::new(&kind, &self.identifier, version)).cloned(),
                Some(own) => policy.package_urls.lists(&kind, own).then(|| Url::parse(own).ok())?,
            },
            "oci" => {
                let asked = policy.asked.of(&Package::new(&kind, &self.identifier, version));
                let mut listed = listed();
                let is_its = |url: &Url| is_registry_of(url, &self.identifier);
                asked.cloned().or_else(|| listed.find(is_its))
            }
            "mcpb" => {
                let file = normal("mcpb", &self.identifier)?;
                let is_below = |url: &Url| {
                    let rest = file.strip_prefix(url.as_str().trim_end_matches('/'));
                    rest.is_some_and(|rest| rest.starts_with('/'))
                };
                listed().find(is_below)
            }
            _ => None,
        };
        PackageKey::new(&kind, &base?, &self.identifier, version)
    }

    /// Returns the reason why it does not name one content, by what the entry says.
    #[must_use]
    pub fn floating(&self) -> Option<Floating> {
        Floating::of(&self.registry, &self.identifier, self.version.as_deref(), self.exact)
    }
}

impl<'a> EntryPackage<'a> {
    /// Returns the packages of a content.
    pub(super) fn of_content(
        content: &'a ContentHead,
        dossier: &'a Dossier,
        policy: &PolicySnapshot,
        rules: &EffectivePolicy<'a>,
    ) -> Vec<Self> {
        let packages = content.facts.iter().flat_map(|facts| &facts.packages);
        let package = |facts: &'a PackageFacts| {
            let demanded = policy.provenance.demanded(&facts.registry, rules);
            let package = Self { demanded, ..Self::of(facts, dossier, policy) };
            let is_owed = demanded.is_some() && package.recorded.is_none() && facts.is_checkable();
            let owed = is_owed.then(|| {
                let reviewed = rules.approval.and_then(|(_, approval)| approval.reviewed);
                let since = reviewed.map_or(content.head.first_seen, |reviewed| {
                    reviewed.start().max(content.head.first_seen)
                });
                let is_listed = facts.key(policy).is_some();
                (since, if is_listed { NOT_LOOKED } else { NO_REGISTRY })
            });
            Self { owed, ..package }
        };
        let mut packages: Vec<Self> = packages.map(package).collect();
        if packages.iter().any(|package| package.recorded.is_some()) {
            let pins = policy.overlays.pins(dossier.name.namespace());
            let origin = Origin::of(content, dossier, pins, &policy.package_urls);
            for package in &mut packages {
                let judged = package.recorded.map(|(key, record)| origin.judge(key, record));
                package.provenance = judged.flatten();
            }
        }
        packages
    }

    fn of(facts: &'a PackageFacts, dossier: &'a Dossier, policy: &PolicySnapshot) -> Self {
        // Most names have none, and a key costs more than everything else here.
        let key = if dossier.artefacts.is_empty() { None } else { facts.key(policy) };
        let recorded = key.and_then(|key| dossier.artefacts.get_key_value(&key));
        let is_moved = recorded.is_some_and(|(_, record)| record.moved_at.is_some());
        let floating = match facts.floating() {
            Some(Floating::Tag | Floating::Latest) if is_moved && facts.is_image() => {
                Some(Floating::MovedTag)
            }
            floating => floating,
        };
        Self { facts, recorded, floating, provenance: None, demanded: None, owed: None }
    }

    /// Returns the moments after which its registry owes an answer for too long: about its files, and about the
    /// attestations that are demanded.
    pub(super) fn unconfirmed_from(&self) -> [Option<Timestamp>; 2] {
        let since = self.recorded.map_or([None; 2], |(_, record)| record.unanswered());
        let [files, attestations] = since;
        let attestations = attestations.filter(|_| self.demanded.is_some());
        [files, attestations.or(self.owed.map(|(since, _)| since))]
            .map(|since| since.map(|since| since.plus(UNCONFIRMED_AFTER)))
    }

    /// Returns its name and the reason if there is no answer about it for too long, with true if only attestations lack
    /// one.
    #[must_use]
    pub fn unconfirmed(&self, now: Timestamp) -> Option<(String, bool, Option<&'a str>)> {
        let is_due = |from: Option<Timestamp>| from.is_some_and(|from| from <= now);
        let [files, attestations] = self.unconfirmed_from().map(is_due);
        if !files && !attestations {
            return None;
        }
        Some(match self.recorded {
            Some((key, record)) => (key.to_string(), !files, record.problem.as_deref()),
            None => (self.facts.to_string(), true, self.owed.map(|(_, why)| why)),
        })
    }

    /// Returns its recorded files, by name.
    pub fn files(&self) -> impl Iterator<Item = (&'a str, &'a ArtefactRecord)> + use<'a> {
        let files = self.recorded.into_iter().flat_map(|(_, record)| &record.files);
        files.map(|(name, file)| (name.as_str(), file))
    }

    /// Returns the files with another digest than before, or than the entry states.
    pub fn changes(&self) -> impl Iterator<Item = ArtefactChange<'a>> + use<'a> {
        let facts = self.facts;
        self.files().filter_map(|(file, record)| change(facts, file, record))
    }

    /// Returns the files with a digest that no reviewer accepted: where an approval pins a file the pin decides, and
    /// otherwise a change does.
    pub fn unaccepted<'p>(
        &self,
        pins: &'p BTreeMap<String, Checksum>,
    ) -> impl Iterator<Item = ArtefactChange<'p>> + use<'a, 'p>
    where
        'a: 'p,
    {
        let Self { facts, recorded, .. } = *self;
        self.files().filter_map(move |(file, record)| {
            let is_its =
                |pin: &str| pin == file || recorded.is_some_and(|(key, _)| key.is_named(pin));
            let mut pinned =
                pins.iter().filter(|(pin, _)| is_its(pin)).map(|(_, digest)| digest).peekable();
            if pinned.peek().is_none() {
                return change(facts, file, record);
            }
            let before = pinned.find(|pinned| **pinned != record.digest)?.as_str();
            Some(ArtefactChange { file, before, now: &record.digest })
        })
    }

    /// Returns the files that a pin names: by their name, or by the identifier of the package.
    fn named(&self, pin: &str) -> impl Iterator<Item = &'a ArtefactRecord> + use<'a> {
        let is_package = self.recorded.is_some_and(|(key, _)| key.is_named(pin));
        let pin = pin.to_owned();
        self.files().filter(move |(file, _)| is_package || *file == pin).map(|(_, file)| file)
    }
}

impl PackageFacts {
    /// Returns true if its registry can have attestations of exactly what a client runs.
    #[must_use]
    pub fn is_checkable(&self) -> bool {
        TypeDemands::TYPES.iter().any(|kind| self.registry.eq_ignore_ascii_case(kind))
            && self.floating().is_none()
            && self.redirected.is_none()
    }

    fn is_image(&self) -> bool {
        self.registry.eq_ignore_ascii_case("oci")
    }
}

impl fmt::Display for PackageFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { registry, identifier, version, .. } = self;
        write!(f, "{registry} {identifier}")?;
        version.iter().try_for_each(|version| write!(f, " {version}"))
    }
}

/// Returns the first artefact that differs from its pin, or of which nothing is recorded.
pub(super) fn unmatched_pin<'a>(
    pins: &'a BTreeMap<String, Checksum>,
    packages: &[EntryPackage<'a>],
) -> Option<Evidence<'a>> {
    pins.iter().find_map(|(file, pinned)| {
        let mut recorded = packages.iter().flat_map(|package| package.named(file)).peekable();
        if recorded.peek().is_none() {
            return Some(Evidence::ArtefactUnknown { file });
        }
        let other = recorded.find(|record| record.digest != *pinned)?;
        Some(Evidence::ArtefactDiffers { file, pinned, recorded: &other.digest })
    })
}

fn change<'a>(
    facts: &'a PackageFacts,
    file: &'a str,
    record: &'a ArtefactRecord,
) -> Option<ArtefactChange<'a>> {
    let now = &record.digest;
    let stated = facts.sha256.as_deref().filter(|stated| *stated != now.as_str());
    let before = stated.or_else(|| record.before().map(Checksum::as_str))?;
    Some(ArtefactChange { file, before, now })
}
