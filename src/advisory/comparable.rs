use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::OnceLock;

use smol_str::SmolStr;

use super::ecosystem::Ecosystem;
use super::range::{Bounds, Ordered, Range, nuget_form};

/// Affected versions in the form in which they are compared. It is made at the first comparison and kept, since an
/// advisory may list 50,000 versions and a name may have 10,000 of its own.
#[derive(Default, Clone)]
pub(super) struct Comparable(OnceLock<Forms>);

#[derive(Clone)]
pub(super) struct Forms {
    ecosystem: Ecosystem,
    texts: HashSet<SmolStr>,
    /// Those that have an order, in it.
    ordered: Vec<Ordered>,
    nuget: HashSet<String>,
    ranges: Vec<Bounds>,
}

impl Comparable {
    /// Returns the form of these versions and ranges, which are the same at each call.
    pub(super) fn of(
        &self,
        ecosystem: Ecosystem,
        versions: &[SmolStr],
        ranges: &[Range],
    ) -> &Forms {
        self.0.get_or_init(|| Forms::read(ecosystem, versions, ranges))
    }
}

impl Forms {
    fn read(ecosystem: Ecosystem, versions: &[SmolStr], ranges: &[Range]) -> Self {
        let read = |version: &SmolStr| Ordered::read(ecosystem, version);
        let mut ordered: Vec<Ordered> = versions.iter().filter_map(read).collect();
        ordered.sort_unstable_by(Ordered::compare);
        let nuget = versions.iter().filter(|_| ecosystem == Ecosystem::Nuget);
        Self {
            ecosystem,
            texts: versions.iter().cloned().collect(),
            ordered,
            nuget: nuget.map(|version| nuget_form(version)).collect(),
            ranges: ranges.iter().filter_map(|range| range.bounds(ecosystem)).collect(),
        }
    }

    /// Returns true if a version is listed, as the clients of the ecosystem compare them.
    pub(super) fn list(&self, version: &str) -> bool {
        self.texts.contains(version)
            || match self.ecosystem {
                Ecosystem::Nuget => self.nuget.contains(&nuget_form(version)),
                _ => Ordered::read(self.ecosystem, version).is_some_and(|version| {
                    self.ordered.binary_search_by(|listed| listed.compare(&version)).is_ok()
                }),
            }
    }

    /// Returns true if a version lies in one of the ranges.
    pub(super) fn contain(&self, version: &Ordered) -> bool {
        self.ranges.iter().any(|range| range.contain(version))
    }
}

/// It follows from what it is made of, so it makes no difference.
impl PartialEq for Comparable {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Comparable {}

impl Hash for Comparable {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl fmt::Debug for Comparable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Comparable")
    }
}
