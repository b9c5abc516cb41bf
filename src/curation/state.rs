use std::fmt;

use serde::{Deserialize, Serialize};

use super::evaluation::EntryEvaluation;
use super::evidence::Evidence;
use super::gates::Gate;
use crate::overlay::State;

/// The state of one entry: served, or the reason that hides it first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryState {
    Served,
    /// An approval covers it in part: the version was published after the review.
    NewerThanReview,
    /// It came after the review, is benign, and waits for the end of the cooldown.
    Cooldown,
    /// It came after the review, and differs from the reference in more than listed members.
    MaterialChange,
    /// No rule decides about it.
    NeverDecided,
    /// A rule says that the decision is still open.
    Pending,
    /// An advisory hides it.
    Advisory,
    Denied,
    Suspended,
    Expired,
    OwnershipMissing,
    ProvenanceMissing,
    LookalikeAlert,
    DigestDiffers,
    ConditionsUnmet,
    ContentReplaced,
    /// The upstream changed its content, and a rule suspends what drifts.
    Drifted,
    DeletedUpstream,
    /// Deprecated upstream for longer than a rule allows.
    Deprecated,
    NotAuthoritative,
    SchemaViolation,
    /// A row of the name cannot be decoded.
    Damaged,
    /// The row is not well-formed.
    Quarantined,
}

impl EntryState {
    /// The words of `list --state`, in the order of the states.
    pub const WORDS: [(&str, Self); 23] = [
        ("served", Self::Served),
        ("newer-than-review", Self::NewerThanReview),
        ("cooldown", Self::Cooldown),
        ("material-change", Self::MaterialChange),
        ("never-decided", Self::NeverDecided),
        ("pending", Self::Pending),
        ("advisory", Self::Advisory),
        ("denied", Self::Denied),
        ("suspended", Self::Suspended),
        ("expired", Self::Expired),
        ("ownership-missing", Self::OwnershipMissing),
        ("provenance-missing", Self::ProvenanceMissing),
        ("lookalike-alert", Self::LookalikeAlert),
        ("digest-differs", Self::DigestDiffers),
        ("conditions-unmet", Self::ConditionsUnmet),
        ("content-replaced", Self::ContentReplaced),
        ("drifted", Self::Drifted),
        ("deleted-upstream", Self::DeletedUpstream),
        ("deprecated", Self::Deprecated),
        ("not-authoritative", Self::NotAuthoritative),
        ("schema-violation", Self::SchemaViolation),
        ("damaged", Self::Damaged),
        ("quarantined", Self::Quarantined),
    ];

    /// Returns the state of an evaluated entry.
    #[must_use]
    pub fn of(entry: &EntryEvaluation<'_>) -> Self {
        let Some((gate, evidence)) = entry.hidden_by() else { return Self::Served };
        match gate {
            Gate::WellFormed => Self::Damaged,
            Gate::NoAdvisory => Self::Advisory,
            Gate::ActiveUpstream => match evidence {
                Evidence::Deprecated { .. } => Self::Deprecated,
                _ => Self::DeletedUpstream,
            },
            Gate::UpstreamAuthoritative => Self::NotAuthoritative,
            Gate::Approved => match evidence {
                Evidence::Cooldown { .. } => Self::Cooldown,
                Evidence::NotFollowed { why, .. } if why.is_material() => Self::MaterialChange,
                Evidence::PublishedLater { .. }
                | Evidence::NotListed { .. }
                | Evidence::NotFollowed { .. } => Self::NewerThanReview,
                Evidence::Ruled { state: State::Denied, .. } => Self::Denied,
                Evidence::Ruled { state: State::Suspended, .. } => Self::Suspended,
                Evidence::Ruled { .. } | Evidence::ReviewAhead { .. } => Self::Pending,
                _ => Self::NeverDecided,
            },
            Gate::ApprovalNotExpired => Self::Expired,
            Gate::DigestMatchesPin => Self::DigestDiffers,
            Gate::ConditionsMet => Self::ConditionsUnmet,
            Gate::ContentAsReviewed => match evidence {
                Evidence::Drifted { .. } => Self::Drifted,
                _ => Self::ContentReplaced,
            },
            Gate::NamespaceOwnership => Self::OwnershipMissing,
            Gate::Provenance => Self::ProvenanceMissing,
            Gate::NoOpenLookalikeAlert => Self::LookalikeAlert,
            Gate::ValidForStrictClients => Self::SchemaViolation,
        }
    }

    /// Returns the state that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, state)| *state)
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::WORDS[self as usize].0
    }
}

impl fmt::Display for EntryState {
    /// Writes the state as people read it: "newer than review".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_str().replace('-', " "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_the_word_that_it_is_serialized_as() {
        for (word, state) in EntryState::WORDS {
            assert_eq!(serde_json::to_string(&state).expect("JSON"), format!("\"{word}\""));
            assert_eq!((state.as_str(), EntryState::from_word(word)), (word, Some(state)));
        }
    }
}
