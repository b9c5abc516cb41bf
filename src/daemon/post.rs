//! The loops that tell receivers of alerts.
//!
//! Each receiver has two lanes, so that an alert about something that is served never waits behind others. A lane
//! takes its letters one by one; when one is not taken, the lane rests until that one is due again, since the next
//! would fare no better. All of it is in the store: a restart goes on where it was.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Shared;
use super::alerts::observe;
use super::runtime::run_on_own_thread;
use crate::alert::{Letter, Observation, RECEIVERS, Receiver, Whose};
use crate::model::{Instant, reason};
use crate::remote::Courier;
use crate::store::{Mailbox, Snapshot, StoreError};

const TICK: Duration = Duration::from_secs(1);
/// Somebody may have mended it, or had what was given up tried again.
const LONGEST_REST: Duration = Duration::from_mins(1);
/// A receiver that takes nothing for this long is worth an alert.
const PATIENCE: Duration = Duration::from_mins(10);

/// A receiver, and how notices get there.
pub(super) type Route = (Receiver, Arc<Courier>);

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
            lanes.spawn(run_on_own_thread(lane.deliver_until(stop)));
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
        let mut failures = 0_u32;
        loop {
            let due = match self.due() {
                Ok(due) => due,
                Err(error) => {
                    warn!(reason = %reason(&error), "letters could not be read; it is tried again");
                    Vec::new()
                }
            };
            let mut rests = TICK;
            for letter in &due {
                tokio::select! {
                    // It stays in the store, and is sent again.
                    () = stop.cancelled() => return,
                    next = self.deliver(letter) => match next {
                        Next::Letter => failures = 0,
                        Next::Rest(until) => {
                            // Each letter waits longer each time, and so does the lane with many of them.
                            let doubled = TICK * 2_u32.saturating_pow(failures.min(16));
                            failures = failures.saturating_add(1);
                            let asked = until.since(self.shared.clock.now());
                            rests = asked.max(doubled).clamp(TICK, LONGEST_REST);
                            break;
                        }
                    },
                }
            }
            if !due.is_empty() {
                tell_of_receivers(&self.shared);
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(rests) => {}
            }
        }
    }

    fn due(&self) -> Result<Vec<Letter>, StoreError> {
        let now = self.shared.clock.now();
        self.shared.store.snapshot()?.due_letters(&self.receiver.name, self.served, now)
    }

    /// Sends a letter, and takes note of what became of it.
    async fn deliver(&self, letter: &Letter) -> Next {
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
        let is_letters = outcome.as_ref().is_err_and(|refusal| refusal.whose == Whose::Letter);
        let failed = outcome.is_err();
        match store.handed_over(&self.receiver, letter, outcome, clock.now()) {
            Ok(Some(until)) if !is_letters => Next::Rest(until),
            // It was given up, and whatever else waits may be given up with it.
            Ok(None) if failed => Next::Rest(clock.now()),
            Ok(_) => Next::Letter,
            Err(error) => {
                let reason = reason(&error);
                warn!(webhook = name, %reason, "what became of a notice is not stored");
                Next::Rest(clock.now())
            }
        }
    }
}

/// What a lane does after a letter.
enum Next {
    Letter,
    /// Nothing until then: the next letter would fare no better.
    Rest(Instant),
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
