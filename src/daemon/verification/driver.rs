use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::alerts::of_namespace;
use super::handle::{Reply, Request};
use super::lookup::Answer;
use super::reporter::NamespaceAlerts;
use super::service::Service;
use super::state::{Context, Effect, Event, Found, Record, Records, State};
use crate::alert::ReportedAlert;
use crate::curation::PolicySnapshot;
use crate::daemon::mirror::Settling;
use crate::daemon::policy::CurrentPolicy;
use crate::daemon::screening::{external_names, is_external};
use crate::model::{Name, reason};
use crate::ownership::VerificationRecord;
use crate::store::{Snapshot, StoreError};

/// Interval between two reads of the queue.
const TICK: Duration = Duration::from_secs(1);
/// Interval between two reviews of all alerts: verdicts become stale with time.
const REVIEW_EVERY: Duration = Duration::from_hours(1);

/// Verifies namespaces until it is stopped.
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
        current_policy: Arc::clone(&policy.borrow_and_update()),
        lookups: JoinSet::new(),
        namespaces: HashMap::new(),
        reporter: NamespaceAlerts::default(),
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
    current_policy: Arc<CurrentPolicy>,
    lookups: JoinSet<Result<Answer, StoreError>>,
    /// The namespaces of the lookups under way.
    namespaces: HashMap<Id, String>,
    reporter: NamespaceAlerts,
}

impl Driver {
    fn step(&mut self, event: Event<'_, Reply>) {
        let resembling = Arc::clone(&self.service.handle.resembling.borrow());
        let context = Context {
            overlays: &self.current_policy.set,
            resembling: &resembling,
            github_blocked: self.service.sources.is_github_blocked(),
            now: self.service.clock.now(),
        };
        for effect in self.state.step(event, &context) {
            match effect {
                Effect::LookupTask(lookup) => {
                    let namespace = lookup.namespace.clone();
                    let task = self.lookups.spawn(Arc::clone(&self.service).look_up(lookup));
                    self.namespaces.insert(task.id(), namespace);
                }
                Effect::Touch(names) => (self.service.ports.touched)(names),
                Effect::Crowded(domains) => self.reporter.set_crowded(&domains),
            }
        }
    }

    fn load(&mut self) -> Result<(), StoreError> {
        // Names that arrive during this read are touched again.
        self.service.handle.touched.take_now();
        let snapshot = self.service.store.snapshot()?;
        let policy = &self.current_policy.snapshot;
        let names: Vec<Name> =
            external_names(&snapshot, policy, &Settling::NONE)?.into_keys().collect();
        let records = records(&snapshot, &names)?;
        drop(snapshot);
        self.step(Event::Loaded(names, &records));
        self.review()
    }

    /// Takes the names that came or changed since the last call.
    fn take_names(&mut self) -> Result<(), StoreError> {
        let service = Arc::clone(&self.service);
        let Some((names, snapshot)) = service.handle.touched.take_with(&service.store)? else {
            return Ok(());
        };
        match touched(&snapshot, &self.current_policy.snapshot, &names) {
            Ok((external, records)) => {
                drop(snapshot);
                self.step(Event::NamesTouched(external, &records));
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
        // New names may have arrived a moment ago.
        if let Err(error) = self.take_names() {
            // The client may have gone away.
            let _ = reply.send(Err(reason(&error)));
            return;
        }
        self.step(Event::Requested { namespace, reply });
    }

    /// Handles the end of a lookup. One that failed or panicked does not affect the others.
    fn ended(&mut self, joined: Result<(Id, Result<Answer, StoreError>), JoinError>) {
        let (task, outcome) = match joined {
            Ok((task, Ok(answer))) => (task, Ok(answer)),
            Ok((task, Err(error))) => (task, Err(reason(&error))),
            Err(panicked) => (panicked.id(), Err(panicked.to_string())),
        };
        let Some(namespace) = self.namespaces.remove(&task) else { return };
        match outcome {
            Ok(answer) => {
                let Answer { namespace: folded, record, changed, .. } = answer;
                debug!(namespace, evidence = ?record.evidence, "a namespace was looked up");
                let found = Found { next_check: record.next_check, changed };
                self.step(Event::Ended { namespace, found: Some(found) });
                if let Err(error) = self.update_alerts(&folded, &record) {
                    warn!(namespace = folded, reason = %reason(&error), "the alerts about a namespace cannot be updated");
                }
                self.report();
            }
            Err(why) => {
                warn!(namespace, reason = why, "a lookup failed; it is tried again later");
                self.step(Event::Ended { namespace, found: None });
            }
        }
    }

    fn reorder(&mut self, next: Arc<CurrentPolicy>) -> Result<(), StoreError> {
        let before = std::mem::replace(&mut self.current_policy, next);
        self.step(Event::PolicyChanged { before: &before.set });
        self.review()
    }

    fn update_alerts(
        &mut self,
        namespace: &str,
        record: &VerificationRecord,
    ) -> Result<(), StoreError> {
        let alerts = self.alerts_of(&self.service.store.snapshot()?, namespace, record)?;
        self.reporter.set(namespace, alerts);
        Ok(())
    }

    /// Returns the alerts about a namespace, if overlays mention it.
    fn alerts_of(
        &self,
        snapshot: &Snapshot,
        namespace: &str,
        record: &VerificationRecord,
    ) -> Result<Vec<ReportedAlert>, StoreError> {
        let (set, now) = (&self.current_policy.set, self.service.clock.now());
        let is_mentioned = |name: &Name| !set.rules_for(name).is_silent();
        if !self.state.names(namespace).any(is_mentioned) {
            return Ok(Vec::new());
        }
        let mut declarations = Vec::new();
        for name in self.state.names(namespace) {
            declarations.extend(
                snapshot.declarations(name)?.map(|declarations| (name.clone(), declarations)),
            );
        }
        let served = self.state.names(namespace).any(|name| (self.service.ports.is_served)(name));
        Ok(of_namespace(namespace, record, set.pins(namespace), &declarations, served, now))
    }

    /// Replaces the alerts about every namespace that overlays mention.
    fn review(&mut self) -> Result<(), StoreError> {
        let snapshot = self.service.store.snapshot()?;
        let mut reporter = NamespaceAlerts::default();
        for (namespace, record) in snapshot.verifications()? {
            let alerts = self.alerts_of(&snapshot, &namespace, &record)?;
            reporter.set(&namespace, alerts);
        }
        reporter.set_crowded(&self.state.crowded(&self.current_policy.set));
        self.reporter = reporter;
        self.report();
        Ok(())
    }

    fn report(&self) {
        let Service { store, clock, sources, .. } = self.service.as_ref();
        self.reporter.report(store, clock, &sources.trouble());
    }
}

/// Reads which of these names an external upstream lists, and the records of their namespaces.
fn touched<'n>(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    names: impl IntoIterator<Item = &'n Name>,
) -> Result<(Vec<Name>, Records), StoreError> {
    let mut external = Vec::new();
    for name in names {
        if is_external(snapshot, policy, name)? {
            external.push(name.clone());
        }
    }
    let records = records(snapshot, &external)?;
    Ok((external, records))
}

fn records(snapshot: &Snapshot, names: &[Name]) -> Result<Records, StoreError> {
    let mut records = Records::new();
    for name in names {
        let namespace = name.namespace().to_ascii_lowercase();
        if records.contains_key(&namespace) {
            continue;
        }
        let record = snapshot.record(&namespace)?.map_or_else(Record::default, |record| Record {
            checked_at: record.checked_at,
            next_check: record.next_check,
        });
        records.insert(namespace, record);
    }
    Ok(records)
}

#[cfg(test)]
#[path = "drive_tests.rs"]
pub(super) mod drive_tests;
