use super::alert_args::AdvisoryAction;
use super::client::declined;
use super::error::{CliError, Exit};
use super::print::{as_json, counted, out};
use super::target::Target;
use crate::advisory::{FeedState, Hold, ReleaseRequest};
use crate::config::Settings;
use crate::daemon::{
    AdvisoriesReport, AdvisoryReport, Concerned, FeedReport, OwnReport, advisories, advisory,
    release_offline,
};
use crate::model::Escaped;

/// Lists the feeds and the advisories of the organisation.
pub(super) async fn list(settings: Settings, json: bool) -> Result<Exit, CliError> {
    let report: AdvisoriesReport = match Target::open(&settings)? {
        Target::Store(offline) => advisories(&offline.store.snapshot()?, offline.policy())?,
        Target::Daemon(operator) => operator.get(&["advisories"], &[]).await?,
    };
    if json {
        as_json(&report);
        return Ok(Exit::Done);
    }
    if report.feeds.is_empty() && report.own.is_empty() {
        out(
            "No advisories: name feeds in `[[advisory_feeds]]`, or write files in the advisory folder.",
        );
    }
    report.feeds.iter().for_each(print_feed);
    report.own.iter().for_each(print_own);
    Ok(Exit::Done)
}

/// Shows one advisory; 1 if it concerns a server.
pub(super) async fn show(settings: Settings, id: &str, json: bool) -> Result<Exit, CliError> {
    let found: AdvisoryReport = match Target::open(&settings)? {
        Target::Store(offline) => {
            let (snapshot, now) = (offline.store.snapshot()?, offline.clock.now());
            advisory(&snapshot, offline.policy(), id, now)?.ok_or_else(|| {
                let id = Escaped(id);
                CliError::Declined(format!("no source has the advisory {id}"))
            })?
        }
        Target::Daemon(operator) => declined(operator.get(&["advisories", id], &[]).await)?,
    };
    if json {
        as_json(&found);
        return Ok(Exit::Done);
    }
    let AdvisoryReport { feeds, own, names, count, .. } = found;
    for found in &feeds {
        let advisory = &found.advisory;
        out(&format!(
            "{}  from {}  severity {}",
            Escaped(id),
            Escaped(&found.feed),
            advisory.severity.as_str()
        ));
        if !advisory.summary.is_empty() {
            out(&format!("  {}", Escaped(&advisory.summary)));
        }
        if let Some(withdrawn) = advisory.withdrawn {
            out(&format!("  withdrawn {withdrawn}"));
        }
        for key in advisory.keys() {
            out(&format!("  {key}"));
        }
        for fault in &advisory.faults {
            out(&format!("  not read: {}", Escaped(fault)));
        }
    }
    own.iter().for_each(print_own);
    let is_on_hold = own.as_ref().is_some_and(|own| own.command().is_some());
    let concerns = if is_on_hold { "After its release it concerns" } else { "It concerns" };
    out(&match count {
        0 => format!("{concerns} no server with a rule."),
        count => {
            format!("{concerns} {} with a rule:", counted(count as u64, "version", "versions"))
        }
    });
    for concerned in &names {
        let Concerned { name, version, upstream, served, why, .. } = concerned;
        let served = if *served { "served" } else { "not served" };
        out(&format!(
            "  {name}@{}  {}  {served}: {}",
            Escaped(version),
            Escaped(upstream),
            Escaped(why)
        ));
    }
    Ok(Exit::Done)
}

/// Releases an advisory, here or in the daemon.
pub(super) async fn act(
    settings: Settings,
    action: AdvisoryAction,
    json: bool,
) -> Result<Exit, CliError> {
    let AdvisoryAction::Release { id, seen, by, reason } = action;
    let hold: Hold = match Target::open(&settings)? {
        Target::Store(offline) => {
            let request = ReleaseRequest { id, digest: seen, by, reason };
            let (actor, now) = (offline.actor.clone(), offline.clock.now());
            let policy = offline.policy();
            let released =
                release_offline(&settings, &offline.store, policy, &request, actor, now)?;
            released.map_err(|why| CliError::Declined(why.to_string()))?
        }
        Target::Daemon(operator) => {
            let seen = seen.to_string();
            let query = [("seen", seen.as_str()), ("by", &by), ("reason", &reason)];
            declined(operator.post(&["ops", "advisories", &id, "release"], &query).await)?
        }
    };
    if json {
        as_json(&hold);
    } else {
        out(&format!("{} takes effect now", Escaped(&hold.id)));
    }
    Ok(Exit::Done)
}

fn print_feed(feed: &FeedReport) {
    let FeedReport { name, state } = feed;
    let FeedState { advisories, unreadable, read_at, failure, .. } = state;
    let read = read_at.map_or_else(|| "never read".to_owned(), |read_at| format!("read {read_at}"));
    let count = counted(*advisories as u64, "advisory", "advisories");
    out(&format!("{}  {count}  {read}", Escaped(name)));
    if let Some(failure) = failure {
        out(&format!("  failed at {}: {}", failure.at, Escaped(&failure.reason)));
    }
    if unreadable.count > 0 {
        out(&format!("  {} unreadable, such as:", unreadable.count));
        unreadable.examples.iter().for_each(|example| out(&format!("    {}", Escaped(example))));
    }
}

fn print_own(own: &OwnReport) {
    let OwnReport { id, action, state, place, summary, hold, .. } = own;
    let action = match action {
        crate::advisory::Effect::Hide => "hide",
        crate::advisory::Effect::Alert => "alert",
    };
    out(&format!("{}  {action}  {}  {place}", Escaped(id), state.replace('-', " ")));
    if !summary.is_empty() {
        out(&format!("  {}", Escaped(summary)));
    }
    if let Some(hold) = hold {
        let Hold { hidden, served, since, released, .. } = hold;
        out(&format!(
            "  on hold since {since}: it would have hidden {hidden} of {served} served names"
        ));
        if let Some(released) = released {
            let (by, reason) = (Escaped(&released.by), Escaped(&released.reason));
            out(&format!("  released by {by} ({}) at {}: {reason}", released.actor, released.at));
        }
    }
    if let Some(command) = own.command() {
        out(&format!("  {command}"));
    }
}
