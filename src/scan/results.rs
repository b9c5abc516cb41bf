use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::result::ScanResult;
use crate::model::{Digest, Name, Version};

/// All results, by the name and the version of their subject.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScanResults(BTreeMap<Name, BTreeMap<Version, Vec<Arc<ScanResult>>>>);

impl ScanResults {
    #[must_use]
    pub fn new(results: impl IntoIterator<Item = Arc<ScanResult>>) -> Self {
        let mut all = Self::default();
        for result in results {
            let of_name = all.0.entry(result.name.clone()).or_default();
            of_name.entry(result.version.clone()).or_default().push(result);
        }
        all
    }

    /// Returns the number of results.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.values().flat_map(BTreeMap::values).map(Vec::len).sum()
    }

    /// Returns the results about a version.
    pub(super) fn of_version(&self, name: &Name, version: &Version) -> &[Arc<ScanResult>] {
        let of_version = self.0.get(name).and_then(|of_name| of_name.get(version));
        of_version.map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the digest of everything that decides or is shown.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_hash(&self.0)
    }

    /// Returns the names about which only one of the two says something.
    #[must_use]
    pub fn changed(&self, before: &Self) -> BTreeSet<Name> {
        let names = self.0.keys().chain(before.0.keys());
        names.filter(|name| self.0.get(*name) != before.0.get(*name)).cloned().collect()
    }
}
