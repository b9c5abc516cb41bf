use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::alert_args::AlertAction;
use super::client::declined;
use super::error::{CliError, Exit};
use super::print::{as_json, counted, err, out};
use super::target::Target;
use crate::alert::{AlertKind, AlertReport, Delivery, Reopened, State};
use crate::config::Settings;
use crate::lookalike::Level;
use crate::model::{Digest, Escaped, EscapedWhole};
use crate::store::DeadLetter;

/// Lists alerts: open ones first, of those what is served and what scores most.
pub(super) async fn list(
    settings: Settings,
    kind: Option<AlertKind>,
    all: bool,
    json: bool,
) -> Result<Exit, CliError> {
    let mut alerts = stored(&settings).await?;
    alerts.retain(|report| {
        (all || !report.alert.is_resolved()) && kind.is_none_or(|kind| report.alert.kind() == kind)
    });
    alerts.sort_by_key(|report| {
        let alert = &report.alert;
        (alert.is_resolved(), !report.is_open(), !alert.served, Reverse(alert.score), alert.raised)
    });
    if !json {
        out(&header(&alerts));
    }
    print_alerts(&alerts, json);
    Ok(Exit::Done)
}

/// Returns every alert that is stored.
pub(super) async fn stored(settings: &Settings) -> Result<Vec<AlertReport>, CliError> {
    match Target::open(settings)? {
        Target::Store(offline) => {
            let alerts = offline.store.snapshot()?.alerts()?;
            Ok(alerts.into_iter().map(AlertReport::from).collect())
        }
        Target::Daemon(operator) => operator.get(&["alerts"], &[]).await,
    }
}

/// Does what a command says about alerts or their deliveries.
pub(super) async fn act(
    settings: Settings,
    action: AlertAction,
    json: bool,
) -> Result<Exit, CliError> {
    match action {
        AlertAction::Ack { ids, seen, by, reason } => {
            acknowledge_all(&settings, &ids, &seen, (&by, &reason), json).await
        }
        AlertAction::Unack { id } => {
            let report = unacknowledge(&settings, &id).await?;
            let is_lookalike = report.alert.kind() == AlertKind::Lookalike;
            print_alerts(&[report], json);
            if is_lookalike && !json {
                out(
                    "Entries that are served already stay served; deny them in an overlay to hide them.",
                );
            }
            Ok(Exit::Done)
        }
        AlertAction::DeadLetters => dead_letters(settings, json).await,
        AlertAction::Redeliver { webhook } => redeliver(settings, webhook.as_deref(), json).await,
    }
}

/// Acknowledges each alert that still shows what the person has seen; 1 when one of them does not.
async fn acknowledge_all(
    settings: &Settings,
    ids: &[String],
    seen: &[Digest],
    said: (&str, &str),
    json: bool,
) -> Result<Exit, CliError> {
    if ids.len() != seen.len() {
        return Err(CliError::UnpairedIds { ids: ids.len(), seen: seen.len() });
    }
    let mut acknowledged = Vec::new();
    let mut refused = Vec::new();
    for (id, seen) in ids.iter().zip(seen) {
        match acknowledge(settings, id, *seen, said).await {
            Ok(report) => acknowledged.push(report),
            Err(CliError::Declined(why)) => refused.push(why),
            Err(error) => return Err(error),
        }
    }
    print_alerts(&acknowledged, json);
    if let [why] = refused.as_slice() {
        return Err(CliError::Declined(why.clone()));
    }
    refused.iter().for_each(|why| err(&format!("vidimus: {}", Escaped(why))));
    let is_open = acknowledged.iter().any(AlertReport::is_open);
    Ok(if refused.is_empty() && !is_open { Exit::Done } else { Exit::Findings })
}

async fn acknowledge(
    settings: &Settings,
    id: &str,
    seen: Digest,
    (by, reason): (&str, &str),
) -> Result<AlertReport, CliError> {
    match Target::open(settings)? {
        Target::Store(offline) => {
            let now = offline.clock.now();
            let acknowledged =
                offline.store.acknowledge(id, seen, by, reason, offline.actor, now)?;
            let alert = acknowledged.map_err(|why| CliError::Declined(why.to_string()))?;
            Ok(alert.into())
        }
        Target::Daemon(operator) => {
            let seen = seen.to_string();
            let query = [("seen", seen.as_str()), ("by", by), ("reason", reason)];
            declined(operator.post(&["ops", "alerts", id, "ack"], &query).await)
        }
    }
}

async fn unacknowledge(settings: &Settings, id: &str) -> Result<AlertReport, CliError> {
    match Target::open(settings)? {
        Target::Store(offline) => {
            let alert = offline.store.unacknowledge(id, offline.actor, offline.clock.now())?;
            Ok(alert.map_err(|why| CliError::Declined(why.to_string()))?.into())
        }
        Target::Daemon(operator) => {
            declined(operator.post(&["ops", "alerts", id, "unack"], &[]).await)
        }
    }
}

/// Lists deliveries that webhooks did not accept; 1 when there are any.
async fn dead_letters(settings: Settings, json: bool) -> Result<Exit, CliError> {
    let dead_letters: Vec<DeadLetter> = match Target::open(&settings)? {
        Target::Store(offline) => offline.store.snapshot()?.dead_letters()?,
        Target::Daemon(operator) => operator.get(&["dead-letters"], &[]).await?,
    };
    if json {
        as_json(&dead_letters);
    } else {
        print_dead_letters(&dead_letters);
    }
    Ok(if dead_letters.is_empty() { Exit::Done } else { Exit::Findings })
}

/// Puts dead letters back among the deliveries that wait.
async fn redeliver(
    settings: Settings,
    webhook: Option<&str>,
    json: bool,
) -> Result<Exit, CliError> {
    let count: Option<usize> = match Target::open(&settings)? {
        Target::Store(offline) => {
            offline.store.redeliver(webhook, &offline.actor, offline.clock.now())?
        }
        Target::Daemon(operator) => {
            let query: Vec<(&str, &str)> =
                webhook.map(|name| ("webhook", name)).into_iter().collect();
            operator.post(&["ops", "redeliver"], &query).await?
        }
    };
    let Some(count) = count else {
        return Err(CliError::UnknownWebhook(webhook.unwrap_or_default().to_owned()));
    };
    if json {
        as_json(&count);
    } else {
        out(&format!("{} will be tried again", counted(count as u64, "delivery", "deliveries")));
    }
    Ok(Exit::Done)
}

fn print_dead_letters(dead_letters: &[DeadLetter]) {
    if dead_letters.is_empty() {
        return out("No dead letters.");
    }
    for DeadLetter { recipient, delivery } in dead_letters {
        let Delivery { notice, queued, attempts, failure, .. } = delivery;
        let identity = &notice.alert.identity;
        let id = identity.short_id();
        let failure = failure.as_deref().unwrap_or("it was not tried");
        let attempts = counted(u64::from(*attempts), "attempt", "attempts");
        out(&format!("{recipient}  {id}  {identity}: {failure}; {attempts} since {queued}"));
    }
}

/// Counts alerts by state, and open ones by kind.
fn header(alerts: &[AlertReport]) -> String {
    if alerts.is_empty() {
        return "No alerts.".to_owned();
    }
    let open: Vec<&AlertReport> = alerts.iter().filter(|report| report.is_open()).collect();
    let resolved = alerts.iter().filter(|report| report.alert.is_resolved()).count();
    let counted = alerts.iter().filter(|report| report.state == State::Counted).count();
    let acknowledged = alerts.len() - open.len() - resolved - counted;
    let mut kinds: BTreeMap<AlertKind, u64> = BTreeMap::new();
    for report in &open {
        *kinds.entry(report.alert.kind()).or_default() += 1;
    }
    let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let kinds = if kinds.is_empty() { String::new() } else { format!(": {}", kinds.join(", ")) };
    let resolved = if resolved == 0 { String::new() } else { format!(", {resolved} resolved") };
    let counted = if counted == 0 { String::new() } else { format!(", {counted} in floods") };
    format!("{} open, {acknowledged} acknowledged{counted}{resolved}{kinds}", open.len())
}

/// Prints alerts: each with all its items, since the printed command acknowledges all of them, and the command.
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
        let times = counted(alert.count, "time", "times");
        out(&format!("{id}  {kind}{level} {subject}{by}, {times}, since {}", alert.raised));
        let indented = |text: &str| out(&format!("              {text}"));
        for item in items {
            let is_new = !item.seen && alert.acknowledged.is_some();
            let new = if is_new { "new: " } else { "" };
            indented(&format!("{new}{}", EscapedWhole(&item.text)));
        }
        if let Some(aside) = alert.aside() {
            indented(&Escaped(&aside).to_string());
        }
        indented(&state_of(state));
        if let Some(Reopened { actor, at }) = &alert.reopened
            && report.is_open()
        {
            indented(&format!("its acknowledgement was taken back by {actor} at {at}"));
        }
        if report.is_open() {
            let remedy = alert.remedy();
            if !explained.contains(&remedy) {
                indented(&remedy);
                explained.insert(remedy);
            }
            indented(&report.command().unwrap_or_else(str::to_owned));
        }
    }
}

fn state_of(state: &State) -> String {
    match state {
        State::Open => "open".to_owned(),
        State::Acknowledged { by, reason, actor, at } => {
            format!("acknowledged by {} ({actor}) at {at}: {}", Escaped(by), Escaped(reason))
        }
        State::Counted => {
            "counted in a flood, since heavier alerts of its namespace are open".to_owned()
        }
        State::Resolved { at } => format!("resolved at {at}"),
    }
}
