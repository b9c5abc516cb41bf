//! Change sets on hold: the changes that wait for a person, and what that person decides.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ExceededLimit, SafetyLimit};
use crate::model::{
    Actor, Difference, Digest, Earlier, Escaped, Item, Timestamp, difference_since,
};

/// A change set on hold: it exceeded a safety limit and waits until a person releases or discards it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeSet {
    /// The digest of the upstream and of all rows; see [`shown`]. It is compared as a whole.
    pub shown: Digest,
    pub since: Timestamp,
    /// Rows and absences.
    pub rows: u64,
    /// True if a full sync produced it; an incremental sync does not replace such a set.
    pub complete: bool,
    pub exceeded: Vec<ExceededLimit>,
    /// The newest `updatedAt` that the full sync saw: once the set is released, later runs are compared with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Timestamp>,
}

/// Digits of an id: enough to distinguish the change sets of one upstream, and short enough to type.
const SHORT: usize = 12;
/// Fewer digits are refused: they would match by accident.
const LEAST_DIGITS: usize = 8;

/// Returns the first digits of the digest of a change set, for people to read and type; programs compare the digest.
#[must_use]
pub fn short_id(shown: Digest) -> String {
    shown.short(SHORT)
}

impl ChangeSet {
    /// Returns true if it keeps back deletions of entries that are served.
    #[must_use]
    pub fn has_deletions(&self) -> bool {
        self.exceeded.iter().any(|exceeded| exceeded.limit == SafetyLimit::Deleted)
    }
}

/// One change of a set on hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChangeOnHold {
    pub name: String,
    pub version: String,
    #[serde(flatten)]
    pub effect: Effect,
    /// The digest of the key and of everything that the upstream sent.
    pub digest: Digest,
}

/// The statement of an upstream about an entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "kebab-case")]
pub enum Effect {
    /// It has this content and status.
    Entry { content: Digest, status: String },
    /// It deletes the entry, in a row that is not a valid entry.
    Deleted,
    /// The row is not a valid entry.
    Unreadable,
    /// It sends what is stored.
    Unchanged,
    /// It does not list the entry.
    Missing,
}

impl Item for ChangeOnHold {
    fn digest(&self) -> Digest {
        self.digest
    }
}

impl fmt::Display for ChangeOnHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{} {}", Escaped(&self.name), Escaped(&self.version), self.effect)
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry { content, status } => {
                write!(f, "is {status} with the content {content}")
            }
            Self::Deleted => f.write_str("is deleted"),
            Self::Unreadable => f.write_str("is not a valid entry"),
            Self::Unchanged => f.write_str("is as it is stored"),
            Self::Missing => f.write_str("is missing"),
        }
    }
}

/// A change in a message, where the beginning of a digest is enough.
struct Brief(ChangeOnHold);

impl fmt::Display for Brief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ChangeOnHold { name, version, effect, .. } = &self.0;
        match effect {
            Effect::Entry { content, status } => write!(
                f,
                "{}@{} is {status} ({})",
                Escaped(name),
                Escaped(version),
                content.short(SHORT)
            ),
            _ => self.0.fmt(f),
        }
    }
}

/// Returns the digest of what a person is shown of a change set, or of the changes to one of its names: SHA-256 over the
/// upstream and the changes in the order of their keys. A decision states it, and so covers nothing else.
#[must_use]
pub fn shown<'c>(upstream: &str, changes: impl IntoIterator<Item = &'c ChangeOnHold>) -> Digest {
    let changes = changes.into_iter().map(|change| change.digest.as_bytes().as_slice());
    Digest::of_parts(std::iter::once(upstream.as_bytes()).chain(changes))
}

/// The two ways to decide about a change set on hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HoldDecision {
    /// Accept exactly this set.
    Release,
    /// Drop it, and do not raise an alert about the same changes again.
    Discard,
}

impl HoldDecision {
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Discard => "discard",
        }
    }

    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Release, Self::Discard].into_iter().find(|decision| decision.word() == word)
    }
}

/// A decision as a person gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRequest {
    pub decision: HoldDecision,
    /// The beginning of the digest, as it was read.
    pub id: String,
    /// The digest of what the person was shown.
    pub seen: Digest,
    /// Only the changes to this name.
    pub only: Option<String>,
    /// The person, as the actor states it.
    pub by: String,
    pub reason: String,
    pub actor: Actor,
}

/// The record of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionRecord {
    pub decision: HoldDecision,
    pub at: Timestamp,
    pub by: String,
    pub reason: String,
    pub actor: Actor,
    /// The digest of what the person was shown.
    pub shown: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    /// The changes that it covered.
    pub rows: u64,
}

/// A change that a person discarded, while upstream sends nothing else for the version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscardedChange {
    pub name: String,
    pub version: String,
    /// `None` if an earlier release discarded it.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub note: Option<DiscardNote>,
}

/// The content of a change that was discarded, and the time, which is that of the decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscardNote {
    pub at: Timestamp,
    #[serde(flatten)]
    pub effect: Effect,
}

/// Decisions about one upstream that are kept, the newest last.
const MAX_DECISIONS: usize = 100;

/// The memory of the change sets of an upstream.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HoldHistory {
    /// States before the present one.
    pub earlier: Vec<Earlier<ChangeOnHold>>,
    pub decisions: Vec<DecisionRecord>,
}

impl HoldHistory {
    pub fn record(&mut self, decision: DecisionRecord) {
        self.decisions.push(decision);
        let forgotten = self.decisions.len().saturating_sub(MAX_DECISIONS);
        self.decisions.drain(..forgotten);
    }

    /// Returns the decision by which a person discarded changes at a time, if it is kept.
    #[must_use]
    pub fn discarded_at(&self, at: Timestamp) -> Option<&DecisionRecord> {
        let is_meant = |decided: &&DecisionRecord| {
            decided.decision == HoldDecision::Discard && decided.at == at
        };
        self.decisions.iter().rfind(is_meant)
    }

    /// Returns true if no person discarded anything since then.
    #[must_use]
    pub fn has_released_all(&self, since: Timestamp) -> bool {
        let is_refusal = |decided: &DecisionRecord| {
            decided.decision == HoldDecision::Discard && decided.at >= since
        };
        !self.decisions.iter().any(is_refusal)
    }

    /// Returns the changes that a request covers: the whole set, or those to one name. The digest that was seen must be
    /// that of the set as it is, or that of the changes to the name.
    ///
    /// # Errors
    /// When the person has seen something else than what is on hold.
    pub fn covered<'c>(
        &self,
        upstream: &str,
        now: &'c [ChangeOnHold],
        request: &DecisionRequest,
    ) -> Result<Vec<&'c ChangeOnHold>, NotDecided> {
        let DecisionRequest { id, seen, only, .. } = request;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if !(LEAST_DIGITS..=64).contains(&id.len()) || !id.bytes().all(is_digit) {
            return Err(NotDecided::NotAnId);
        }
        let is_selected =
            |change: &&ChangeOnHold| only.as_ref().is_none_or(|only| change.name == *only);
        let selected: Vec<&ChangeOnHold> = now.iter().filter(is_selected).collect();
        let digests = [shown(upstream, now), shown(upstream, selected.iter().copied())];
        let is_current = digests.contains(seen)
            && digests.iter().any(|digest| digest.short(64).starts_with(id.as_str()));
        if is_current && !selected.is_empty() {
            return Ok(selected);
        }
        if let Some(decided) = self.decisions.iter().rfind(|decided| decided.shown == *seen) {
            return Err(NotDecided::Decided(Box::new(decided.clone())));
        }
        let difference = difference_since(&self.earlier, now, |then, _| then == *seen);
        let difference = difference.or_else(|| {
            let is_part = |_, then: &BTreeSet<&ChangeOnHold>| {
                shown(upstream, then.iter().copied().filter(is_selected)) == *seen
            };
            let mut of_name = difference_since(&self.earlier, now, is_part)?;
            of_name.added.retain(|change| is_selected(&change));
            of_name.removed.retain(|change| is_selected(&change));
            Some(of_name)
        });
        let upstream = upstream.to_owned();
        if now.is_empty() && difference.is_none() {
            return Err(NotDecided::NothingOnHold { upstream });
        }
        Err(NotDecided::MovedOn { upstream, difference })
    }
}

/// The reason for which a decision about a change set was not applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotDecided {
    NotAnId,
    NothingOnHold {
        upstream: String,
    },
    NoUpstream {
        upstream: String,
        known: Vec<String>,
    },
    /// The set has other changes than those that were shown.
    MovedOn {
        upstream: String,
        /// `None` if the digest is not one of a set of the upstream, or is too old.
        difference: Option<Difference<ChangeOnHold>>,
    },
    /// A person has decided about exactly these changes before.
    Decided(Box<DecisionRecord>),
}

impl fmt::Display for NotDecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnId => write!(
                f,
                "the id of a change set is the beginning of its digest: {LEAST_DIGITS} to 64 lower-case hexadecimal \
                 digits; `vidimus status` lists the sets on hold"
            ),
            Self::NothingOnHold { upstream } => write!(
                f,
                "no change set of the upstream `{0}` is on hold; `vidimus sync --show {0}` lists the decisions of before",
                Escaped(upstream)
            ),
            Self::NoUpstream { upstream, known } => write!(
                f,
                "there is no upstream `{}`; there are: {}",
                Escaped(upstream),
                known.join(", ")
            ),
            Self::MovedOn { upstream, difference } => {
                write!(
                    f,
                    "nothing was changed: list the set again with `vidimus sync --show {}`, since `--seen` is not the \
                     digest of what is on hold now; ",
                    Escaped(upstream)
                )?;
                match difference {
                    None => f.write_str("it matches no remembered state"),
                    Some(Difference { added, removed }) => {
                        let brief =
                            |changes: &[ChangeOnHold]| changes.iter().cloned().map(Brief).collect();
                        let (added, removed) = (brief(added), brief(removed));
                        write!(f, "since then {}", Difference { added, removed })
                    }
                }
            }
            Self::Decided(record) => write!(
                f,
                "nothing was changed: {} decided about these changes before, `{}` at {}: {}",
                Escaped(&record.by),
                record.decision.word(),
                record.at,
                Escaped(&record.reason)
            ),
        }
    }
}

#[cfg(test)]
#[path = "change_set_tests.rs"]
mod tests;
