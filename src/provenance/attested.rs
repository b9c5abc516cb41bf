use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::expected::ArtefactDigest;

/// The types of the in-toto envelope's content.
const TYPES: [&str; 2] = ["https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1"];
/// More subjects of one attestation are refused; a release with hundreds of files is real.
const MAX_SUBJECTS: usize = 1_024;

/// The members of an in-toto attestation that are compared. All texts are from outside, and a signer chose them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attested {
    pub subjects: Vec<Subject>,
    pub predicate_type: String,
    /// The builder that a SLSA predicate names.
    pub builder: Option<String>,
    /// The repository that a SLSA predicate names.
    pub repository: Option<String>,
    /// The release that a registry's predicate names.
    pub release: Option<Release>,
}

/// A file that an attestation is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Empty if it has none, as in signatures of images.
    pub name: String,
    pub digests: Vec<ArtefactDigest>,
}

/// A release of a package, as a registry attests it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    pub name: String,
    pub version: String,
    pub registry: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<DocumentSubject>,
    predicate_type: String,
    #[serde(default)]
    predicate: Value,
}

#[derive(Deserialize)]
struct DocumentSubject {
    #[serde(default)]
    name: String,
    digest: Digests,
}

#[derive(Deserialize)]
struct Digests {
    sha256: Option<String>,
    sha512: Option<String>,
}

impl Attested {
    /// Reads the payload of an envelope; `None` if it is not an in-toto attestation of a known version.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let document: Document = serde_json::from_slice(payload).ok()?;
        if !TYPES.contains(&document.kind.as_str()) || document.subject.len() > MAX_SUBJECTS {
            return None;
        }
        let predicate = &document.predicate;
        let text =
            |pointer: &str| predicate.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            builder: text("/runDetails/builder/id").or_else(|| text("/builder/id")),
            repository: text("/buildDefinition/externalParameters/workflow/repository")
                .or_else(|| text("/invocation/configSource/uri")),
            release: Release::deserialize(predicate).ok(),
            subjects: document.subject.into_iter().map(DocumentSubject::read).collect(),
            predicate_type: document.predicate_type,
        })
    }
}

impl DocumentSubject {
    fn read(self) -> Subject {
        let Digests { sha256, sha512 } = self.digest;
        let of = |algorithm: &str, hex: Option<String>| {
            ArtefactDigest::parse(&format!("{algorithm}:{}", hex?))
        };
        let digests = [of("sha256", sha256), of("sha512", sha512)];
        Subject { name: self.name, digests: digests.into_iter().flatten().collect() }
    }
}
