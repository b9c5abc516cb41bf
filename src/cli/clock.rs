use super::client::declined;
use super::error::{CliError, Exit};
use super::history_text::{difference, length};
use super::print::{as_json, out};
use super::target::Target;
use crate::config::Settings;
use crate::daemon::ClockReport;
use crate::model::{Escaped, Timestamp};
use crate::sync::{AcceptedClock, Agreement};

/// Accepts the clock of this machine in the daemon: without one, no upstream says how late it is.
pub(super) async fn accept(
    settings: Settings,
    time: Timestamp,
    by: &str,
    reason: &str,
    json: bool,
) -> Result<Exit, CliError> {
    let accepted: AcceptedClock = match Target::open(&settings)? {
        Target::Store(_) => {
            let start = "no daemon runs, so nothing was compared with the clock; start `vidimus serve`, and accept it then";
            return Err(CliError::Declined(start.to_owned()));
        }
        Target::Daemon(operator) => {
            let time = time.to_string();
            let query = [("time", time.as_str()), ("by", by), ("reason", reason)];
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
    let (difference, system) = (difference(clock.ahead_seconds), clock.system);
    match (clock.agreement, &clock.accepted) {
        (Agreement::Accepted, Some(AcceptedClock { by, at, .. })) => {
            let by = Escaped(by);
            Some(format!("{difference}, compared with all upstreams; accepted by {by} at {at}"))
        }
        (Agreement::Skewed, _) => Some(format!(
            "{difference}, compared with the others, and not used where a time was agreed; correct it, or see `vidimus clock accept`; it shows {system}"
        )),
        _ if clock.distrusted => Some(format!(
            "{difference}: the store has later times, which are used; correct it, or see `vidimus clock accept`; it shows {system}"
        )),
        _ if clock.unconfirmed_seconds > 0 => Some(format!(
            "{} passed by it alone: reviews dated ahead and cooldowns wait so much longer, until an upstream confirms the time, or a person with `vidimus clock accept`; it shows {system}",
            length(clock.unconfirmed_seconds)
        )),
        (Agreement::Agreed, _) => Some("agrees with an upstream".to_owned()),
        _ => None,
    }
}
