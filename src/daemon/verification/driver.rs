use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::alerts::{Subject, keys_identity, keys_to_accept, loss_on_hold, losses_identity};
use super::brake::{budget, is_backlog, owners};
use super::handle::{Reply, Request};
use super::lookup::Answer;
use super::reporter::NamespaceAlerts;
use super::service::Service;
use super::state::{Context, Effect, Event, Found, State};
use super::stored::{make_due_for_content, records, touched};
use crate::alert::{AlertIdentity, Evidence, ReportedAlert};
use crate::daemon::mirror::Settling;
use crate::daemon::policy::CurrentPolicy;
use crate::daemon::screening::external_names;
use crate::model::{Name, Timestamp, reason};
use crate::ownership::{Claim, LossBudget, VerificationRecord};
use crate::remote::{FailingResolver, Trouble};
use crate::store::{Snapshot, StoreError, VerificationRecords};

/// Interval between two reads of the queue.
const TICK: Duration = Duration::from_secs(1);
/// Interval between two questions about the root, by which a resolver that fails is noticed.
const PROBE_EVERY: Duration = Duration::from_mins(1);
/// Mentioned namespaces without an answer for this long are a backlog.
const BACKLOG: Duration = Duration::from_hours(24);
/// Records are kept for this long after the last name of their namespace, and removed once a day.
const KEPT: Duration = Duration::from_hours(90 * 24);
/// Lookups under way, those of the queue included, and requests that wait for one of them.
const MOST_LOOKUPS: usize = 64;
const PRUNE_EVERY: Duration = Duration::from_hours(24);
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
    let mut acknowledged = service.handle.acknowledged.subscribe();
    let mut review = tokio::time::interval(REVIEW_EVERY);
    let mut probe = tokio::time::interval(PROBE_EVERY);
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut driver = Driver {
        service: Arc::clone(&service),
        state: State::new(enabled),
        current_policy: Arc::clone(&policy.borrow_and_update()),
        lookups: JoinSet::new(),
        namespaces: HashMap::new(),
        reporter: NamespaceAlerts::default(),
        outside: None,
        pruned: None,
        probes: JoinSet::new(),
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
            Some(request) = requests.recv(), if driver.has_room() => driver.request(request),
            Some(joined) = driver.lookups.join_next_with_id() => driver.ended(joined),
            _ = review.tick(), if enabled => driver.review()?,
            _ = probe.tick(), if enabled => driver.probe(),
            Some(_) = driver.probes.join_next() => driver.report_outside(),
            Ok(()) = acknowledged.changed(), if enabled => {
                acknowledged.borrow_and_update();
                driver.accept_all()?;
            }
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
    /// The last report about GitHub's token and the resolvers.
    outside: Option<(Trouble, Vec<FailingResolver>)>,
    /// When records without names were removed.
    pruned: Option<Timestamp>,
    probes: JoinSet<()>,
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
        let mut records = records(&snapshot, &names)?;
        make_due_for_content(&snapshot, &self.current_policy.snapshot, &mut records)?;
        let known = budget(&snapshot, &self.current_policy.set, names.iter())?;
        *self.losses() = known;
        drop(snapshot);
        self.step(Event::Loaded(names, &records));
        self.review()?;
        // A person may have decided while no daemon ran.
        self.accept_all()
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

    /// Returns true if another requested lookup may begin or wait; further senders wait for their place.
    fn has_room(&self) -> bool {
        self.lookups.len() + self.state.waiting() < MOST_LOOKUPS
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
                let Answer { namespace: folded, record, changed, is_complete, served, .. } = answer;
                debug!(namespace, evidence = ?record.evidence, "a namespace was looked up");
                let (next_check, is_silent) = (record.next_check, record.open_lookups() > 0);
                let found = Found { next_check, changed, is_silent, is_complete };
                self.step(Event::Ended { namespace, found: Some(found) });
                let updated =
                    self.accept(&folded).and_then(|()| self.update_alerts(&folded, served));
                if let Err(error) = updated {
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

    fn losses(&self) -> MutexGuard<'_, LossBudget> {
        self.service.handle.losses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn probe(&mut self) {
        let service = Arc::clone(&self.service);
        self.probes.spawn(async move { service.sources.probe_resolvers().await });
    }

    /// Reports about GitHub's token and the resolvers when something changed there.
    fn report_outside(&mut self) {
        let sources = &self.service.sources;
        let outside = Some((sources.trouble(), sources.failing_resolvers()));
        if outside != self.outside {
            self.outside = outside;
            self.report();
        }
    }

    /// Applies the acknowledgements about all namespaces on which a person may decide.
    fn accept_all(&mut self) -> Result<(), StoreError> {
        let undecided = self.reporter.undecided();
        if undecided.is_empty() {
            return Ok(());
        }
        for namespace in undecided {
            self.accept(&namespace)?;
        }
        self.review()
    }

    /// Applies an acknowledgement of exactly the keys that a namespace shows, or of its loss. A lookup under way would
    /// overwrite it; its end comes back here.
    fn accept(&mut self, namespace: &str) -> Result<(), StoreError> {
        if self.state.is_under_way(namespace) {
            return Ok(());
        }
        let snapshot = self.service.store.snapshot()?;
        let Some(record) = snapshot.record(namespace)? else { return Ok(()) };
        let has_seen = |identity: &AlertIdentity, item: Option<Evidence>| {
            let Some(item) = item else { return Ok(false) };
            let alert = snapshot.alert(identity)?.filter(|alert| !alert.is_resolved());
            Ok::<_, StoreError>(alert.is_some_and(|alert| alert.has_seen(&item)))
        };
        let now = self.service.clock.now();
        let keys = keys_to_accept(&record, &self.current_policy.set, namespace);
        // Against a pin, an acknowledgement accepts nothing: the file decides.
        let keys = keys.filter(|item| !matches!(item, Evidence::KeysUnknown { pinned: true, .. }));
        let accepted = if has_seen(&keys_identity(namespace), keys)? {
            record.clone().accept()
        } else if has_seen(&losses_identity(), loss_on_hold(namespace, &record))? {
            let hosts = self.current_policy.set.shared_hosts();
            if let Some(owner) = Claim::of(namespace, &hosts).owner() {
                self.losses().count(&owner, now);
            }
            record.clone().release(now)
        } else {
            return Ok(());
        };
        drop(snapshot);
        if accepted != record {
            let verifications = vec![(namespace.to_owned(), accepted)];
            let records = VerificationRecords { verifications, declarations: Vec::new() };
            self.service.store.store_verification(&records, now)?;
            let names = self.state.names(namespace).cloned().collect();
            (self.service.ports.touched)(names);
        }
        Ok(())
    }

    fn update_alerts(&mut self, namespace: &str, served: bool) -> Result<(), StoreError> {
        let snapshot = self.service.store.snapshot()?;
        let record = snapshot.record(namespace)?.unwrap_or_default();
        let (alerts, loss) = self.alerts_of(&snapshot, namespace, &record, served)?;
        self.reporter.set(namespace, alerts, loss);
        Ok(())
    }

    /// Returns the alerts about a namespace, if overlays mention it, and its loss that waits for a person.
    fn alerts_of(
        &self,
        snapshot: &Snapshot,
        namespace: &str,
        record: &VerificationRecord,
        served: bool,
    ) -> Result<(Vec<ReportedAlert>, Option<Evidence>), StoreError> {
        let (overlays, now) = (self.current_policy.set.as_ref(), self.service.clock.now());
        let is_mentioned = |name: &&Name| !overlays.rules_for(name).is_silent();
        let names: Vec<&Name> = self.state.names(namespace).filter(is_mentioned).collect();
        if names.is_empty() {
            return Ok((Vec::new(), None));
        }
        let mut declarations = Vec::new();
        for name in &names {
            declarations
                .extend(snapshot.declarations(name)?.map(|record| ((*name).clone(), record)));
        }
        let served = served || names.iter().any(|name| (self.service.ports.is_served)(name));
        let declarations = declarations.as_slice();
        let subject = Subject { namespace, record, overlays, names, declarations, served, now };
        let mut alerts = subject.alerts();
        for alert in &mut alerts {
            // A namespace that was hidden since was served when it was decided.
            let stored = snapshot.alert(&alert.identity)?.filter(|stored| !stored.is_resolved());
            alert.served |= stored.is_some_and(|stored| stored.served);
        }
        Ok((alerts, loss_on_hold(namespace, record)))
    }

    /// Replaces the alerts about every namespace that overlays mention.
    fn review(&mut self) -> Result<(), StoreError> {
        let owners = owners(&self.current_policy.set, self.state.all_names());
        self.losses().set_owners(owners);
        let snapshot = self.service.store.snapshot()?;
        let now = self.service.clock.now();
        let mut reporter = NamespaceAlerts::default();
        let long_ago = now.minus(BACKLOG);
        let mut backlog: BTreeSet<String> =
            self.state.overdue(long_ago).map(str::to_owned).collect();
        for (namespace, record) in snapshot.verifications()? {
            let (alerts, loss) = self.alerts_of(&snapshot, &namespace, &record, false)?;
            reporter.set(&namespace, alerts, loss);
            let is_unclear = record.unclear_since.is_some_and(|since| since < long_ago);
            if is_unclear && self.is_mentioned(&namespace) {
                backlog.insert(namespace);
            }
        }
        drop(snapshot);
        let is_backlog = is_backlog(&self.losses(), &self.current_policy.set, &backlog);
        let backlog: Vec<String> = backlog.into_iter().collect();
        reporter.set_backlog(is_backlog.then_some(backlog.as_slice()));
        reporter.set_crowded(&self.state.crowded(&self.current_policy.set));
        self.reporter = reporter;
        self.report();
        self.prune(now)
    }

    fn is_mentioned(&self, namespace: &str) -> bool {
        let overlays = &self.current_policy.set;
        self.state.names(namespace).any(|name| !overlays.rules_for(name).is_silent())
    }

    /// Removes the records of namespaces that have no name and no rule for long, once a day.
    fn prune(&mut self, now: Timestamp) -> Result<(), StoreError> {
        if self.pruned.is_some_and(|at| now.since(at) < PRUNE_EVERY) {
            return Ok(());
        }
        self.pruned = Some(now);
        let set = &self.current_policy.set;
        let has_names = |namespace: &str| {
            self.state.names(namespace).next().is_some() || set.concerns(namespace)
        };
        self.service.store.prune_verification(has_names, now.minus(KEPT), now)
    }

    fn report(&self) {
        let Service { store, clock, sources, .. } = self.service.as_ref();
        self.reporter.report(store, clock, sources);
    }
}

#[cfg(test)]
#[path = "drive_tests.rs"]
pub(super) mod drive_tests;
