use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::txt::Key;

/// What follows from all that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The owner's repository holds this entry's own `server.json`.
    Declared,
    /// The namespace shows its key, or its account exists.
    Held,
    /// Nothing is shown, and never was.
    None,
    /// What was shown is gone, or another's.
    Refuted,
    /// Nothing definite was ever seen.
    Inconclusive,
    /// An overlay does without a proof.
    Waived,
}

impl Verdict {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Held => "held",
            Self::None => "none",
            Self::Refuted => "refuted",
            Self::Inconclusive => "inconclusive",
            Self::Waived => "waived",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much a proof must say before an entry is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Requirement {
    /// Whatever is not refuted.
    Unrefuted,
    Held,
    Declared,
}

impl Requirement {
    pub const WORDS: [(&str, Self); 3] =
        [("unrefuted", Self::Unrefuted), ("held", Self::Held), ("declared", Self::Declared)];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unrefuted => "unrefuted",
            Self::Held => "held",
            Self::Declared => "declared",
        }
    }
}

/// What overlays say of who owns a namespace; it outranks what was seen first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Pins {
    /// The id of the GitHub account that holds the namespace or, for a domain, may declare its names.
    pub github: Option<u64>,
    /// Keys of which one must be shown.
    pub keys: BTreeSet<Key>,
    pub waived: Option<Waiver>,
    pub require: Option<Requirement>,
}

/// Somebody decided to do without a proof.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Waiver {
    pub reason: String,
    pub reviewer: String,
}
