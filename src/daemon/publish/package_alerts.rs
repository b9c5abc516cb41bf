//! Alerts about the packages of a name: advisories, changed files, lost provenance, and answers that do not come.

use std::collections::{BTreeMap, BTreeSet};

use super::name_alerts::{NameAlerts, bounded};
use crate::alert::{AlertKind, Evidence as Item, Figure, ReportedAlert};
use crate::curation::{Concern, Dossier, EntryEvaluation, Evaluation, Evidence, PackageFacts};
use crate::model::{Name, Timestamp};

impl NameAlerts {
    /// Reports the advisories that concern versions which are served, or would be: one alert for a name.
    pub(super) fn advised(&mut self, dossier: &Dossier, evaluation: &Evaluation<'_>) {
        let mut heaviest: Option<&Concern<'_>> = None;
        let mut items = BTreeSet::new();
        let mut is_served = false;
        for entry in evaluation.entries.iter().filter(|entry| entry.is_approved()) {
            if let Some((_, Evidence::UnreadAdvisories(package))) = entry.hidden_by() {
                let PackageFacts { registry, identifier, .. } = package;
                let package = format!("{registry} {identifier}");
                items.insert(Item::UnreadAdvisories { package });
            }
            for concern in entry.concerns.iter().filter(|concern| concern.waive.is_none()) {
                items.insert(Item::Advisory {
                    advisory: concern.id().to_owned(),
                    hides: concern.hides(),
                    digest: concern.advisory.digest(),
                    about: concern.about.without_version(),
                });
                is_served |= entry.is_served();
                let weight = |concern: &Concern<'_>| (concern.hides(), concern.advisory.severity);
                if heaviest.is_none_or(|known| weight(known) < weight(concern)) {
                    heaviest = Some(concern);
                }
            }
        }
        if items.is_empty() {
            return;
        }
        let figure = heaviest.map(|Concern { advisory, .. }| {
            let severity = advisory.severity.as_str();
            match advisory.summary.as_str() {
                "" => format!("severity {severity}"),
                summary => format!("severity {severity}: {summary}"),
            }
        });
        let count = items.len() as u64;
        let alert = ReportedAlert::new(AlertKind::Advisory, dossier.name.as_str(), bounded(items));
        let alert = ReportedAlert { count, ..alert };
        let alert = alert.of_namespace(dossier.name.namespace()).of_served(is_served);
        let figures = figure.into_iter().map(|text| Figure::Reason { text }).collect();
        self.reported_alerts.push(ReportedAlert { figures, ..alert });
    }

    /// Reports the files of packages of an approved entry that have another digest than before, than the entry states, or
    /// than the approval pins. What the approval pins now is accepted.
    pub(super) fn changed_packages(&mut self, name: &Name, entry: &EntryEvaluation<'_>) {
        if !entry.is_approved() {
            return;
        }
        let none = BTreeMap::new();
        let pins = entry.rules.approval.map_or(&none, |(_, approval)| &approval.artefacts);
        let mut items = BTreeSet::new();
        for package in &entry.packages {
            let Some((key, _)) = package.recorded else { continue };
            items.extend(package.unaccepted(pins).map(|change| Item::ArtefactChanged {
                package: key.to_string(),
                file: change.file.to_owned(),
                before: change.before.to_owned(),
                now: change.now.clone(),
            }));
        }
        let count = items.len() as u64;
        let items = bounded(items);
        if count > 0 {
            let subject = format!("{name}@{}", entry.row.version);
            let alert = ReportedAlert::new(AlertKind::PackageChanged, subject, items);
            let alert = ReportedAlert { count, ..alert.of_namespace(name.namespace()) };
            self.reported_alerts.push(alert.of_served(true));
        }
    }

    /// Reports the packages of an approved entry that are unsigned, or built elsewhere, after a verified build.
    pub(super) fn lost_provenance(&mut self, name: &Name, entry: &EntryEvaluation<'_>) {
        if !entry.is_approved() {
            return;
        }
        let lost = entry.packages.iter().filter_map(|package| {
            let (key, _) = package.recorded?;
            let change = package.provenance.as_ref()?.drift.clone()?;
            Some(Item::ProvenanceLost { package: key.to_string(), change })
        });
        let items = bounded(lost.collect());
        if !items.is_empty() {
            let subject = format!("{name}@{}", entry.row.version);
            let alert = ReportedAlert::new(AlertKind::ProvenanceLost, subject, items);
            self.reported_alerts.push(alert.of_namespace(name.namespace()).of_served(true));
        }
    }

    /// Reports the packages of approved entries whose registries give no definite answer for long: one alert for a name,
    /// since the registry is usually the same.
    pub(super) fn unconfirmed(
        &mut self,
        dossier: &Dossier,
        evaluation: &Evaluation<'_>,
        now: Timestamp,
    ) {
        let approved = evaluation.entries.iter().filter(|entry| entry.is_approved());
        let (mut items, mut reasons, mut is_served) = (BTreeSet::new(), BTreeSet::new(), false);
        for entry in approved {
            for package in &entry.packages {
                let Some((package, attestations, reason)) = package.unconfirmed(now) else {
                    continue;
                };
                is_served |= entry.is_served();
                reasons.extend(reason);
                items.insert(Item::PackageUnconfirmed { package, attestations });
            }
        }
        if items.is_empty() {
            return;
        }
        let name = &dossier.name;
        let count = items.len() as u64;
        let reason = reasons.first().map(|text| Figure::Reason { text: (*text).to_owned() });
        let figures = [Figure::LongerThanDays { days: 7 }].into_iter().chain(reason).collect();
        let alert =
            ReportedAlert::new(AlertKind::PackageUnconfirmed, name.as_str(), bounded(items));
        let alert = alert.of_namespace(name.namespace()).of_served(is_served);
        self.reported_alerts.push(ReportedAlert { figures, count, ..alert });
    }
}
