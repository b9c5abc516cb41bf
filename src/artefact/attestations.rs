use std::cmp::Reverse;

use super::checksum::Checksum;
use super::key::PackageKey;
use super::stated::StatedFile;
use crate::model::Digest;
use crate::provenance::{ArtefactDigest, Evidence};

/// Files of one package of which the attestations are fetched, each by a request of its own. A release is built once: the
/// wheel for all platforms and the source show who built it, and those for single platforms seldom say more.
pub const MAX_ATTESTED: u32 = 4;

/// Bundles that are fetched of one image, by two requests each. A real image has one for each kind of scan.
pub const MAX_BUNDLES: u32 = 8;

/// The attestations of one file, as a look found them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileAttestations {
    pub file: String,
    /// The digest under which they were verified.
    pub checksum: Checksum,
    pub evidence: Evidence,
    /// The digest of the trust.
    pub trust: Digest,
    /// The reason why there was no definite answer.
    pub problem: Option<String>,
}

/// The state of the attestations of a package, before they are compared with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signatures {
    Valid,
    /// A file has no attestation.
    Absent,
    Refused,
}

/// Returns the files of an answer whose attestations are fetched: those of an exact version, since an attestation names
/// one; and an image under a tag too, since its attestation names the digest, which the answer states.
#[must_use]
pub fn attested_files<'f>(key: &PackageKey, files: &'f [StatedFile]) -> Vec<&'f StatedFile> {
    if !key.has_attestations() {
        return Vec::new();
    }
    let is_usable = |file: &&StatedFile| {
        file.has_usable_name() && file.checksum.as_ref().and_then(Checksum::digest).is_some()
    };
    let mut usable: Vec<&StatedFile> = files.iter().filter(is_usable).collect();
    let is_general = |name: &str| name.ends_with("-any.whl") || name.ends_with(".tar.gz");
    usable.sort_by_key(|file| (Reverse(is_general(&file.name)), file.name.as_str()));
    usable.into_iter().take(MAX_ATTESTED as usize).collect()
}

impl PackageKey {
    /// Returns true if its registry has attestations that are fetched.
    #[must_use]
    pub fn has_attestations(&self) -> bool {
        match self.kind() {
            "npm" | "pypi" => !self.is_floating(),
            kind => kind == "oci",
        }
    }
}

impl Checksum {
    /// Returns the digest as attestations have it; `None` for an algorithm that they do not use.
    #[must_use]
    pub fn digest(&self) -> Option<ArtefactDigest> {
        ArtefactDigest::parse(self.as_str())
    }
}
