use sigstore_verify::crypto::CertificateInfo;
use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::types::bundle::VerificationMaterialContent;
use sigstore_verify::types::{
    Artifact, ArtifactDigest, Bundle, DerPublicKey, HashAlgorithm, LogKeyId, SignatureContent,
};
use sigstore_verify::{
    Error, Policy, PublicKeyVerificationPolicy, VerificationPolicy, VerificationResult,
};
use thiserror::Error;

use super::keys::RegistryKeys;
use crate::model::{Digest, Timestamp};
use crate::provenance::{ArtefactDigest, Attested, Finding, Refusal, Signer, Workload};

/// The trusted root of the public Sigstore instance, which three package registries distribute byte for byte.
const TRUSTED_ROOT: &[u8] = include_bytes!("trusted_root.json");
/// The keys of npm's registry, as `@sigstore/tuf` distributes them.
const NPM_KEYS: &[u8] = include_bytes!("npm_keys.json");

/// A trust root or a list of keys in bytes; the embedded ones have 7 KB and 2 KB.
const MAX_TRUST: usize = 1024 * 1024;
/// A bundle in bytes. Real ones have 10 KB; a predicate may list what a large build depended on.
pub(super) const MAX_BUNDLE: usize = 1024 * 1024;
/// Certificates, log entries and timestamps of one bundle, each: every one is verified. Real bundles have one.
const MAX_MATERIAL: usize = 8;

/// Trust that cannot be used.
#[derive(Debug, Error)]
pub enum BadTrust {
    #[error("a trust root or a list of keys of more than {MAX_TRUST} bytes")]
    TooLarge,
    #[error("the trust root is not a Sigstore trusted root with authorities and logs")]
    Root,
    #[error("the keys are not those of an npm registry for attestations")]
    Keys,
}

/// A verifier of bundles under one trust root and one list of registry keys.
pub struct Verifier {
    sigstore: sigstore_verify::Verifier,
    keys: RegistryKeys,
    /// The logs of the trust root.
    logs: Vec<LogKeyId>,
    trust: Digest,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("trust", &self.trust).finish_non_exhaustive()
    }
}

impl Verifier {
    /// Returns a verifier under the given trust; what is absent is the embedded one.
    pub fn new(root: Option<&[u8]>, keys: Option<&[u8]>) -> Result<Self, BadTrust> {
        let (root, keys) = (root.unwrap_or(TRUSTED_ROOT), keys.unwrap_or(NPM_KEYS));
        if root.len() > MAX_TRUST || keys.len() > MAX_TRUST {
            return Err(BadTrust::TooLarge);
        }
        let text = std::str::from_utf8(root).map_err(|_| BadTrust::Root)?;
        let parsed = TrustedRoot::from_json(text).map_err(|_| BadTrust::Root)?;
        if parsed.certificate_authorities.is_empty() || parsed.tlogs.is_empty() {
            return Err(BadTrust::Root);
        }
        Ok(Self {
            sigstore: sigstore_verify::Verifier::new(&parsed).map_err(|_| BadTrust::Root)?,
            keys: RegistryKeys::read(keys).ok_or(BadTrust::Keys)?,
            logs: parsed.tlogs.into_iter().map(|log| log.log_id.key_id).collect(),
            trust: Digest::of_parts([root, keys]),
        })
    }

    /// Returns the digest of the trust: verdicts are reached again when it changes.
    #[must_use]
    pub const fn trust(&self) -> Digest {
        self.trust
    }

    /// Verifies a bundle, without a network, as one about a file with these digests.
    ///
    /// Enforces: one signature, by a certificate of the trust root or a key of the registry; a log entry that belongs to
    /// it; a time at which certificate or key was valid; a subject with one of the digests. Deliberately does not compare
    /// names, predicates or signers.
    pub fn verify(&self, bundle: &[u8], digests: &[ArtefactDigest]) -> Result<Finding, Refusal> {
        if bundle.len() > MAX_BUNDLE {
            return Err(Refusal::TooLarge);
        }
        let text = std::str::from_utf8(bundle).map_err(|_| Refusal::Unreadable)?;
        let bundle = Bundle::from_json(text).map_err(|_| Refusal::Unreadable)?;
        if material(&bundle) > MAX_MATERIAL {
            return Err(Refusal::TooLarge);
        }
        let attested = match &bundle.content {
            SignatureContent::DsseEnvelope(envelope) => Attested::read(envelope.payload.as_bytes()),
            _ => None,
        };
        let digest = chosen(attested.as_ref(), digests).ok_or(Refusal::OtherArtefact)?;
        let (signer, signed_at) = match &bundle.verification_material.content {
            VerificationMaterialContent::PublicKey(key) => {
                self.by_registry(&bundle, &key.hint, digest)?
            }
            _ => self.by_workload(&bundle, digest)?,
        };
        Ok(Finding { attested: attested.ok_or(Refusal::NotAnAttestation)?, signer, signed_at })
    }

    fn by_registry(
        &self,
        bundle: &Bundle,
        hint: &str,
        digest: ArtefactDigest,
    ) -> Result<(Signer, Timestamp), Refusal> {
        let key = self.keys.with_id(hint).ok_or(Refusal::UnknownKey)?;
        let policy = PublicKeyVerificationPolicy::new(DerPublicKey::new(key.to_vec()));
        let verified = self.run(bundle, digest, &policy)?;
        let signed_at = earliest(&verified).ok_or(Refusal::Time)?;
        // The hint chose the key; only this says that the key was valid.
        self.keys.at(hint, signed_at).filter(|valid| *valid == key).ok_or(Refusal::UnknownKey)?;
        Ok((Signer::Registry(hint.to_owned()), signed_at))
    }

    fn by_workload(
        &self,
        bundle: &Bundle,
        digest: ArtefactDigest,
    ) -> Result<(Signer, Timestamp), Refusal> {
        let verified = self.run(bundle, digest, &VerificationPolicy::any_identity())?;
        if !(verified.certificate_verified() && verified.sct_verified()) {
            return Err(Refusal::Certificate);
        }
        let signed_at = earliest(&verified).ok_or(Refusal::Time)?;
        let certificate = verified.certificate().ok_or(Refusal::Certificate)?;
        Ok((Signer::Workload(Box::new(workload(certificate))), signed_at))
    }

    fn run(
        &self,
        bundle: &Bundle,
        digest: ArtefactDigest,
        policy: &dyn Policy,
    ) -> Result<VerificationResult, Refusal> {
        let algorithm = match digest {
            ArtefactDigest::Sha256(_) => HashAlgorithm::Sha2256,
            ArtefactDigest::Sha512(_) => HashAlgorithm::Sha2512,
        };
        let digest = ArtifactDigest::new(algorithm, digest.as_bytes())
            .map_err(|_| Refusal::OtherArtefact)?;
        let verified = self.sigstore.verify(Artifact::Digest(digest), bundle, policy);
        let verified = verified.map_err(|error| self.refusal(&error, bundle))?;
        if verified.tlog_verified() { Ok(verified) } else { Err(Refusal::Log) }
    }

    /// Returns why a bundle is refused. An unknown log fails as whatever is verified first by its key.
    fn refusal(&self, error: &Error, bundle: &Bundle) -> Refusal {
        let entries = &bundle.verification_material.tlog_entries;
        let is_foreign = entries.iter().any(|entry| !self.logs.contains(&entry.log_id.key_id));
        match error {
            Error::ArtifactMismatch(_) => Refusal::OtherArtefact,
            Error::TransparencyLog(_) | Error::Timestamp(_) if is_foreign => Refusal::UnknownLog,
            Error::SignatureInvalid(_) | Error::Crypto(_) => Refusal::Signature,
            Error::Certificate(_) => Refusal::Certificate,
            Error::TransparencyLog(_) => Refusal::Log,
            Error::Timestamp(_) => Refusal::Time,
            _ => Refusal::Unreadable,
        }
    }
}

/// Returns the greatest number of things of one kind that a bundle asks to be verified.
fn material(bundle: &Bundle) -> usize {
    let material = &bundle.verification_material;
    let certificates = match &material.content {
        VerificationMaterialContent::X509CertificateChain { certificates } => certificates.len(),
        _ => 1,
    };
    let timestamps = material.timestamp_verification_data.rfc3161_timestamps.len();
    certificates.max(material.tlog_entries.len()).max(timestamps)
}

/// Returns the digest to verify: one of a subject, or the one that a signature of plain bytes needs.
fn chosen(attested: Option<&Attested>, digests: &[ArtefactDigest]) -> Option<ArtefactDigest> {
    let mut digests = digests.iter().copied();
    match attested {
        Some(attested) => digests.find(|digest| {
            attested.subjects.iter().any(|subject| subject.digests.contains(digest))
        }),
        None => digests.find(|digest| matches!(digest, ArtefactDigest::Sha256(_))),
    }
}

fn earliest(verified: &VerificationResult) -> Option<Timestamp> {
    let times = verified.verified_timestamps().iter();
    times.min().map(|time| Timestamp::from_micros(time.as_microsecond()))
}

fn workload(certificate: &CertificateInfo) -> Workload {
    let claims = &certificate.ci_claims;
    let signer = certificate.identity.as_ref().map(|name| name.as_str().to_owned());
    Workload {
        issuer: certificate.issuer.clone().unwrap_or_default(),
        signer: signer.unwrap_or_default(),
        repository: claims.source_repository_uri.clone(),
        repository_id: claims.source_repository_identifier.clone(),
        owner_id: claims.source_repository_owner_identifier.clone(),
        commit: claims.source_repository_digest.clone(),
        workflow: claims.build_config_uri.clone(),
        runner: claims.runner_environment.clone(),
    }
}
