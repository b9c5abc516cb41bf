use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::lane::{Effect, Ending, Event, LaneState};
use super::webhooks::{Route, open_webhooks};
use crate::alert::{AlertKind, Evidence, Letter, Observation, RECEIVERS, Receiver};
use crate::config::Settings;
use crate::daemon::DaemonError;
use crate::daemon::runtime::{Clock, blocking, observe, run_on_own_thread};
use crate::model::{Instant, reason};
use crate::remote::Courier;
use crate::store::{Mailbox, Snapshot, Store, StoreError};

/// A receiver that takes nothing for this long is worth an alert.
const PATIENCE: Duration = Duration::from_mins(10);

/// Delivers notices to the receivers that the configuration names.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct Notify {
    store: Arc<Store>,
    clock: Arc<Clock>,
    routes: Arc<[Route]>,
}

impl Notify {
    /// Reads addresses and secrets, and tells the store which receivers there are.
    ///
    /// # Errors
    /// When one of them cannot be used, or the store cannot be written.
    pub(in crate::daemon) fn open(
        settings: &Settings,
        store: &Arc<Store>,
        clock: &Arc<Clock>,
    ) -> Result<Self, DaemonError> {
        let routes = open_webhooks(settings)?;
        let receivers: Vec<Receiver> =
            routes.iter().map(|(receiver, _)| receiver.clone()).collect();
        store.enlist(&receivers, clock.now())?;
        let (store, clock) = (Arc::clone(store), Arc::clone(clock));
        Ok(Self { store, clock, routes: routes.into() })
    }

    /// Delivers until it is stopped. Each receiver has two lanes, so that an alert about something
    /// that is served never waits behind others.
    pub(in crate::daemon) async fn run(self, stop: CancellationToken) {
        let reporter = self.clone();
        blocking(move || reporter.report_receivers()).await;
        let current = stop.child_token();
        // A lane that panics ends the others too; all are started again together.
        let _guard = current.clone().drop_guard();
        let mut lanes = JoinSet::new();
        for (receiver, courier) in self.routes.iter() {
            for served in [true, false] {
                let lane = Lane {
                    notify: self.clone(),
                    receiver: receiver.clone(),
                    courier: Arc::clone(courier),
                    served,
                };
                // On a thread of its own, since each delivery is a write to the store.
                lanes.spawn(run_on_own_thread(lane.deliver_until(current.clone())));
            }
        }
        while let Some(ended) = lanes.join_next().await {
            if let Err(panicked) = ended {
                std::panic::resume_unwind(panicked.into_panic());
            }
        }
        stop.cancelled().await;
    }

    fn report_receivers(&self) {
        let Self { store, clock, .. } = self;
        match store.snapshot().and_then(|snapshot| of_receivers(&snapshot, clock.now())) {
            Ok(seen) => drop(observe(store, clock, RECEIVERS, seen)),
            Err(error) => warn!(reason = %reason(&error), "receivers could not be looked at"),
        }
    }
}

struct Lane {
    notify: Notify,
    receiver: Receiver,
    courier: Arc<Courier>,
    served: bool,
}

impl Lane {
    async fn deliver_until(self, stop: CancellationToken) {
        let clock = &self.notify.clock;
        let mut state = LaneState::new();
        loop {
            let due = self.read_due();
            let has_due = !due.is_empty();
            let mut effect = state.step(Event::Read(due), clock.now());
            let rest = loop {
                match effect {
                    Effect::Rest(rest) => break rest,
                    Effect::Deliver(letter) => tokio::select! {
                        // It stays in the store, and is sent again.
                        () = stop.cancelled() => return,
                        ending = self.deliver(&letter) => {
                            effect = state.step(Event::Ended(ending), clock.now());
                        }
                    },
                }
            };
            if has_due {
                self.notify.report_receivers();
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(rest) => {}
            }
        }
    }

    /// Reads the deliveries that are due; none when the store cannot be read, which is tried again.
    fn read_due(&self) -> Vec<Letter> {
        let (name, now) = (&self.receiver.name, self.notify.clock.now());
        let snapshot = self.notify.store.snapshot();
        match snapshot.and_then(|snapshot| snapshot.due_letters(name, self.served, now)) {
            Ok(due) => due,
            Err(error) => {
                warn!(reason = %reason(&error), "letters could not be read; it is tried again");
                Vec::new()
            }
        }
    }

    /// Sends a letter, and stores what became of it.
    async fn deliver(&self, letter: &Letter) -> Ending {
        let (store, clock) = (&self.notify.store, &self.notify.clock);
        let (id, body) = (letter.notice.id(), letter.notice.body(self.receiver.format));
        let outcome = self.courier.deliver(&id, body, clock.now()).await;
        let name = &self.receiver.name;
        match &outcome {
            Ok(()) => debug!(webhook = name, id, "a notice was taken"),
            Err(refusal) => {
                warn!(webhook = name, id, reason = refusal.why, "a notice was not taken");
            }
        }
        let stored = store.handed_over(&self.receiver, letter, outcome.clone(), clock.now());
        if let Err(error) = &stored {
            let reason = reason(error);
            warn!(webhook = name, %reason, "what became of a notice is not stored");
        }
        Ending::of(&outcome, &stored, clock.now())
    }
}

/// What there is to say of receivers.
fn of_receivers(snapshot: &Snapshot, now: Instant) -> Result<Vec<Observation>, StoreError> {
    let undelivered = snapshot.undelivered()?;
    let mut seen = Vec::new();
    for Mailbox { receiver, reception } in snapshot.mailboxes()? {
        let lost = undelivered.iter().filter(|it| it.receiver == receiver.name).count();
        let failing = reception.failing_since.filter(|since| now.since(*since) > PATIENCE);
        if lost == 0 && failing.is_none() {
            continue;
        }
        let items = [
            failing.map(|_| Evidence::WebhookTakesNothing),
            (lost > 0).then_some(Evidence::NoticesGivenUp),
        ];
        let items = items.into_iter().flatten();
        let failing =
            Observation::new(AlertKind::WebhookFailing, receiver.name, items).since(failing);
        seen.push(Observation { count: lost.max(1) as u64, ..failing });
    }
    Ok(seen)
}
