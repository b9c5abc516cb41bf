use std::sync::Arc;

use bytes::Bytes;

use crate::artefact::{Checksum, FileAttestations, PackageKey, PackageLookup, attested_files};
use crate::attestation::{Form, Verifier, collect};
use crate::daemon::runtime::try_blocking;
use crate::model::reason;
use crate::provenance::{Evidence, Refusal};
use crate::remote::Packages;

/// Where packages and their attestations are looked at.
#[derive(Debug, Clone)]
pub(super) struct Registries {
    pub(super) packages: Arc<Packages>,
    pub(super) verifier: Arc<Verifier>,
}

/// The result of one look at a package.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) observed: PackageLookup,
    pub(super) attested: Vec<FileAttestations>,
}

impl Look {
    /// Returns a look that failed as a whole.
    pub(super) const fn failed(why: String) -> Self {
        Self { observed: PackageLookup::Unclear(why), attested: Vec::new() }
    }
}

impl Registries {
    /// Looks at the files of a package, and then at the attestations of some of them.
    pub(super) async fn look(&self, key: &PackageKey) -> Look {
        let observed = self.packages.artefacts(key).await;
        let mut attested = Vec::new();
        if let PackageLookup::Files(files) = &observed {
            for file in attested_files(key, files) {
                let Some(checksum) = &file.checksum else { continue };
                attested.push(self.attestations(key, &file.name, checksum).await);
            }
        }
        Look { observed, attested }
    }

    async fn attestations(
        &self,
        key: &PackageKey,
        file: &str,
        checksum: &Checksum,
    ) -> FileAttestations {
        let found = match self.packages.attestations(key, file, checksum).await {
            Ok(documents) => self.verify(key, checksum, documents).await,
            Err(why) => Err(why),
        };
        let (evidence, problem) = match found {
            Ok(evidence) => (evidence, None),
            Err(why) => (Evidence::Unavailable, Some(why)),
        };
        FileAttestations {
            file: file.to_owned(),
            checksum: checksum.clone(),
            evidence,
            trust: self.verifier.trust(),
            problem,
        }
    }

    /// Verifies the attestations of documents on a thread that may block: a signature costs a millisecond.
    async fn verify(
        &self,
        key: &PackageKey,
        checksum: &Checksum,
        documents: Vec<Result<Bytes, Refusal>>,
    ) -> Result<Evidence, String> {
        let form = match key.kind() {
            "npm" => Form::Npm,
            "pypi" => Form::Python,
            _ => Form::Bundle,
        };
        let digests: Vec<_> = checksum.digest().into_iter().collect();
        let verifier = Arc::clone(&self.verifier);
        let verified = try_blocking(move || {
            let found: Vec<&[u8]> = documents.iter().flatten().map(|bytes| &bytes[..]).collect();
            let refused = documents.iter().filter_map(|document| document.as_ref().err().copied());
            collect(form, &found, &digests, &verifier).with_refused(refused).kept(&digests)
        });
        match verified.await {
            Ok(Evidence::Unavailable) => Err("an answer of an unknown shape".into()),
            Ok(evidence) => Ok(evidence),
            Err(panicked) => Err(reason(&panicked)),
        }
    }
}
