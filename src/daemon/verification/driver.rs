use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::handle::{Reply, Request};
use super::lookup::Answer;
use super::remarks::Remarks;
use super::service::Service;
use super::state::{Context, Effect, Event, Found, Record, Records, State};
use super::titles::of_namespace;
use crate::alert::Observation;
use crate::curation::PolicySnapshot;
use crate::daemon::policy::InForce;
use crate::daemon::screening::{external_names, is_external};
use crate::model::{Name, reason};
use crate::ownership::Holding;
use crate::store::{Snapshot, StoreError};

/// How often the queue is looked at.
const TICK: Duration = Duration::from_secs(1);
/// How often all alerts are worked out anew: verdicts grow old by themselves.
const REVIEW_EVERY: Duration = Duration::from_hours(1);

/// Verifies until it is stopped.
///
/// # Errors
/// When the store cannot be read.
pub(in crate::daemon) async fn verify(
    service: Arc<Service>,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let mut requests = service.handle.inbox.lock().await;
    let enabled = service.settings.ownership.policy.enabled;
    let mut policy = service.policy.clone();
    let mut review = tokio::time::interval(REVIEW_EVERY);
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut driver = Driver {
        service: Arc::clone(&service),
        state: State::new(enabled),
        in_force: Arc::clone(&policy.borrow_and_update()),
        lookups: JoinSet::new(),
        namespaces: HashMap::new(),
        remarks: Remarks::default(),
    };
    if enabled {
        driver.load()?;
    }
    loop {
        tokio::select! {
            () = stop.cancelled() => {
                requests.close();
                return Ok(());
            }
            Some(request) = requests.recv() => driver.request(request),
            Some(joined) = driver.lookups.join_next_with_id() => driver.ended(joined),
            _ = review.tick(), if enabled => driver.review()?,
            Ok(()) = policy.changed(), if enabled => {
                let next = Arc::clone(&policy.borrow_and_update());
                driver.reorder(next)?;
            }
            _ = tick.tick(), if enabled => {
                driver.take_names()?;
                driver.step(Event::Tick);
            }
        }
    }
}

/// Reads what the state needs, and does what it decides.
struct Driver {
    service: Arc<Service>,
    state: State<Reply>,
    in_force: Arc<InForce>,
    lookups: JoinSet<Result<Answer, StoreError>>,
    /// The namespaces of the lookups under way.
    namespaces: HashMap<Id, String>,
    remarks: Remarks,
}

impl Driver {
    fn step(&mut self, event: Event<'_, Reply>) {
        let resembling = Arc::clone(&self.service.handle.resembling.borrow());
        let context = Context {
            overlays: &self.in_force.set,
            resembling: &resembling,
            github_blocked: self.service.witnesses.is_github_blocked(),
            now: self.service.clock.now(),
        };
        for effect in self.state.step(event, &context) {
            match effect {
                Effect::Lookup(lookup) => {
                    let namespace = lookup.namespace.clone();
                    let task = self.lookups.spawn(Arc::clone(&self.service).look_up(lookup));
                    self.namespaces.insert(task.id(), namespace);
                }
                Effect::Touch(names) => (self.service.ports.touched)(names),
                Effect::Crowded(domains) => self.remarks.set_crowded(&domains),
            }
        }
    }

    fn load(&mut self) -> Result<(), StoreError> {
        // Names that come while this is read are touched again.
        self.service.handle.touched.take_now();
        let snapshot = self.service.store.snapshot()?;
        let policy = &self.in_force.snapshot;
        let names: Vec<Name> = external_names(&snapshot, policy)?.into_keys().collect();
        let records = records(&snapshot, &names)?;
        drop(snapshot);
        self.step(Event::Loaded(names, &records));
        self.review()
    }

    /// Takes the names that came, or whose rows changed, since the last look.
    fn take_names(&mut self) -> Result<(), StoreError> {
        let service = Arc::clone(&self.service);
        let Some((names, snapshot)) = service.handle.touched.take_with(&service.store)? else {
            return Ok(());
        };
        match touched(&snapshot, &self.in_force.snapshot, &names) {
            Ok((outside, records)) => {
                drop(snapshot);
                self.step(Event::NamesTouched(outside, &records));
                Ok(())
            }
            Err(error) => {
                service.handle.touch(names);
                Err(error)
            }
        }
    }

    fn request(&mut self, request: Request) {
        let Request { namespace, reply } = request;
        // Names may have come a moment ago.
        if let Err(error) = self.take_names() {
            return drop(reply.send(Err(reason(&error))));
        }
        self.step(Event::Requested { namespace, reply });
    }

    /// A lookup that failed or panicked, whatever upstream sent, leaves the others alone.
    fn ended(&mut self, joined: Result<(Id, Result<Answer, StoreError>), JoinError>) {
        let (task, outcome) = match joined {
            Ok((task, Ok(answer))) => (task, Ok(answer)),
            Ok((task, Err(error))) => (task, Err(reason(&error))),
            Err(panicked) => (panicked.id(), Err(panicked.to_string())),
        };
        let Some(namespace) = self.namespaces.remove(&task) else { return };
        match outcome {
            Ok(answer) => {
                let Answer { namespace: folded, holding, changed, .. } = answer;
                debug!(namespace, evidence = ?holding.evidence, "a namespace was looked up");
                let found = Found { next_check: holding.next_check, changed };
                self.step(Event::Ended { namespace, found: Some(found) });
                if let Err(error) = self.remark(&folded, &holding) {
                    warn!(namespace = folded, reason = %reason(&error), "its alerts cannot be worked out");
                }
                self.report();
            }
            Err(why) => {
                warn!(namespace, reason = why, "a lookup failed; it is tried again later");
                self.step(Event::Ended { namespace, found: None });
            }
        }
    }

    fn reorder(&mut self, next: Arc<InForce>) -> Result<(), StoreError> {
        let before = std::mem::replace(&mut self.in_force, next);
        self.step(Event::PolicyChanged { before: &before.set });
        self.review()
    }

    fn remark(&mut self, namespace: &str, holding: &Holding) -> Result<(), StoreError> {
        let seen = self.seen_of(&self.service.store.snapshot()?, namespace, holding)?;
        self.remarks.set(namespace, seen);
        Ok(())
    }

    /// Works out the alerts about a namespace, if overlays speak of it.
    fn seen_of(
        &self,
        snapshot: &Snapshot,
        namespace: &str,
        holding: &Holding,
    ) -> Result<Vec<Observation>, StoreError> {
        let (set, now) = (&self.in_force.set, self.service.clock.now());
        let is_spoken = |name: &Name| !set.about(name).is_silent();
        if !self.state.names(namespace).any(is_spoken) {
            return Ok(Vec::new());
        }
        let mut namings = Vec::new();
        for name in self.state.names(namespace) {
            namings.extend(snapshot.naming(name)?.map(|naming| (name.clone(), naming)));
        }
        let served = self.state.names(namespace).any(|name| (self.service.ports.is_served)(name));
        Ok(of_namespace(namespace, holding, set.pins(namespace), &namings, served, now))
    }

    /// Works out the alerts of every namespace that overlays speak of.
    fn review(&mut self) -> Result<(), StoreError> {
        let snapshot = self.service.store.snapshot()?;
        let mut remarks = Remarks::default();
        for (namespace, holding) in snapshot.holdings()? {
            let seen = self.seen_of(&snapshot, &namespace, &holding)?;
            remarks.set(&namespace, seen);
        }
        remarks.set_crowded(&self.state.crowded(&self.in_force.set));
        self.remarks = remarks;
        self.report();
        Ok(())
    }

    fn report(&self) {
        let Service { store, clock, witnesses, .. } = self.service.as_ref();
        self.remarks.report(store, clock, &witnesses.trouble());
    }
}

/// Reads which of these names an upstream from outside lists, and the records of their namespaces.
fn touched<'n>(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    names: impl IntoIterator<Item = &'n Name>,
) -> Result<(Vec<Name>, Records), StoreError> {
    let mut outside = Vec::new();
    for name in names {
        if is_external(snapshot, policy, name)? {
            outside.push(name.clone());
        }
    }
    let records = records(snapshot, &outside)?;
    Ok((outside, records))
}

fn records(snapshot: &Snapshot, names: &[Name]) -> Result<Records, StoreError> {
    let mut records = Records::new();
    for name in names {
        let namespace = name.namespace().to_ascii_lowercase();
        if records.contains_key(&namespace) {
            continue;
        }
        let record = snapshot.holding(&namespace)?.map_or_else(Record::default, |holding| Record {
            checked_at: holding.checked_at,
            next_check: holding.next_check,
        });
        records.insert(namespace, record);
    }
    Ok(records)
}
