use serde::{Deserialize, Serialize};

use crate::model::{Digest, Instant};

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
}

impl Observation {
    #[must_use]
    pub fn new(kind: &'static str, subject: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            kind,
            subject: subject.into(),
            suspect: String::new(),
            served: false,
            detail: detail.into(),
            count: 1,
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
    /// When it was first the case.
    pub raised: Instant,
    /// When its detail or count last changed.
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

/// Twelve hexadecimal digits of a digest over the identity: short enough to type.
pub(super) fn id(source: &str, kind: &str, subject: &str, suspect: &str) -> String {
    let identity = [source, kind, subject, suspect].join("\0");
    let digest = Digest::of(identity.as_bytes()).to_string();
    digest["sha256:".len()..][..12].to_owned()
}
