use tracing::{error, info, warn};

use super::clock::Clock;
use crate::alert::{Alert, Evidence, Observation, Refutation};
use crate::model::{Escaped, reason};
use crate::ownership::Basis;
use crate::store::Store;

/// Takes note of all that a source sees now, and tells what is new. A store that cannot take it
/// is told of too, and by `false`: the next look tries again.
pub(in crate::daemon) fn observe(
    store: &Store,
    clock: &Clock,
    source: &str,
    seen: Vec<Observation>,
) -> bool {
    match store.observe(source, seen, clock.now()) {
        Ok(changed) => {
            changed.iter().for_each(tell);
            true
        }
        Err(failure) => {
            error!(source, reason = %reason(&failure), "alerts could not be stored");
            false
        }
    }
}

/// The item of evidence that a basis gives where it refutes an owner.
pub(in crate::daemon) fn refutation(basis: Basis<'_>) -> Option<Evidence> {
    let (rule, about, found) = match basis {
        Basis::KeyReplaced { at, keys } => {
            let keys = keys.iter().map(ToString::to_string).collect();
            (Refutation::KeyReplaced, at.to_owned(), keys)
        }
        Basis::AccountReplaced { account, .. } => {
            (Refutation::AccountReplaced, account.login.clone(), vec![account.id.to_string()])
        }
        Basis::AccountTooYoung { account, .. } => {
            (Refutation::AccountTooYoung, account.id.to_string(), Vec::new())
        }
        _ => return None,
    };
    Some(Evidence::Refuted { rule, about, found })
}

fn tell(alert: &Alert) {
    let (id, kind) = (alert.identity.short_id(), alert.kind().as_str());
    let subject = Escaped(&alert.identity.subject);
    if alert.is_over() {
        info!(alert = kind, id, %subject, "an alert is over");
    } else {
        let detail = alert.detail();
        let detail = Escaped(&detail);
        warn!(alert = kind, id, %subject, alert.count, %detail, "an alert was raised");
    }
}
