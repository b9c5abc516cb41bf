use serde::{Deserialize, Serialize};

use crate::model::{Digest, Instant};

/// Every kind of alert there is.
pub const KINDS: [&str; 34] = [
    "case-twins",
    "clock-skew",
    "damaged-row",
    "drift",
    "flood",
    "forged-metadata",
    "frozen",
    "future-update",
    "github-token-refused",
    "github-token-writes",
    "held",
    "internal-name",
    "keys-changed",
    "lookalike",
    "loop-restarted",
    "missing",
    "name-limit",
    "overlays-refused",
    "ownership-refuted",
    "package-disputed",
    "passed-name",
    "pin-mismatch",
    "proof-missing",
    "quarantined",
    "shadowed",
    "shared-host",
    "shrunk",
    "stale",
    "starter-in-force",
    "unreadable",
    "upstream-failing",
    "upstreams-refused",
    "verdict-stale",
    "webhook-failing",
];

/// Something that is the case now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Observation {
    pub kind: &'static str,
    /// What is at stake: a name, an upstream, a file.
    pub subject: String,
    /// Whose doing it is, when it is a publisher's; empty otherwise.
    pub suspect: String,
    /// Whether it concerns something that is served now.
    pub served: bool,
    /// What was seen; a change of it wakes an acknowledged alert.
    pub detail: String,
    /// How many times over it is the case.
    pub count: u64,
    /// How much it matters among alerts of its kind, where that is told; 0 to 100.
    pub score: Option<u8>,
}

impl Observation {
    #[must_use]
    pub fn new(kind: &'static str, subject: impl Into<String>, detail: impl Into<String>) -> Self {
        debug_assert!(KINDS.contains(&kind), "`{kind}` is not among the kinds");
        Self {
            kind,
            subject: subject.into(),
            suspect: String::new(),
            served: false,
            detail: detail.into(),
            count: 1,
            score: None,
        }
    }

    #[must_use]
    pub fn of_namespace(self, namespace: &str) -> Self {
        Self { suspect: namespace.to_owned(), ..self }
    }

    #[must_use]
    pub fn about_served(self, served: bool) -> Self {
        Self { served, ..self }
    }
}

/// An observation that was raised, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    pub id: String,
    pub source: String,
    pub kind: String,
    pub subject: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub suspect: String,
    pub served: bool,
    pub detail: String,
    pub count: u64,
    /// How much it matters among alerts of its kind, where that is told; 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<u8>,
    /// When it was first the case.
    pub raised: Instant,
    /// When anything of it last changed.
    pub changed: Instant,
    #[serde(flatten)]
    pub state: State,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum State {
    Open,
    /// Somebody has seen it; it stays quiet until its detail changes.
    Acknowledged {
        by: String,
        reason: String,
        at: Instant,
    },
    /// It is not the case any more.
    Closed {
        at: Instant,
    },
}

impl Alert {
    pub(super) fn raise(source: &str, seen: &Observation, now: Instant) -> Self {
        Self {
            id: id(source, seen.kind, &seen.subject, &seen.suspect),
            source: source.to_owned(),
            kind: seen.kind.to_owned(),
            subject: seen.subject.clone(),
            suspect: seen.suspect.clone(),
            served: seen.served,
            detail: seen.detail.clone(),
            count: seen.count,
            score: seen.score,
            raised: now,
            changed: now,
            state: State::Open,
        }
    }

    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// This alert, seen by somebody.
    #[must_use]
    pub fn acknowledged(self, by: &str, reason: &str, at: Instant) -> Self {
        let state = State::Acknowledged { by: by.to_owned(), reason: reason.to_owned(), at };
        Self { state, ..self }
    }
}

/// What an alert is known by, whenever it is raised: twelve hexadecimal digits of a digest over its identity, short
/// enough to type.
#[must_use]
pub fn id(source: &str, kind: &str, subject: &str, suspect: &str) -> String {
    let identity = [source, kind, subject, suspect].join("\0");
    Digest::of(identity.as_bytes()).short(12)
}
