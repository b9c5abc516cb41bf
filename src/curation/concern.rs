//! The advisories that concern an entry: those of feeds about its packages, and those of the organisation.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use smol_str::SmolStr;

use super::dossier::{ContentHead, Dossier};
use super::facts::{ContentFacts, PackageFacts};
use super::policy::PolicySnapshot;
use crate::advisory::{Advisory, EcosystemPackage, Effect, Match, OwnAdvisory};
use crate::model::{Escaped, Timestamp};
use crate::overlay::{EffectivePolicy, Waive};

/// An advisory that concerns an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concern<'a> {
    pub advisory: &'a Advisory,
    pub effect: Effect,
    pub about: About<'a>,
    /// The waiver that lets the entry through, although the advisory hides it.
    pub waive: Option<&'a Waive>,
    /// The file and line of an advisory of the organisation.
    pub own: Option<&'a OwnAdvisory>,
}

/// The part of an entry that an advisory names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About<'a> {
    Package { package: &'a PackageFacts, matched: Match },
    Server,
    Host(&'a str),
    Repository(&'a str),
}

impl<'a> Concern<'a> {
    /// Returns true if it hides the entry.
    #[must_use]
    pub fn hides(&self) -> bool {
        self.effect == Effect::Hide && self.waive.is_none()
    }

    /// Returns those that affect a package of the entry, be it their heaviest effect or not.
    pub fn of_package<'c>(
        concerns: &'c [Self],
        package: &'a PackageFacts,
    ) -> impl Iterator<Item = &'c Self> {
        let key = EcosystemPackage::of_entry(&package.registry, &package.identifier);
        let keyed = key.map(|key| (key, package));
        let is_its = move |concern: &&Self| {
            keyed.as_ref().is_some_and(|keyed| about(concern.advisory, keyed).is_some())
        };
        concerns.iter().filter(is_its)
    }

    /// Returns the id of the advisory.
    #[must_use]
    pub fn id(&self) -> &'a str {
        &self.advisory.id
    }
}

/// Returns what concerns an entry, each advisory once, the heaviest first: what hides, then by severity.
pub(super) fn concerns<'a>(
    dossier: &'a Dossier,
    policy: &'a PolicySnapshot,
    rules: &EffectivePolicy<'a>,
    content: &'a ContentHead,
    now: Timestamp,
) -> Vec<Concern<'a>> {
    let packages = keyed(content.facts.as_ref());
    let own = policy.advisories.effective().filter_map(|own| {
        let (effect, about) = own_concern(own, dossier, content.facts.as_ref(), &packages)?;
        Some((&own.advisory, effect, about, Some(own)))
    });
    let of_feeds = of_feeds(dossier, &packages).into_values();
    let of_feeds = of_feeds.map(|(advisory, effect, about)| (advisory, effect, about, None));
    let mut found: Vec<Concern<'a>> = own
        .chain(of_feeds)
        .map(|(advisory, effect, about, own)| {
            let covering = rules.waivers.iter().copied().filter(|waive| {
                effect == Effect::Hide
                    && waive.condition.covers_advisory(&advisory.id)
                    && now <= waive.expires
            });
            let waive = covering.max_by_key(|waive| waive.expires);
            Concern { advisory, effect, about, waive, own }
        })
        .collect();
    found.sort_by_key(|concern| {
        let Concern { advisory, effect, .. } = concern;
        (!concern.hides(), *effect, Reverse(advisory.severity), &advisory.id)
    });
    let mut known = BTreeSet::new();
    // Two feeds may have one advisory; the heavier stays.
    found.retain(|concern| known.insert(concern.id()));
    found
}

/// Returns a package of a content about which an unread advisory may report malicious code.
pub(super) fn unread_package<'a>(
    dossier: &Dossier,
    content: &'a ContentHead,
) -> Option<&'a PackageFacts> {
    if !dossier.advisories.is_cut() {
        return None;
    }
    let mut packages = keyed(content.facts.as_ref()).into_iter();
    let unread = packages.find(|(key, _)| dossier.advisories.is_unread(key));
    unread.map(|(_, package)| package)
}

/// An advisory, its effect, and the part of an entry that it names.
type Found<'a> = (&'a Advisory, Effect, About<'a>);

/// Returns the heaviest effect of each advisory on these packages, by feed and id.
fn of_feeds<'a>(
    dossier: &'a Dossier,
    packages: &[Keyed<'a>],
) -> BTreeMap<(&'a SmolStr, &'a SmolStr), Found<'a>> {
    let mut found: BTreeMap<_, Found<'a>> = BTreeMap::new();
    for (key, package) in packages {
        for (feed, advisory, affected) in dossier.advisories.about(key) {
            let PackageFacts { identifier, version, .. } = package;
            let effect = advisory.effect_of(affected, identifier, version.as_deref());
            let Some((effect, matched)) = effect else { continue };
            let about = About::Package { package, matched };
            let heaviest = found.entry((feed, &advisory.id)).or_insert((advisory, effect, about));
            if effect < heaviest.1 {
                *heaviest = (advisory, effect, about);
            }
        }
    }
    found
}

/// A package with its key.
type Keyed<'a> = (EcosystemPackage, &'a PackageFacts);

/// Returns the packages that an advisory can name, each once: an entry may repeat one very often.
fn keyed(facts: Option<&ContentFacts>) -> Vec<Keyed<'_>> {
    let mut known = BTreeSet::new();
    let packages = facts.into_iter().flat_map(|facts| &facts.packages);
    let new = packages
        .filter(|package| known.insert((&package.registry, &package.identifier, &package.version)));
    new.filter_map(|package| {
        Some((EcosystemPackage::of_entry(&package.registry, &package.identifier)?, package))
    })
    .collect()
}

fn about<'a>(advisory: &Advisory, keyed: &Keyed<'a>) -> Option<(Effect, About<'a>)> {
    let (key, package) = keyed;
    let (effect, matched) =
        advisory.effect_on(key, &package.identifier, package.version.as_deref())?;
    Some((effect, About::Package { package, matched }))
}

/// Returns the effect of an advisory of the organisation, and the part of the entry that it names.
fn own_concern<'a>(
    own: &'a OwnAdvisory,
    dossier: &Dossier,
    facts: Option<&'a ContentFacts>,
    packages: &[Keyed<'a>],
) -> Option<(Effect, About<'a>)> {
    if own.selects(&dossier.name) {
        return Some((own.action, About::Server));
    }
    let facts = facts?;
    let remotes = facts.remotes.iter().filter_map(|remote| authority(&remote.url));
    let mut hosts = facts.hosts.iter().map(String::as_str).chain(remotes);
    if let Some(host) = hosts.find(|host| own.names_host(host)) {
        return Some((own.action, About::Host(host)));
    }
    if let Some(url) = facts.repository.as_ref().filter(|url| own.names_repository(url)) {
        return Some((own.action, About::Repository(url)));
    }
    let of_packages = packages.iter().filter_map(|package| {
        let (effect, about) = about(&own.advisory, package)?;
        // A version that is not known never hides what is served. A report of malicious code hides by its id too.
        let is_certain = matches!(about, About::Package { matched: Match::Certain, .. });
        Some((if is_certain { own.action.min(effect) } else { Effect::Alert }, about))
    });
    of_packages.min_by_key(|(effect, _)| *effect)
}

/// Returns host and port of a URL as they are written.
fn authority(url: &str) -> Option<&str> {
    let rest = url.split_once(':')?.1.trim_start_matches(['/', '\\']);
    let authority = rest.split(['/', '\\', '?', '#']).next()?;
    Some(authority.rsplit_once('@').map_or(authority, |(_, host)| host))
}

/// Returns true if an advisory of the organisation hides a version of a name that a view shows.
#[must_use]
pub fn hides_what_is_visible(own: &OwnAdvisory, dossier: &Dossier) -> bool {
    let visible = dossier.rows.iter().filter(|row| dossier.is_visible(&row.version));
    let contents = visible.flat_map(|row| std::iter::once(&row.content).chain(&row.others));
    contents.into_iter().any(|content| {
        let facts = content.facts.as_ref();
        own_concern(own, dossier, facts, &keyed(facts))
            .is_some_and(|(effect, _)| effect == Effect::Hide)
    })
}

impl About<'_> {
    /// Describes the part of an entry in a way that is the same for its versions.
    #[must_use]
    pub fn without_version(&self) -> String {
        match self {
            Self::Package { package, .. } => {
                let PackageFacts { registry, identifier, .. } = package;
                match EcosystemPackage::of_entry(registry, identifier) {
                    Some(key) => format!("the {} package {}", key.ecosystem.as_str(), key.package),
                    None => format!("the {registry} package {identifier}"),
                }
            }
            Self::Server => "the server".to_owned(),
            Self::Host(host) => format!("the host {host}"),
            Self::Repository(url) => format!("the repository {url}"),
        }
    }
}

impl fmt::Display for Concern<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { advisory, effect, about, waive, own } = self;
        write!(f, "{} ", Escaped(&advisory.id))?;
        f.write_str(match effect {
            Effect::Hide if waive.is_some() => "would hide it",
            Effect::Hide => "hides it",
            Effect::Alert => "concerns it",
        })?;
        write!(f, ": {about}")?;
        if !advisory.summary.is_empty() {
            write!(f, ": {}", Escaped(&advisory.summary))?;
        }
        if let Some(own) = own {
            write!(f, "; at {}", own.place)?;
        }
        match waive {
            None => Ok(()),
            Some(waive) => write!(f, "; waived until {} at {}", waive.expires, waive.place),
        }
    }
}

impl fmt::Display for About<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Package { package, matched } => {
                let PackageFacts { registry, identifier, version, .. } = package;
                write!(f, "the {} package {}", Escaped(registry), Escaped(identifier))?;
                match (version, matched) {
                    (Some(version), Match::Certain) => {
                        write!(f, " {} is affected", Escaped(version))
                    }
                    (None, Match::Certain) => f.write_str(" is affected in every version"),
                    (Some(version), Match::Possible) => {
                        write!(
                            f,
                            " {} may be affected: that is not an exact version",
                            Escaped(version)
                        )
                    }
                    (None, Match::Possible) => {
                        f.write_str(" may be affected: the entry states no version")
                    }
                }
            }
            Self::Server => f.write_str("it names this server"),
            Self::Host(host) => write!(f, "it names the host {}", Escaped(host)),
            Self::Repository(url) => write!(f, "it names the repository {}", Escaped(url)),
        }
    }
}
