use std::collections::{BTreeMap, BTreeSet};

use super::account::Account;
use super::lookup::{ForgeAnswer, KeyLookup, Lookup, short_domain};
use super::shown::{Means, Shown};
use super::txt::Key;
use crate::model::Digest;

/// The outcome of one lookup.
pub(super) enum Outcome {
    Shown(Evident),
    Gone,
    Unclear,
}

/// The facts that are known before a lookup.
pub(super) struct Known<'r> {
    /// The evidence that was shown last.
    pub(super) shown: Option<&'r Shown>,
    pub(super) trusted: &'r BTreeSet<Key>,
    /// The keys of each place, as it answered last.
    pub(super) places: &'r BTreeMap<String, BTreeSet<Key>>,
}

/// The evidence of a lookup.
pub(super) struct Evident {
    /// The nearest place that shows any.
    pub(super) shown: Shown,
    /// The keys at all places: each of them gives rights to the namespace.
    pub(super) everywhere: BTreeSet<Key>,
    /// Those of them at the nearest domain that shows any, in DNS and in its file.
    pub(super) here: BTreeSet<Key>,
    /// The keys of each place; `None` if that is not definite.
    pub(super) answers: Vec<(String, Option<BTreeSet<Key>>)>,
    /// Those of them that earlier releases did not read.
    pub(super) newly_readable: BTreeSet<Key>,
    /// The records that are not valid, at all places, by the digests of their texts, with the reasons.
    pub(super) unread: BTreeMap<Digest, String>,
    /// False if a place gave no answer: something that is not shown may be there.
    pub(super) is_complete: bool,
    /// False if a nearer place gave no answer.
    pub(super) is_nearest: bool,
    /// True if a resolver is set aside: the others verify and keep.
    pub(super) is_partial: bool,
}

/// Lines of evidence of one lookup, and the characters of each: the texts are written by strangers.
pub(super) const MAX_LINES: usize = 16;
pub(super) const MAX_LINE: usize = 200;

impl Outcome {
    /// Returns what a lookup says of the owner, after what is known. It is definite only if no unanswered question could
    /// have changed it.
    pub(super) fn of(lookup: &Lookup, known: &Known<'_>) -> Self {
        match lookup {
            Lookup::Unverifiable(_) => Self::Gone,
            Lookup::Account(ForgeAnswer::Found(account)) => Self::Shown(Evident {
                shown: Shown::Account(account.clone()),
                everywhere: BTreeSet::new(),
                here: BTreeSet::new(),
                answers: Vec::new(),
                newly_readable: BTreeSet::new(),
                unread: BTreeMap::new(),
                is_complete: true,
                is_nearest: true,
                is_partial: false,
            }),
            Lookup::Account(ForgeAnswer::Absent) => Self::Gone,
            Lookup::Account(ForgeAnswer::Unclear(_)) => Self::Unclear,
            Lookup::Domain { dns, http, is_partial, .. } => {
                match of_domain(dns, http, known) {
                    // Only all resolvers together take something away.
                    Self::Gone if *is_partial => Self::Unclear,
                    Self::Shown(found) if *is_partial && known.is_foreign(&found.here) => {
                        Self::Unclear
                    }
                    Self::Shown(found) if *is_partial => {
                        Self::Shown(Evident { is_partial: true, ..found })
                    }
                    outcome => outcome,
                }
            }
        }
    }
}

/// Finds the nearest place that shows keys: the domain's own record, its own file, then its parents.
fn of_domain(dns: &[(String, KeyLookup)], http: &KeyLookup, known: &Known<'_>) -> Outcome {
    let own = dns.first().map(|(domain, _)| domain.as_str()).unwrap_or_default();
    let at_dns = |(at, lookup)| (Means::Dns, at, lookup);
    let (nearest, parents) = dns.split_at(dns.len().min(1));
    let places = nearest.iter().map(|(at, lookup)| at_dns((at.as_str(), lookup)));
    let places = places.chain([(Means::Http, own, http)]);
    let places = places.chain(parents.iter().map(|(at, lookup)| at_dns((at.as_str(), lookup))));
    let is_unclear = |lookup: &KeyLookup| matches!(lookup, KeyLookup::Unclear(_));
    let is_complete = !is_unclear(http) && !dns.iter().any(|(_, lookup)| is_unclear(lookup));
    let each = || dns.iter().map(|(_, lookup)| lookup).chain([http]);
    let all = || each().filter_map(KeyLookup::shown_keys);
    let mut unclear = false;
    for (means, at, lookup) in places {
        unclear |= is_unclear(lookup);
        let KeyLookup::Shown(keys) = lookup else { continue };
        let (parent, at) = (at != own, at.to_owned());
        let shown = Shown::Keys { means, at, parent, keys: keys.keys.clone() };
        // A nearer place may show other keys: a farther one neither replaces them nor takes anything away.
        let is_nearest = !unclear;
        if !is_nearest && (!is_at_same_place(known.shown, &shown) || known.is_foreign(&keys.keys)) {
            return Outcome::Unclear;
        }
        let answers: Vec<(String, Option<BTreeSet<Key>>)> = dns
            .iter()
            .map(|(domain, lookup)| (domain.clone(), lookup))
            .chain([(file_of(own), http)])
            .map(|(place, lookup)| (place, definite(lookup)))
            .collect();
        let here = if parent { None } else { http.shown_keys() };
        let here = here.into_iter().chain([keys]).flat_map(|shown| shown.keys.clone()).collect();
        // A trusted key may still be at the same domain, where nothing was answered.
        let is_trusted_there = |(place, answer): &(String, Option<BTreeSet<Key>>)| {
            let is_here = !parent && (*place == own || *place == file_of(own));
            let kept = known.places.get(place).filter(|_| is_here && answer.is_none());
            kept.is_some_and(|keys| !keys.is_disjoint(known.trusted))
        };
        if known.is_foreign(&here) && answers.iter().any(is_trusted_there) {
            return Outcome::Unclear;
        }
        let everywhere = all().flat_map(|shown| shown.keys.clone()).collect();
        let newly_readable = all().flat_map(|shown| shown.newly_readable.clone()).collect();
        let unread = each().filter_map(KeyLookup::unread).flatten();
        let unread = unread.map(|(digest, record)| (*digest, record.clone())).collect();
        return Outcome::Shown(Evident {
            shown,
            everywhere,
            here,
            answers,
            newly_readable,
            unread,
            is_complete,
            is_nearest,
            is_partial: false,
        });
    }
    let may_be_in_file = known.may_be_at(&file_of(own));
    let is_withheld = matches!(http, KeyLookup::Withheld(_)) && !may_be_in_file;
    let all = dns.iter().all(|(_, lookup)| lookup.is_absent());
    if all && (http.is_absent() || is_withheld) { Outcome::Gone } else { Outcome::Unclear }
}

impl Known<'_> {
    /// Returns true if none of these keys is trusted.
    fn is_foreign(&self, keys: &BTreeSet<Key>) -> bool {
        !self.trusted.is_empty() && keys.is_disjoint(self.trusted)
    }

    /// Returns true if a place showed keys when it answered last. Earlier releases did not record that.
    fn may_be_at(&self, place: &str) -> bool {
        let is_unknown = self.shown.is_some() && self.places.is_empty();
        is_unknown || self.places.contains_key(place)
    }
}

/// Returns the name of the place of a domain's file.
pub(super) fn file_of(domain: &str) -> String {
    format!("https://{domain}")
}

/// Returns the keys that a place definitely shows; a file that a server does not give out may still have some.
fn definite(lookup: &KeyLookup) -> Option<BTreeSet<Key>> {
    match lookup {
        KeyLookup::Shown(shown) => Some(shown.keys.clone()),
        KeyLookup::Absent(_) | KeyLookup::Invalid(..) => Some(BTreeSet::new()),
        KeyLookup::Withheld(_) | KeyLookup::Unclear(_) => None,
    }
}

fn is_at_same_place(before: Option<&Shown>, shown: &Shown) -> bool {
    match (before, shown) {
        (Some(Shown::Keys { means, at, .. }), Shown::Keys { means: by, at: place, .. }) => {
            (means, at) == (by, place)
        }
        _ => false,
    }
}

/// Returns the findings of a lookup, for people: bounded, whatever was answered.
pub(super) fn evidence(lookup: &Lookup) -> Vec<String> {
    let lines = match lookup {
        Lookup::Unverifiable(why) => vec![why.clone()],
        Lookup::Account(ForgeAnswer::Found(Account { login, id, created_at })) => {
            let created = created_at.map_or(String::new(), |at| format!(", created {at}"));
            vec![format!("GitHub: {login} is the account {id}{created}")]
        }
        Lookup::Account(ForgeAnswer::Absent) => vec!["GitHub: no such account".into()],
        Lookup::Account(ForgeAnswer::Unclear(why)) => vec![format!("GitHub: unclear: {why}")],
        Lookup::Domain { dns, http, hints, .. } => {
            let own = dns.first().map(|(domain, _)| domain.as_str()).unwrap_or_default();
            let in_dns = |(domain, lookup): &(String, KeyLookup)| {
                format!("DNS: {} {lookup}", short_domain(domain))
            };
            let mut lines: Vec<String> = dns.iter().map(in_dns).collect();
            lines.push(format!("HTTP: {} {http}", short_domain(own)));
            lines.extend(hints.iter().map(ToString::to_string));
            lines
        }
    };
    let lines = lines.iter().flat_map(|line| line.split('\n'));
    lines.take(MAX_LINES).map(shortened).collect()
}

/// Returns the beginning of a line, with a mark where it was cut.
#[must_use]
pub fn shortened(line: &str) -> String {
    match line.char_indices().nth(MAX_LINE - 1) {
        Some((end, _)) if line.len() > end + 1 => format!("{}…", &line[..end]),
        _ => line.to_owned(),
    }
}
