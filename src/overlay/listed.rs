use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::lint::{Place, Source};
use crate::model::{Digest, Version};

/// The versions that an approval covers, each with the one content that was reviewed: at most one for each version,
/// sorted by version.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Contents(Vec<ListedContent>);

/// A version and the content of it that was reviewed.
#[derive(Debug, Clone)]
pub struct ListedContent {
    /// The span of the version in the file of its rule.
    pub span: Range<usize>,
    pub version: Version,
    /// The received digest.
    pub digest: Digest,
}

impl Contents {
    /// The greatest number of versions that one approval may list.
    pub const MAX: usize = 256;

    /// Sorts contents; of two for one version the first one counts.
    #[must_use]
    pub fn new(mut listed: Vec<ListedContent>) -> Self {
        listed.sort_by(|left, right| left.version.cmp(&right.version));
        listed.dedup_by(|later, first| later.version == first.version);
        Self(listed)
    }

    /// Returns the digest that is listed for a version. Versions are compared byte for byte: another spelling of a
    /// release is another version, which the reviewer did not see.
    #[must_use]
    pub fn digest_of(&self, version: &Version) -> Option<Digest> {
        let at = self.0.binary_search_by(|listed| listed.version.cmp(version)).ok()?;
        Some(self.0[at].digest)
    }

    /// Returns true if the other contents have this one.
    pub(super) fn has(&self, content: &ListedContent) -> bool {
        self.digest_of(&content.version) == Some(content.digest)
    }

    pub(super) fn retain(&mut self, is_kept: impl FnMut(&ListedContent) -> bool) {
        self.0.retain(is_kept);
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &ListedContent> {
        self.0.iter()
    }
}

impl ListedContent {
    /// Returns its place in the file of its rule.
    #[must_use]
    pub fn place_in(&self, source: &Arc<Source>) -> Place {
        source.place(self.span.clone())
    }
}

/// Writes an object with the digest of each version.
impl Serialize for Contents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|listed| (&listed.version, listed.digest)))
    }
}

/// Compares the content, and not its place: the same approval in two files is one decision.
impl PartialEq for ListedContent {
    fn eq(&self, other: &Self) -> bool {
        (&self.version, &self.digest) == (&other.version, &other.digest)
    }
}

impl Eq for ListedContent {}

impl Hash for ListedContent {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (&self.version, &self.digest).hash(hasher);
    }
}
