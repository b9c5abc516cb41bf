//! The words for people. Texts from outside are escaped.

use std::fmt;

use super::drift::Drift;
use super::finding::Refusal;
use super::verdict::{Failure, Verdict};
use crate::model::Escaped;

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verified(build) => write!(
                f,
                "verified: built from {} at {} by {}, signed {}",
                Escaped(&build.repository),
                Escaped(&build.commit),
                Escaped(&build.workflow),
                build.signed_at,
            ),
            Self::Unsigned => f.write_str("unsigned: no attestation says who built it"),
            Self::Failed { reason } => write!(f, "failed: {reason}"),
            Self::Unavailable => f.write_str("unavailable: the registry gave no definite answer"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { refusal } => refusal.fmt(f),
            Self::Predicate { predicate_type } => {
                write!(f, "an attestation of the unknown type {}", Escaped(predicate_type))
            }
            Self::OtherArtefact => f.write_str("an attestation is about another file"),
            Self::OtherPackage { subject } => {
                write!(
                    f,
                    "an attestation is about another package or version: {}",
                    Escaped(subject)
                )
            }
            Self::Signer { signer } => {
                write!(f, "{} does not sign attestations of this type", Escaped(signer))
            }
            Self::Issuer { issuer } => {
                write!(f, "{} is not a known build service", Escaped(issuer))
            }
            Self::Builder { builder } => write!(f, "the builder {} is not known", Escaped(builder)),
            Self::SelfHosted { runner } => {
                write!(f, "built on a machine of the publisher ({})", Escaped(runner))
            }
            Self::NoSource => {
                f.write_str("the certificate does not say from which repository it was built")
            }
            Self::Contradiction { predicate, certificate } => write!(
                f,
                "the attestation says that it was built from {}, the certificate says {}",
                Escaped(predicate),
                Escaped(certificate)
            ),
            Self::NoRepository { built_from } => write!(
                f,
                "built from {}, and the entry names no repository to compare it with",
                Escaped(built_from)
            ),
            Self::OtherRepository { expected, built_from } => write!(
                f,
                "built from {}, and the entry names {}",
                Escaped(built_from),
                Escaped(expected)
            ),
            Self::OtherOwner { expected, owner } => write!(
                f,
                "built from a repository of {}, and the namespace belongs to {}",
                Escaped(owner),
                Escaped(expected)
            ),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "an attestation is larger than is read, or there are too many",
            Self::Unreadable => {
                "an attestation is not a bundle with one signature of a known version"
            }
            Self::NotAnAttestation => "a signature without an attestation",
            Self::OtherArtefact => "an attestation is about another file",
            Self::Signature => "the signature of an attestation does not verify",
            Self::Certificate => {
                "the certificate of an attestation is not one that the trust root admits"
            }
            Self::Log => "the log entry of an attestation does not verify",
            Self::UnknownLog => {
                "an attestation is in a log that the trust root does not have; a newer trust root may have it"
            }
            Self::Time => "the time of an attestation does not verify",
            Self::UnknownKey => {
                "an attestation is signed by a key that the registry does not publish"
            }
        })
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut changed = |what: &str, before: &str, now: &str| {
            write!(f, "built by another {what}: {}, before {}", Escaped(now), Escaped(before))
        };
        let text = |called: &Option<String>| called.clone().unwrap_or_else(|| "none".to_owned());
        match self {
            Self::Unsigned => f.write_str("verified before, and unsigned now"),
            Self::Failed => f.write_str("verified before, and its attestation fails now"),
            Self::Repository { before, now } => changed("repository", before, now),
            Self::Workflow { before, now } => changed("workflow", before, now),
            Self::Called { before, now } => {
                changed("workflow of another repository", &text(before), &text(now))
            }
        }
    }
}
