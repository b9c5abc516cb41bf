//! The gate that waits for a comparison with protected names, or for a reviewer of what it found.

use super::evidence::Evidence;
use super::gates::{GateInput, Outcome};
use super::requirement::spells_name_out;
use super::screening::Compared;

impl<'a> GateInput<'a, '_> {
    /// Fails an entry under a wildcard that a reviewer would have to look at first.
    pub(super) fn evaluate_screening(&self) -> Outcome<'a> {
        match self.open_lookalike() {
            None => Outcome::Passed(Evidence::NoMatch),
            Some(Evidence::NoFacts) => Outcome::Failed(Evidence::NoFacts),
            Some(_) if spells_name_out(self.rules) => Outcome::Passed(Evidence::NameSpelledOut),
            Some(evidence) => Outcome::Failed(evidence),
        }
    }

    /// Returns the reason to look at an entry that no reviewer saw. A version that a configured view shows stays, but
    /// not the one of another upstream.
    pub(super) fn open_lookalike(&self) -> Option<Evidence<'a>> {
        let upstream = self.row.upstream.as_str();
        if !self.policy.withholds()
            || self.policy.is_internal(upstream)
            || self.policy.overlays.is_internal(&self.dossier.name)
            || self.dossier.is_visible(&self.row.version) && self.dossier.is_served_from(upstream)
        {
            return None;
        }
        if self.content.facts.is_none() {
            return Some(Evidence::NoFacts);
        }
        match self.compared() {
            None => Some(Evidence::NotCompared),
            Some(compared) => compared.open_match().map(Evidence::Matches),
        }
    }

    /// Returns the comparison of the name, if it covers this content and exactly what is protected now.
    fn compared(&self) -> Option<&'a Compared> {
        let is_current = self.screening.protection == Some(self.policy.protection);
        let compared = self.screening.get(&self.dossier.name).filter(|_| is_current)?;
        compared.contents.contains(&self.content.screening_digest()).then_some(compared)
    }
}
