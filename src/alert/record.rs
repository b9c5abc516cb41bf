use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::evidence::{Evidence, Figure};
use super::history::{Difference, Earlier, difference_since, history};
use super::identity::AlertIdentity;
use super::kind::AlertKind;
use crate::model::{Digest, Instant};

/// Something that is the case now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Observation {
    pub identity: AlertIdentity,
    /// Whether it concerns something that is served now.
    pub served: bool,
    /// What it rests on: never empty, sorted, each item once. An item that was not seen opens an acknowledged alert.
    pub evidence: Vec<Evidence>,
    /// What is shown beside that.
    pub figures: Vec<Figure>,
    /// How many times over it is the case.
    pub count: u64,
    /// How much it matters among alerts of its kind, where that is told; 0 to 100.
    pub score: Option<u8>,
    /// Since when it is the case, where that is known better than from the first look.
    pub since: Option<Instant>,
}

impl Observation {
    /// Makes an observation that rests on these items; without any it rests on what its kind says.
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
            evidence: items.into_iter().collect(),
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
    pub fn about_served(self, served: bool) -> Self {
        Self { served, ..self }
    }

    #[must_use]
    pub fn since(self, since: Option<Instant>) -> Self {
        Self { since, ..self }
    }

    /// Puts another observation of the same identity into this one.
    pub(super) fn absorb(&mut self, other: Self) {
        let items: BTreeSet<Evidence> = self.evidence.drain(..).chain(other.evidence).collect();
        let figures: BTreeSet<Figure> = self.figures.drain(..).chain(other.figures).collect();
        self.evidence = items.into_iter().collect();
        self.figures = figures.into_iter().collect();
        self.served |= other.served;
        self.count = self.count.max(other.count);
        self.score = self.score.max(other.score);
        self.since = self.since.into_iter().chain(other.since).min();
    }
}

/// An observation that was raised, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    #[serde(flatten)]
    pub identity: AlertIdentity,
    pub source: String,
    pub served: bool,
    /// All that it rests on.
    pub evidence: Vec<Evidence>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<Figure>,
    pub count: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Instant>,
    /// When it was first the case.
    pub raised: Instant,
    /// When anything of it last changed.
    pub changed: Instant,
    /// The last acknowledgement, and all items that any of them covered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledged>,
    /// When it stopped being the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Instant>,
    /// What it rested on before, so that a late acknowledgement can be told what changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Earlier>,
}

/// Who has seen an alert, why it may stay quiet, and the digests of the items that were shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    pub by: String,
    pub reason: String,
    pub at: Instant,
    pub items: BTreeSet<Digest>,
}

/// How it stands with an alert. It follows from what is stored, and is not stored itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum State {
    /// It rests on an item that nobody has acknowledged.
    Open,
    /// Each of its items was acknowledged.
    Acknowledged { by: String, reason: String, at: Instant },
    /// It is not the case any more.
    Closed { at: Instant },
}

impl Alert {
    pub(super) fn raise(source: &str, seen: Observation, now: Instant) -> Self {
        let Observation { identity, served, evidence, figures, count, score, since } = seen;
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
            (Some(at), _) => State::Closed { at },
            (None, Some(Acknowledged { by, reason, at, .. })) if self.is_covered() => {
                State::Acknowledged { by: by.clone(), reason: reason.clone(), at: *at }
            }
            (None, _) => State::Open,
        }
    }

    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.closed.is_some()
    }

    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.is_over() && !self.is_covered()
    }

    fn is_covered(&self) -> bool {
        self.evidence.iter().all(|item| self.has_seen(item))
    }

    /// Whether a person has acknowledged this item of the alert.
    #[must_use]
    pub fn has_seen(&self, item: &Evidence) -> bool {
        self.acknowledged.as_ref().is_some_and(|seen| seen.items.contains(&item.digest()))
    }

    /// Returns the digest of what is shown of the alert: its identity and its items. An acknowledgement names it, and so
    /// covers nothing else.
    #[must_use]
    pub fn shown(&self) -> Digest {
        shown(&self.identity, &self.evidence.iter().map(Evidence::digest).collect())
    }

    /// Returns what is remembered of the states before this one, when this follows on another.
    pub(super) fn history_after(&self, before: &Self) -> Vec<Earlier> {
        history(&before.earlier, before.shown(), &before.evidence, &self.evidence)
    }

    /// Returns what changed since a digest was shown; nothing where that state is not remembered.
    #[must_use]
    pub fn difference_since(&self, shown: Digest) -> Option<Difference> {
        difference_since(&self.earlier, shown, &self.evidence)
    }

    /// Returns what it rests on in words, for people; never to be compared.
    #[must_use]
    pub fn detail(&self) -> String {
        let items = self.evidence.iter().take(MAX_TOLD).map(ToString::to_string);
        let more = self.evidence.len().saturating_sub(MAX_TOLD);
        let more = (more > 0).then(|| format!("and {more} more"));
        items.chain(more).chain(self.aside()).collect::<Vec<_>>().join("; ")
    }

    /// Returns the figures, and since when it is the case, in words.
    #[must_use]
    pub fn aside(&self) -> Option<String> {
        let figures = self.figures.iter().map(ToString::to_string);
        let since = self.since.map(|since| format!("since {since}"));
        let all: Vec<String> = figures.chain(since).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    /// Returns the alert with all its items acknowledged, beside those that were before.
    #[must_use]
    pub fn acknowledge(self, by: &str, reason: &str, at: Instant) -> Self {
        let mut items = self.acknowledged.map(|before| before.items).unwrap_or_default();
        items.extend(self.evidence.iter().map(Evidence::digest));
        let (by, reason) = (by.to_owned(), reason.to_owned());
        Self { acknowledged: Some(Acknowledged { by, reason, at, items }), ..self }
    }
}

/// More items are counted in one line of text; `items` in JSON has them all.
const MAX_TOLD: usize = 20;

/// SHA-256 over the digest of an identity and the digests of items in their order.
pub(super) fn shown(identity: &AlertIdentity, items: &BTreeSet<Digest>) -> Digest {
    let mut bytes = identity.digest().as_bytes().to_vec();
    items.iter().for_each(|item| bytes.extend(item.as_bytes()));
    Digest::of(&bytes)
}
