//! Judges the conditions that rules set, one rule after the other: so lists intersect, and a condition
//! that is added never shows more.
//!
//! What cannot be judged does not meet a condition: content without facts, a host with a variable in it, a
//! package of an unknown type or from an unknown registry.

use std::collections::BTreeSet;
use std::fmt;

use url::Url;

use super::arguments::usual_runtime;
use super::dossier::ContentHead;
use super::facts::{ContentFacts, InputPlace, PackageFacts, RemoteFacts};
use super::ownership::OwnershipEvidence;
use super::scans::demanded;
use crate::model::{Escaped, Timestamp};
use crate::overlay::{
    Condition, Conditions, EffectivePolicy, PACKAGE_TYPES, Rule, Waive, registry_form,
};
use crate::ownership::{Package, PackageRegistries, Requirement, Verdict, image};
use crate::scan::{self, Lack};

/// A condition that an entry does not meet, with the rule that sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unmet<'a> {
    pub rule: &'a Rule,
    pub condition: Condition,
    pub found: Found<'a>,
}

/// The part of an entry that does not meet a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// A package, and the value that is judged; `None` if it has none.
    Package {
        identifier: &'a str,
        value: Option<&'a str>,
    },
    /// A remote, and the value that is judged; `None` if that is its URL.
    Remote {
        url: &'a str,
        value: Option<&'a str>,
    },
    /// The name of an input.
    Input(&'a str),
    Ownership(Option<Verdict>),
    /// A tool without a result that the rule demands.
    Scan {
        tool: &'a str,
        lack: Lack,
    },
    NoFacts,
}

/// A condition that an entry would not meet, but for a waiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waived<'a> {
    pub condition: Condition,
    pub waive: &'a Waive,
}

/// The result of judging an entry by the conditions of all rules.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Judgement<'a> {
    /// The conditions that it does not meet and that no waiver covers.
    pub(super) unmet: Vec<Unmet<'a>>,
    /// The conditions that it does not meet and that waivers cover, each with the waiver that ends last.
    pub(super) waived: Vec<Waived<'a>>,
    /// The end of the first scan result without which a condition is not met.
    pub(super) scans_end: Option<Timestamp>,
}

/// Everything that conditions are judged by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged<'a, 'c> {
    pub(super) rules: &'c EffectivePolicy<'a>,
    pub(super) content: &'a ContentHead,
    pub(super) ownership: OwnershipEvidence<'a>,
    /// The scan results about the version.
    pub(super) scans: &'c [scan::Judged<'a>],
    pub(super) asked: &'a PackageRegistries,
    pub(super) now: Timestamp,
}

impl<'a> Judged<'a, '_> {
    /// Judges the entry by every condition of every rule.
    pub(super) fn judge(&self) -> Judgement<'a> {
        let mut judgement = Judgement::default();
        for rule in self.rules.conditions.iter().copied() {
            let Some(conditions) = &rule.conditions else { continue };
            judgement.scans_end =
                [judgement.scans_end, self.scans_end(conditions)].into_iter().flatten().min();
            for (_, condition) in Condition::WORDS {
                let Some(found) = self.violation(conditions, condition) else { continue };
                match waiver(self.rules, condition, self.now) {
                    Some(waive) => judgement.waived.push(Waived { condition, waive }),
                    None => judgement.unmet.push(Unmet { rule, condition, found }),
                }
            }
        }
        judgement
    }

    /// Returns the end of the results that a rule demands; a waiver may last longer.
    fn scans_end(&self, conditions: &Conditions) -> Option<Timestamp> {
        let end = demanded(conditions.scan.as_ref()?, self.scans, self.now).ok()??;
        let waived = waiver(self.rules, Condition::Scan, self.now).map(|waive| waive.expires);
        Some(waived.map_or(end, |waived| waived.max(end)))
    }

    /// Returns what violates one condition of a rule.
    fn violation(&self, conditions: &'a Conditions, condition: Condition) -> Option<Found<'a>> {
        match condition {
            Condition::PinnedPackages if conditions.pinned_packages => self.facts_or(|facts| {
                let mut packages = facts.packages.iter();
                packages
                    .find(|package| !package.exact || package.redirected.is_some())
                    .map(of_version)
            }),
            Condition::PinnedPackages => None,
            Condition::Provenance => None,
            Condition::Ownership => self.lack_of_ownership(conditions.ownership?),
            Condition::Scan => {
                let lack = demanded(conditions.scan.as_ref()?, self.scans, self.now).err();
                lack.map(|(tool, lack)| Found::Scan { tool, lack })
            }
            listed => {
                let allowed = conditions.lists.get(&listed)?;
                self.facts_or(|facts| self.unlisted(facts, listed, allowed))
            }
        }
    }

    fn facts_or(
        &self,
        judge: impl FnOnce(&'a ContentFacts) -> Option<Found<'a>>,
    ) -> Option<Found<'a>> {
        self.content.facts.as_ref().map_or(Some(Found::NoFacts), judge)
    }

    /// Returns the first part of an entry that a list does not allow.
    fn unlisted(
        &self,
        facts: &'a ContentFacts,
        condition: Condition,
        allowed: &BTreeSet<String>,
    ) -> Option<Found<'a>> {
        let package = |is_allowed: &dyn Fn(&PackageFacts) -> bool,
                       value: fn(&PackageFacts) -> Option<&str>| {
            let found = facts.packages.iter().find(|package| !is_allowed(package))?;
            Some(Found::Package { identifier: &found.identifier, value: value(found) })
        };
        let input = |is_judged: &dyn Fn(InputPlace, bool) -> bool| {
            let mut inputs =
                facts.inputs.iter().filter(|input| is_judged(input.place, input.secret));
            inputs
                .find(|input| !allowed.contains(input.name.as_str()))
                .map(|input| Found::Input(&input.name))
        };
        let remote = |is_allowed: &dyn Fn(&RemoteFacts) -> bool| {
            facts.remotes.iter().find(|remote| !is_allowed(remote))
        };
        match condition {
            Condition::PackageTypes => {
                package(&|package| allowed.contains(package.registry.as_str()), |package| {
                    Some(&package.registry)
                })
            }
            Condition::PackageRegistries => {
                let is_met = |package: &PackageFacts| {
                    package.redirected.is_none() && is_from(package, allowed, self.asked)
                };
                package(&is_met, |package| {
                    package.redirected.as_deref().or(package.base_url.as_deref())
                })
            }
            Condition::PackageIdentifiers => {
                let is_met = |package: &PackageFacts| {
                    package.redirected.is_none() && is_identified(package, allowed)
                };
                package(&is_met, |package| {
                    Some(package.redirected.as_deref().unwrap_or(&package.identifier))
                })
            }
            Condition::Runtimes => package(
                &|package| runtime(package).is_some_and(|program| allowed.contains(program)),
                runtime,
            ),
            Condition::RemoteHosts => remote(&|remote| is_at(&remote.url, allowed))
                .map(|remote| Found::Remote { url: &remote.url, value: None }),
            Condition::RemoteTransports => remote(&|remote| {
                allowed.contains(remote.transport.as_str())
            })
            .map(|remote| Found::Remote { url: &remote.url, value: Some(&remote.transport) }),
            Condition::Secrets => input(&|_, is_secret| is_secret),
            Condition::Environment => input(&|place, _| place == InputPlace::Environment),
            Condition::PinnedPackages
            | Condition::Ownership
            | Condition::Scan
            | Condition::Provenance => None,
        }
    }

    fn lack_of_ownership(&self, required: Requirement) -> Option<Found<'a>> {
        let verdict = match self.ownership {
            OwnershipEvidence::InternalUpstream => return None,
            OwnershipEvidence::Evaluated { basis, .. } => Some(basis.verdict()),
            OwnershipEvidence::Disputed(_) => Some(Verdict::Revoked),
            OwnershipEvidence::NotChecked | OwnershipEvidence::Exempted => None,
        };
        let is_met = match verdict {
            Some(Verdict::Declared) => true,
            Some(Verdict::Verified) => required != Requirement::Declared,
            _ => false,
        };
        (!is_met).then_some(Found::Ownership(verdict))
    }
}

/// Returns the waiver of a condition that ends last.
pub(super) fn waiver<'a>(
    rules: &EffectivePolicy<'a>,
    condition: Condition,
    now: Timestamp,
) -> Option<&'a Waive> {
    let covering = rules.waivers.iter().filter(|waive| waive.condition.covers(condition));
    covering.copied().filter(|waive| now <= waive.expires).max_by_key(|waive| waive.expires)
}

fn of_version(package: &PackageFacts) -> Found<'_> {
    let value = package.redirected.as_deref().or(package.version.as_deref());
    Found::Package { identifier: &package.identifier, value }
}

/// Returns the program that runs a package: the one that it names, or else the usual one of its type.
fn runtime(package: &PackageFacts) -> Option<&str> {
    if let Some(hint) = package.runtime.as_deref().filter(|hint| !hint.is_empty()) {
        return Some(hint);
    }
    usual_runtime(&package.registry)
}

/// Returns true if a package is from an allowed registry, as far as it says from which.
fn is_from(package: &PackageFacts, allowed: &BTreeSet<String>, asked: &PackageRegistries) -> bool {
    let is_listed = |url: &str| registry_form(url).is_some_and(|found| allowed.contains(&found));
    let is_base_listed = package.base_url.as_deref().is_none_or(is_listed);
    match kind(package).as_str() {
        // Its registry is part of the reference, whatever the base URL says.
        "oci" => {
            let known = Package::new("oci", &package.identifier, None);
            let host = known.identifier.split_once('/').map(|(host, _)| format!("https://{host}"));
            is_base_listed && host.is_some_and(|host| is_listed(&host))
        }
        "mcpb" => {
            let file = normal("mcpb", &package.identifier);
            let is_below = |listed: &String| {
                let file = file.as_deref().and_then(|file| file.strip_prefix(listed.as_str()));
                file.is_some_and(|rest| rest.starts_with('/'))
            };
            is_base_listed && allowed.iter().any(is_below)
        }
        kind if !PACKAGE_TYPES.contains(&kind) => false,
        _ if package.base_url.is_some() => is_base_listed,
        kind => {
            let usual = asked.urls().find(|(known, _)| *known == kind);
            usual.is_some_and(|(_, url)| is_listed(url.as_str()))
        }
    }
}

/// Returns true if a pattern covers the identifier, both in the normal form of the package's type.
fn is_identified(package: &PackageFacts, allowed: &BTreeSet<String>) -> bool {
    let kind = kind(package);
    let Some(known) = normal(&kind, &package.identifier) else { return false };
    allowed.iter().any(|pattern| match pattern.strip_suffix('*') {
        // A normal form would remove a mark at the end, so a digit follows it.
        Some(start) => normal(&kind, &format!("{start}0")).is_some_and(|whole| {
            whole.strip_suffix('0').is_some_and(|start| known.starts_with(start))
        }),
        None => normal(&kind, pattern).as_ref() == Some(&known),
    })
}

/// Returns an identifier in the normal form of its ecosystem; an image without its tag and digest.
pub(super) fn normal(kind: &str, identifier: &str) -> Option<String> {
    match kind {
        // A path may lead up again, which the parser resolves.
        // An escaped separator may be one for the server.
        "mcpb" if is_escaped(identifier) => None,
        "mcpb" => Url::parse(identifier).ok().map(String::from),
        "oci" => Some(image(&Package::new(kind, identifier, None).identifier).0.to_owned()),
        kind => Some(Package::new(kind, identifier, None).identifier),
    }
}

fn is_escaped(url: &str) -> bool {
    let folded = url.to_ascii_lowercase();
    ["%2f", "%5c", "%2e"].iter().any(|separator| folded.contains(separator))
}

fn kind(package: &PackageFacts) -> String {
    package.registry.to_ascii_lowercase()
}

/// Returns true if a URL has an allowed host that no variable changes.
fn is_at(url: &str, allowed: &BTreeSet<String>) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains(['{', '}', '\\', '@']) {
        return false;
    }
    let Ok(url) = Url::parse(url) else { return false };
    let Some(host) = url.host_str().map(|host| host.trim_end_matches('.')) else { return false };
    allowed.iter().any(|pattern| match pattern.strip_prefix("*.") {
        Some(domain) => {
            host.strip_suffix(domain).is_some_and(|below| below.len() > 1 && below.ends_with('.'))
        }
        None => host == pattern,
    })
}

impl fmt::Display for Waived<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { condition, waive } = self;
        write!(f, "`{condition}` is waived until {} at {}", waive.expires, waive.place)
    }
}

/// Allowed values that a message lists.
const MAX_ALLOWED: usize = 8;

impl Unmet<'_> {
    /// Returns the values that the rule allows, if the condition is a list.
    fn allowed(&self) -> Option<String> {
        let allowed = self.rule.conditions.as_ref()?.lists.get(&self.condition)?;
        let listed: Vec<&str> = allowed.iter().take(MAX_ALLOWED).map(String::as_str).collect();
        Some(match allowed.len().saturating_sub(listed.len()) {
            _ if allowed.is_empty() => "nothing".to_owned(),
            0 => listed.join(", "),
            more => format!("{} and {more} more", listed.join(", ")),
        })
    }
}

impl fmt::Display for Unmet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, condition, found } = self;
        let selector = rule.selector();
        let selector = Escaped(&selector);
        write!(f, "{found}; the condition `{condition}` of `{selector}` at {}", rule.place)?;
        match self.allowed() {
            Some(allowed) => write!(f, " allows {}", Escaped(&allowed)),
            None => f.write_str(" refuses that"),
        }
    }
}

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Package { identifier, value: Some(value) } => {
                write!(f, "the package {} has `{}`", Escaped(identifier), Escaped(value))
            }
            Self::Package { identifier, value: None } => {
                write!(f, "the package {} states no value", Escaped(identifier))
            }
            Self::Remote { url, value: Some(value) } => {
                write!(f, "the remote {} has `{}`", Escaped(url), Escaped(value))
            }
            Self::Remote { url, value: None } => {
                write!(f, "the remote {} is at another host", Escaped(url))
            }
            Self::Input(name) => write!(f, "the entry asks for `{}`", Escaped(name)),
            Self::Ownership(Some(verdict)) => write!(f, "the namespace is {verdict}"),
            Self::Ownership(None) => f.write_str("the namespace has no verdict"),
            Self::Scan { tool, lack } => write!(f, "the tool {} {lack}", Escaped(tool)),
            Self::NoFacts => f.write_str("the content is damaged, or its facts exceed 64 KiB"),
        }
    }
}
