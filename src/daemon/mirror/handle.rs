use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tracing::{info, warn};

use super::activity::Activity;
use super::alerts::{of_upstream, source_of};
use super::options::SyncFailure;
use super::readiness::{Readiness, Reported};
use super::schedule::Request;
use super::settling::Settling;
use crate::config::{Settings, Upstream};
use crate::curation::{RemovedUpstreams, UpstreamPolicy};
use crate::daemon::policy::CurrentPolicy;
use crate::daemon::runtime::{Clock, report_alerts};
use crate::model::{Name, Timestamp, reason};
use crate::store::{Store, StoreError};
use crate::sync::RunReport;

/// Several upstreams often share one host or one proxy.
const BETWEEN_STARTS: Duration = Duration::from_millis(250);

/// The report of a sync run, or the reason why it was not accepted.
pub type SyncOutcome = Result<RunReport, String>;

/// A request for a run of one upstream.
pub(super) type SyncRequest = Request<oneshot::Sender<SyncOutcome>>;

/// Receives the defined upstreams, and the internal ones with a removed file.
pub(in crate::daemon) type Redefined =
    Box<dyn Fn(Vec<UpstreamPolicy>, RemovedUpstreams) + Send + Sync>;

/// The outputs of the mirror, which does not depend on any other service.
pub(in crate::daemon) struct Ports {
    /// Rows of these names were committed.
    pub(in crate::daemon) touched: Box<dyn Fn(BTreeSet<Name>) + Send + Sync>,
    /// The definitions of upstreams were replaced.
    pub(in crate::daemon) redefined: Redefined,
}

impl Ports {
    pub(super) fn touched(&self, names: BTreeSet<Name>) {
        (self.touched)(names);
    }
}

impl fmt::Debug for Ports {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ports").finish_non_exhaustive()
    }
}

/// The state of the mirror, shared by its loops and the commands that request runs.
#[derive(Debug)]
pub(in crate::daemon) struct Mirror {
    pub(super) store: Arc<Store>,
    pub(super) clock: Arc<Clock>,
    pub(super) settings: Arc<Settings>,
    pub(super) policy: watch::Receiver<Arc<CurrentPolicy>>,
    pub(super) ports: Ports,
    upstreams: Mutex<BTreeMap<String, Runtime>>,
    /// The start of the last run: no two begin together.
    last_start: tokio::sync::Mutex<Option<tokio::time::Instant>>,
    /// The reports of the upstreams so far, which decide if a first generation may be published.
    reported: watch::Sender<Readiness>,
    settling: watch::Sender<Settling>,
    /// True while the store does not say which upstreams are withdrawn.
    forgets_withdrawn: AtomicBool,
    /// True once the log said that nothing is known.
    suggested: AtomicBool,
}

/// The state of an upstream that exists only in this process.
#[derive(Debug)]
pub(super) struct Runtime {
    pub(super) definition: Upstream,
    pub(super) activity: Option<Activity>,
    pub(super) next_attempt: Option<Timestamp>,
    pub(super) requests: mpsc::Sender<SyncRequest>,
}

impl Mirror {
    /// Creates the service over a store.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(in crate::daemon) fn new(
        settings: Arc<Settings>,
        store: Arc<Store>,
        clock: Arc<Clock>,
        policy: watch::Receiver<Arc<CurrentPolicy>>,
        ports: Ports,
    ) -> Result<Arc<Self>, StoreError> {
        let known = Readiness::starting(store.snapshot()?.is_known()?);
        Ok(Arc::new(Self {
            store,
            clock,
            settings,
            policy,
            ports,
            upstreams: Mutex::default(),
            last_start: tokio::sync::Mutex::default(),
            reported: watch::Sender::new(known),
            settling: watch::Sender::new(Settling::UNKNOWN),
            forgets_withdrawn: AtomicBool::new(true),
            suggested: AtomicBool::new(false),
        }))
    }

    pub(super) fn upstreams(&self) -> MutexGuard<'_, BTreeMap<String, Runtime>> {
        self.upstreams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::daemon) fn definitions(&self) -> Vec<Upstream> {
        self.upstreams().values().map(|runtime| runtime.definition.clone()).collect()
    }

    pub(super) fn definition(&self, upstream: &str) -> Option<Upstream> {
        self.upstreams().get(upstream).map(|runtime| runtime.definition.clone())
    }

    /// Returns the upstreams as far as authority over names depends on them.
    pub(in crate::daemon) fn upstream_policies(&self) -> Vec<UpstreamPolicy> {
        self.upstreams().values().map(|runtime| runtime.definition.policy()).collect()
    }

    /// Makes the definitions of upstreams those of the policy. It reads the store.
    pub(super) fn report_definitions(&self) {
        let upstreams = self.upstream_policies();
        let enabled = upstreams.iter().filter(|known| known.enabled);
        self.clock.hear_only(&enabled.map(|known| known.id.clone()).collect());
        let read = self.store.snapshot();
        let removed = read.and_then(|snapshot| snapshot.removed_upstreams(&upstreams));
        let removed = removed.unwrap_or_else(|error| {
            warn!(reason = %reason(&error), "what removed upstreams were cannot be read, and stays");
            self.policy.borrow().snapshot.removed.clone()
        });
        (self.ports.redefined)(upstreams, removed);
        // Behind what hides, since the store may not be writable.
        self.forgets_withdrawn.store(true, Ordering::Relaxed);
        self.remember_withdrawn();
    }

    /// Stores which upstreams are withdrawn, if the store does not say it yet: their files may be removed later.
    pub(super) fn remember_withdrawn(&self) {
        if !self.forgets_withdrawn.load(Ordering::Relaxed) {
            return;
        }
        let upstreams = self.upstream_policies().into_iter();
        let withdrawn = upstreams.map(|known| (known.id, !known.enabled)).collect();
        match self.store.remember_withdrawn(&withdrawn, self.clock.now()) {
            Ok(()) => self.forgets_withdrawn.store(false, Ordering::Relaxed),
            Err(error) => {
                warn!(reason = %reason(&error), "which upstreams are withdrawn could not be stored");
            }
        }
    }

    /// Returns a run that is under way, with its upstream.
    pub(in crate::daemon) fn activity(&self) -> Option<(String, Activity)> {
        let upstreams = self.upstreams();
        upstreams.iter().find_map(|(id, runtime)| Some((id.clone(), runtime.activity.clone()?)))
    }

    /// Returns the run of an upstream that is under way, and when the next one begins.
    pub(in crate::daemon) fn progress(
        &self,
        upstream: &str,
    ) -> Option<(Option<Activity>, Option<Timestamp>)> {
        let upstreams = self.upstreams();
        upstreams.get(upstream).map(|runtime| (runtime.activity.clone(), runtime.next_attempt))
    }

    pub(super) fn update(&self, upstream: &str, change: impl FnOnce(&mut Runtime)) {
        if let Some(runtime) = self.upstreams().get_mut(upstream) {
            change(runtime);
        }
    }

    /// Records a report of an upstream, which may be enough for a first generation.
    pub(super) fn receive(&self, upstream: &str, reported: Reported) {
        let enabled = self.upstream_policies().into_iter().filter(|known| known.enabled);
        let expected: Vec<String> = enabled.map(|known| known.id).collect();
        self.reported.send_if_modified(|known| known.receive(upstream, reported, &expected));
    }

    /// Records that no upstream is enabled, so that no report will follow.
    pub(super) fn stop_waiting(&self) {
        self.reported.send_modify(Readiness::stop_waiting);
    }

    /// Waits until enough is known for a first generation.
    pub(in crate::daemon) async fn wait_until_known(&self) {
        // The sender is a field of `self`, so it is not dropped meanwhile.
        let _ = self.reported.subscribe().wait_for(Readiness::is_enough).await;
    }

    /// Waits until a run may begin; keeps a distance from the start of the last one.
    pub(super) async fn turn(&self) {
        let mut last = self.last_start.lock().await;
        if let Some(last) = *last {
            tokio::time::sleep_until(last + BETWEEN_STARTS).await;
        }
        *last = Some(tokio::time::Instant::now());
    }

    /// Requests a sync run of one upstream, and waits for nothing: a full queue means that others requested one.
    pub(super) fn request_run(&self, upstream: &str) {
        if let Some(runtime) = self.upstreams().get(upstream) {
            let (reply, _) = oneshot::channel();
            let request = SyncRequest { full: false, dry_run: false, reply };
            // One that is not followed has no recipient.
            let _ = runtime.requests.try_send(request);
        }
    }

    /// Requests a sync run of every enabled upstream, or joins the one under way, and waits for all.
    pub(in crate::daemon) async fn sync(
        &self,
        full: bool,
        dry_run: bool,
    ) -> Vec<(String, SyncOutcome)> {
        let requests: Vec<(String, mpsc::Sender<SyncRequest>)> = {
            let upstreams = self.upstreams();
            let enabled = upstreams.values().filter(|runtime| runtime.definition.enabled);
            enabled
                .map(|runtime| (runtime.definition.id.clone(), runtime.requests.clone()))
                .collect()
        };
        let mut replies = Vec::new();
        for (id, sender) in requests {
            let (reply, answer) = oneshot::channel();
            let sent = sender.send(SyncRequest { full, dry_run, reply }).await;
            replies.push((id, sent.is_ok().then_some(answer)));
        }
        let mut outcomes = Vec::new();
        for (id, answer) in replies {
            let outcome = match answer {
                Some(answer) => answer.await.ok(),
                None => None,
            };
            let stopped = || Err("the daemon is stopping".to_owned());
            outcomes.push((id, outcome.unwrap_or_else(stopped)));
        }
        outcomes
    }

    /// Subscribes to the state of upstreams that may still claim names for the first time.
    pub(in crate::daemon) fn settling(&self) -> watch::Receiver<Settling> {
        self.settling.subscribe()
    }

    /// Reads from the store which upstreams are settling, and publishes a change.
    pub(super) fn refresh_settling(&self) {
        let read =
            |snapshot| Settling::read(&snapshot, &self.upstream_policies(), self.clock.now());
        match self.store.snapshot().and_then(read) {
            Ok(settling) => {
                self.settling.send_if_modified(|before| {
                    let is_changed = *before != settling;
                    *before = settling;
                    is_changed
                });
            }
            Err(error) => {
                warn!(reason = %reason(&error), "the progress of first syncs cannot be read");
            }
        }
    }

    /// Says once, while nothing of an upstream is known, where the reasons stand. Without a network, as in the first try of
    /// a newcomer, it suggests the demo.
    pub(super) fn suggest(&self, failure: &SyncFailure) {
        if self.reported.borrow().is_answered() || self.suggested.swap(true, Ordering::Relaxed) {
            return;
        }
        if failure.is_without_answer() {
            info!(
                "no upstream has answered yet; `vidimus status` has the reasons, and `vidimus demo` shows the product without \
                 a network"
            );
        } else {
            info!(
                "no list of an upstream was accepted yet; `vidimus alerts` has the reasons, and what to do"
            );
        }
    }

    /// Returns true if an enabled upstream has not completed its first full sync; `None` before any upstream is
    /// followed.
    pub(in crate::daemon) fn first_sync(&self) -> Option<bool> {
        let upstreams = self.upstream_policies();
        if upstreams.is_empty() {
            return None;
        }
        let Ok(snapshot) = self.store.snapshot() else { return Some(false) };
        let is_new =
            |id: &str| snapshot.upstream(id).is_ok_and(|state| state.last_full_sync.is_none());
        Some(upstreams.iter().any(|known| known.enabled && is_new(&known.id)))
    }

    /// Raises and resolves the alerts about an upstream. It reads and writes the store.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn report_upstream(&self, upstream: &Upstream) -> Result<(), StoreError> {
        let snapshot = self.store.snapshot()?;
        let policy = Arc::clone(&self.policy.borrow().snapshot);
        let seen = of_upstream(&snapshot, upstream, &policy, self.clock.now())?;
        report_alerts(&self.store, &self.clock, &source_of(&upstream.id), seen);
        Ok(())
    }
}
