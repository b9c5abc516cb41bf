use std::collections::BTreeMap;

use super::alerts::{OWNERSHIP, of_crowded, of_trouble};
use crate::alert::ReportedAlert;
use crate::daemon::runtime::{Clock, report_alerts};
use crate::remote::Trouble;
use crate::store::Store;

/// The current alerts of verification.
#[derive(Debug, Default)]
pub(super) struct NamespaceAlerts {
    of_namespaces: BTreeMap<String, Vec<ReportedAlert>>,
    crowded: Vec<ReportedAlert>,
}

impl NamespaceAlerts {
    /// Replaces the alerts about a namespace.
    pub(super) fn set(&mut self, namespace: &str, alerts: Vec<ReportedAlert>) {
        if alerts.is_empty() {
            self.of_namespaces.remove(namespace);
        } else {
            self.of_namespaces.insert(namespace.to_owned(), alerts);
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
        let all: Vec<ReportedAlert> = all.cloned().chain(trouble).collect();
        report_alerts(store, clock, OWNERSHIP, all);
    }
}
