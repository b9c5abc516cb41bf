use super::client::declined;
use super::error::{CliError, Exit};
use super::history_text::difference;
use super::print::{as_json, out};
use super::target::Target;
use crate::config::Settings;
use crate::daemon::{ClockReport, accept_clock};
use crate::model::Escaped;
use crate::sync::{AcceptedClock, Agreement};

/// Accepts the clock of this machine, here or in the daemon.
pub(super) async fn accept(
    settings: Settings,
    by: &str,
    reason: &str,
    json: bool,
) -> Result<Exit, CliError> {
    let accepted: AcceptedClock = match Target::open(&settings)? {
        Target::Store(offline) => {
            let accepted =
                accept_clock(&offline.store, &offline.clock, by, reason, offline.actor.clone())?;
            let trusted = "the clock of this machine is trusted; there is nothing to accept";
            accepted.ok_or_else(|| CliError::Declined(trusted.to_owned()))?
        }
        Target::Daemon(operator) => {
            let query = [("by", by), ("reason", reason)];
            declined(operator.post(&["ops", "clock", "accept"], &query).await)?
        }
    };
    if json {
        as_json(&accepted);
    } else {
        let difference = difference(accepted.ahead);
        out(&format!(
            "the clock of this machine, {difference}, is accepted: it is {}",
            accepted.at
        ));
    }
    Ok(Exit::Done)
}

/// Returns what `status` says of the clock; `None` if there is nothing to say.
pub(super) fn line(clock: &ClockReport) -> Option<String> {
    let difference = difference(clock.ahead_seconds);
    match (clock.agreement, &clock.accepted) {
        (Agreement::Accepted, Some(AcceptedClock { by, at, .. })) => {
            let by = Escaped(by);
            Some(format!("{difference}, compared with all upstreams; accepted by {by} at {at}"))
        }
        (Agreement::Skewed, _) => Some(format!(
            "{difference}, compared with the others, and not used where a time was agreed; correct it, or see `vidimus clock accept`"
        )),
        _ if clock.distrusted => Some(format!(
            "{difference}: the store has later times, which are used; correct it, or see `vidimus clock accept`"
        )),
        (Agreement::Agreed, _) => Some("agrees with an upstream".to_owned()),
        _ => None,
    }
}
