use serde::{Deserialize, Serialize};

use super::finding::Refusal;
use crate::model::Timestamp;

/// The result of judging the provenance of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "verdict")]
pub enum Verdict {
    Verified(Box<Build>),
    /// No attestation says who built it.
    Unsigned,
    Failed {
        reason: Failure,
    },
    /// No definite answer.
    Unavailable,
}

/// A build that was verified. Its texts are bounded, and from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Build {
    pub repository: String,
    /// Stays when the repository is renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_id: Option<String>,
    pub commit: String,
    /// The path of the workflow in the repository.
    pub workflow: String,
    /// The workflow of another repository that built for this one, without its branch or tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called: Option<String>,
    pub builder: String,
    pub signed_at: Timestamp,
}

/// Why attestations do not verify a package. Texts are bounded, and from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "failure")]
pub enum Failure {
    Refused {
        refusal: Refusal,
    },
    /// The predicate is not one that says who built or published a package of this type.
    Predicate {
        predicate_type: String,
    },
    /// No subject has the digest of the file.
    OtherArtefact,
    /// The file has the right digest under the name of another package or version.
    OtherPackage {
        subject: String,
    },
    /// Signed by something that attestations of this kind are not signed by.
    Signer {
        signer: String,
    },
    /// Built by a service that is not known here.
    Issuer {
        issuer: String,
    },
    Builder {
        builder: String,
    },
    /// Built on a machine of the publisher.
    SelfHosted {
        runner: String,
    },
    /// The certificate does not say what was built.
    NoSource,
    /// The predicate names another repository than the certificate.
    Contradiction {
        predicate: String,
        certificate: String,
    },
    /// The entry names no repository that could be compared.
    NoRepository {
        built_from: String,
    },
    OtherRepository {
        expected: String,
        built_from: String,
    },
    /// The repository belongs to another account than the namespace.
    OtherOwner {
        expected: String,
        owner: String,
    },
}

impl Verdict {
    /// Returns the verdict on a package from those on its files: that of the file about which least is known to be good.
    #[must_use]
    pub fn of_files(files: impl IntoIterator<Item = Self>) -> Self {
        let worse =
            |worst: Self, next: Self| if next.weight() > worst.weight() { next } else { worst };
        files.into_iter().reduce(worse).unwrap_or(Self::Unavailable)
    }

    /// Returns a number that is the greater, the less is known to be good.
    #[must_use]
    pub const fn weight(&self) -> u8 {
        match self {
            Self::Failed { .. } => 3,
            Self::Unavailable => 2,
            Self::Unsigned => 1,
            Self::Verified(_) => 0,
        }
    }

    /// Returns the verdict as one word.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Verified(_) => "verified",
            Self::Unsigned => "unsigned",
            Self::Failed { .. } => "failed",
            Self::Unavailable => "unavailable",
        }
    }
}
