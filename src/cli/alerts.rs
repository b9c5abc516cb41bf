use super::error::{CliError, Exit};
use super::print;
use super::target::Target;
use crate::alert::Alert;
use crate::config::Settings;
use crate::store::Undelivered;

/// Lists alerts, those about what is served first.
pub(super) async fn list(settings: Settings, all: bool, json: bool) -> Result<Exit, CliError> {
    let mut alerts = stored(&settings).await?;
    alerts.retain(|alert| all || !alert.is_over());
    alerts.sort_by_key(|alert| (!alert.served, alert.raised));
    print::alerts(&alerts, json);
    Ok(Exit::Done)
}

/// Every alert there is.
pub(super) async fn stored(settings: &Settings) -> Result<Vec<Alert>, CliError> {
    match Target::open(settings)? {
        Target::Store(offline) => Ok(offline.store.snapshot()?.alerts()?),
        Target::Daemon(operator) => operator.get(&["alerts"], &[]).await,
    }
}

pub(super) async fn acknowledge(
    settings: Settings,
    id: &str,
    by: &str,
    reason: &str,
    json: bool,
) -> Result<Exit, CliError> {
    let found = match Target::open(&settings)? {
        Target::Store(offline) => offline.store.acknowledge(id, by, reason, offline.clock.now())?,
        Target::Daemon(operator) => {
            let query = [("by", by), ("reason", reason)];
            match operator.post(&["ops", "alerts", id, "ack"], &query).await {
                Err(CliError::Refused { status: 404, .. }) => None,
                answered => Some(answered?),
            }
        }
    };
    let alert = found.ok_or_else(|| CliError::UnknownAlert(id.to_owned()))?;
    print::alerts(&[alert], json);
    Ok(Exit::Done)
}

/// Lists what webhooks were not told of; 1 when there is anything.
pub(super) async fn undelivered(settings: Settings, json: bool) -> Result<Exit, CliError> {
    let letters: Vec<Undelivered> = match Target::open(&settings)? {
        Target::Store(offline) => offline.store.snapshot()?.undelivered()?,
        Target::Daemon(operator) => operator.get(&["undelivered"], &[]).await?,
    };
    print::undelivered(&letters, json);
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
        true => print::as_json(&count),
        false => print::out(&format!("{count} notices are tried again")),
    }
    Ok(Exit::Done)
}
