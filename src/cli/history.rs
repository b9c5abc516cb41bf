use super::error::{CliError, Exit};
use super::explain::split_version;
use super::history_text::{approval_of, print_history, warn_of_damage};
use super::list::matches;
use super::print::{as_json, counted, out, table};
use super::target::Target;
use crate::config::Settings;
use crate::daemon::{History, MAX_EVENTS, ServedThen, changes_since, history_of, served_at};
use crate::model::{Escaped, Name, Timestamp};

/// Prints what happened to `NAME` or `NAME@VERSION`.
pub(super) async fn history(settings: Settings, text: &str, json: bool) -> Result<Exit, CliError> {
    let (name, version) = split_version(text);
    let parsed =
        Name::parse(name).map_err(|source| CliError::Name { text: name.to_owned(), source })?;
    let found: History = match Target::open_known(&settings)? {
        Target::Store(offline) => {
            history_of(&offline.store.snapshot()?, &parsed, version, MAX_EVENTS)?
        }
        Target::Daemon(operator) => {
            let query: Vec<(&str, &str)> = version.map(|of| ("version", of)).into_iter().collect();
            operator.get(&["history", name], &query).await?
        }
    };
    if json {
        as_json(&found);
        return Ok(Exit::Done);
    }
    out(&Escaped(text).to_string());
    print_history(&found, false);
    Ok(Exit::Done)
}

/// Prints what became visible, hidden or different since a time, and why.
pub(super) async fn changes(
    settings: Settings,
    since: &str,
    until: Option<&str>,
    json: bool,
) -> Result<Exit, CliError> {
    let (since, until) = (moment(since)?, until.map(moment).transpose()?);
    let found: History = match Target::open_known(&settings)? {
        Target::Store(offline) => {
            changes_since(&offline.store.snapshot()?, since, until, offline.clock.now())?
                .map_err(|reason| CliError::Declined(reason.to_string()))?
        }
        Target::Daemon(operator) => {
            let times = [("since", Some(since)), ("until", until)];
            let times = times.map(|(key, at)| (key, at.map(Timestamp::to_rfc3339)));
            let query: Vec<(&str, &str)> =
                times.iter().filter_map(|(key, at)| Some((*key, at.as_deref()?))).collect();
            operator.get(&["history"], &query).await.map_err(declined)?
        }
    };
    if json {
        as_json(&found);
    } else {
        print_history(&found, true);
    }
    Ok(Exit::Done)
}

/// Lists what was served at a time, in which view and by whose approval.
pub(super) async fn list_at(
    settings: Settings,
    at: &str,
    pattern: Option<&str>,
    json: bool,
) -> Result<Exit, CliError> {
    let at = moment(at)?;
    let mut found: ServedThen = match Target::open_known(&settings)? {
        Target::Store(offline) => served_at(&offline.store.snapshot()?, at, offline.clock.now())?
            .map_err(|reason| CliError::Declined(reason.to_string()))?,
        Target::Daemon(operator) => {
            let at = at.to_rfc3339();
            operator.get(&["served"], &[("at", &at)]).await.map_err(declined)?
        }
    };
    if let Some(pattern) = pattern.map(str::to_lowercase) {
        let is_asked = |name: &Name| matches(&name.as_str().to_lowercase(), &pattern);
        found.entries.retain(|entry| is_asked(&entry.name));
    }
    if json {
        as_json(&found);
        return Ok(Exit::Done);
    }
    print_served(&found);
    Ok(Exit::Done)
}

fn print_served(found: &ServedThen) {
    let mut lines = table(&["NAME", "VERSION", "VIEW", "APPROVED BY", "RULE"]);
    for entry in &found.entries {
        let (reviewers, place) = approval_of(&found.rules, &entry.rule);
        lines.add_row([
            entry.name.to_string(),
            Escaped(entry.version.as_str()).to_string(),
            entry.view.to_string(),
            Escaped(&reviewers).to_string(),
            Escaped(&place).to_string(),
        ]);
    }
    if !found.entries.is_empty() {
        out(&lines.to_string());
    }
    let count = found.entries.len() as u64;
    let (at, entries) = (found.at, counted(count, "entry", "entries"));
    out(&format!("{entries} visible at {at}, counted in each view"));
    warn_of_damage(found.damaged);
}

/// Reads a time, or a day, which means its beginning in UTC.
pub(super) fn moment(text: &str) -> Result<Timestamp, CliError> {
    let day = || Timestamp::parse(&format!("{text}T00:00:00Z"));
    Timestamp::parse(text).or_else(|_| day()).map_err(|_| CliError::Time(text.to_owned()))
}

/// A daemon that has no record of a time refuses as the store itself does.
fn declined(error: CliError) -> CliError {
    match error {
        CliError::Refused { status: 422, detail, .. } => CliError::Declined(detail),
        other => other,
    }
}
