use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ownership::image;

/// The reason why an entry leaves to a registry which content of a package a client gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Floating {
    /// It names no version.
    NoVersion,
    /// It names whatever is newest.
    Latest,
    /// It names a range of versions, or a label that is not a version.
    Range,
    /// It names an image by a tag.
    Tag,
    /// It names an image by a tag, and the registry gave the tag to another content since it was first seen.
    MovedTag,
    /// It names a file at a URL without its digest.
    NoDigest,
}

impl Floating {
    /// Derives it from what an entry says; `None` if the entry names one content, or a kind of package whose versions are
    /// unknown here. `is_exact` is true for one content.
    #[must_use]
    pub fn of(kind: &str, identifier: &str, version: Option<&str>, is_exact: bool) -> Option<Self> {
        let kind = kind.to_ascii_lowercase();
        let version = version.map(str::trim).filter(|version| !version.is_empty());
        let is_latest = |version: &str| version.eq_ignore_ascii_case("latest");
        match kind.as_str() {
            _ if is_exact => None,
            // A client pulls the reference, whatever the version says.
            "oci" => match image(identifier).1.or(version) {
                None => Some(Self::Latest),
                Some(reference) if reference.contains(':') && image(identifier).1.is_none() => {
                    Some(Self::Latest)
                }
                Some(reference) if is_latest(reference) => Some(Self::Latest),
                Some(_) => Some(Self::Tag),
            },
            "mcpb" => Some(Self::NoDigest),
            _ if version.is_none() => Some(Self::NoVersion),
            _ if version.is_some_and(is_latest) => Some(Self::Latest),
            "npm" | "pypi" | "nuget" | "cargo" | "go" => Some(Self::Range),
            _ => None,
        }
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoVersion => "no version",
            Self::Latest => "latest",
            Self::Range => "a range or label",
            Self::Tag => "a tag",
            Self::MovedTag => "a tag that was moved",
            Self::NoDigest => "no digest",
        }
    }
}

impl fmt::Display for Floating {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
