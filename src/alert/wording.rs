use super::evidence::Evidence;
use crate::model::Digest;

impl Evidence {
    /// Returns the digest of the item without what is worded for people: contents by their digests, and not the list of
    /// what differs between them. It is the same in a release that words the same item otherwise. A [`Self::Text`] is
    /// all words, and stays.
    #[must_use]
    pub fn digest_without_wording(&self) -> Digest {
        match self.clone() {
            Self::Drift { first, now, .. } => Self::Drift { first, now, changes: Vec::new() },
            Self::NotBenign { version, received, why, .. } => {
                Self::NotBenign { version, received, why, changes: Vec::new() }
            }
            Self::Violation { .. } => Self::Violation { rule: String::new() },
            other => other,
        }
        .digest()
    }
}
