//! The names that use a package, for advisories about it that change.

use std::collections::{BTreeSet, HashMap, HashSet};

use redb::ReadableTable;

use super::{Snapshot, StoreError, codec};
use crate::advisory::EcosystemPackage;
use crate::model::Name;

/// The names by the packages that they use.
#[derive(Debug)]
pub enum PackageUsers {
    Known(HashMap<u64, Vec<Name>>),
    /// All names: it is not known yet which of them use a package.
    Unknown(BTreeSet<Name>),
}

impl PackageUsers {
    /// Returns the names that may use a package among these, by hash.
    #[must_use]
    pub fn of(&self, packages: &HashSet<u64>) -> BTreeSet<Name> {
        match self {
            Self::Known(users) => {
                packages.iter().filter_map(|hash| users.get(hash)).flatten().cloned().collect()
            }
            Self::Unknown(names) => names.clone(),
        }
    }
}

impl Snapshot {
    /// Returns the names by the packages of their contents; every name for each while facts are missing.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn package_users(&self) -> Result<PackageUsers, StoreError> {
        if !self.has_all_facts()? {
            return Ok(PackageUsers::Unknown(self.names()?));
        }
        let mut users: HashMap<u64, Vec<Name>> = HashMap::new();
        for row in self.tables.facts()?.iter()? {
            let (key, value) = row?;
            let facts = codec::read_facts(value.value()).and_then(|kept| kept.decode());
            for package in facts.iter().flat_map(|facts| &facts.packages) {
                let key_of = EcosystemPackage::of_entry(&package.registry, &package.identifier);
                let (Some(package), Ok(name)) = (key_of, Name::parse(key.value().1)) else {
                    continue;
                };
                let names = users.entry(package.short_hash()).or_default();
                // The versions of a name are adjacent.
                if names.last() != Some(&name) {
                    names.push(name);
                }
            }
        }
        Ok(PackageUsers::Known(users))
    }
}
