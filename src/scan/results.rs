use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::result::ScanResult;
use crate::model::{Digest, Name};

/// All results, by the name of their subject.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScanResults {
    by_name: BTreeMap<Name, Vec<Arc<ScanResult>>>,
    count: usize,
}

impl ScanResults {
    #[must_use]
    pub fn new(results: impl IntoIterator<Item = Arc<ScanResult>>) -> Self {
        let mut all = Self::default();
        for result in results {
            all.count += 1;
            all.by_name.entry(result.name.clone()).or_default().push(result);
        }
        all
    }

    /// Returns the number of results.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Returns the results about a name.
    pub(super) fn of_name(&self, name: &Name) -> &[Arc<ScanResult>] {
        self.by_name.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the digest of everything that decides or is shown.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_hash(&self.by_name)
    }

    /// Returns the names about which only one of the two says something.
    #[must_use]
    pub fn changed(&self, before: &Self) -> BTreeSet<Name> {
        let names = self.by_name.keys().chain(before.by_name.keys());
        names.filter(|name| self.of_name(name) != before.of_name(name)).cloned().collect()
    }
}
