use serde::{Deserialize, Serialize};

use crate::alert::{AlertKind, AlertReport, Figure, ReportedAlert};
use crate::model::Timestamp;
use crate::store::WriteFailure;
use crate::sync::DiskLimits;

/// The health of the store, as this process knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StoreReport {
    /// The failure of the last write; absent if it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_failure: Option<WriteFailure>,
    /// The bytes of the stored content of all upstreams, also of those without a file.
    #[serde(default)]
    pub bytes: u64,
    /// The limits on them.
    #[serde(default)]
    pub limits: DiskLimits,
}

/// Returns the alert about a store that cannot be written. It is kept in memory, since the store cannot keep it.
#[must_use]
pub(in crate::daemon) fn store_alert(failure: &WriteFailure, now: Timestamp) -> AlertReport {
    let figures = vec![Figure::Reason { text: failure.reason.clone() }];
    let alert = ReportedAlert::new(AlertKind::StoreUnwritable, "store", [])
        .since(Some(failure.since))
        .of_served(true);
    AlertReport::in_memory(ReportedAlert { figures, ..alert }, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alert_about_the_store_is_open_and_names_the_reason() {
        let now = Timestamp::from_micros(2);
        let failure = WriteFailure { since: Timestamp::from_micros(1), reason: "full".into() };
        let report = store_alert(&failure, now);
        assert!(report.is_open() && report.alert.served);
        assert!(report.detail.contains("full"), "{}", report.detail);
    }
}
