use std::collections::{BTreeSet, HashMap};

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
    /// Packages about which a report of malicious code may be left out.
    unread: BTreeSet<EcosystemPackage>,
    is_cut: bool,
}

impl FoundAdvisories {
    /// Adds one that is not among them.
    pub fn add(&mut self, found: FeedAdvisory) {
        let index = self.all.len();
        for (position, affected) in found.advisory.affected.iter().enumerate() {
            self.by_package.entry(affected.key()).or_default().push((index, position));
        }
        self.all.push(found);
    }

    /// Notes that an advisory about a package is left out: there are more than are read for one name.
    pub fn leave_out(&mut self, key: &EcosystemPackage, may_be_malicious: bool) {
        self.is_cut = true;
        if may_be_malicious {
            self.unread.insert(key.clone());
        }
    }

    /// Returns true if an advisory is left out, so that more of them may concern the name.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Returns true if a report of malicious code about a package may be left out.
    #[must_use]
    pub fn is_unread(&self, key: &EcosystemPackage) -> bool {
        self.unread.contains(key)
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
