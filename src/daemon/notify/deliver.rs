use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::lane::{Effect, Ending, Event, LaneState};
use super::webhooks::{Route, open_webhooks};
use crate::alert::{AlertKind, Delivery, Evidence, RECIPIENTS, Recipient, ReportedAlert};
use crate::config::Settings;
use crate::daemon::DaemonError;
use crate::daemon::runtime::{Clock, blocking, report_alerts, run_on_own_thread};
use crate::model::{Timestamp, reason};
use crate::remote::Watched;
use crate::store::{RecipientStatus, Snapshot, Store, StoreError};

/// A recipient that accepts nothing for this long raises an alert.
const PATIENCE: Duration = Duration::from_mins(10);

/// Delivers notices to the recipients of the configuration.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct Notify {
    store: Arc<Store>,
    clock: Arc<Clock>,
    routes: Arc<[Arc<Watched<Route>>]>,
    /// Moves on when an address or a secret changed.
    changed: watch::Sender<()>,
}

impl Notify {
    /// Reads addresses and secrets, and registers the recipients in the store.
    ///
    /// # Errors
    /// When one of them cannot be used, or the store cannot be written.
    pub(in crate::daemon) fn open(
        settings: &Settings,
        store: &Arc<Store>,
        clock: &Arc<Clock>,
    ) -> Result<Self, DaemonError> {
        let routes = open_webhooks(settings)?.into();
        let (store, clock) = (Arc::clone(store), Arc::clone(clock));
        let notify = Self { store, clock, routes, changed: watch::Sender::new(()) };
        notify.enlist()?;
        Ok(notify)
    }

    /// Registers the recipients in the store, as their files define them now.
    fn enlist(&self) -> Result<(), StoreError> {
        let routes = self.routes.iter();
        let recipients: Vec<Recipient> = routes.map(|route| route.current().0.clone()).collect();
        self.store.enlist(&recipients, self.clock.now())
    }

    /// Reads addresses, secrets and certificates again, and uses what changed; returns the reasons why some cannot be
    /// used, whose values stay as they were. It blocks.
    pub(in crate::daemon) fn look_at_files(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        let mut is_changed = false;
        for route in self.routes.iter() {
            match route.look() {
                Ok(changed) => is_changed |= changed,
                Err(why) => reasons.push(why),
            }
        }
        if is_changed {
            self.changed.send_replace(());
        }
        // It writes only if a recipient changed; one that could not be stored is stored at a later look.
        if let Err(error) = self.enlist() {
            warn!(reason = %reason(&error), "changed webhooks could not be stored");
        }
        reasons
    }

    /// Delivers until `stop`. Each recipient has two lanes, so that an alert about something that is
    /// served never waits behind others.
    pub(in crate::daemon) async fn run(self, stop: CancellationToken) {
        let reporter = self.clone();
        blocking(move || reporter.report_recipients()).await;
        let current = stop.child_token();
        // A lane that panics ends the others too; all restart together.
        let _guard = current.clone().drop_guard();
        let mut lanes = JoinSet::new();
        for route in self.routes.iter() {
            for served in [true, false] {
                let lane = Lane { notify: self.clone(), route: Arc::clone(route), served };
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

    fn report_recipients(&self) {
        let Self { store, clock, .. } = self;
        match store.snapshot().and_then(|snapshot| of_recipients(&snapshot, clock.now())) {
            Ok(seen) => {
                report_alerts(store, clock, RECIPIENTS, seen);
            }
            Err(error) => {
                warn!(reason = %reason(&error), "the state of the webhooks could not be read");
            }
        }
    }
}

struct Lane {
    notify: Notify,
    route: Arc<Watched<Route>>,
    served: bool,
}

impl Lane {
    async fn deliver_until(self, stop: CancellationToken) {
        let clock = &self.notify.clock;
        let mut state = LaneState::new();
        let mut changed = self.notify.changed.subscribe();
        loop {
            let due = self.read_due();
            let has_due = !due.is_empty();
            let mut effect = state.step(Event::Read(due), clock.now());
            let rest = loop {
                match effect {
                    Effect::Rest(rest) => break rest,
                    Effect::Deliver(delivery) => tokio::select! {
                        // The delivery stays in the store, and is sent again.
                        () = stop.cancelled() => return,
                        ending = self.deliver(&delivery) => {
                            effect = state.step(Event::Ended(ending), clock.now());
                        }
                    },
                }
            };
            if has_due {
                self.notify.report_recipients();
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(rest) => {}
                // What failed at another address says nothing about this one. The sender is a field of the service.
                _ = changed.changed() => state = LaneState::new(),
            }
        }
    }

    /// Returns the deliveries that are due; none when the store cannot be read, until the next read.
    fn read_due(&self) -> Vec<Delivery> {
        let (route, now) = (self.route.current(), self.notify.clock.now());
        let name = &route.0.name;
        let snapshot = self.notify.store.snapshot();
        match snapshot.and_then(|snapshot| snapshot.due_deliveries(name, self.served, now)) {
            Ok(due) => due,
            Err(error) => {
                warn!(reason = %reason(&error), "due deliveries could not be read; the daemon tries again");
                Vec::new()
            }
        }
    }

    /// Sends a delivery, and stores the outcome.
    async fn deliver(&self, delivery: &Delivery) -> Ending {
        let (store, clock) = (&self.notify.store, &self.notify.clock);
        let (recipient, client) = &*self.route.current();
        let (id, body) = (delivery.notice.id(), delivery.notice.body(recipient.format));
        let outcome = client.deliver(&id, body, clock.now()).await;
        let name = &recipient.name;
        match &outcome {
            Ok(()) => debug!(webhook = name, id, "a notice was delivered"),
            Err(refusal) => {
                warn!(webhook = name, id, reason = refusal.why, "a notice was not delivered");
            }
        }
        let stored = store.record_delivery(recipient, delivery, outcome.clone(), clock.now());
        if let Err(error) = &stored {
            let reason = reason(error);
            warn!(webhook = name, %reason, "the outcome of a delivery could not be stored");
        }
        Ending::of(&outcome, &stored, clock.now())
    }
}

/// Returns the alerts to raise about recipients.
fn of_recipients(snapshot: &Snapshot, now: Timestamp) -> Result<Vec<ReportedAlert>, StoreError> {
    let dead_letters = snapshot.dead_letters()?;
    let mut seen = Vec::new();
    for RecipientStatus { recipient, history } in snapshot.recipients()? {
        let lost = dead_letters.iter().filter(|dead| dead.recipient == recipient.name).count();
        let failing = history.failing_since.filter(|since| now.since(*since) > PATIENCE);
        if lost == 0 && failing.is_none() {
            continue;
        }
        let items = [
            failing.map(|_| Evidence::DeliveriesFail),
            (lost > 0).then_some(Evidence::DeliveriesGivenUp),
        ];
        let items = items.into_iter().flatten();
        let failing =
            ReportedAlert::new(AlertKind::WebhookFailing, recipient.name, items).since(failing);
        seen.push(ReportedAlert { count: lost.max(1) as u64, ..failing });
    }
    Ok(seen)
}
