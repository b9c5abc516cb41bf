//! The screening index: all protected subjects, found by keys.
//!
//! The index has a 64-bit digest of each [`Key`] with the number of its target, sorted: a fifth of the memory of a map
//! of lists. Two keys with one digest only cause one more comparison, which distinguishes them. The hasher has a random
//! key, so that a publisher cannot choose texts that collide.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

use super::key::{Key, content_keys, name_keys, target_keys};
use super::suspect::{SuspectContent, SuspectName};
use super::target::{Protected, Target};
use super::text::length;
use crate::ownership::SharedHosts;

/// The owners that one package may have; with more owners it identifies none of them.
const MAX_OWNERS: usize = 3;

/// The protected names and brands, found by keys that a suspect has in common with them.
#[derive(Debug, Default)]
pub struct ScreeningIndex {
    targets: Vec<Target>,
    index: Vec<(u64, u32)>,
    hasher: RandomState,
    brand_lengths: BTreeSet<usize>,
    shared: SharedHosts,
}

impl ScreeningIndex {
    /// Builds the index; if a subject is protected for several reasons, the first reason counts.
    #[must_use]
    pub fn new(protected: impl IntoIterator<Item = Protected>, shared: SharedHosts) -> Self {
        let mut unique: BTreeMap<String, Protected> = BTreeMap::new();
        for protected in protected {
            let subject = protected.subject.clone();
            let known = unique.entry(subject).or_insert_with(|| protected.clone());
            known.why = known.why.min(protected.why);
            known.in_part &= protected.in_part;
        }
        drop_common_packages(&mut unique);
        // The reasons with the highest weight come first, in case there are more targets than are compared.
        let mut ordered: Vec<Protected> = unique.into_values().collect();
        ordered.sort_by_key(|protected| protected.why);
        let mut built = Self { shared, ..Self::default() };
        ordered.into_iter().for_each(|protected| built.add(protected));
        built.index.sort_unstable();
        built.index.shrink_to_fit();
        built
    }

    fn add(&mut self, protected: Protected) {
        let Ok(number) = u32::try_from(self.targets.len()) else { return };
        let target = Target::of(protected, &self.shared);
        if !target.is_name {
            self.brand_lengths.insert(length(&target.compact));
        }
        let mut keys = BTreeSet::new();
        target_keys(&target, &mut |key| {
            keys.insert(self.hasher.hash_one(key));
        });
        self.index.extend(keys.into_iter().map(|key| (key, number)));
        self.targets.push(target);
    }

    /// Returns the targets that a name may resemble.
    pub(super) fn by_name(&self, suspect: &SuspectName<'_>) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        name_keys(suspect, &self.brand_lengths, &mut |key| self.find(key, &mut found));
        found
    }

    /// Returns the targets that a content may resemble.
    pub(super) fn by_content(&self, content: &SuspectContent<'_>) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        content_keys(content, &mut |key| self.find(key, &mut found));
        found
    }

    fn find(&self, key: Key<'_>, found: &mut BTreeSet<usize>) {
        let wanted = self.hasher.hash_one(key);
        let first = self.index.partition_point(|(key, _)| *key < wanted);
        let same = self.index[first..].iter().take_while(|(key, _)| *key == wanted);
        found.extend(same.map(|(_, target)| *target as usize));
    }

    pub(super) fn target(&self, number: usize) -> &Target {
        &self.targets[number]
    }

    pub(super) const fn shared(&self) -> &SharedHosts {
        &self.shared
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }
}

/// Removes packages that several namespaces offer from the profiles.
fn drop_common_packages(protected: &mut BTreeMap<String, Protected>) {
    let mut owners: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for Protected { subject, profile, .. } in protected.values() {
        for package in &profile.packages {
            let owner = subject.split('/').next().unwrap_or_default().to_owned();
            owners.entry(package.clone()).or_default().insert(owner);
        }
    }
    for Protected { profile, .. } in protected.values_mut() {
        profile.packages.retain(|package| owners[package].len() <= MAX_OWNERS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookalike::{EntryProfile, Why};
    use crate::model::Name;

    fn packaged(subject: &str, registry: &str, identifier: &str) -> Protected {
        let packages = [(registry.to_owned(), identifier.to_owned())].into();
        let profile = EntryProfile { packages, ..EntryProfile::default() };
        Protected::new(subject, Why::Approved).shown(profile)
    }

    fn found_by_package(index: &ScreeningIndex, registry: &str, identifier: &str) -> usize {
        let packages = [(registry.to_owned(), identifier.to_owned())].into();
        let profile = EntryProfile { packages, ..EntryProfile::default() };
        index.by_content(&SuspectContent::of(&profile, index.shared())).len()
    }

    #[test]
    fn registry_type_is_not_another_kind_of_key() {
        let brand = Protected::new("stripe", Why::Listed).of("com.stripe");
        let index = ScreeningIndex::new([brand], SharedHosts::default());
        for registry in ["brand", "label", "seen", "near", "domain", "Brand", "Package"] {
            assert_eq!(found_by_package(&index, registry, "stripe"), 0, "{registry}");
        }
        let index = ScreeningIndex::new([packaged("com.a/b", "npm", "x")], SharedHosts::default());
        assert_eq!(found_by_package(&index, "npm", "x"), 1);
        assert_eq!(found_by_package(&index, "np", "mx"), 0);
    }

    #[test]
    fn package_of_many_owners_belongs_to_none() {
        let many = |owners: usize| {
            let all = (0..owners).map(|owner| packaged(&format!("com.n{owner}/x"), "npm", "p"));
            ScreeningIndex::new(all, SharedHosts::default())
        };
        assert_eq!(found_by_package(&many(MAX_OWNERS), "npm", "p"), MAX_OWNERS);
        assert_eq!(found_by_package(&many(MAX_OWNERS + 1), "npm", "p"), 0);
    }

    #[test]
    fn name_in_another_case_finds_its_target() {
        let name = Name::parse("com.a/mcp").expect("a name");
        let index = ScreeningIndex::new(
            [Protected::new("com.A/MCP", Why::Approved)],
            SharedHosts::default(),
        );
        assert_eq!(index.by_name(&SuspectName::of(&name, index.shared())).len(), 1);
    }
}
