use super::client::declined;
use super::error::{CliError, Exit};
use super::print::{as_json, counted, out};
use super::target::Target;
use crate::config::Settings;
use crate::daemon::{HoldReport, change_set_on_hold};
use crate::model::{Digest, Escaped};
use crate::sync::{DecisionRecord, DecisionRequest, HoldDecision, NotDecided};

/// Lists every change of the change set on hold of an upstream.
pub(super) async fn show(
    settings: Settings,
    set: &str,
    only: Option<&str>,
    json: bool,
) -> Result<Exit, CliError> {
    let (upstream, id) = match set.split_once('@') {
        Some((upstream, id)) => (upstream, Some(id)),
        None => (set, None),
    };
    let nothing = || NotDecided::NothingOnHold { upstream: upstream.to_owned() };
    let report = match Target::open(&settings)? {
        Target::Store(offline) => change_set_on_hold(&offline.store.snapshot()?, upstream, only)?
            .ok_or_else(|| CliError::Declined(nothing().to_string()))?,
        Target::Daemon(operator) => {
            let query: Vec<(&str, &str)> = only.map(|name| ("only", name)).into_iter().collect();
            declined(operator.get(&["holds", upstream], &query).await)?
        }
    };
    if id.is_some_and(|id| only.is_none() && !report.shown.short(64).starts_with(id)) {
        return Err(CliError::AnotherSet { set: set.to_owned(), id: report.id });
    }
    if json {
        as_json(&report);
    } else {
        print(&report);
    }
    Ok(Exit::Done)
}

/// The decision of a person, as the command line states it.
#[derive(Debug)]
pub(super) struct Choice<'a> {
    pub decision: HoldDecision,
    /// UPSTREAM@ID.
    pub set: &'a str,
    pub only: Option<String>,
    pub seen: Digest,
    pub by: String,
    pub reason: String,
}

/// Releases or discards what a person was shown, here or in the daemon.
pub(super) async fn decide(settings: Settings, choice: Choice<'_>) -> Result<Exit, CliError> {
    let Choice { decision, set, only, seen, by, reason } = choice;
    let (upstream, id) =
        set.split_once('@').ok_or_else(|| CliError::Declined(NotDecided::NotAnId.to_string()))?;
    let names: usize = match Target::open(&settings)? {
        Target::Store(offline) => {
            let definition = offline.upstreams.iter().find(|known| known.id == upstream);
            let safety_limits =
                definition.map(|known| known.safety_limits.clone()).unwrap_or_default();
            let (id, actor) = (id.to_owned(), offline.actor.clone());
            let request = DecisionRequest { decision, id, seen, only, by, reason, actor };
            let now = offline.clock.now();
            let decided = offline.store.decide_hold(upstream, &request, &safety_limits, now)?;
            decided.map_err(|why| CliError::Declined(why.to_string()))?.len()
        }
        Target::Daemon(operator) => {
            let seen = seen.to_string();
            let mut query = vec![("seen", seen.as_str()), ("by", &by), ("reason", &reason)];
            query.extend(only.as_deref().map(|name| ("only", name)));
            let path = ["ops", "holds", upstream, id, decision.word()];
            declined(operator.post(&path, &query).await)?
        }
    };
    let effect = match decision {
        HoldDecision::Release => format!("{} changed", counted(names as u64, "name", "names")),
        HoldDecision::Discard => "the changes are dropped, and nothing else changed".to_owned(),
    };
    out(&format!("{}: {}, {effect}", Escaped(set), decision.word()));
    Ok(Exit::Done)
}

/// Prints all changes, since the printed commands decide about all of them.
fn print(report: &HoldReport) {
    let HoldReport { upstream, id, only, since, exceeded, changes, decisions, .. } = report;
    let rows = counted(changes.len() as u64, "change", "changes");
    let of_name = only.as_ref().map_or(String::new(), |name| format!(" to {}", Escaped(name)));
    out(&format!("{}@{id}  {rows}{of_name} on hold since {since}", Escaped(upstream)));
    for exceeded in exceeded {
        out(&format!("  {}", Escaped(&exceeded.to_string())));
    }
    for listed in changes {
        let stored = match &listed.stored {
            Some(stored) => {
                format!("stored: {} with the content {}", stored.status, stored.content)
            }
            None => "stored: nothing".to_owned(),
        };
        out(&format!("  {}; {stored}", listed.change));
    }
    for decision in decisions {
        let DecisionRecord { decision, at, by, reason, actor, rows, .. } = decision;
        let (by, reason) = (Escaped(by), Escaped(reason));
        let changes = counted(*rows, "change", "changes");
        out(&format!(
            "  decided before: {changes}, {} by {by} ({actor}) at {at}: {reason}",
            decision.word()
        ));
    }
    out(&report.command(HoldDecision::Release));
    out(&report.command(HoldDecision::Discard));
    if only.is_none() {
        out(&format!("For one server: vidimus sync --show {}@{id} --only NAME", Escaped(upstream)));
    }
}
