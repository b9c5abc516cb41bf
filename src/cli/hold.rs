use super::client::declined;
use super::error::{CliError, Exit};
use super::print::{as_json, counted, out};
use super::target::Target;
use crate::config::Settings;
use crate::daemon::{Decided, HoldReport, change_set_on_hold, decided_before};
use crate::model::{Digest, Escaped};
use crate::sync::{DecisionRecord, DecisionRequest, DiscardedChange, HoldDecision, NotDecided};

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
    let target = Target::open(&settings)?;
    let report = match &target {
        Target::Store(offline) => change_set_on_hold(&offline.store.snapshot()?, upstream, only)?,
        Target::Daemon(operator) => {
            let query: Vec<(&str, &str)> = only.map(|name| ("only", name)).into_iter().collect();
            operator.find(&["holds", upstream], &query).await?
        }
    };
    let Some(report) = report else {
        let before = decided(&target, upstream).await?;
        if id.is_some() || only.is_some() {
            let nothing = NotDecided::NothingOnHold { upstream: upstream.to_owned() };
            return Err(CliError::Declined(nothing.to_string()));
        }
        if json {
            as_json(&before);
        } else {
            out(&format!("{}: no change set is on hold", Escaped(upstream)));
            print_decided(&before);
        }
        return Ok(Exit::Done);
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

/// Returns what was decided about an upstream before.
async fn decided(target: &Target, upstream: &str) -> Result<Decided, CliError> {
    match target {
        Target::Store(offline) => {
            let defined = offline.upstreams.iter().map(|known| known.id.clone());
            let found = decided_before(&offline.store.snapshot()?, defined, upstream)?;
            found.map_err(|why| CliError::Declined(why.to_string()))
        }
        Target::Daemon(operator) => {
            declined(operator.get(&["holds", upstream, "decisions"], &[]).await)
        }
    }
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
    let HoldReport { upstream, id, only, since, exceeded, changes, before, .. } = report;
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
    print_decided(before);
    out(&report.command(HoldDecision::Release));
    out(&report.command(HoldDecision::Discard));
    if only.is_none() {
        out(&format!("For one server: vidimus sync --show {}@{id} --only NAME", Escaped(upstream)));
    }
}

/// Prints each decision that is kept, and each change that is still discarded.
fn print_decided(before: &Decided) {
    let Decided { decisions, discarded } = before;
    for record in decisions {
        let DecisionRecord { decision, at, by, reason, actor, rows, only, .. } = record;
        let (by, reason) = (Escaped(by), Escaped(reason));
        let changes = counted(*rows, "change", "changes");
        let of_name = only.as_ref().map_or(String::new(), |name| format!(" to {}", Escaped(name)));
        out(&format!(
            "  decided before: {changes}{of_name}, {} by {by} ({actor}) at {at}: {reason}",
            decision.word()
        ));
    }
    for DiscardedChange { name, version, note } in discarded {
        let (name, version) = (Escaped(name), Escaped(version));
        out(&match note {
            Some(note) => {
                format!("  still discarded: {name}@{version} {}, at {}", note.effect, note.at)
            }
            None => format!("  still discarded: {name}@{version}"),
        });
    }
}
