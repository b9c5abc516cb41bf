//! The loop that proves owners.
//!
//! # What is kept
//! In the store: what was seen of each namespace and when it is due. In memory: the order of turns,
//! and what alerts there are to raise. A crash between an answer and its commit asks once more.
//!
//! # Whose turn
//! Namespaces that overlays speak of come first, each within a day; the others as far as a slow pace
//! allows. Domains are asked side by side, GitHub one question after another and only as fast as its
//! limits say. A turn that cannot be taken is put off, and counts as nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant as Deadline, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::enquiry::ProveRequest;
use super::proof::Answer;
use super::titles::of_crowded;
use super::turns::{Lane, Turns, lane};
use super::{Shared, outside};
use crate::alert::Observation;
use crate::model::{Instant, NamespacePattern, reason};
use crate::overlay::{Changes, OverlaySet};
use crate::ownership::{Claim, Urgency};
use crate::remote::Witnesses;
use crate::store::StoreError;

/// Domains that are asked about at the same time.
pub(super) const SIDE_BY_SIDE: usize = 16;
/// Between two namespaces that nobody speaks of: 28,800 a day.
pub(super) const REST_EVERY: Duration = Duration::from_secs(3);
/// How often it is looked whether somebody is due.
const TICK: Duration = Duration::from_secs(1);
/// How often all alerts are worked out anew: verdicts grow old by themselves.
const REVIEW_EVERY: Duration = Duration::from_hours(1);
/// How long a verdict on what overlays speak of holds, at most, after a restart.
const SPOKEN: Duration = Duration::from_hours(24);
/// A publisher who is busy is not looked at more often.
pub(super) const AT_MOST_EVERY: Duration = Duration::from_mins(10);
/// What GitHub's limits put off.
pub(super) const PUT_OFF: Duration = Duration::from_mins(5);

/// The loop's state; what it asks and keeps is in `enquiry`, what it says in `remarks`.
pub(super) struct Prover {
    pub(super) shared: Arc<Shared>,
    pub(super) witnesses: Arc<Witnesses>,
    pub(super) turns: Turns,
    pub(super) asked: JoinSet<Result<Answer, StoreError>>,
    /// What the tasks are about.
    pub(super) in_flight: HashMap<Id, (Lane, Urgency, String)>,
    /// When the next namespace that nobody speaks of may be asked about.
    pub(super) rest_from: BTreeMap<Lane, Deadline>,
    /// Those that wait for a look under way to end.
    pub(super) waiting: Vec<ProveRequest>,
    /// Namespaces that changed while they were looked at.
    pub(super) again: BTreeSet<String>,
    /// What there is to say of each namespace.
    pub(super) remarks: BTreeMap<String, Vec<Observation>>,
    pub(super) crowded: Vec<Observation>,
}

/// Proves owners until it is stopped.
///
/// # Errors
/// When the store cannot be read at the start.
pub(super) async fn prove_loop(
    shared: Arc<Shared>,
    witnesses: Arc<Witnesses>,
    requests: Arc<Mutex<mpsc::Receiver<ProveRequest>>>,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let mut requests = requests.lock().await;
    let enabled = shared.settings.ownership.policy.enabled;
    let mut prover = Prover {
        turns: Turns::default(),
        asked: JoinSet::new(),
        in_flight: HashMap::new(),
        rest_from: BTreeMap::new(),
        waiting: Vec::new(),
        again: BTreeSet::new(),
        remarks: BTreeMap::new(),
        crowded: Vec::new(),
        shared,
        witnesses,
    };
    let mut overlays_changed = prover.shared.overlays_changed();
    let mut set = prover.shared.in_force();
    let mut review = tokio::time::interval(REVIEW_EVERY);
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    if enabled {
        prover.load()?;
    }
    loop {
        tokio::select! {
            () = stop.cancelled() => {
                requests.close();
                return Ok(());
            }
            Some(request) = requests.recv() => prover.request(request),
            Some(joined) = prover.asked.join_next_with_id() => match joined {
                Ok((id, Ok(answer))) => {
                    prover.in_flight.remove(&id);
                    prover.take_in(answer).await;
                }
                Ok((id, Err(error))) => prover.put_off(id, &reason(&error)),
                Err(panicked) => prover.put_off(panicked.id(), &panicked.to_string()),
            },
            _ = review.tick(), if enabled => told(prover.review()),
            Ok(()) = overlays_changed.changed(), if enabled => {
                let next = prover.shared.in_force();
                told(prover.reorder(&set.set, &next.set));
                set = next;
            }
            _ = tick.tick(), if enabled => {
                told(prover.add_new());
                prover.start();
            }
        }
    }
}

/// What a store that fails for a while cannot stop: the next look finds the same.
fn told(worked: Result<(), StoreError>) {
    if let Err(error) = worked {
        warn!(reason = %reason(&error), "whose turn it is to be proven cannot be read; it is tried again");
    }
}

impl Prover {
    fn load(&mut self) -> Result<(), StoreError> {
        // What comes while this is read is told again.
        self.shared.unproven.take_now();
        let snapshot = self.shared.store.snapshot()?;
        let speakers = self.shared.speakers();
        let names = outside::names(&snapshot, &speakers)?;
        drop(snapshot);
        let new = self.turns.add(names.into_keys());
        self.plan(&new)?;
        self.review()
    }

    /// Names that came, or whose rows changed, since the last look.
    pub(super) fn add_new(&mut self) -> Result<(), StoreError> {
        let Some((names, snapshot)) = self.shared.unproven.take_with(&self.shared.store)? else {
            return Ok(());
        };
        let speakers = self.shared.speakers();
        let mut outside = Vec::new();
        for name in names {
            if outside::lists(&snapshot, &speakers, &name)? {
                outside.push(name);
            }
        }
        let set = self.shared.in_force();
        let touched: BTreeSet<String> =
            outside.iter().map(|name| name.namespace().to_ascii_lowercase()).collect();
        let new = self.turns.add(outside);
        self.plan(&new)?;
        // What somebody waits for, serves or may be taken in by has changed.
        for namespace in &touched {
            let urgency = self.urgency(namespace, &set.set);
            if urgency == Urgency::Rest {
                continue;
            }
            let checked = snapshot.holding(namespace)?.and_then(|it| it.checked_at);
            let soon = self
                .shared
                .clock
                .now()
                .max(checked.map_or(Instant::MIN, |it| it.plus(AT_MOST_EVERY)));
            let in_flight = self.in_flight.values().any(|(.., other)| other == namespace);
            match self.turns.turn(namespace) {
                Some((lane, _, at)) => {
                    self.turns.set(namespace, lane, urgency, at.min(soon));
                }
                None if in_flight => drop(self.again.insert(namespace.clone())),
                None => {}
            }
        }
        if !new.is_empty() {
            self.crowded = of_crowded(&self.turns.crowded(&set.set.shared_hosts()));
        }
        Ok(())
    }

    /// Gives namespaces their turn: as it is stored, or at once. Overlays may have changed while nobody
    /// looked, so what they speak of waits no longer than it would have.
    fn plan(&mut self, namespaces: &[String]) -> Result<(), StoreError> {
        let (snapshot, in_force) = (self.shared.store.snapshot()?, self.shared.in_force());
        let (now, hosts) = (self.shared.clock.now(), in_force.set.shared_hosts());
        for namespace in namespaces {
            let (lane, urgency) =
                (lane(&Claim::of(namespace, &hosts)), self.urgency(namespace, &in_force.set));
            let stored = snapshot.holding(namespace)?;
            let due = stored.and_then(|it| match urgency {
                Urgency::Rest => it.next_check,
                _ => Some(it.next_check?.min(it.checked_at?.plus(SPOKEN))),
            });
            self.turns.set(namespace, lane, urgency, due.unwrap_or(now));
        }
        Ok(())
    }

    pub(super) fn urgency(&self, namespace: &str, set: &OverlaySet) -> Urgency {
        if self.turns.names(namespace).any(|name| !set.about(name).is_silent()) {
            return Urgency::Spoken;
        }
        match self.shared.resembling().contains(namespace) {
            true => Urgency::Resembling,
            false => Urgency::Rest,
        }
    }

    /// After an edit of overlays: who comes first may have changed, and whose owner is stated anew is due.
    fn reorder(&mut self, before: &OverlaySet, after: &OverlaySet) -> Result<(), StoreError> {
        let changes = Changes::between(before, after);
        let restated: &[NamespacePattern] = changes.namespaces();
        let (hosts_before, hosts) = (before.shared_hosts(), after.shared_hosts());
        let now = self.shared.clock.now();
        let all: Vec<String> = self.turns.namespaces().cloned().collect();
        for namespace in all {
            let urgency = self.urgency(&namespace, after);
            let claim = Claim::of(&namespace, &hosts);
            let is_restated = restated.iter().any(|it| it.covers_namespace(&namespace))
                || claim != Claim::of(&namespace, &hosts_before);
            let Some((_, urgency_before, at)) = self.turns.turn(&namespace) else {
                // It is being looked at, as things stood before.
                self.again.extend(is_restated.then_some(namespace));
                continue;
            };
            // Somebody waits for a proof that was not due for days.
            let at = if is_restated || urgency < urgency_before { at.min(now) } else { at };
            self.turns.set(&namespace, lane(&claim), urgency, at);
        }
        self.review()
    }
}
