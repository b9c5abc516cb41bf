use std::fmt;

use serde::{Deserialize, Serialize};

/// What made a run fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// Upstream did not answer, or answered with an error.
    Fetch,
    /// A page does not decode.
    Page,
    /// The pages do not form a list that ends.
    Walk,
    Store,
    Stopped,
    Panic,
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fetch => "upstream does not answer as it should",
            Self::Page => "a page does not decode",
            Self::Walk => "the pages do not form a list that ends",
            Self::Store => "the store cannot be read or written",
            Self::Stopped => "it was stopped",
            Self::Panic => "a bug of this program",
        })
    }
}
