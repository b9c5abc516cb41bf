//! The loops that tell receivers of alerts.
//!
//! Each receiver has two lanes, so that an alert about something that is served never waits behind others. A lane
//! takes its letters one by one; when one is not taken, the lane rests until that one is due again, since the next
//! would fare no better. All of it is in the store: a restart goes on where it was.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Shared;
use super::alerts::observe;
use super::run::DaemonError;
use crate::alert::{Letter, Observation, RECEIVERS, Receiver, Whose};
use crate::config::{Settings, Webhook};
use crate::model::{Instant, reason};
use crate::remote::{Address, Courier};
use crate::store::{Mailbox, Snapshot, StoreError};

const TICK: Duration = Duration::from_secs(1);
/// A receiver that takes nothing for this long is worth an alert.
const PATIENCE: Duration = Duration::from_mins(10);

/// A receiver, and how notices get there.
pub(super) type Route = (Receiver, Arc<Courier>);

/// Reads addresses and secrets, and takes note of who is to be told.
///
/// # Errors
/// When one of them cannot be read or used.
pub fn open_webhooks(settings: &Settings) -> Result<Vec<Route>, DaemonError> {
    let open = |webhook: &Webhook| {
        let name = || webhook.name.clone();
        let hidden = |source| DaemonError::Hidden { name: name(), source };
        let url = webhook.url.read().map_err(hidden)?;
        let secret = webhook.secret.as_ref().map(|it| it.read().map_err(hidden)).transpose()?;
        let receiver = Receiver {
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
        let courier = Courier::new(&address)
            .map_err(|source| DaemonError::Webhook { name: name(), source })?;
        Ok((receiver, Arc::new(courier)))
    };
    let mut routes: Vec<Route> =
        settings.webhooks.iter().map(open).collect::<Result<_, DaemonError>>()?;
    routes.sort_by(|(left, _), (right, _)| left.name.cmp(&right.name));
    Ok(routes)
}

/// Delivers letters until it is stopped.
pub(super) async fn post_loop(shared: Arc<Shared>, routes: Vec<Route>, stop: CancellationToken) {
    tell_of_receivers(&shared);
    let mut lanes = JoinSet::new();
    for (receiver, courier) in routes {
        for served in [true, false] {
            let lane = Lane {
                shared: Arc::clone(&shared),
                receiver: receiver.clone(),
                courier: Arc::clone(&courier),
                served,
            };
            let stop = stop.clone();
            // On a thread of its own, since each letter is a write to the store.
            lanes.spawn_blocking(move || Handle::current().block_on(lane.deliver_until(stop)));
        }
    }
    stop.cancelled().await;
    while lanes.join_next().await.is_some() {}
}

struct Lane {
    shared: Arc<Shared>,
    receiver: Receiver,
    courier: Arc<Courier>,
    served: bool,
}

impl Lane {
    async fn deliver_until(self, stop: CancellationToken) {
        let mut rests_until = Instant::MIN;
        loop {
            let next = match self.next(rests_until) {
                Ok(next) => next,
                Err(error) => {
                    warn!(reason = %reason(&error), "letters could not be read; it is tried again");
                    None
                }
            };
            let Some(letter) = next else {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(TICK) => continue,
                }
            };
            tokio::select! {
                // It stays in the store, and is sent again.
                () = stop.cancelled() => return,
                rests = self.deliver(&letter) => rests_until = rests.unwrap_or(rests_until),
            }
        }
    }

    /// The letter that is due, unless the lane rests.
    fn next(&self, rests_until: Instant) -> Result<Option<Letter>, StoreError> {
        let now = self.shared.clock.now();
        if now < rests_until {
            return Ok(None);
        }
        let next = self.shared.store.snapshot()?.next_letter(&self.receiver.name, self.served)?;
        Ok(next.filter(|letter| letter.not_before <= now))
    }

    /// Sends a letter; returns until when the lane rests, when it was not taken.
    async fn deliver(&self, letter: &Letter) -> Option<Instant> {
        let (store, clock) = (&self.shared.store, &self.shared.clock);
        let (id, body) = (letter.notice.id(), letter.notice.body(self.receiver.format));
        let outcome = self.courier.deliver(&id, body, clock.now()).await;
        let name = &self.receiver.name;
        match &outcome {
            Ok(()) => debug!(webhook = name, id, "a notice was taken"),
            Err(refusal) => {
                warn!(webhook = name, id, reason = refusal.why, "a notice was not taken");
            }
        }
        let is_busy = outcome.as_ref().is_err_and(|refusal| refusal.whose == Whose::Receiver);
        let next = match store.handed_over(&self.receiver, letter, outcome, clock.now()) {
            Ok(next) => next.filter(|_| is_busy),
            Err(error) => {
                let reason = reason(&error);
                warn!(webhook = name, %reason, "what became of a notice is not stored");
                Some(clock.now().plus(TICK))
            }
        };
        tell_of_receivers(&self.shared);
        next
    }
}

fn tell_of_receivers(shared: &Shared) {
    let Shared { store, clock, .. } = shared;
    match store.snapshot().and_then(|snapshot| of_receivers(&snapshot, clock.now())) {
        Ok(seen) => drop(observe(store, clock, RECEIVERS, seen)),
        Err(error) => warn!(reason = %reason(&error), "receivers could not be looked at"),
    }
}

/// What there is to say of receivers.
fn of_receivers(snapshot: &Snapshot, now: Instant) -> Result<Vec<Observation>, StoreError> {
    let undelivered = snapshot.undelivered()?;
    let mut seen = Vec::new();
    for Mailbox { receiver, reception } in snapshot.mailboxes()? {
        let lost = undelivered.iter().filter(|it| it.receiver == receiver.name).count();
        let failing = reception.failing_since.filter(|since| now.since(*since) > PATIENCE);
        let detail = match (lost, failing) {
            (0, None) => continue,
            (0, Some(since)) => {
                format!("it takes nothing since {since}; `vidimus status` says why")
            }
            _ => "notices were given up; see `vidimus alerts undelivered`".to_owned(),
        };
        let failing = Observation::new("webhook-failing", receiver.name, detail);
        seen.push(Observation { count: lost.max(1) as u64, ..failing });
    }
    Ok(seen)
}
