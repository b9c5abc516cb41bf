use std::collections::BTreeMap;

use super::alerts::observe;
use super::prove::Prover;
use super::titles::{OWNERSHIP, of_crowded, of_namespace, of_trouble};
use crate::alert::Observation;
use crate::ownership::{Holding, Urgency};
use crate::store::{Snapshot, StoreError};

impl Prover {
    pub(super) fn remark(
        &mut self,
        namespace: &str,
        holding: &Holding,
        urgency: Urgency,
    ) -> Result<(), StoreError> {
        let seen = match urgency {
            Urgency::Resembling | Urgency::Rest => Vec::new(),
            Urgency::Spoken => self.said_of(&self.shared.store.snapshot()?, namespace, holding)?,
        };
        match seen.is_empty() {
            true => drop(self.remarks.remove(namespace)),
            false => drop(self.remarks.insert(namespace.to_owned(), seen)),
        }
        Ok(())
    }

    fn said_of(
        &self,
        snapshot: &Snapshot,
        namespace: &str,
        holding: &Holding,
    ) -> Result<Vec<Observation>, StoreError> {
        let (set, now) = (self.shared.in_force(), self.shared.clock.now());
        let mut namings = Vec::new();
        for name in self.turns.names(namespace) {
            namings.extend(snapshot.naming(name)?.map(|naming| (name.clone(), naming)));
        }
        let (pins, served) = (set.set.pins(namespace), self.is_served(namespace));
        Ok(of_namespace(namespace, holding, pins, &namings, served, now))
    }

    fn is_served(&self, namespace: &str) -> bool {
        self.shared
            .published()
            .is_some_and(|published| self.turns.names(namespace).any(|name| published.has(name)))
    }

    /// Works out anew what there is to say of every namespace that overlays speak of.
    pub(super) fn review(&mut self) -> Result<(), StoreError> {
        let snapshot = self.shared.store.snapshot()?;
        let in_force = self.shared.in_force();
        let mut remarks = BTreeMap::new();
        for (namespace, holding) in snapshot.holdings()? {
            if self.urgency(&namespace, &in_force.set) == Urgency::Spoken {
                let seen = self.said_of(&snapshot, &namespace, &holding)?;
                remarks.insert(namespace, seen);
            }
        }
        self.remarks = remarks;
        self.crowded = of_crowded(&self.turns.crowded(&in_force.set.shared_hosts()));
        self.tell();
        Ok(())
    }

    pub(super) fn tell(&self) {
        let trouble = of_trouble(&self.witnesses.trouble());
        let said = self.remarks.values().flatten().chain(&self.crowded).cloned();
        let all: Vec<Observation> = said.chain(trouble).collect();
        observe(&self.shared.store, &self.shared.clock, OWNERSHIP, all);
    }
}
