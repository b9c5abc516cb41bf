use serde::{Deserialize, Serialize};

use super::attested::Attested;
use crate::model::Timestamp;

/// The content of an attestation whose signature was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub attested: Attested,
    pub signer: Signer,
    /// The earliest time that a log or a timestamp authority vouches for.
    pub signed_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Signer {
    /// A build, as the certificate describes it.
    Workload(Box<Workload>),
    /// A package registry, by one of its published keys.
    Registry(String),
}

/// The claims of a certificate about the build that it was issued to. The build service states them; the publisher
/// chooses only the texts of names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workload {
    pub issuer: String,
    /// The workflow that signed: another one than `workflow` if that calls it.
    pub signer: String,
    pub repository: Option<String>,
    pub repository_id: Option<String>,
    pub owner_id: Option<String>,
    pub commit: Option<String>,
    /// The workflow that ran.
    pub workflow: Option<String>,
    /// The machine that it ran on, such as `github-hosted`.
    pub runner: Option<String>,
}

/// The result of looking for attestations of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Evidence {
    /// No definite answer.
    Unavailable,
    /// All attestations that the registry has; none if it definitely has none.
    Attestations(Vec<Result<Finding, Refusal>>),
}

/// Why an attestation was not taken as a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// Too many bytes, attestations, log entries or timestamps.
    TooLarge,
    /// Not a Sigstore bundle of a known version, or one with several signatures.
    Unreadable,
    /// A valid signature, but not of an in-toto attestation.
    NotAnAttestation,
    /// About another file.
    OtherArtefact,
    Signature,
    /// Not issued by an authority of the trust root, or not to a build.
    Certificate,
    /// Not shown to be in a log of the trust root.
    Log,
    /// In a log that the trust root does not have: another instance's, or one that is newer than the trust root.
    UnknownLog,
    /// Without a time that a log or an authority of the trust root vouches for.
    Time,
    /// Signed by a key that the registry does not publish, or not for that time.
    UnknownKey,
}
