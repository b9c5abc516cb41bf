use std::time::Duration;

use serde::Serialize;

use crate::model::{Digest, Version};

/// The later versions that an approval covers too: those that differ from the reference in listed members only.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Follow {
    /// The greatest version that the review covers; without it, nothing is benign.
    pub reference: Option<Reference>,
    /// The time after which a benign version is served.
    pub cooldown: Duration,
}

/// A reviewed version and its content.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Reference {
    pub version: Version,
    /// The received digest.
    pub digest: Digest,
}

/// The consequence when an upstream changes published content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDrift {
    /// The first content stays served.
    Keep,
    /// The version is hidden until a rule pins one content.
    Suspend,
}

impl OnDrift {
    pub(super) const WORDS: [(&str, Self); 2] = [("keep", Self::Keep), ("suspend", Self::Suspend)];
}

/// The consequence when an upstream deprecates a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDeprecated {
    Keep,
    /// The version is hidden this long after its deprecation was first seen.
    HideAfter(Duration),
}
