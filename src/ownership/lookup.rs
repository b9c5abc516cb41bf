use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::account::Account;
use super::txt::{Key, MAX_KEYS, key_records};
use crate::model::Digest;

/// Characters of a domain that are shown.
const SHORT: usize = 80;

/// The answer of one resolver to a TXT query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// The records, each with its pieces joined (RFC 7208, section 3.3; no other rule applies).
    Records(Texts),
    /// The name exists, without TXT records.
    NoRecords,
    NoSuchName,
    /// Nothing definite: a timeout, a refusal, a failure.
    Unclear(String),
}

/// The TXT records of a name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Texts {
    pub texts: Vec<String>,
    /// The names that it is an alias of (CNAME), in order.
    pub aliases: Vec<String>,
}

/// The result of a lookup at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyLookup {
    Shown(ShownKeys),
    /// Definitely nothing.
    Absent(String),
    /// Only records that are not valid, by the digests of their texts, with the reasons: definitely no key.
    Invalid(String, BTreeMap<Digest, String>),
    /// A server that answers and gives no file out: a redirect, a refusal. The official registry reads no key there
    /// either; a file that was there before may still be.
    Withheld(String),
    /// Nothing definite.
    Unclear(String),
}

/// The keys at one place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShownKeys {
    pub keys: BTreeSet<Key>,
    /// Those of them that earlier releases did not read.
    pub newly_readable: BTreeSet<Key>,
    /// The records beside them that are not valid, by the digests of their texts, with the reasons.
    pub unread: BTreeMap<Digest, String>,
    /// Further facts for people.
    pub notes: Vec<String>,
}

/// The result of a lookup of one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    Domain {
        /// At the domain itself, then at its parents.
        dns: Vec<(String, KeyLookup)>,
        http: KeyLookup,
        /// Further facts.
        hints: Vec<Hint>,
        /// True if a resolver that fails was set aside: the others verify and keep, and take nothing away.
        is_partial: bool,
    },
    Account(ForgeAnswer<Account>),
    Unverifiable(String),
}

/// A fact beside the answers of a lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// The domain is below a host where strangers get names.
    UnderSharedHost(String),
    OneResolver,
    ResolverSetAside,
    /// A record stands at this place, where it does not count.
    Misplaced(String),
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnderSharedHost(host) => {
                let host = short_domain(host);
                write!(
                    f,
                    "it is under the shared host {host}; a record of {host} does not cover it"
                )
            }
            Self::OneResolver => f.write_str("only one resolver was asked"),
            Self::ResolverSetAside => {
                f.write_str("a resolver fails and is set aside; the others take nothing away")
            }
            Self::Misplaced(place) => {
                let place = short_domain(place);
                write!(
                    f,
                    "a record is at {place}, where it does not count; move it to the domain itself"
                )
            }
        }
    }
}

/// Returns the beginning and the end of a long domain: in a line that is cut, the answer has to remain.
pub(super) fn short_domain(domain: &str) -> String {
    let ends = domain.get(..SHORT / 2).zip(domain.get(domain.len().saturating_sub(SHORT / 2)..));
    match ends {
        Some((begin, end)) if domain.len() > SHORT => format!("{begin}…{end}"),
        _ => domain.to_owned(),
    }
}

impl Lookup {
    /// Returns true if a record was tried, at a place where it counts or not: it is corrected or moved.
    pub(super) fn shows_attempt(&self) -> bool {
        let Self::Domain { dns, http, hints, .. } = self else { return false };
        let mut each = dns.iter().map(|(_, lookup)| lookup).chain([http]);
        each.any(|lookup| lookup.unread().is_some_and(|unread| !unread.is_empty()))
            || hints.iter().any(|hint| matches!(hint, Hint::Misplaced(_)))
    }
}

/// The answer of a forge or a package registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForgeAnswer<T> {
    Found(T),
    /// Definitely absent, or not public, which counts the same.
    Absent,
    /// Nothing definite.
    Unclear(String),
}

/// A repository as its forge reports it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// `owner/name`, after redirects.
    pub full_name: String,
    pub id: u64,
    pub node_id: String,
    pub owner: u64,
}

/// The servers that a package says it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// Empty when the package mentions no server.
    Servers(BTreeSet<String>),
    Absent,
    /// No answer; the reason.
    Unavailable(String),
    /// The settings name no registry of its kind, or another one.
    NotConfigured,
    /// It has its turn in a later lookup.
    NotAsked,
}

/// Merges the answers of several resolvers about the TXT records of a domain. One resolver may be lied
/// to, so all must agree on the key records. Other records may differ.
#[must_use]
pub fn agreed(answers: &[(String, Resolved)]) -> KeyLookup {
    if answers.is_empty() {
        return KeyLookup::Unclear("no resolver is configured".into());
    }
    let lookups: Vec<(&str, KeyLookup)> =
        answers.iter().map(|(resolver, answer)| (resolver.as_str(), key_lookup(answer))).collect();
    if let Some((resolver, KeyLookup::Unclear(why))) =
        lookups.iter().find(|(_, lookup)| matches!(lookup, KeyLookup::Unclear(_)))
    {
        return KeyLookup::Unclear(format!("{resolver}: {why}"));
    }
    let (_, one) = &lookups[0];
    if lookups.iter().all(|(_, other)| other.keys() == one.keys()) {
        // An invalid record counts if any of them shows it.
        let unread = |lookup: &KeyLookup| lookup.unread().map_or(0, BTreeMap::len);
        let most = lookups.iter().map(|(_, lookup)| lookup).rev().max_by_key(|one| unread(one));
        let mut most = most.unwrap_or(one).clone();
        if let KeyLookup::Shown(ShownKeys { unread, .. }) | KeyLookup::Invalid(_, unread) =
            &mut most
        {
            let all = lookups.iter().filter_map(|(_, lookup)| lookup.unread()).flatten();
            unread.extend(all.map(|(digest, record)| (*digest, record.clone())));
        }
        return most;
    }
    // Each answer on a line of its own.
    let answers = lookups.iter().map(|(resolver, lookup)| format!("\n{resolver} {lookup}"));
    let answers: String = answers.collect();
    KeyLookup::Unclear(format!("the resolvers disagree on the keys{answers}"))
}

fn key_lookup(answer: &Resolved) -> KeyLookup {
    match answer {
        Resolved::Records(Texts { texts, aliases }) => {
            let texts = texts.iter().map(String::as_str);
            let lookup = shown(texts, "TXT records, but no key record");
            match aliases.as_slice() {
                [] => lookup,
                aliases => lookup.with_note(&format!("an alias of {}", aliases.join(", then "))),
            }
        }
        Resolved::NoRecords => KeyLookup::Absent("no TXT record".into()),
        Resolved::NoSuchName => KeyLookup::Absent("no such name".into()),
        Resolved::Unclear(why) => KeyLookup::Unclear(why.clone()),
    }
}

impl KeyLookup {
    pub(super) fn shown_keys(&self) -> Option<&ShownKeys> {
        match self {
            Self::Shown(shown) => Some(shown),
            Self::Absent(_) | Self::Invalid(..) | Self::Withheld(_) | Self::Unclear(_) => None,
        }
    }

    /// Returns the records that are not valid, by their digests, with the reasons.
    pub(super) fn unread(&self) -> Option<&BTreeMap<Digest, String>> {
        match self {
            Self::Shown(shown) => Some(&shown.unread),
            Self::Invalid(_, unread) => Some(unread),
            Self::Absent(_) | Self::Withheld(_) | Self::Unclear(_) => None,
        }
    }

    /// Returns true if it is definite that no key is there.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent(_) | Self::Invalid(..))
    }

    /// Returns the keys that are shown, if any.
    fn keys(&self) -> Option<&BTreeSet<Key>> {
        self.shown_keys().map(|shown| &shown.keys)
    }

    /// Reads the text of a well-known file, which has one key.
    #[must_use]
    pub fn of_file(text: &str) -> Self {
        shown(std::iter::once(text), "a file without a key record")
    }

    /// Adds a note for people.
    #[must_use]
    pub fn with_note(self, note: &str) -> Self {
        match self {
            Self::Shown(mut shown) => {
                shown.notes.push(note.to_owned());
                Self::Shown(shown)
            }
            Self::Absent(what) => Self::Absent(format!("{what}; {note}")),
            Self::Invalid(what, unread) => Self::Invalid(format!("{what}; {note}"), unread),
            Self::Withheld(what) => Self::Withheld(format!("{what}; {note}")),
            Self::Unclear(why) => Self::Unclear(format!("{why}; {note}")),
        }
    }
}

fn shown<'t>(texts: impl Iterator<Item = &'t str>, foreign: &str) -> KeyLookup {
    let records = key_records(texts);
    if records.is_cut {
        // The order of arrival must not decide which of them count.
        return KeyLookup::Unclear(format!("more than {MAX_KEYS} keys"));
    }
    // Sorted before they are cut: the order of arrival decides nothing.
    let mut invalid = records.unread.values().take(MAX_KEYS).peekable();
    match (records.keys.is_empty(), invalid.peek()) {
        (false, _) => KeyLookup::Shown(ShownKeys {
            keys: records.keys,
            newly_readable: records.newly_readable,
            notes: invalid.map(|record| format!("invalid record: {record}")).collect(),
            unread: records.unread,
        }),
        (true, None) => KeyLookup::Absent(foreign.to_owned()),
        // A key record that cannot be read is not a key, and that is definite.
        (true, Some(_)) => {
            let invalid: Vec<&str> = invalid.map(String::as_str).collect();
            KeyLookup::Invalid(invalid.join("; "), records.unread)
        }
    }
}

impl fmt::Display for KeyLookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shown(ShownKeys { keys, notes, .. }) => {
                let keys: Vec<String> = keys.iter().map(Key::to_string).collect();
                write!(f, "shows {}", keys.join(", "))?;
                notes.iter().try_for_each(|note| write!(f, "; {note}"))
            }
            Self::Absent(what) => write!(f, "absent: {what}"),
            Self::Invalid(what, _) => write!(f, "absent: invalid record: {what}"),
            Self::Withheld(what) => write!(f, "withheld: {what}"),
            Self::Unclear(why) => write!(f, "unclear: {why}"),
        }
    }
}
