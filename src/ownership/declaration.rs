use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::absence::Negatives;
use super::lookup::Named;
use super::offer::Package;
use super::outcome::{MAX_LINE, MAX_LINES, shortened};
use crate::model::{Digest, Timestamp};

/// More contents of one name are not stored; the real maximum is 1,156 versions.
const MAX_REMEMBERED: usize = 2_000;
/// Bytes of evidence about all names of one namespace.
const MAX_EVIDENCE: usize = 64 * 1024;

/// The evidence of one name: the contents that its owner's repository declares, and those with a package
/// that names another server.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeclarationRecord {
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub declared: BTreeSet<Digest>,
    /// The account that owns the declaring repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<u64>,
    /// The finding about the package, by content.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub disputed: BTreeMap<Digest, String>,
    /// The contents whose packages were all asked, and answered. Packages of registries that are not configured do
    /// not count.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub answered: BTreeSet<Digest>,
    /// Consecutive lookups in which a package gave no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<Negatives>,
    /// The first package without one in the last of them, and the reason, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_answer: Option<String>,
    /// Consecutive lookups that found nothing where something was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negatives: Option<Negatives>,
    #[serde(default)]
    pub checked_at: Option<Timestamp>,
    /// The number of contents looked up so far, when one lookup does not cover all.
    #[serde(default)]
    pub offset: usize,
    #[serde(default)]
    pub evidence: Vec<String>,
}

/// The evidence of one content of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentLookup {
    pub received: Digest,
    pub declaration: Declaration,
    pub packages: Vec<(Package, Named)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Declaration {
    Declared(String),
    /// No evidence, which is not a revocation: many entries honestly point to a repository of another owner.
    Not(String),
    /// The repository or its file is absent, perhaps only for a while.
    Absent(String),
    Unclear(String),
}

/// Everything about a name that its declarations depend on.
#[derive(Debug, Clone, Copy)]
pub struct Declaring<'a> {
    pub name: &'a str,
    /// The account that owns the namespace.
    pub account: Option<u64>,
    /// All contents of the name.
    pub current: &'a BTreeSet<Digest>,
    /// The number of names in its namespace: they share the room for evidence.
    pub names: usize,
}

/// The answers of the packages of one content, taken together.
#[derive(Default)]
struct PackageAnswers {
    /// Another server that a package names.
    other: Option<String>,
    /// True if a package does not exist, or gave no answer.
    unclear: bool,
    unanswered: bool,
    /// The first that was asked and gave no answer, and the reason.
    unavailable: Option<String>,
}

impl PackageAnswers {
    /// Takes in a package that was asked and gave no answer.
    fn no_answer(&mut self, line: &str, lines: &mut Lines) {
        (self.unclear, self.unanswered) = (true, true);
        lines.add(line);
        self.unavailable.get_or_insert_with(|| shortened(line));
    }
}

/// Lines for people, each once, up to a number.
struct Lines {
    lines: Vec<String>,
    most: usize,
}

impl Lines {
    fn add(&mut self, line: &str) {
        let line = shortened(line);
        if self.lines.len() < self.most && !self.lines.contains(&line) {
            self.lines.push(line);
        }
    }
}

impl DeclarationRecord {
    /// Returns the record after another lookup of some contents of the name.
    #[must_use]
    pub fn after(
        mut self,
        declaring: &Declaring<'_>,
        lookups: &[ContentLookup],
        now: Timestamp,
    ) -> Self {
        let Declaring { name, account, current, names } = *declaring;
        if self.account != account {
            self.declared.clear();
            self.account = account;
        }
        self.declared.retain(|received| current.contains(received));
        self.disputed.retain(|received, _| current.contains(received));
        self.answered.retain(|received| current.contains(received));
        self.offset = self.offset.wrapping_add(lookups.len());
        let most = MAX_LINES.min(MAX_EVIDENCE / (4 * MAX_LINE) / names.max(1));
        let mut lines = Lines { lines: Vec::new(), most };
        let (mut missed, mut no_answer) = (false, None);
        for lookup in lookups {
            missed |= self.declaration(lookup, &mut lines);
            let answers = package_answers(name, &lookup.packages, &mut lines);
            no_answer = no_answer.or_else(|| answers.unavailable.clone());
            self.state(lookup.received, answers, most);
        }
        if !lookups.is_empty() {
            let again = Negatives::again(self.unavailable, now);
            (self.unavailable, self.no_answer) = (no_answer.is_some().then_some(again), no_answer);
        }
        if missed {
            let negatives = Negatives::again(self.negatives, now);
            self.negatives = Some(negatives);
            if negatives.are_final() {
                self.declared.clear();
            }
        }
        bound(&mut self.declared);
        bound(&mut self.answered);
        Self { checked_at: Some(now), evidence: lines.lines, ..self }
    }

    /// Takes in what the repository declares; returns true if a declaration is absent.
    fn declaration(&mut self, lookup: &ContentLookup, lines: &mut Lines) -> bool {
        match &lookup.declaration {
            Declaration::Declared(what) => {
                self.negatives = None;
                self.declared.insert(lookup.received);
                lines.add(&format!("GitHub: declared by {what}"));
            }
            Declaration::Not(why) => {
                self.declared.remove(&lookup.received);
                lines.add(&format!("GitHub: not declared: {why}"));
            }
            Declaration::Absent(why) => {
                lines.add(&format!("GitHub: not declared: {why}"));
                return self.declared.contains(&lookup.received);
            }
            Declaration::Unclear(why) => lines.add(&format!("GitHub: unclear: {why}")),
        }
        false
    }

    /// Takes in the answers of the packages of a content. As many disputes keep their text as there is room for lines;
    /// each stays a dispute.
    fn state(&mut self, received: Digest, answers: PackageAnswers, most: usize) {
        if !answers.unanswered {
            self.answered.insert(received);
        }
        match answers.other {
            Some(text) => {
                let is_room = self.disputed.len() < most;
                let text = if is_room { text } else { "a package names another server".to_owned() };
                self.disputed.insert(received, text);
            }
            None if !answers.unclear => {
                self.disputed.remove(&received);
            }
            None => {}
        }
    }
}

fn package_answers(name: &str, packages: &[(Package, Named)], lines: &mut Lines) -> PackageAnswers {
    let mut answers = PackageAnswers::default();
    for (Package { registry, identifier, .. }, named) in packages {
        let package = format!("{registry} {}", shortened(identifier));
        match named {
            Named::NotConfigured => {}
            Named::Servers(names) if names.is_empty() => {
                lines.add(&format!("{package} names no server"));
            }
            Named::Servers(names) if names.iter().any(|other| other.eq_ignore_ascii_case(name)) => {
                lines.add(&format!("{package} names this server"));
            }
            Named::Servers(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let text =
                    shortened(&format!("{package} names another server: {}", names.join(", ")));
                lines.add(&text);
                answers.other = Some(text);
            }
            // Anybody may publish it next.
            Named::Absent => answers.no_answer(&format!("{package} does not exist"), lines),
            Named::Unavailable(why) => {
                answers.no_answer(&format!("{package}: unavailable, {why}"), lines);
            }
            Named::NotAsked => (answers.unclear, answers.unanswered) = (true, true),
        }
    }
    answers
}

fn bound(contents: &mut BTreeSet<Digest>) {
    while contents.len() > MAX_REMEMBERED {
        contents.pop_first();
    }
}
