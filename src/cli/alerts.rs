use std::collections::BTreeSet;

use super::error::{CliError, Exit};
use super::print::{as_json, out};
use super::target::Target;
use crate::alert::{AlertReport, Letter, State};
use crate::config::Settings;
use crate::lookalike::Level;
use crate::model::{Digest, Escaped};
use crate::store::Undelivered;

/// Lists alerts, those about what is served first.
pub(super) async fn list(settings: Settings, all: bool, json: bool) -> Result<Exit, CliError> {
    let mut alerts = stored(&settings).await?;
    alerts.retain(|report| all || !report.alert.is_over());
    alerts.sort_by_key(|report| (!report.alert.served, report.alert.raised));
    print_alerts(&alerts, json);
    Ok(Exit::Done)
}

/// Every alert there is.
pub(super) async fn stored(settings: &Settings) -> Result<Vec<AlertReport>, CliError> {
    match Target::open(settings)? {
        Target::Store(offline) => {
            let alerts = offline.store.snapshot()?.alerts()?;
            Ok(alerts.into_iter().map(AlertReport::from).collect())
        }
        Target::Daemon(operator) => operator.get(&["alerts"], &[]).await,
    }
}

/// Acknowledges an alert if it shows what the person has seen.
pub(super) async fn acknowledge(
    settings: Settings,
    id: &str,
    seen: Digest,
    (by, reason): (&str, &str),
    json: bool,
) -> Result<Exit, CliError> {
    let report = match Target::open(&settings)? {
        Target::Store(offline) => {
            let now = offline.clock.now();
            let acknowledged = offline.store.acknowledge(id, seen, by, reason, now)?;
            acknowledged.map_err(|why| CliError::NotAcknowledged(why.to_string()))?.into()
        }
        Target::Daemon(operator) => {
            let seen = seen.to_string();
            let query = [("seen", seen.as_str()), ("by", by), ("reason", reason)];
            match operator.post(&["ops", "alerts", id, "ack"], &query).await {
                Err(CliError::Refused { status: 400 | 404 | 409, detail, .. }) => {
                    return Err(CliError::NotAcknowledged(detail));
                }
                answered => answered?,
            }
        }
    };
    print_alerts(&[report], json);
    Ok(Exit::Done)
}

/// Lists what webhooks were not told of; 1 when there is anything.
pub(super) async fn undelivered(settings: Settings, json: bool) -> Result<Exit, CliError> {
    let letters: Vec<Undelivered> = match Target::open(&settings)? {
        Target::Store(offline) => offline.store.snapshot()?.undelivered()?,
        Target::Daemon(operator) => operator.get(&["undelivered"], &[]).await?,
    };
    print_undelivered(&letters, json);
    Ok(if letters.is_empty() { Exit::Done } else { Exit::Findings })
}

/// Has what was given up tried again.
pub(super) async fn redeliver(
    settings: Settings,
    webhook: Option<&str>,
    json: bool,
) -> Result<Exit, CliError> {
    let count: Option<usize> = match Target::open(&settings)? {
        Target::Store(offline) => offline.store.redeliver(webhook, offline.clock.now())?,
        Target::Daemon(operator) => {
            let query: Vec<(&str, &str)> = webhook.map(|it| ("webhook", it)).into_iter().collect();
            operator.post(&["ops", "redeliver"], &query).await?
        }
    };
    let Some(count) = count else {
        return Err(CliError::UnknownWebhook(webhook.unwrap_or_default().to_owned()));
    };
    match json {
        true => as_json(&count),
        false => out(&format!("{count} notices are tried again")),
    }
    Ok(Exit::Done)
}

/// Prints what webhooks were not told of.
fn print_undelivered(letters: &[Undelivered], json: bool) {
    if json {
        return as_json(&letters);
    }
    for Undelivered { receiver, letter } in letters {
        let Letter { notice, queued, attempts, failure, .. } = letter;
        let identity = &notice.alert.identity;
        let id = identity.short_id();
        let failure = failure.as_deref().unwrap_or("it was not tried");
        out(&format!(
            "{receiver}  {id}  {identity}: {failure}; {attempts} attempts since {queued}"
        ));
    }
}

/// Prints alerts: each with all its items, since the printed command acknowledges all, those that nobody has acknowledged first, and the command that acknowledges it.
pub(super) fn print_alerts(alerts: &[AlertReport], json: bool) {
    if json {
        return as_json(&alerts);
    }
    let mut explained = BTreeSet::new();
    for report in alerts {
        let AlertReport { id, alert, state, items, .. } = report;
        let kind = alert.kind();
        let subject = Escaped(&alert.identity.subject);
        let by = match alert.identity.suspect.as_str() {
            "" => String::new(),
            suspect => format!(" by {}", Escaped(suspect)),
        };
        let level = alert.score.map(|score| format!(" ({}, {score})", Level::of(score)));
        let level = level.unwrap_or_default();
        let (count, raised) = (alert.count, alert.raised);
        out(&format!("{id}  {kind}{level} {subject}{by}, {count} times, since {raised}"));
        let indented = |text: &str| out(&format!("              {text}"));
        for item in items {
            let is_new = !item.seen && alert.acknowledged.is_some();
            let new = if is_new { "new: " } else { "" };
            indented(&format!("{new}{}", Escaped(&item.text)));
        }
        if let Some(aside) = alert.aside() {
            indented(&Escaped(&aside).to_string());
        }
        indented(&state_of(state));
        if report.is_open() {
            if explained.insert(kind) {
                indented(kind.remedy());
            }
            indented(&report.command());
        }
    }
}

fn state_of(state: &State) -> String {
    match state {
        State::Open => "open".to_owned(),
        State::Acknowledged { by, reason, at } => {
            format!("acknowledged by {} at {at}: {}", Escaped(by), Escaped(reason))
        }
        State::Closed { at } => format!("over since {at}"),
    }
}
