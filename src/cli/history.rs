use super::client::unprocessable;
use super::error::{CliError, Exit};
use super::explain::split_version;
use super::history_args::{ChangesArguments, HistoryArguments};
use super::history_text::{approval_of, print_history, warn_of_damage};
use super::list::matches;
use super::names::{names, unknown};
use super::print::{as_json, counted, err, out, table};
use super::target::Target;
use crate::config::Settings;
use crate::daemon::{History, ServedThen, Span, changes_since, history_of, served_at};
use crate::model::{Escaped, Name, Timestamp};

/// Prints what happened to `NAME` or `NAME@VERSION`.
pub(super) async fn history(
    settings: Settings,
    arguments: &HistoryArguments,
) -> Result<Exit, CliError> {
    let HistoryArguments { name: text, before, json } = arguments;
    let (name, version) = split_version(text);
    let parsed =
        Name::parse(name).map_err(|source| CliError::Name { text: name.to_owned(), source })?;
    let target = Target::open(&settings)?;
    let found = events_of(&target, &parsed, version, *before).await?;
    // The page of an earlier one may have events of the namespace only, and that of a version those of no other one.
    if before.is_none() && is_unknown(&found, &parsed) {
        let names = names(&target).await?;
        let is_listed = names.names.is_empty() || names.names.iter().any(|known| known == name);
        if !is_listed && is_unknown(&events_of(&target, &parsed, None, None).await?, &parsed) {
            return Err(unknown(text, name, &names));
        }
    }
    if *json {
        as_json(&found);
        return Ok(Exit::Done);
    }
    out(&Escaped(text).to_string());
    print_history(&found, false);
    Ok(Exit::Done)
}

async fn events_of(
    target: &Target,
    name: &Name,
    version: Option<&str>,
    before: Option<u64>,
) -> Result<History, CliError> {
    match target {
        Target::Store(offline) => {
            let span = Span::of_answer(before);
            Ok(history_of(&offline.store.snapshot()?, name, version, span)?)
        }
        Target::Daemon(operator) => {
            let version = version.map(str::to_owned);
            let query = [("version", version), ("before", before.map(|of| of.to_string()))];
            operator.get(&["history", name.as_str()], &given(&query)).await
        }
    }
}

/// Returns true if all events were read and none is about the name itself, and not about its namespace: it may be one that
/// no upstream lists any more.
fn is_unknown(found: &History, name: &Name) -> bool {
    let subject = name.as_str().to_ascii_lowercase();
    let mut events = found.events.iter();
    found.more == 0
        && found.damaged == 0
        && !events.any(|recorded| recorded.event.subject().as_ref() == Some(&subject))
}

/// Prints what became visible, hidden or different since a time, and why.
pub(super) async fn changes(
    settings: Settings,
    arguments: &ChangesArguments,
) -> Result<Exit, CliError> {
    let ChangesArguments { since, until, before, json } = arguments;
    let (since, until) = (moment(since)?, until.as_deref().map(moment).transpose()?);
    if until.is_some_and(|until| until < since) {
        let reason = "`--until` is before `--since`: write the later time there".to_owned();
        return Err(CliError::Declined(reason));
    }
    let found: History = match Target::open(&settings)? {
        Target::Store(offline) => {
            let (snapshot, now) = (offline.store.snapshot()?, offline.clock.now());
            changes_since(&snapshot, since, until, Span::of_answer(*before), now)?
                .map_err(|reason| CliError::Declined(reason.to_string()))?
        }
        Target::Daemon(operator) => {
            let query = [
                ("since", Some(since.to_rfc3339())),
                ("until", until.map(Timestamp::to_rfc3339)),
                ("before", before.map(|before| before.to_string())),
            ];
            unprocessable(operator.get(&["history"], &given(&query)).await)?
        }
    };
    if *json {
        as_json(&found);
    } else {
        if since < found.begins {
            err(&format!("nothing before {} is recorded", found.begins));
        }
        print_history(&found, true);
    }
    Ok(Exit::Done)
}

/// Returns the parameters that are given.
fn given<'q>(query: &'q [(&'q str, Option<String>)]) -> Vec<(&'q str, &'q str)> {
    query.iter().filter_map(|(key, value)| Some((*key, value.as_deref()?))).collect()
}

/// Lists what was served at a time, in which view and by whose approval.
pub(super) async fn list_at(
    settings: Settings,
    at: &str,
    pattern: Option<&str>,
    json: bool,
) -> Result<Exit, CliError> {
    let at = moment(at)?;
    let mut found: ServedThen = match Target::open(&settings)? {
        Target::Store(offline) => served_at(&offline.store.snapshot()?, at, offline.clock.now())?
            .map_err(|reason| CliError::Declined(reason.to_string()))?,
        Target::Daemon(operator) => {
            let at = at.to_rfc3339();
            unprocessable(operator.get(&["served"], &[("at", &at)]).await)?
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

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::nothing(0, 0, true)]
    #[case::older_events(1, 0, false)]
    #[case::events_that_cannot_be_read(0, 1, false)]
    fn name_is_unknown_only_if_every_event_was_read(
        #[case] more: u64,
        #[case] damaged: u64,
        #[case] wanted: bool,
    ) {
        let begins = Timestamp::parse("2026-06-01T00:00:00Z").expect("a time");
        let (events, rules) = (Vec::new(), std::collections::BTreeMap::new());
        let found = History { begins, events, more, rules, damaged };
        let name = Name::parse("com.a/x").expect("a name");
        assert_eq!(is_unknown(&found, &name), wanted);
    }
}
