//! Judges the conditions that rules set, one rule after the other: so lists intersect, and a condition
//! that is added never shows more.
//!
//! What cannot be judged does not meet a condition: content without facts, a host with a variable in it, a
//! package of an unknown type or from an unknown registry.

use std::collections::BTreeSet;
use std::fmt;

use url::Url;

use super::dossier::ContentHead;
use super::facts::{ContentFacts, InputPlace, PackageFacts};
use super::ownership::OwnershipEvidence;
use crate::model::{Escaped, Timestamp};
use crate::overlay::{Condition, Conditions, EffectivePolicy, Rule};
use crate::ownership::{Package, PackageRegistries, Requirement, Verdict, image};

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
    Remote(&'a str),
    /// The name of an input.
    Input(&'a str),
    Ownership(Option<Verdict>),
    NoFacts,
}

/// Everything that conditions are judged by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged<'a, 'c> {
    pub(super) rules: &'c EffectivePolicy<'a>,
    pub(super) content: &'a ContentHead,
    pub(super) ownership: OwnershipEvidence<'a>,
    pub(super) asked: &'a PackageRegistries,
    pub(super) now: Timestamp,
}

impl<'a> Judged<'a, '_> {
    /// Returns the conditions that the entry does not meet and that no waiver covers, the first of each rule's kind.
    pub(super) fn unmet(&self) -> impl Iterator<Item = Unmet<'a>> {
        let each = self.rules.conditions.iter().copied();
        let of_rule = each.filter_map(|rule| Some((rule, rule.conditions.as_ref()?)));
        of_rule.flat_map(|(rule, conditions)| {
            let kinds = Condition::WORDS.iter().map(|(_, condition)| *condition);
            let kinds = kinds.filter(|condition| !self.is_waived(*condition));
            let unmet = kinds.filter_map(|condition| {
                let found = self.violation(conditions, condition)?;
                Some(Unmet { rule, condition, found })
            });
            unmet.collect::<Vec<_>>()
        })
    }

    fn is_waived(&self, condition: Condition) -> bool {
        let mut waivers = self.rules.waivers.iter();
        waivers.any(|waive| waive.condition.covers(condition) && self.now <= waive.expires)
    }

    /// Returns what violates one condition of a rule.
    fn violation(&self, conditions: &Conditions, condition: Condition) -> Option<Found<'a>> {
        match condition {
            Condition::PinnedPackages if conditions.pinned_packages => self.facts_or(|facts| {
                facts.packages.iter().find(|package| !package.exact).map(of_version)
            }),
            Condition::PinnedPackages => None,
            Condition::Ownership => self.lack_of_ownership(conditions.ownership?),
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
        let remote = |is_allowed: &dyn Fn(&str, &str) -> bool| {
            let mut remotes = facts.remotes.iter();
            remotes
                .find(|remote| !is_allowed(&remote.transport, &remote.url))
                .map(|remote| Found::Remote(&remote.url))
        };
        match condition {
            Condition::PackageTypes => {
                package(&|package| allowed.contains(package.registry.as_str()), |package| {
                    Some(&package.registry)
                })
            }
            Condition::PackageRegistries => {
                package(&|package| is_from(package, allowed, self.asked), |package| {
                    package.base_url.as_deref()
                })
            }
            Condition::PackageIdentifiers => {
                package(&|package| is_identified(package, allowed), |_| None)
            }
            Condition::Runtimes => package(
                &|package| runtime(package).is_some_and(|program| allowed.contains(program)),
                |package| runtime(package),
            ),
            Condition::RemoteHosts => remote(&|_, url| is_at(url, allowed)),
            Condition::RemoteTransports => remote(&|transport, _| allowed.contains(transport)),
            Condition::Secrets => input(&|_, is_secret| is_secret),
            Condition::Environment => input(&|place, _| place == InputPlace::Environment),
            Condition::PinnedPackages | Condition::Ownership => None,
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

fn of_version(package: &PackageFacts) -> Found<'_> {
    Found::Package { identifier: &package.identifier, value: package.version.as_deref() }
}

/// Returns the program that runs a package: the one that it names, or else the usual one of its type.
fn runtime(package: &PackageFacts) -> Option<&str> {
    if let Some(hint) = package.runtime.as_deref().filter(|hint| !hint.is_empty()) {
        return Some(hint);
    }
    match kind(package).as_str() {
        "npm" => Some("npx"),
        "pypi" => Some("uvx"),
        "nuget" => Some("dnx"),
        "oci" => Some("docker"),
        _ => None,
    }
}

/// Returns true if a package is from an allowed registry, as far as it says from which.
fn is_from(package: &PackageFacts, allowed: &BTreeSet<String>, asked: &PackageRegistries) -> bool {
    let is_listed = |url: &str| {
        let found = Url::parse(url).ok();
        found.is_some_and(|found| allowed.iter().any(|listed| is_same_place(listed, &found)))
    };
    let is_base_listed = package.base_url.as_deref().is_none_or(is_listed);
    match kind(package).as_str() {
        // Its registry is part of the reference, whatever the base URL says.
        "oci" => {
            let known = Package::new("oci", &package.identifier, None);
            let host = known.identifier.split_once('/').map(|(host, _)| format!("https://{host}"));
            is_base_listed && host.is_some_and(|host| is_listed(&host))
        }
        "mcpb" => {
            let origin = Url::parse(&package.identifier).ok().map(|url| url.origin());
            is_base_listed && origin.is_some_and(|origin| is_listed(&origin.ascii_serialization()))
        }
        _ if package.base_url.is_some() => is_base_listed,
        kind => {
            let usual = asked.urls().find(|(known, _)| *known == kind);
            usual.is_some_and(|(_, url)| is_listed(url.as_str()))
        }
    }
}

/// Returns true if two URLs are equal but for a slash at the end.
fn is_same_place(listed: &str, found: &Url) -> bool {
    let plain = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
    Url::parse(listed).is_ok_and(|listed| plain(&listed) == plain(found))
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
fn normal(kind: &str, identifier: &str) -> Option<String> {
    match kind {
        // A path may lead up again, which the parser resolves.
        "mcpb" => Url::parse(identifier).ok().map(String::from),
        "oci" => Some(image(&Package::new(kind, identifier, None).identifier).0.to_owned()),
        kind => Some(Package::new(kind, identifier, None).identifier),
    }
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

impl fmt::Display for Unmet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, condition, found } = self;
        let selector = rule.selector();
        write!(
            f,
            "the condition `{condition}` of `{}` at {} is not met: {found}",
            Escaped(&selector),
            rule.place
        )
    }
}

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Package { identifier, value: Some(value) } => {
                write!(f, "the package {} has `{}`", Escaped(identifier), Escaped(value))
            }
            Self::Package { identifier, value: None } => {
                write!(f, "the package {}", Escaped(identifier))
            }
            Self::Remote(url) => write!(f, "the remote {}", Escaped(url)),
            Self::Input(name) => write!(f, "the entry asks for `{}`", Escaped(name)),
            Self::Ownership(Some(verdict)) => write!(f, "the namespace is {verdict}"),
            Self::Ownership(None) => f.write_str("the namespace has no verdict"),
            Self::NoFacts => f.write_str("the content is damaged, or its facts exceed 64 KiB"),
        }
    }
}
