use serde::{Deserialize, Serialize};

use super::expected::ArtefactDigest;
use super::finding::{Evidence, Finding, Refusal, Signer};
use crate::model::Digest;

/// Earlier evidence about one file that is kept: the first, and the newest.
const MAX_EARLIER: usize = 4;
/// The texts of all attestations of one file in bytes; two real ones have less than 3 KB.
const MAX_TEXTS: usize = 32 * 1024;

/// The attestations of one file, as they were verified. It stores no verdict: [`judge()`](super::judge()) derives that
/// from the record and the entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttestationRecord {
    /// The evidence of the last definite answer; unavailable only until the first one.
    pub evidence: Evidence,
    /// Other evidence that was found before, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Evidence>,
    /// The digest of the trust under which it was verified.
    pub trust: Digest,
}

impl AttestationRecord {
    /// Returns the record after another look: no answer changes no evidence, and none is verified under another trust by it.
    #[must_use]
    pub fn after(before: Option<Self>, evidence: Evidence, trust: Digest) -> Self {
        let Some(before) = before else {
            return Self { evidence, earlier: Vec::new(), trust };
        };
        if matches!(evidence, Evidence::Unavailable) {
            return before;
        }
        before.replaced_by(evidence, trust)
    }

    /// Returns the record of the next content under the same tag, of which nothing is known yet.
    #[must_use]
    pub fn of_next_content(self) -> Self {
        let trust = self.trust;
        self.replaced_by(Evidence::Unavailable, trust)
    }

    fn replaced_by(self, evidence: Evidence, trust: Digest) -> Self {
        let Self { evidence: replaced, mut earlier, .. } = self;
        if replaced.shows_build() && replaced != evidence {
            earlier.push(replaced);
            if earlier.len() > MAX_EARLIER {
                earlier.remove(1);
            }
        }
        Self { evidence, earlier, trust }
    }

    /// Returns true if both have the same evidence, under whichever trust.
    #[must_use]
    pub fn has_same_evidence(&self, other: &Self) -> bool {
        self.evidence == other.evidence && self.earlier == other.earlier
    }
}

impl Evidence {
    /// Returns the evidence with attestations that were refused before they were verified; none of them, or no definite
    /// answer, changes nothing.
    #[must_use]
    pub fn with_refused(mut self, refused: impl IntoIterator<Item = Refusal>) -> Self {
        if let Self::Attestations(attestations) = &mut self {
            attestations.extend(refused.into_iter().map(Err));
        }
        self
    }

    /// Returns the evidence as it is kept: without subjects that are other files, and refused if its texts are too long.
    #[must_use]
    pub fn kept(self, digests: &[ArtefactDigest]) -> Self {
        let Self::Attestations(mut attestations) = self else { return self };
        for finding in attestations.iter_mut().flatten() {
            let is_its = |digest: &ArtefactDigest| digests.contains(digest);
            finding.attested.subjects.retain(|subject| subject.digests.iter().any(is_its));
        }
        let size: usize = attestations.iter().flatten().map(Finding::size).sum();
        if size > MAX_TEXTS {
            attestations = vec![Err(Refusal::TooLarge)];
        }
        Self::Attestations(attestations)
    }

    /// Returns the digests that its attestations are about.
    #[must_use]
    pub fn digests(&self) -> Vec<ArtefactDigest> {
        let Self::Attestations(attestations) = self else { return Vec::new() };
        let subjects = attestations.iter().flatten().flat_map(|found| &found.attested.subjects);
        subjects.flat_map(|subject| &subject.digests).copied().collect()
    }

    /// Returns true if a build signed one of the attestations.
    fn shows_build(&self) -> bool {
        let Self::Attestations(attestations) = self else { return false };
        let is_signed_by_build = |finding: &Finding| matches!(finding.signer, Signer::Workload(_));
        attestations.iter().flatten().any(is_signed_by_build)
    }
}

impl Finding {
    /// Returns the bytes of its texts.
    fn size(&self) -> usize {
        serde_json::to_vec(self).map_or(usize::MAX, |json| json.len())
    }
}
