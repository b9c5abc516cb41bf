//! The gate that compares the verdicts on packages with what rules and settings demand.

use super::artefacts::EntryPackage;
use super::conditions::{Waived, waiver};
use super::evidence::Evidence;
use super::gates::{GateInput, Outcome};
use super::policy::PolicySnapshot;
use super::provenance_evidence::{FoundProvenance, ProvenanceEvidence, Unproven};
use crate::overlay::{Condition, ProvenanceDemand};
use crate::provenance::Verdict;

impl<'a> GateInput<'a, '_> {
    /// Fails an entry with a package that does not have the demanded provenance. Without a definite verdict nothing is
    /// shown, but what a view shows with this content stays.
    ///
    /// An entry without facts has no packages here; the last gate hides it.
    pub(super) fn evaluate_provenance(&self) -> Outcome<'a> {
        let demanding = self.packages.iter().filter(|package| package.demanded.is_some());
        let packages = demanding.clone().count();
        let unproven: Vec<Unproven<'a>> =
            demanding.filter_map(|package| unproven(package, self.policy)).collect();
        let definite = unproven.iter().find(|unproven| unproven.found.is_definite());
        let Some(first) = definite.or(unproven.first()).copied() else {
            return Outcome::Passed(Evidence::Provenance(match packages {
                0 => ProvenanceEvidence::NotDemanded,
                packages => ProvenanceEvidence::Enough { packages },
            }));
        };
        let condition = Condition::Provenance;
        if let Some(waive) = waiver(self.rules, condition, self.now) {
            let waived = Waived { condition, waive };
            return Outcome::Passed(Evidence::Provenance(ProvenanceEvidence::Waived {
                first,
                waived,
            }));
        }
        let more = unproven.len() - 1;
        if definite.is_none() && self.dossier.shows(&self.row.version, self.head.received) {
            return Outcome::Passed(Evidence::Provenance(ProvenanceEvidence::Kept { first, more }));
        }
        Outcome::Failed(Evidence::Provenance(ProvenanceEvidence::Lacking { first, more }))
    }
}

/// Returns the finding about a package that does not have what is demanded of it.
fn unproven<'a>(package: &EntryPackage<'a>, policy: &PolicySnapshot) -> Option<Unproven<'a>> {
    let demanded = package.demanded?;
    let verdict = package.provenance.as_ref().map(|found| &found.verdict);
    let found = match verdict {
        Some(Verdict::Failed { .. }) => FoundProvenance::Failed,
        _ if !package.facts.is_checkable() => FoundProvenance::Uncheckable,
        Some(Verdict::Verified(_)) => unchecked(package)?,
        Some(Verdict::Unsigned) => FoundProvenance::Unsigned,
        _ if package.recorded.is_some_and(|(_, record)| record.is_changed_without_evidence()) => {
            FoundProvenance::Changed
        }
        _ if package.recorded.is_some() => FoundProvenance::NoAnswer,
        _ if package.facts.key(policy).is_some() => FoundProvenance::NotLooked,
        _ => FoundProvenance::NoRegistry,
    };
    let is_enough = demanded.demand == ProvenanceDemand::WhenAvailable
        && matches!(
            found,
            FoundProvenance::Unsigned
                | FoundProvenance::Unchecked { .. }
                | FoundProvenance::Uncheckable
        );
    let identifier = &package.facts.identifier;
    (!is_enough).then_some(Unproven { identifier, demanded, found })
}

/// Returns the finding about a package with a file that a client may get and whose attestations were not looked for.
fn unchecked(package: &EntryPackage<'_>) -> Option<FoundProvenance> {
    let [checked, files] = package.recorded?.1.checked();
    (checked < files).then_some(FoundProvenance::Unchecked { checked, files })
}
