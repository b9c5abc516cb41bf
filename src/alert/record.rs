use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::evidence::Evidence;
use super::figure::Figure;
use super::identity::AlertIdentity;
use super::kind::AlertKind;
use super::listing::listed;
use crate::model::{Actor, Difference, Digest, Earlier, Timestamp, difference_since, remember};

/// Something that is the case now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReportedAlert {
    pub identity: AlertIdentity,
    /// True if it concerns something that is served now.
    pub served: bool,
    /// The items that it rests on: never empty, each once, in the order and up to the number in which they are shown.
    /// An item that was not seen reopens an acknowledged alert.
    pub evidence: Vec<Evidence>,
    /// Figures that are shown beside the items.
    pub figures: Vec<Figure>,
    /// The number of cases.
    pub count: u64,
    /// Its weight among alerts of its kind, if known; 0 to 100.
    pub score: Option<u8>,
    /// The time since which it is the case, if known better than from the first report.
    pub since: Option<Timestamp>,
}

impl ReportedAlert {
    /// Returns an alert that rests on these items; without items it rests on the meaning of its kind.
    #[must_use]
    pub fn new(
        kind: AlertKind,
        subject: impl Into<String>,
        evidence: impl IntoIterator<Item = Evidence>,
    ) -> Self {
        let mut items: BTreeSet<Evidence> = evidence.into_iter().collect();
        if items.is_empty() {
            items.insert(Evidence::Condition { kind });
        }
        Self {
            identity: AlertIdentity::new(kind, subject, ""),
            served: false,
            evidence: listed(items),
            figures: Vec::new(),
            count: 1,
            score: None,
            since: None,
        }
    }

    #[must_use]
    pub fn of_namespace(self, namespace: &str) -> Self {
        let identity = AlertIdentity { suspect: namespace.to_owned(), ..self.identity };
        Self { identity, ..self }
    }

    #[must_use]
    pub fn of_served(self, served: bool) -> Self {
        Self { served, ..self }
    }

    #[must_use]
    pub fn since(self, since: Option<Timestamp>) -> Self {
        Self { since, ..self }
    }

    /// Merges another reported alert with the same identity into this one.
    pub(super) fn absorb(&mut self, other: Self) {
        let items: BTreeSet<Evidence> = self.evidence.drain(..).chain(other.evidence).collect();
        let figures: BTreeSet<Figure> = self.figures.drain(..).chain(other.figures).collect();
        self.evidence = listed(items);
        self.figures = figures.into_iter().collect();
        self.served |= other.served;
        self.count = self.count.max(other.count);
        self.score = self.score.max(other.score);
        self.since = self.since.into_iter().chain(other.since).min();
    }
}

/// An alert that was raised, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    #[serde(flatten)]
    pub identity: AlertIdentity,
    pub source: String,
    pub served: bool,
    /// All items that it rests on.
    pub evidence: Vec<Evidence>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<Figure>,
    pub count: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The time at which it was first the case.
    pub raised: Timestamp,
    /// The time of its last change.
    pub changed: Timestamp,
    /// The last acknowledgement, with all items that any acknowledgement covered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledged>,
    /// Set if the acknowledgements before the last one were taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reopened: Option<Reopened>,
    /// True while it is only counted in a flood.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counted: bool,
    /// The time at which it was resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Timestamp>,
    /// Earlier states, so that the refusal of a late acknowledgement can name what changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Earlier<Evidence>>,
}

/// An acknowledgement: the person, the reason, the authenticated actor, and the digests of the items that were shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// The person, as the actor states it.
    pub by: String,
    pub reason: String,
    pub actor: Actor,
    pub at: Timestamp,
    pub items: BTreeSet<Digest>,
}

/// The actor who took an acknowledgement back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reopened {
    pub actor: Actor,
    pub at: Timestamp,
}

/// The state of an alert. It follows from what is stored, and is not stored itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum State {
    /// It rests on an item that was not acknowledged.
    Open,
    /// Each of its items was acknowledged.
    Acknowledged { by: String, reason: String, actor: Actor, at: Timestamp },
    /// Heavier alerts of its namespace are open, and a flood counts it.
    Counted,
    /// It is not the case any more.
    Resolved { at: Timestamp },
}

impl State {
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged { .. } => "acknowledged",
            Self::Counted => "counted",
            Self::Resolved { .. } => "resolved",
        }
    }
}

impl Alert {
    pub(super) fn raise(source: &str, seen: ReportedAlert, now: Timestamp) -> Self {
        let ReportedAlert { identity, served, evidence, figures, count, score, since } = seen;
        Self {
            identity,
            source: source.to_owned(),
            served,
            evidence,
            figures,
            count,
            score,
            since,
            raised: now,
            changed: now,
            acknowledged: None,
            reopened: None,
            counted: false,
            closed: None,
            earlier: Vec::new(),
        }
    }

    #[must_use]
    pub const fn kind(&self) -> AlertKind {
        self.identity.kind
    }

    #[must_use]
    pub fn state(&self) -> State {
        match (self.closed, &self.acknowledged) {
            (Some(at), _) => State::Resolved { at },
            (None, Some(Acknowledged { by, reason, actor, at, .. })) if self.is_covered() => {
                let (by, reason, actor) = (by.clone(), reason.clone(), actor.clone());
                State::Acknowledged { by, reason, actor, at: *at }
            }
            (None, _) if self.counted => State::Counted,
            (None, _) => State::Open,
        }
    }

    #[must_use]
    pub const fn is_resolved(&self) -> bool {
        self.closed.is_some()
    }

    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state(), State::Open)
    }

    fn is_covered(&self) -> bool {
        self.covers(&self.evidence)
    }

    /// Returns true if a person acknowledged each of these items.
    pub(super) fn covers(&self, items: &[Evidence]) -> bool {
        items.iter().all(|item| self.has_seen(item))
    }

    /// Returns true if a person acknowledged this item of the alert. Items that were not listed were not shown.
    #[must_use]
    pub fn has_seen(&self, item: &Evidence) -> bool {
        let seen = self.acknowledged.as_ref();
        *item != Evidence::Unlisted && seen.is_some_and(|seen| seen.items.contains(&item.digest()))
    }

    /// Returns the digest of what is shown of the alert: its identity and its items. An acknowledgement states this
    /// digest, and so covers nothing else.
    #[must_use]
    pub fn shown(&self) -> Digest {
        shown(&self.identity, &self.evidence.iter().map(Evidence::digest).collect())
    }

    /// Returns the remembered states before this one, when this follows `before`.
    pub(super) fn history_after(&self, before: &Self) -> Vec<Earlier<Evidence>> {
        remember(&before.earlier, before.shown(), &before.evidence, &self.evidence)
    }

    /// Returns what changed since a digest was shown; `None` if that state is not remembered.
    #[must_use]
    pub fn difference_since(&self, shown: Digest) -> Option<Difference<Evidence>> {
        difference_since(&self.earlier, &self.evidence, |then, _| then == shown)
    }

    /// Returns the evidence in words, for people; it is never compared.
    #[must_use]
    pub fn detail(&self) -> String {
        let items = self.evidence.iter().take(MAX_LISTED).map(ToString::to_string);
        let more = self.evidence.len().saturating_sub(MAX_LISTED);
        let more = (more > 0).then(|| format!("and {more} more"));
        items.chain(more).chain(self.aside()).collect::<Vec<_>>().join("; ")
    }

    /// Returns the figures in words, and the time since which it is the case.
    #[must_use]
    pub fn aside(&self) -> Option<String> {
        let figures = self.figures.iter().map(ToString::to_string);
        let since = self.since.map(|since| format!("since {since}"));
        let all: Vec<String> = figures.chain(since).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    /// Returns the alert with all its listed items acknowledged, in addition to those acknowledged before.
    #[must_use]
    pub fn acknowledge(self, by: &str, reason: &str, actor: Actor, at: Timestamp) -> Self {
        let mut items = self.acknowledged.map(|before| before.items).unwrap_or_default();
        let listed = self.evidence.iter().filter(|item| **item != Evidence::Unlisted);
        items.extend(listed.map(Evidence::digest));
        let (by, reason) = (by.to_owned(), reason.to_owned());
        Self { acknowledged: Some(Acknowledged { by, reason, actor, at, items }), ..self }
    }

    /// Returns the alert without any acknowledgement.
    #[must_use]
    pub fn reopen(self, actor: Actor, at: Timestamp) -> Self {
        Self { acknowledged: None, reopened: Some(Reopened { actor, at }), changed: at, ..self }
    }
}

/// A line of text lists at most so many items, and counts the others; `items` in JSON has them all.
const MAX_LISTED: usize = 20;

/// Returns the SHA-256 over the digest of an identity and the digests of items in their order.
pub(super) fn shown(identity: &AlertIdentity, items: &BTreeSet<Digest>) -> Digest {
    let mut bytes = identity.digest().as_bytes().to_vec();
    items.iter().for_each(|item| bytes.extend(item.as_bytes()));
    Digest::of(&bytes)
}
