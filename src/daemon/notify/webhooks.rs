use std::sync::Arc;

use crate::alert::Recipient;
use crate::config::{Settings, Webhook};
use crate::daemon::DaemonError;
use crate::remote::{Address, WebhookClient};

/// A recipient, and the client that delivers to it.
pub(super) type Route = (Recipient, Arc<WebhookClient>);

/// Opens the webhooks of the configuration: reads addresses and secrets.
///
/// # Errors
/// When one of them cannot be read or used.
pub fn open_webhooks(settings: &Settings) -> Result<Vec<Route>, DaemonError> {
    let open = |webhook: &Webhook| {
        let name = || webhook.name.clone();
        let hidden = |source| DaemonError::Hidden { name: name(), source };
        let url = webhook.url.read().map_err(hidden)?;
        let secret =
            webhook.secret.as_ref().map(|secret| secret.read().map_err(hidden)).transpose()?;
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
            proxy: settings.egress.proxy.clone(),
            ca_files: settings.egress.ca_file.iter().cloned().collect(),
        };
        let client = WebhookClient::new(&address)
            .map_err(|source| DaemonError::Webhook { name: name(), source })?;
        Ok((recipient, Arc::new(client)))
    };
    let mut routes: Vec<Route> =
        settings.webhooks.iter().map(open).collect::<Result<_, DaemonError>>()?;
    routes.sort_by(|(left, _), (right, _)| left.name.cmp(&right.name));
    Ok(routes)
}
