use std::collections::BTreeSet;

use super::content::plain;
use super::corpus::{Corpus, Home, Target, leaf};
use super::portrait::Portrait;
use super::shape::{Shape, label};
use crate::model::Name;
use crate::ownership::Verdict;

/// A name that may resemble something protected, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Suspect<'s> {
    pub name: &'s Name,
    pub portrait: &'s Portrait,
    /// On who owns its namespace, where that is asked.
    pub verdict: Option<Verdict>,
    /// Whether it first appeared in the last 30 days.
    pub is_young: bool,
}

/// What is compared of a suspect's name.
pub(super) struct Named<'s> {
    pub(super) leaf: &'s str,
    pub(super) home: Home,
    pub(super) shape: Shape,
}

impl<'s> Named<'s> {
    pub(super) fn of(name: &'s Name, corpus: &Corpus) -> Self {
        let leaf = leaf(name.as_str());
        Self { leaf, home: corpus.home(name), shape: Shape::of(leaf) }
    }
}

impl Suspect<'_> {
    /// Why a resemblance to this target is nobody's concern, where it is not.
    ///
    /// Only the target's side can vouch: a suspect may claim any repository and any website.
    pub(super) fn vouched(&self, named: &Named<'_>, target: &Target) -> Option<String> {
        let registrant = &named.home.registrant;
        if self.verdict == Some(Verdict::Refuted) {
            return None;
        }
        if target.home.as_ref().is_some_and(|home| home.registrant == *registrant) {
            return Some(format!("both are of {registrant}"));
        }
        let portrait = &target.protected.portrait;
        if let Some(repository) = &portrait.repository
            && registrant
                .strip_prefix("github:")
                .is_some_and(|it| it.eq_ignore_ascii_case(&repository.owner))
        {
            return Some(format!("the target's repository is of {registrant}"));
        }
        let is_host = target.registrants.contains(registrant);
        is_host.then(|| format!("the target itself points to {registrant}"))
    }

    /// Whether its repository is called like the target's.
    pub(super) fn is_repository_alike(&self, target: &Target) -> bool {
        let both =
            self.portrait.repository.as_ref().zip(target.protected.portrait.repository.as_ref());
        both.is_some_and(|(ours, theirs)| ours.name.eq_ignore_ascii_case(&theirs.name))
    }

    /// Whether it claims something that is the target's: its repository, a package, a host.
    pub(super) fn overlaps(&self, target: &Portrait) -> bool {
        let repositories = self.portrait.repository.as_ref().zip(target.repository.as_ref());
        let is_same_repository = repositories.is_some_and(|(ours, theirs)| {
            ours.owner.eq_ignore_ascii_case(&theirs.owner)
                && ours.name.eq_ignore_ascii_case(&theirs.name)
        });
        is_same_repository
            || !self.portrait.packages.is_disjoint(&target.packages)
            || !self.portrait.hosts.is_disjoint(&target.hosts)
    }
}

/// A host that a suspect points to.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Host {
    pub(super) ascii: String,
    /// The domain that somebody registered, or the account whose page it is.
    pub(super) registrant: String,
    /// What the registrant is called, decoded, and what an eye takes that for.
    pub(super) label: String,
    pub(super) seen: String,
    /// The same of every word in it.
    pub(super) words: BTreeSet<(String, String)>,
}

impl Corpus {
    /// The hosts that an entry points to and that somebody registered.
    pub(super) fn hosts(&self, portrait: &Portrait) -> BTreeSet<Host> {
        portrait.hosts.iter().filter_map(|host| self.host(host)).collect()
    }

    fn host(&self, host: &str) -> Option<Host> {
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        let ascii = idna::domain_to_ascii(host).ok()?;
        let namespace: Vec<&str> = ascii.rsplit('.').collect();
        let registrant = self.registrant(&namespace.join("."))?;
        let (readable, _) = idna::domain_to_unicode(&registrant);
        let label = label(&readable).core;
        // What everybody's hosts end in names nobody.
        let suffix = registrant.split_once('.').map_or("", |(_, suffix)| suffix);
        let (readable, _) = idna::domain_to_unicode(ascii.strip_suffix(suffix).unwrap_or(&ascii));
        let words = Shape::of(&readable).words.into_iter();
        let words = words.take(MAX_WORDS).map(|word| {
            let seen = plain(&word);
            (word, seen)
        });
        Some(Host { seen: plain(&label), label, words: words.collect(), ascii, registrant })
    }
}

/// No host has more words that anybody reads.
const MAX_WORDS: usize = 20;
