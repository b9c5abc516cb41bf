use tracing::{error, info, warn};

use super::clock::Clock;
use crate::alert::{Alert, Evidence, Report, Revocation};
use crate::model::{Escaped, reason};
use crate::ownership::Basis;
use crate::store::Store;

/// Stores all alerts that a source reports now, and logs the changes. Returns false, and logs it, when
/// the store cannot be written; the caller reports again later.
pub(in crate::daemon) fn report_alerts(
    store: &Store,
    clock: &Clock,
    source: &str,
    report: impl Into<Report>,
) -> bool {
    match store.update_alerts(source, report, clock.now()) {
        Ok(changed) => {
            changed.iter().for_each(log);
            true
        }
        Err(failure) => {
            error!(source, reason = %reason(&failure), "alerts could not be stored");
            false
        }
    }
}

/// Returns the evidence of a basis that revokes ownership; `None` for any other basis.
pub(in crate::daemon) fn revocation(basis: Basis<'_>) -> Option<Evidence> {
    let (rule, about, found) = match basis {
        Basis::KeyReplaced { at, keys } => {
            let keys = keys.iter().map(ToString::to_string).collect();
            (Revocation::KeyReplaced, at.to_owned(), keys)
        }
        Basis::AccountReplaced { account, .. } => {
            (Revocation::AccountReplaced, account.login.clone(), vec![account.id.to_string()])
        }
        Basis::AccountTooYoung { account, .. } => {
            (Revocation::AccountTooYoung, account.id.to_string(), Vec::new())
        }
        _ => return None,
    };
    Some(Evidence::Revoked { rule, about, found })
}

fn log(alert: &Alert) {
    let (id, kind) = (alert.identity.short_id(), alert.kind().as_str());
    let subject = Escaped(&alert.identity.subject);
    if alert.is_resolved() {
        info!(alert = kind, id, %subject, "an alert was resolved");
        return;
    }
    let detail = alert.detail();
    let detail = Escaped(&detail);
    if alert.changed == alert.raised {
        warn!(alert = kind, id, %subject, alert.count, %detail, "an alert was raised");
    } else {
        info!(alert = kind, id, %subject, alert.count, %detail, "an alert was updated");
    }
}
