use thiserror::Error;

use crate::lint::{Finding, Place};

/// The reason why a file is not edited.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// No file could state the decision.
    #[error("the decision is not valid: {}; {}", .0.found, .0.allowed)]
    Invalid(Finding),
    /// The text has a form that is not edited. A person can paste the rule.
    #[error(
        "{place}: a person has to make this change, since {why}; nothing was written. {} belongs:",
        where_to(replaces.as_ref())
    )]
    Manual {
        place: Place,
        why: String,
        /// The rule that the text replaces; `None` for a new one.
        replaces: Option<Place>,
        /// The rule with what was decided, as an item of `servers`.
        paste: String,
    },
}

impl Refusal {
    /// Returns the text for a person to paste.
    #[must_use]
    pub fn paste(&self) -> &str {
        match self {
            Self::Invalid(_) => "",
            Self::Manual { paste, .. } => paste,
        }
    }
}

fn where_to(replaces: Option<&Place>) -> String {
    match replaces {
        Some(place) => format!("In place of the rule at {place}"),
        None => "Below `servers`".to_owned(),
    }
}
