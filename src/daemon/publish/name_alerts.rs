use std::collections::BTreeSet;

use super::lifecycle_alerts::ended_by;
use super::renames::Spelling;
use crate::alert::{AlertKind, Evidence as Item, ReportedAlert};
use crate::curation::{
    Authorities, Authority, Dossier, EntryEvaluation, Evaluation, Evidence, Gate,
    OwnershipEvidence, PolicySnapshot,
};
use crate::daemon::runtime::revocation;
use crate::model::{Damage, Name, Status, Timestamp, Version};
use crate::ownership::Verdict;

/// Items of one alert about packages of a name that are listed.
const MAX_ITEMS: usize = 64;

/// Returns true if the organisation decided so itself, or another kind of alert reports it.
fn is_expected(evidence: &Evidence<'_>) -> bool {
    match evidence {
        Evidence::Expired(_)
        | Evidence::Advised { .. }
        | Evidence::Missing
        | Evidence::Damaged(_)
        | Evidence::Replaced
        | Evidence::Drifted { .. }
        | Evidence::Deprecated { .. }
        | Evidence::Status(Status::Deleted)
        | Evidence::DeletedBy(_)
        | Evidence::PinDiffers { .. }
        | Evidence::ArtefactDiffers { .. }
        | Evidence::Violation(_)
        | Evidence::Unsafe { .. }
        | Evidence::NoFacts
        | Evidence::Ownership(OwnershipEvidence::Disputed(_)) => true,
        Evidence::Ownership(OwnershipEvidence::Evaluated { basis, .. }) => {
            basis.verdict() == Verdict::Revoked
        }
        Evidence::Authority(authority) => matches!(
            authority,
            Authority::Disabled
                | Authority::OutsideItsNamespaces
                | Authority::InternalNamespace
                | Authority::TransferredFrom(_)
        ),
        _ => false,
    }
}

/// Returns the versions that are served, from whichever upstream.
pub(super) fn served_versions<'e>(evaluation: &'e Evaluation<'_>) -> BTreeSet<&'e Version> {
    let served = evaluation.entries.iter().filter(|entry| entry.is_served());
    served.map(|entry| &entry.row.version).collect()
}

/// Returns upstream and version of the rows that are served.
fn served_rows<'e>(evaluation: &'e Evaluation<'_>) -> BTreeSet<(&'e str, &'e str)> {
    let served = evaluation.entries.iter().filter(|entry| entry.is_served());
    served.map(|entry| (entry.row.upstream.as_str(), entry.row.version.as_str())).collect()
}

/// A name that an upstream lists without being authoritative for it.
#[derive(Debug)]
pub(super) struct Shadowed {
    pub(super) to: String,
    pub(super) served: bool,
}

/// The alerts about one name after an evaluation.
#[derive(Debug, Default)]
pub(super) struct NameAlerts {
    pub(super) reported_alerts: Vec<ReportedAlert>,
    /// The upstreams that list the name while another one is authoritative.
    pub(super) shadowed: Vec<(String, Shadowed)>,
    /// Its spelling, if an approval spells it out in this or in other letter case.
    pub(super) spelling: Option<Spelling>,
    /// True if not everything about the name is known, so that other alerts about it may still be the case: a row of it
    /// is damaged, or there are more advisories than are read.
    pub(super) is_incomplete: bool,
}

impl NameAlerts {
    /// Derives the alerts from an evaluation.
    pub(super) fn of(
        dossier: &Dossier,
        evaluation: &Evaluation<'_>,
        policy: &PolicySnapshot,
        now: Timestamp,
    ) -> Self {
        let spelling = Spelling::of(dossier, &evaluation.authorities, &policy.overlays, now);
        let is_incomplete = dossier.advisories.is_cut();
        let mut alerts = Self { spelling, is_incomplete, ..Self::default() };
        let name = &dossier.name;
        for damage in &dossier.damaged {
            alerts.damaged(name, damage);
        }
        let of_namespace =
            dossier.verification.basis(policy.overlays.pins(name.namespace())).verdict();
        for entry in &evaluation.entries {
            alerts.changed_packages(name, entry);
            alerts.lost_provenance(name, entry);
            match entry.hidden_by() {
                Some((Gate::NamespaceOwnership, evidence)) => {
                    alerts.revoked(name, entry, evidence, of_namespace);
                }
                Some((_, Evidence::PinDiffers { pinned, received })) => {
                    let item = Item::PinMismatch { pinned: *pinned, received: *received };
                    alerts.add(name, entry, AlertKind::PinMismatch, item);
                }
                Some((_, Evidence::Violation(rule))) => {
                    let item = Item::Violation { rule: (*rule).to_owned() };
                    alerts.add(name, entry, AlertKind::SchemaViolation, item);
                }
                Some((_, Evidence::Unsafe { .. })) => {
                    // Each is shown, since an acknowledgement covers all.
                    let facts = entry.content.facts.iter();
                    let broken =
                        facts.flat_map(|facts| facts.unwaived(&entry.reach, &policy.package_urls));
                    for objection in broken {
                        let item = Item::Violation { rule: objection.to_string() };
                        alerts.add(name, entry, AlertKind::SchemaViolation, item);
                    }
                }
                Some((_, Evidence::NoFacts)) => {
                    alerts.add(name, entry, AlertKind::SchemaViolation, Item::NoFacts);
                }
                _ => {}
            }
        }
        alerts.advised(dossier, evaluation);
        alerts.unconfirmed(dossier, evaluation, now);
        alerts.unreadable(dossier, evaluation);
        alerts.approved_in_quarantine(dossier, evaluation, policy, now);
        alerts.no_longer_served(dossier, evaluation, now);
        alerts
    }

    /// Reports a name with approved versions that a view showed before and that are hidden now, where no other alert
    /// says so. One alert for a name: a publisher who deletes versions must not fill the places of other alerts.
    fn no_longer_served(&mut self, dossier: &Dossier, evaluation: &Evaluation<'_>, now: Timestamp) {
        let name = &dossier.name;
        let served = served_versions(evaluation);
        let mut items = BTreeSet::new();
        for entry in &evaluation.entries {
            let version = &entry.row.version;
            let was_served = !dossier.records_of(version).is_empty();
            if !was_served || !entry.is_approved() || served.contains(version) {
                continue;
            }
            let Some((gate, evidence)) = entry.hidden_by() else { continue };
            if !is_expected(evidence) && ended_by(entry, now).is_empty() {
                let (version, gate) = (version.to_string(), gate.as_str().to_owned());
                items.insert(Item::HiddenBy { version, gate });
            }
        }
        if !items.is_empty() {
            let alert = ReportedAlert::new(AlertKind::NoLongerServed, name.as_str(), items);
            self.reported_alerts.push(alert.of_namespace(name.namespace()));
        }
    }

    /// Reports served versions that their upstream now sends in a form that is not well-formed.
    fn unreadable(&mut self, dossier: &Dossier, evaluation: &Evaluation<'_>) {
        let name = &dossier.name;
        let served = served_rows(evaluation);
        let rows = dossier.quarantined.iter().filter(|row| served.contains(&row.key()));
        let items: BTreeSet<Item> = rows
            .map(|row| Item::UnreadableRow { version: row.version.clone(), rule: row.rule.clone() })
            .collect();
        if !items.is_empty() {
            let alert = ReportedAlert::new(AlertKind::UnreadableRow, name.as_str(), items);
            self.reported_alerts.push(alert.of_namespace(name.namespace()).of_served(true));
        }
    }

    /// Reports versions in quarantine that an approval selects which spells the name out. Those of which the content that
    /// was stored before is served have another alert.
    fn approved_in_quarantine(
        &mut self,
        dossier: &Dossier,
        evaluation: &Evaluation<'_>,
        policy: &PolicySnapshot,
        now: Timestamp,
    ) {
        let served = served_rows(evaluation);
        let rows = dossier.quarantined.iter().filter(|row| !served.contains(&row.key()));
        let approved = rows.filter(|row| {
            // An upstream that may not list the name says nothing of it.
            let authority = |version: &Version| {
                evaluation.authorities.authority_of(&row.upstream, version, now)
            };
            row.is_spelled_out(&dossier.name, &policy.overlays)
                && Version::parse(&row.version)
                    .is_ok_and(|version| authority(&version) == Authority::Authoritative)
        });
        let items: BTreeSet<Item> = approved
            .map(|row| Item::from(format!("{} is in quarantine: {}", row.version, row.rule)))
            .collect();
        if !items.is_empty() {
            let (name, count) = (&dossier.name, items.len() as u64);
            let kind = AlertKind::ApprovedQuarantined;
            let alert = ReportedAlert::new(kind, name.as_str(), bounded(items));
            let alert = ReportedAlert { count, ..alert.of_namespace(name.namespace()) };
            self.reported_alerts.push(alert);
        }
    }

    pub(super) fn add(
        &mut self,
        name: &Name,
        entry: &EntryEvaluation<'_>,
        kind: AlertKind,
        item: Item,
    ) {
        let subject = format!("{name}@{}", entry.row.version);
        let alert = ReportedAlert::new(kind, subject, [item]);
        self.reported_alerts.push(alert.of_namespace(name.namespace()));
    }

    /// Reports an entry that is revoked although its namespace is not: the account is younger than the
    /// entry.
    fn revoked(
        &mut self,
        name: &Name,
        entry: &EntryEvaluation<'_>,
        evidence: &Evidence<'_>,
        of_namespace: Verdict,
    ) {
        let Evidence::Ownership(OwnershipEvidence::Evaluated { basis, .. }) = evidence else {
            return;
        };
        if of_namespace != Verdict::Revoked
            && let Some(item) = revocation(*basis)
        {
            self.add(name, entry, AlertKind::OwnershipRevoked, item);
        }
    }

    /// Reports a damaged row of the name, which is hidden.
    pub(super) fn damaged(&mut self, name: &Name, damage: &Damage) {
        self.is_incomplete = true;
        let item = Item::DamagedRow { what: damage.what.to_owned(), key: damage.key.clone() };
        let damaged = ReportedAlert::new(AlertKind::DamagedRow, name.as_str(), [item]);
        self.reported_alerts.push(damaged.of_served(true));
    }

    /// Reports upstreams that list the name and are not authoritative for it: one could be a squatter.
    pub(super) fn of_authority(
        &mut self,
        dossier: &Dossier,
        authorities: &Authorities<'_>,
        served: bool,
        now: Timestamp,
    ) {
        let name = &dossier.name;
        let mut refused: Vec<(&str, Authority<'_>)> = Vec::new();
        for row in &dossier.rows {
            let authority = authorities.authority_of(&row.upstream, &row.version, now);
            let refusal = (row.upstream.as_str(), authority);
            if authority != Authority::Authoritative && !refused.contains(&refusal) {
                refused.push(refusal);
            }
        }
        for (upstream, authority) in refused {
            let owned = upstream.to_owned();
            let (kind, item) = match authority {
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
                    (AlertKind::TransferredName, Item::TransferredName { upstream: owned, from })
                }
                Authority::Authoritative
                | Authority::Awaits(_)
                | Authority::Disabled
                | Authority::OutsideItsNamespaces => continue,
            };
            let alert = ReportedAlert::new(kind, name.as_str(), [item]);
            self.reported_alerts.push(alert.of_namespace(name.namespace()).of_served(served));
        }
    }
}

/// Returns the first items, and a note if there are more.
pub(super) fn bounded(items: BTreeSet<Item>) -> BTreeSet<Item> {
    if items.len() <= MAX_ITEMS {
        return items;
    }
    items.into_iter().take(MAX_ITEMS).chain([Item::Unlisted]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alert_has_a_bounded_number_of_items_and_says_if_there_are_more() {
        let items = |count: usize| -> BTreeSet<Item> {
            (0..count).map(|number| Item::CaseTwin { name: number.to_string() }).collect()
        };
        assert_eq!(bounded(items(MAX_ITEMS)), items(MAX_ITEMS));
        let cut = bounded(items(MAX_ITEMS + 1));
        assert!(cut.len() == MAX_ITEMS + 1 && cut.contains(&Item::Unlisted));
    }
}
