use std::collections::BTreeSet;
use std::fmt;

use super::account::Account;
use super::txt::{Key, key_records};

/// What one resolver answers about TXT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// The records, each with its pieces joined (RFC 7208, section 3.3, for want of a better rule).
    Records(Vec<String>),
    /// The name is there, without TXT records.
    NoRecords,
    NoSuchName,
    /// Nothing definite: a time-out, a refusal, a failure.
    Unclear(String),
}

/// What was seen at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    Shown(BTreeSet<Key>, Vec<String>),
    /// Definitely nothing.
    Absent(String),
    /// Nothing definite.
    Unclear(String),
}

/// All that was seen of one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    Domain {
        /// At the domain itself, then at its parents.
        dns: Vec<(String, Look)>,
        http: Look,
        /// What else is worth knowing, for people.
        hints: Vec<String>,
    },
    Account(Forged<Account>),
    Unprovable(String),
}

/// What a forge, or a package registry, answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forged<T> {
    Found(T),
    /// Definitely not there, or not public, which is the same to us.
    Absent,
    /// Nothing definite.
    Unclear(String),
}

/// A repository as its forge has it now.
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
    /// None of them: it does not speak of servers.
    Servers(BTreeSet<String>),
    Absent,
    /// Nobody could be asked, and why.
    Unavailable(String),
}

/// What several resolvers say together of the TXT records of a domain: one of them alone may be lied
/// to, so all must agree on our records. What else stands there may differ.
#[must_use]
pub fn agreed(answers: &[(String, Resolved)]) -> Look {
    let Some((first, _)) = answers.first() else {
        return Look::Unclear("no resolver is configured".into());
    };
    let looks: Vec<(&str, Look)> =
        answers.iter().map(|(resolver, answer)| (resolver.as_str(), look(answer))).collect();
    if let Some((resolver, Look::Unclear(why))) =
        looks.iter().find(|(_, look)| matches!(look, Look::Unclear(_)))
    {
        return Look::Unclear(format!("{resolver}: {why}"));
    }
    let keys = |look: &Look| match look {
        Look::Shown(keys, _) => keys.clone(),
        Look::Absent(_) | Look::Unclear(_) => BTreeSet::new(),
    };
    let (_, one) = &looks[0];
    match looks.iter().find(|(_, other)| keys(other) != keys(one)) {
        Some((other, _)) => {
            Look::Unclear(format!("the resolvers {first} and {other} disagree on the keys"))
        }
        None => one.clone(),
    }
}

fn look(answer: &Resolved) -> Look {
    match answer {
        Resolved::Records(texts) => {
            shown(texts.iter().map(String::as_str), "TXT records, none of ours")
        }
        Resolved::NoRecords => Look::Absent("no TXT record".into()),
        Resolved::NoSuchName => Look::Absent("no such name".into()),
        Resolved::Unclear(why) => Look::Unclear(why.clone()),
    }
}

impl Look {
    /// What the text of a well-known file says.
    #[must_use]
    pub fn of_file(text: &str) -> Self {
        shown(text.lines(), "a file without a record of ours")
    }

    /// The same, with a note for people.
    #[must_use]
    pub fn noting(self, note: &str) -> Self {
        match self {
            Self::Shown(keys, mut notes) => {
                notes.push(note.to_owned());
                Self::Shown(keys, notes)
            }
            Self::Absent(what) => Self::Absent(format!("{what}; {note}")),
            Self::Unclear(why) => Self::Unclear(format!("{why}; {note}")),
        }
    }
}

fn shown<'t>(texts: impl Iterator<Item = &'t str>, foreign: &str) -> Look {
    let records = key_records(texts);
    match (records.keys.is_empty(), records.malformed.first()) {
        (false, _) => Look::Shown(records.keys, records.malformed),
        (true, None) => Look::Absent(foreign.to_owned()),
        // Somebody means to show a key and fails: that is no key, and definite.
        (true, Some(_)) => Look::Absent(format!("malformed: {}", records.malformed.join("; "))),
    }
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shown(keys, notes) => {
                let keys: Vec<String> = keys.iter().map(Key::to_string).collect();
                write!(f, "shows {}", keys.join(", "))?;
                notes.iter().try_for_each(|note| write!(f, "; {note}"))
            }
            Self::Absent(what) => write!(f, "absent: {what}"),
            Self::Unclear(why) => write!(f, "unclear: {why}"),
        }
    }
}
