use std::collections::BTreeSet;

use crate::alert::{AlertKind, Evidence as Item, Observation};
use crate::curation::{
    Authorities, Authority, Dossier, EntryEvaluation, Evaluation, Evidence, Gate,
    OwnershipEvidence, PolicySnapshot,
};
use crate::daemon::runtime::refutation;
use crate::model::{Damage, Name};
use crate::ownership::Verdict;

/// A name that an upstream lists without being authoritative for it.
#[derive(Debug)]
pub(super) struct Shadowed {
    pub(super) to: String,
    pub(super) served: bool,
}

/// What there is to say of one name after an evaluation.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    pub(super) observations: Vec<Observation>,
    /// By upstream, the name that belongs to another one.
    pub(super) shadowed: Vec<(String, Shadowed)>,
}

impl Remarks {
    /// Reads what there is to say off an evaluation.
    pub(super) fn of(
        dossier: &Dossier,
        evaluation: &Evaluation<'_>,
        policy: &PolicySnapshot,
    ) -> Self {
        let mut remarks = Self::default();
        let name = &dossier.name;
        for damage in &dossier.damaged {
            remarks.damaged(name, damage);
        }
        let of_namespace =
            dossier.verification.basis(policy.overlays.pins(name.namespace())).verdict();
        for entry in &evaluation.entries {
            match entry.hidden_by() {
                Some((Gate::NamespaceOwnership, evidence)) => {
                    remarks.refuted(name, entry, evidence, of_namespace);
                }
                Some((_, Evidence::PinDiffers { pinned, received })) => {
                    let item = Item::PinMismatch { pinned: *pinned, received: *received };
                    remarks.add(name, entry, AlertKind::PinMismatch, item);
                }
                Some((_, Evidence::Violation(rule))) => {
                    let item = Item::Violation { rule: (*rule).to_owned() };
                    remarks.add(name, entry, AlertKind::Unreadable, item);
                }
                Some((_, Evidence::NoFacts)) => {
                    remarks.add(name, entry, AlertKind::Unreadable, Item::NoFacts);
                }
                _ => {}
            }
        }
        remarks
    }

    fn add(&mut self, name: &Name, entry: &EntryEvaluation<'_>, kind: AlertKind, item: Item) {
        let subject = format!("{name}@{}", entry.row.version);
        let observation = Observation::new(kind, subject, [item]);
        self.observations.push(observation.of_namespace(name.namespace()));
    }

    /// An entry that is refuted although its namespace is not: the account came after it.
    fn refuted(
        &mut self,
        name: &Name,
        entry: &EntryEvaluation<'_>,
        evidence: &Evidence<'_>,
        of_namespace: Verdict,
    ) {
        let Evidence::Ownership(OwnershipEvidence::Judged { basis, .. }) = evidence else { return };
        if of_namespace != Verdict::Refuted
            && let Some(item) = refutation(*basis)
        {
            self.add(name, entry, AlertKind::OwnershipRefuted, item);
        }
    }

    /// A stored row of the name is damaged: it is hidden.
    pub(super) fn damaged(&mut self, name: &Name, damage: &Damage) {
        let item = Item::DamagedRow { what: damage.what.to_owned(), key: damage.key.clone() };
        let damaged = Observation::new(AlertKind::DamagedRow, name.as_str(), [item]);
        self.observations.push(damaged.about_served(true));
    }

    /// Upstreams that list the name and are not authoritative for it: one could be a squatter.
    pub(super) fn of_authority(
        &mut self,
        dossier: &Dossier,
        authorities: &Authorities<'_>,
        served: bool,
    ) {
        let name = &dossier.name;
        let upstreams: BTreeSet<&str> =
            dossier.rows.iter().map(|row| row.upstream.as_str()).collect();
        for upstream in upstreams {
            let owned = upstream.to_owned();
            let (kind, item) = match authorities.judge(upstream) {
                Authority::BelongsTo(owner) => {
                    let shadowed = Shadowed { to: owner.to_owned(), served };
                    self.shadowed.push((owned, shadowed));
                    continue;
                }
                Authority::InternalNamespace => {
                    (AlertKind::InternalName, Item::InternalName { upstream: owned })
                }
                Authority::TransferredFrom(before) => {
                    let from = before.to_owned();
                    (AlertKind::PassedName, Item::PassedName { upstream: owned, from })
                }
                Authority::Authoritative
                | Authority::Disabled
                | Authority::OutsideItsNamespaces => continue,
            };
            let observation = Observation::new(kind, name.as_str(), [item]);
            let observation = observation.of_namespace(name.namespace()).about_served(served);
            self.observations.push(observation);
        }
    }
}
