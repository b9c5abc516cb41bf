use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::verifier::{MAX_BUNDLE, Verifier};
use crate::provenance::{ArtefactDigest, Evidence, Refusal};

/// Attestations of one file. Real files have two; an image has one for each kind of scan.
const MAX_ATTESTATIONS: usize = 16;
/// All attestations of a file in bytes: as many large ones as a real build has.
const MAX_DOCUMENT: usize = 4 * MAX_BUNDLE;

/// The form of an answer with attestations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// npm's attestations of a release.
    Npm,
    /// The provenance of a Python file (PEP 740).
    Python,
    /// One bundle, as a referrer of an image has it.
    Bundle,
}

/// The bundles of a document. A document that cannot be read says nothing about the package.
type Bundles = Option<Vec<Result<Box<RawValue>, Refusal>>>;

#[derive(Deserialize)]
struct NpmDocument {
    attestations: Vec<NpmAttestation>,
}

#[derive(Deserialize)]
struct NpmAttestation {
    bundle: Box<RawValue>,
}

#[derive(Deserialize)]
struct PythonDocument {
    attestation_bundles: Vec<PythonPublisher>,
}

#[derive(Deserialize)]
struct PythonPublisher {
    attestations: Vec<PythonAttestation>,
}

#[derive(Deserialize)]
struct PythonAttestation {
    version: u64,
    verification_material: PythonMaterial,
    envelope: PythonEnvelope,
}

#[derive(Deserialize)]
struct PythonMaterial {
    certificate: Box<RawValue>,
    transparency_entries: Box<RawValue>,
}

#[derive(Deserialize)]
struct PythonEnvelope {
    #[serde(rename = "statement")]
    payload: Box<RawValue>,
    signature: Box<RawValue>,
}

/// Verifies each attestation in the answers of a registry about one file.
///
/// An answer of another shape, such as a page in HTML, is no answer. One beyond a limit is refused as a whole, before it
/// is parsed where its size decides.
#[must_use]
pub fn collect(
    form: Form,
    documents: &[&[u8]],
    digests: &[ArtefactDigest],
    verifier: &Verifier,
) -> Evidence {
    let size = documents.iter().fold(0_usize, |sum, document| sum.saturating_add(document.len()));
    let mut bundles = Vec::new();
    if size > MAX_DOCUMENT || documents.len() > MAX_ATTESTATIONS {
        return Evidence::Attestations(vec![Err(Refusal::TooLarge)]);
    }
    for document in documents {
        match read(form, document) {
            Some(read) => bundles.extend(read),
            None => return Evidence::Unavailable,
        }
    }
    if bundles.len() > MAX_ATTESTATIONS {
        return Evidence::Attestations(vec![Err(Refusal::TooLarge)]);
    }
    let verify =
        |bundle: Result<Box<RawValue>, Refusal>| verifier.verify(bundle?.get().as_bytes(), digests);
    Evidence::Attestations(bundles.into_iter().map(verify).collect())
}

fn read(form: Form, document: &[u8]) -> Bundles {
    match form {
        Form::Npm => {
            let document: NpmDocument = serde_json::from_slice(document).ok()?;
            Some(document.attestations.into_iter().map(|one| Ok(one.bundle)).collect())
        }
        Form::Python => {
            let document: PythonDocument = serde_json::from_slice(document).ok()?;
            let publishers = document.attestation_bundles.into_iter();
            Some(
                publishers
                    .flat_map(|one| one.attestations)
                    .map(PythonAttestation::bundle)
                    .collect(),
            )
        }
        // Bytes with the digest that the registry states are definite, whatever they are.
        Form::Bundle => {
            Some(vec![serde_json::from_slice(document).map_err(|_| Refusal::Unreadable)])
        }
    }
}

impl PythonAttestation {
    /// Returns the bundle with the same content.
    fn bundle(self) -> Result<Box<RawValue>, Refusal> {
        let Self { version, verification_material, envelope } = self;
        if version != 1 {
            return Err(Refusal::Unreadable);
        }
        let bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": { "rawBytes": verification_material.certificate },
                "tlogEntries": verification_material.transparency_entries,
            },
            "dsseEnvelope": {
                "payload": envelope.payload,
                "payloadType": "application/vnd.in-toto+json",
                "signatures": [{ "sig": envelope.signature }],
            },
        });
        serde_json::value::to_raw_value(&bundle).map_err(|_| Refusal::Unreadable)
    }
}
