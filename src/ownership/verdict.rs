use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::txt::Key;

/// The verdict on a namespace, derived from all evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The owner's repository contains this entry's own `server.json`.
    Declared,
    /// The namespace shows a trusted key, or has the same account as before.
    Verified,
    /// No evidence was ever shown, or only unknown keys are shown.
    Unverified,
    /// The evidence that was shown is gone, or belongs to another owner.
    Revoked,
    /// No lookup was ever definite.
    Inconclusive,
    /// An overlay waives verification.
    Waived,
}

impl Verdict {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Verified => "verified",
            Self::Unverified => "unverified",
            Self::Revoked => "revoked",
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

/// The verdict that an entry needs before it is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Requirement {
    /// Every verdict but *revoked*.
    NotRevoked,
    Verified,
    Declared,
}

impl Requirement {
    pub const WORDS: [(&str, Self); 3] = [
        ("not-revoked", Self::NotRevoked),
        ("verified", Self::Verified),
        ("declared", Self::Declared),
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotRevoked => "not-revoked",
            Self::Verified => "verified",
            Self::Declared => "declared",
        }
    }
}

/// The owner of a namespace as overlays pin it; it outranks the owner that was seen first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Pins {
    /// The id of the GitHub account that owns the namespace or, for a domain, may declare its names.
    pub github: Option<u64>,
    /// Keys of which one must be shown.
    pub keys: BTreeSet<Key>,
    pub waived: Option<Waiver>,
    pub require: Option<Requirement>,
}

/// A reviewer's decision to serve a namespace without verification.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Waiver {
    pub reason: String,
    pub reviewer: String,
}
