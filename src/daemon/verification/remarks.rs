use std::collections::BTreeMap;

use super::titles::{OWNERSHIP, of_crowded, of_trouble};
use crate::alert::Observation;
use crate::daemon::runtime::{Clock, observe};
use crate::remote::Trouble;
use crate::store::Store;

/// The alerts that verification raises, as they are now.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    of_namespaces: BTreeMap<String, Vec<Observation>>,
    crowded: Vec<Observation>,
}

impl Remarks {
    /// Replaces the alerts about a namespace.
    pub(super) fn set(&mut self, namespace: &str, seen: Vec<Observation>) {
        if seen.is_empty() {
            self.of_namespaces.remove(namespace);
        } else {
            self.of_namespaces.insert(namespace.to_owned(), seen);
        }
    }

    /// Replaces the alerts about domains with many namespaces below them.
    pub(super) fn set_crowded(&mut self, domains: &[(String, u64)]) {
        self.crowded = of_crowded(domains);
    }

    /// Raises and resolves alerts in the store.
    pub(super) fn report(&self, store: &Store, clock: &Clock, trouble: &Trouble) {
        let trouble = of_trouble(trouble);
        let all = self.of_namespaces.values().flatten().chain(&self.crowded);
        let all: Vec<Observation> = all.cloned().chain(trouble).collect();
        observe(store, clock, OWNERSHIP, all);
    }
}
