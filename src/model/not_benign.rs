use std::fmt;

use serde::{Deserialize, Serialize};

/// The reason why a later version is not benign beside the reference of its approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotBenign {
    /// The approval names no reference.
    NoReference,
    /// The store does not have the reference with its digest.
    ReferenceUnknown,
    /// A rule denies or suspends the reference.
    ReferenceHidden,
    NotSemantic,
    PreRelease,
    NotHigher,
    OtherMajor,
    /// The content is damaged, or its facts are too large.
    NoFacts,
    /// It changes members that only a reviewer may accept.
    Changed,
    UnknownSchema,
    /// The title or the description gained a link, a line break or an invisible character.
    RichText,
    PackageNotExact,
    /// A package was verified in an earlier version, and is unsigned or built elsewhere in this one.
    ProvenanceLost,
    /// The namespace is not verified, or nothing since the content came confirms it.
    NotVerified,
    LookalikeAlert,
}

impl NotBenign {
    /// Returns true if a person has to look at the content: nothing that happens later makes it benign.
    #[must_use]
    pub const fn is_material(self) -> bool {
        !matches!(self, Self::NoReference | Self::NotVerified | Self::LookalikeAlert)
    }
}

impl fmt::Display for NotBenign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoReference => "the approval has no `reference`",
            Self::ReferenceUnknown => "the store does not have the reference with its digest",
            Self::ReferenceHidden => "a rule denies or suspends the reference",
            Self::NotSemantic => "its version is not a semantic one",
            Self::PreRelease => "it is a pre-release, or has build metadata",
            Self::NotHigher => "its version is not higher than that of the reference",
            Self::OtherMajor => "its major version differs from that of the reference",
            Self::NoFacts => "its content is damaged, or its facts exceed 64 KiB",
            Self::Changed => "it changes more than text for people, icons and versions of packages",
            Self::UnknownSchema => "its `$schema` is not a published one",
            Self::RichText => {
                "its title or description gained a link, a line break or an invisible character"
            }
            Self::PackageNotExact => "a package names no exact version or digest",
            Self::ProvenanceLost => {
                "a package that was verified before is unsigned, or built by another repository or workflow"
            }
            Self::NotVerified => "its namespace was not verified after it arrived",
            Self::LookalikeAlert => {
                "an open lookalike alert, or a comparison that is still to come"
            }
        })
    }
}
