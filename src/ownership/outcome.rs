use std::collections::BTreeSet;

use super::account::Account;
use super::lookup::{ForgeAnswer, KeyLookup, Lookup};
use super::shown::{Means, Shown};
use super::txt::Key;
use crate::model::Digest;

/// The outcome of one lookup.
pub(super) enum Outcome {
    Shown(Evident),
    Gone,
    Unclear,
}

/// The evidence of a lookup.
pub(super) struct Evident {
    /// The nearest place that shows any.
    pub(super) shown: Shown,
    /// The keys at all places: each of them gives rights to the namespace.
    pub(super) everywhere: BTreeSet<Key>,
    /// Those of them that earlier releases did not read.
    pub(super) newly_readable: BTreeSet<Key>,
    /// The digests of records that are not valid, at all places.
    pub(super) unread: BTreeSet<Digest>,
    /// False if a place gave no answer, or a resolver is set aside: something that is not shown may be there.
    pub(super) is_complete: bool,
    /// True if a resolver is set aside.
    pub(super) is_partial: bool,
}

/// Lines of evidence of one lookup, and the characters of each: the texts are written by strangers.
pub(super) const MAX_LINES: usize = 16;
pub(super) const MAX_LINE: usize = 200;

impl Outcome {
    /// Returns what a lookup says of the owner, after the evidence that was shown last. It is definite only if no
    /// unanswered question could have changed it. `is_foreign` returns true for evidence of another owner.
    pub(super) fn of(
        lookup: &Lookup,
        before: Option<&Shown>,
        is_foreign: impl Fn(&Shown) -> bool,
    ) -> Self {
        match lookup {
            Lookup::Unverifiable(_) => Self::Gone,
            Lookup::Account(ForgeAnswer::Found(account)) => Self::Shown(Evident {
                shown: Shown::Account(account.clone()),
                everywhere: BTreeSet::new(),
                newly_readable: BTreeSet::new(),
                unread: BTreeSet::new(),
                is_complete: true,
                is_partial: false,
            }),
            Lookup::Account(ForgeAnswer::Absent) => Self::Gone,
            Lookup::Account(ForgeAnswer::Unclear(_)) => Self::Unclear,
            Lookup::Domain { dns, http, is_partial, .. } => {
                match of_domain(dns, http, before, &is_foreign) {
                    // Only all resolvers together take something away.
                    Self::Gone if *is_partial => Self::Unclear,
                    Self::Shown(found) if *is_partial && is_foreign(&found.shown) => Self::Unclear,
                    Self::Shown(found) if *is_partial => {
                        Self::Shown(Evident { is_complete: false, is_partial: true, ..found })
                    }
                    outcome => outcome,
                }
            }
        }
    }
}

/// Finds the nearest place that shows keys: the domain's own record, its own file, then its parents.
fn of_domain(
    dns: &[(String, KeyLookup)],
    http: &KeyLookup,
    before: Option<&Shown>,
    is_foreign: impl Fn(&Shown) -> bool,
) -> Outcome {
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
        if unclear && (!is_at_same_place(before, &shown) || is_foreign(&shown)) {
            return Outcome::Unclear;
        }
        let everywhere = all().flat_map(|shown| shown.keys.clone()).collect();
        let newly_readable = all().flat_map(|shown| shown.newly_readable.clone()).collect();
        let is_partial = false;
        let unread = each().filter_map(KeyLookup::unread).flatten().copied().collect();
        return Outcome::Shown(Evident {
            shown,
            everywhere,
            newly_readable,
            unread,
            is_complete,
            is_partial,
        });
    }
    let was_in_file = matches!(before, Some(Shown::Keys { means: Means::Http, .. }));
    let is_withheld = matches!(http, KeyLookup::Withheld(_)) && !was_in_file;
    let all = dns.iter().all(|(_, lookup)| lookup.is_absent());
    if all && (http.is_absent() || is_withheld) { Outcome::Gone } else { Outcome::Unclear }
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
            let mut lines: Vec<String> =
                dns.iter().map(|(domain, lookup)| format!("DNS: {domain} {lookup}")).collect();
            lines.push(format!("HTTP: {own} {http}"));
            lines.extend(hints.iter().cloned());
            lines
        }
    };
    let lines = lines.iter().flat_map(|line| line.split('\n'));
    lines.take(MAX_LINES).map(shortened).collect()
}

/// Returns the beginning of a line, with a mark where it was cut.
pub(super) fn shortened(line: &str) -> String {
    match line.char_indices().nth(MAX_LINE - 1) {
        Some((end, _)) if line.len() > end + 1 => format!("{}…", &line[..end]),
        _ => line.to_owned(),
    }
}
