use std::fmt;

use super::decision::Decision;
use crate::lint::Place;
use crate::model::Escaped;

/// The reason why a file is not edited, with the text to paste.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub place: Place,
    pub why: String,
    /// The rule with what was decided, as an item of `servers`.
    pub paste: String,
}

impl Refusal {
    pub(super) fn new(place: Place, why: String, decision: &Decision) -> Self {
        Self { place, why, paste: decision.item_text() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: this edit is left to a person: {}; write there, below `servers`:\n{}",
            self.place,
            Escaped(&self.why),
            self.paste
        )
    }
}

impl std::error::Error for Refusal {}
