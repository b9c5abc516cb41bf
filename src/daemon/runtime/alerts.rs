use tracing::{error, info, warn};

use super::clock::Clock;
use crate::alert::{Alert, Observation};
use crate::model::{Escaped, reason};
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

fn tell(alert: &Alert) {
    let Alert { id, kind, count, .. } = alert;
    let (subject, detail) = (Escaped(&alert.subject), Escaped(&alert.detail));
    if alert.is_over() {
        info!(alert = kind, id, %subject, "an alert is over");
    } else {
        warn!(alert = kind, id, %subject, count, %detail, "an alert was raised");
    }
}
