use std::collections::HashMap;

use smol_str::SmolStr;

use super::ecosystem::EcosystemPackage;
use super::record::{Advisory, Affected};

/// An advisory with the feed that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedAdvisory {
    pub feed: SmolStr,
    pub advisory: Advisory,
}

/// Advisories of feeds, found by package: a name may have thousands of packages, and a package thousands of advisories.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FoundAdvisories {
    all: Vec<FeedAdvisory>,
    /// Positions in `all`, and in what that advisory affects.
    by_package: HashMap<EcosystemPackage, Vec<(usize, usize)>>,
}

impl FoundAdvisories {
    #[must_use]
    pub fn new(all: Vec<FeedAdvisory>) -> Self {
        let mut by_package: HashMap<EcosystemPackage, Vec<(usize, usize)>> = HashMap::new();
        for (index, found) in all.iter().enumerate() {
            for (position, affected) in found.advisory.affected.iter().enumerate() {
                by_package.entry(affected.key()).or_default().push((index, position));
            }
        }
        Self { all, by_package }
    }

    /// Returns the parts of advisories that are about a package, with their feeds.
    pub fn about(
        &self,
        key: &EcosystemPackage,
    ) -> impl Iterator<Item = (&SmolStr, &Advisory, &Affected)> {
        let positions = self.by_package.get(key).into_iter().flatten();
        positions.filter_map(|(index, position)| {
            let FeedAdvisory { feed, advisory } = self.all.get(*index)?;
            Some((feed, advisory, advisory.affected.get(*position)?))
        })
    }
}
