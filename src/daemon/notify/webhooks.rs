use std::path::PathBuf;
use std::sync::Arc;

use crate::alert::Recipient;
use crate::config::{Egress, Hidden, Settings, Webhook};
use crate::daemon::DaemonError;
use crate::remote::{Address, Watched, WebhookClient};

/// A recipient, and the client that delivers to it.
pub(super) type Route = (Recipient, WebhookClient);

/// Opens the webhooks of the configuration: reads addresses and secrets.
///
/// # Errors
/// When one of them cannot be read or used.
pub fn open_webhooks(settings: &Settings) -> Result<Vec<Arc<Watched<Route>>>, DaemonError> {
    let mut webhooks: Vec<&Webhook> = settings.webhooks.iter().collect();
    webhooks.sort_by(|left, right| left.name.cmp(&right.name));
    let watch = |webhook: &Webhook| {
        let (webhook, egress) = (webhook.clone(), settings.egress.clone());
        let files = files(&webhook, &egress);
        Ok(Arc::new(Watched::open(files, move |_| open(&webhook, &egress))?))
    };
    webhooks.into_iter().map(watch).collect()
}

/// Returns the files that a route is made of.
fn files(webhook: &Webhook, egress: &Egress) -> Vec<PathBuf> {
    let hidden = std::iter::once(&webhook.url).chain(&webhook.secret);
    let hidden = hidden.filter_map(|hidden| match hidden {
        Hidden::File(path) => Some(path),
        Hidden::Variable(_) => None,
    });
    hidden.chain(&egress.ca_file).cloned().collect()
}

fn open(webhook: &Webhook, egress: &Egress) -> Result<Route, DaemonError> {
    let name = || webhook.name.clone();
    let hidden = |source| DaemonError::Hidden { name: name(), source };
    let url = webhook.url.read().map_err(hidden)?;
    let secret = webhook.secret.as_ref().map(|secret| secret.read().map_err(hidden)).transpose()?;
    let recipient = Recipient {
        name: name(),
        format: webhook.format,
        url: url.to_string(),
        secret: secret.as_ref().map(ToString::to_string),
        kinds: webhook.kinds.clone(),
        give_up_after_seconds: webhook.give_up_after.as_secs(),
    };
    let address = Address {
        url,
        secret,
        timeout: webhook.timeout,
        allow_http: webhook.allow_http,
        proxy: egress.proxy.clone(),
        ca_files: egress.ca_file.iter().cloned().collect(),
    };
    let client = WebhookClient::new(&address)
        .map_err(|source| DaemonError::Webhook { name: name(), source })?;
    Ok((recipient, client))
}
