use std::collections::{BTreeMap, BTreeSet};

use super::alerts::{OWNERSHIP, of_backlog, of_crowded, of_losses, of_resolvers, of_trouble};
use crate::alert::{AlertKind, Evidence, ReportedAlert};
use crate::daemon::runtime::{Clock, report_alerts};
use crate::remote::OwnershipSources;
use crate::store::Store;

/// Alerts of one kind that are raised by themselves, the earliest; one alert stands for all further ones. An outage is
/// not a thousand events.
const BY_THEMSELVES: usize = 5;
/// The kinds that one outage raises for many namespaces.
const COLLECTED: [AlertKind; 3] =
    [AlertKind::EvidenceMissing, AlertKind::PackageUnavailable, AlertKind::VerdictStale];

/// The current alerts of verification.
#[derive(Debug, Default)]
pub(super) struct NamespaceAlerts {
    of_namespaces: BTreeMap<String, Vec<ReportedAlert>>,
    /// Losses that wait for a person, by namespace.
    losses: BTreeMap<String, Evidence>,
    backlog: Vec<ReportedAlert>,
    crowded: Vec<ReportedAlert>,
}

impl NamespaceAlerts {
    /// Replaces the alerts about a namespace, and its loss that waits for a person.
    pub(super) fn set(
        &mut self,
        namespace: &str,
        alerts: Vec<ReportedAlert>,
        loss: Option<Evidence>,
    ) {
        if alerts.is_empty() {
            self.of_namespaces.remove(namespace);
        } else {
            self.of_namespaces.insert(namespace.to_owned(), alerts);
        }
        match loss {
            Some(loss) => drop(self.losses.insert(namespace.to_owned(), loss)),
            None => drop(self.losses.remove(namespace)),
        }
    }

    /// Returns the namespaces about which a person may decide by an acknowledgement.
    pub(super) fn undecided(&self) -> BTreeSet<String> {
        let is_about_keys = |alert: &ReportedAlert| alert.identity.kind == AlertKind::KeysChanged;
        let keys = self.of_namespaces.iter().filter(|(_, alerts)| alerts.iter().any(is_about_keys));
        keys.map(|(namespace, _)| namespace).chain(self.losses.keys()).cloned().collect()
    }

    /// Replaces the alerts about domains with many namespaces below them.
    pub(super) fn set_crowded(&mut self, domains: &[(String, u64)]) {
        self.crowded = of_crowded(domains);
    }

    /// Sets the mentioned namespaces that no lookup answered for a day, when they are many.
    pub(super) fn set_backlog(&mut self, namespaces: Option<&[String]>) {
        self.backlog = namespaces.map(of_backlog).into_iter().collect();
    }

    /// Raises and resolves alerts in the store.
    pub(super) fn report(&self, store: &Store, clock: &Clock, sources: &OwnershipSources) {
        let of_namespaces = collected(self.of_namespaces.values().flatten());
        let others = self.crowded.iter().chain(&self.backlog).cloned();
        let others = others.chain(of_losses(&self.losses));
        let outside = of_trouble(&sources.trouble()).into_iter();
        let outside = outside.chain(of_resolvers(&sources.failing_resolvers()));
        let all: Vec<ReportedAlert> =
            of_namespaces.into_iter().chain(others).chain(outside).collect();
        report_alerts(store, clock, OWNERSHIP, all);
    }
}

/// Returns alerts with one in place of many of the same kind. The earliest stay by themselves, so that none that was
/// raised is resolved by a later one.
fn collected<'a>(alerts: impl Iterator<Item = &'a ReportedAlert>) -> Vec<ReportedAlert> {
    let (mut kept, mut many) = (Vec::new(), BTreeMap::<AlertKind, Vec<&ReportedAlert>>::new());
    for alert in alerts {
        if COLLECTED.contains(&alert.identity.kind) {
            many.entry(alert.identity.kind).or_default().push(alert);
        } else {
            kept.push(alert.clone());
        }
    }
    for (kind, mut alerts) in many {
        alerts
            .sort_by(|one, other| (one.since, &one.identity).cmp(&(other.since, &other.identity)));
        let further = alerts.split_off(alerts.len().min(BY_THEMSELVES));
        kept.extend(alerts.into_iter().cloned());
        if let Some(first) = further.first() {
            let items = further.iter().map(|alert| {
                let namespace = alert.identity.subject.clone();
                Evidence::Namespace { namespace }
            });
            let (count, served) = (further.len() as u64, further.iter().any(|alert| alert.served));
            let all = ReportedAlert::new(kind, OWNERSHIP, items).since(first.since);
            kept.push(ReportedAlert { served, count, ..all });
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn outage_raises_a_few_alerts_and_one_for_all_others() {
        let alerts: Vec<ReportedAlert> = (0..1_400_i64)
            .map(|index| {
                let since = Timestamp::from_micros(1_400 - index);
                let namespace = format!("com.n{index}");
                let alert = ReportedAlert::new(AlertKind::EvidenceMissing, namespace, []);
                alert.since(Some(since))
            })
            .collect();
        let all = collected(alerts.iter());
        assert_eq!(all.len(), BY_THEMSELVES + 1);
        assert_eq!(all[0].identity.subject, "com.n1399", "the earliest stay");
        assert_eq!(all[BY_THEMSELVES].count, 1_395);
        assert_eq!(collected(alerts[..BY_THEMSELVES].iter()).len(), BY_THEMSELVES);
    }
}
