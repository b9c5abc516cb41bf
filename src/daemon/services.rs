use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::error;

use super::advisories::{Advisories, ReleaseRefused};
use super::mirror::{Activity, Mirror, Ports, SyncOutcome};
use super::policy::{CurrentPolicy, LoadedOverlays, Policy};
use super::publish::{Publication, Published};
use super::query::{StatusReport, status, store_alert};
use super::runtime::{Clock, ClockNotAccepted, Pressure, accept_clock, blocking};
use super::scans::Scans;
use super::screening::{ScreeningHandle, Screenings};
use super::settings_file::SettingsFile;
use super::verification::{OwnershipReport, Verification};
use crate::advisory::{Hold, ReleaseRequest};
use crate::alert::{Alert, AlertReport, NotAcknowledged};
use crate::config::Settings;
use crate::curation::PolicySnapshot;
use crate::model::{Actor, Digest, Name, Timestamp, reason};
use crate::store::{Gap, Store, StoreError};
use crate::sync::{AcceptedClock, DecisionRequest, NotDecided};

/// The interval at which the clock is looked at until it is confirmed.
const CONFIRM_EVERY: Duration = Duration::from_secs(1);

/// The handles of a daemon's services, for its servers and commands. Each service owns its state;
/// these only reach it.
#[derive(Debug)]
pub struct Services {
    pub settings: Arc<Settings>,
    pub settings_file: Arc<SettingsFile>,
    pub store: Arc<Store>,
    pub clock: Arc<Clock>,
    /// The store's random word, shown to clients.
    pub epoch: String,
    /// The times in which no daemon used the store.
    gaps: ArcSwap<Vec<Gap>>,
    /// The last use of the store before this daemon.
    last_use: Option<Timestamp>,
    /// The flags that its listeners set.
    pub pressure: Arc<Pressure>,
    pub(super) policy: Arc<Policy>,
    pub(super) advisories: Arc<Advisories>,
    pub(super) scans: Arc<Scans>,
    pub(super) mirror: Arc<Mirror>,
    pub(super) publication: Arc<Publication>,
    pub(super) verification: Verification,
    pub(super) screening: ScreeningHandle,
    /// True if enough is known for a first generation.
    pub(super) ready: watch::Sender<bool>,
    dropped_log_lines: OnceLock<fn() -> u64>,
}

impl Services {
    /// Connects the services; `run` starts them.
    ///
    /// # Errors
    /// When the store cannot be read, or a removed view cannot be retired.
    pub fn new(
        settings: Settings,
        store: Arc<Store>,
        clock: Arc<Clock>,
        overlays: LoadedOverlays,
    ) -> Result<Arc<Self>, StoreError> {
        let epoch = store.snapshot()?.epoch()?;
        // A store that cannot be written is served as it is; the next start tries again.
        if let Err(error) = store.retire_views(&settings.views, clock.now()) {
            error!(reason = %reason(&error), "what removed views showed could not be hidden in the store");
        }
        let last_use = store.snapshot()?.last_use()?;
        if let Err(error) = store.record_start(clock.now()) {
            error!(reason = %reason(&error), "the start could not be recorded in the store");
        }
        let gaps = ArcSwap::from_pointee(store.snapshot()?.gaps()?);
        let settings = Arc::new(settings);
        let policy = Arc::new(Policy::new(Arc::clone(&settings), overlays));
        let advisories = Advisories::new(
            Arc::clone(&settings),
            Arc::clone(&store),
            Arc::clone(&clock),
            Arc::clone(&policy),
        )?;
        let scans = Scans::new(
            Arc::clone(&settings),
            Arc::clone(&store),
            Arc::clone(&clock),
            Arc::clone(&policy),
        )?;
        let publication = Arc::new(Publication::new(
            Arc::clone(&settings),
            Arc::clone(&store),
            Arc::clone(&clock),
        ));
        let (verification, screening) = (Verification::new(), ScreeningHandle::new());
        let ports = {
            let (verification, screening) = (verification.clone(), screening.clone());
            let (publication, policy) = (publication.touched().clone(), Arc::clone(&policy));
            Ports {
                touched: Box::new(move |names| {
                    verification.touch(names.iter().cloned());
                    screening.touch(names.iter().cloned());
                    publication.touch(names);
                }),
                redefined: Box::new(move |upstreams, removed| {
                    policy.define_upstreams(upstreams, removed);
                }),
            }
        };
        let mirror = Mirror::new(
            Arc::clone(&settings),
            Arc::clone(&store),
            Arc::clone(&clock),
            policy.subscribe(),
            ports,
        )?;
        Ok(Arc::new(Self {
            settings_file: Arc::new(SettingsFile::new(Arc::clone(&settings))),
            settings,
            store,
            clock,
            epoch,
            gaps,
            last_use,
            pressure: Arc::default(),
            policy,
            advisories: Arc::new(advisories),
            scans: Arc::new(scans),
            mirror,
            publication,
            verification,
            screening,
            ready: watch::Sender::new(false),
            dropped_log_lines: OnceLock::new(),
        }))
    }

    /// Sets the function that counts dropped log lines for the status.
    pub(crate) fn count_dropped_log_lines(&self, count: fn() -> u64) {
        self.dropped_log_lines.get_or_init(|| count);
    }

    /// Returns true if changes since this time may be those of another history than the store has now.
    #[must_use]
    pub fn is_in_a_gap(&self, since: Timestamp) -> bool {
        self.gaps.load().iter().any(|gap| gap.contains(since))
    }

    /// Waits until it is known how late it is, and then records how long nothing used the store.
    pub(super) async fn know_the_time(self: &Arc<Self>, longest: Duration) {
        if self.clock.wait_for_a_date(longest).await {
            self.record_gap(self.clock.now()).await;
        }
        self.policy.confirm_all_but(self.clock.unconfirmed());
    }

    /// Waits until our clock agrees with an upstream, or a person accepted it, if it was not known at the start how late it
    /// is; then records again how long nothing used the store: the first answer may have been wrong.
    pub(super) async fn confirm_the_time(self: &Arc<Self>) {
        if !self.clock.was_doubtful() {
            return;
        }
        let begun = Instant::now();
        while !self.clock.report().is_confirmed() {
            tokio::time::sleep(CONFIRM_EVERY).await;
        }
        self.record_gap(self.clock.now().minus(begun.elapsed())).await;
    }

    async fn record_gap(self: &Arc<Self>, to: Timestamp) {
        let services = Arc::clone(self);
        let recorded = blocking(move || {
            if let Some(from) = services.last_use.filter(|from| *from < to) {
                services.store.record_gap(from, to)?;
            }
            services.gaps.store(Arc::new(services.store.snapshot()?.gaps()?));
            Ok::<_, StoreError>(())
        });
        if let Err(error) = recorded.await {
            error!(reason = %reason(&error), "the time without a daemon could not be recorded in the store");
        }
    }

    /// Returns the current generation, for the time that one request takes: without touching a
    /// counter that all threads share.
    pub fn answering(&self) -> Guard<Option<Arc<Published>>> {
        self.publication.answering()
    }

    /// Returns the current generation; `None` before the first.
    #[must_use]
    pub fn published(&self) -> Option<Arc<Published>> {
        self.publication.published()
    }

    /// Waits until there is a first generation.
    pub async fn wait_until_published(&self) {
        // The sender is a field, so it is not dropped meanwhile.
        let _ = self.publication.generations().wait_for(|generation| *generation > 0).await;
    }

    /// Returns true if the store is new, and does not know yet whether the view will show the name.
    #[must_use]
    pub fn may_show_later(&self, view: &str, name: &str) -> bool {
        Name::parse(name).is_ok_and(|name| self.publication.may_show_later(view, &name))
    }

    /// Returns the current policy.
    #[must_use]
    pub fn current_policy(&self) -> Arc<CurrentPolicy> {
        self.policy.current()
    }

    /// Returns the snapshot of the current policy.
    #[must_use]
    pub fn policy(&self) -> Arc<PolicySnapshot> {
        Arc::clone(&self.policy.current().snapshot)
    }

    /// Returns the screening that the daemon keeps.
    #[must_use]
    pub fn screenings(&self) -> Screenings {
        Screenings::Kept(self.screening.current())
    }

    /// Lets an own advisory on hold take effect. It blocks.
    ///
    /// # Errors
    /// When the store cannot be written; then nothing changes.
    pub fn release_advisory(
        &self,
        request: &ReleaseRequest,
        actor: Actor,
    ) -> Result<Result<Hold, ReleaseRefused>, StoreError> {
        self.advisories.release(request, actor)
    }

    /// Verifies a namespace now.
    ///
    /// # Errors
    /// The reason why it cannot be verified, in words.
    pub async fn verify(&self, namespace: &str) -> Result<OwnershipReport, String> {
        self.verification.verify(namespace).await
    }

    /// Requests a sync run of every enabled upstream, or joins the one under way, and waits for all.
    pub async fn sync(&self, full: bool, dry_run: bool) -> Vec<(String, SyncOutcome)> {
        self.mirror.sync(full, dry_run).await
    }

    /// Returns the ids of the upstreams that are defined.
    #[must_use]
    pub fn upstream_ids(&self) -> Vec<String> {
        self.mirror.definitions().into_iter().map(|known| known.id).collect()
    }

    /// Applies a decision about a change set on hold.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn decide_hold(
        &self,
        upstream: &str,
        request: &DecisionRequest,
    ) -> Result<Result<usize, NotDecided>, StoreError> {
        self.mirror.decide_hold(upstream, request)
    }

    /// Accepts the clock of this machine as right, if it shows the time that a person saw.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn accept_clock(
        &self,
        seen: Timestamp,
        by: &str,
        reason: &str,
        actor: Actor,
    ) -> Result<Result<AcceptedClock, ClockNotAccepted>, StoreError> {
        accept_clock(&self.store, &self.clock, seen, by, reason, actor)
    }

    /// Acknowledges an alert, if `seen` is the digest of what it shows now.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn acknowledge(
        &self,
        id: &str,
        seen: Digest,
        by: &str,
        reason: &str,
        actor: Actor,
    ) -> Result<Result<Alert, NotAcknowledged>, StoreError> {
        let acknowledged = self.store.acknowledge(id, seen, by, reason, actor, self.clock.now());
        // The acknowledgement may admit a withheld name, or accept the keys of a namespace.
        self.screening.acknowledge();
        self.verification.acknowledge();
        acknowledged
    }

    /// Takes the acknowledgement of an alert back.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn unacknowledge(
        &self,
        id: &str,
        actor: Actor,
    ) -> Result<Result<Alert, NotAcknowledged>, StoreError> {
        let opened = self.store.unacknowledge(id, actor, self.clock.now());
        // New versions of the names wait again; what is served already stays.
        self.screening.acknowledge();
        opened
    }

    /// Returns true if an enabled upstream has not completed its first full sync; `None` before any upstream is
    /// followed.
    #[must_use]
    pub fn first_sync(&self) -> Option<bool> {
        self.mirror.first_sync()
    }

    /// Returns a sync run that is under way, with its upstream.
    #[must_use]
    pub fn activity(&self) -> Option<(String, Activity)> {
        self.mirror.activity()
    }

    /// Returns every stored alert, and the one about a store that cannot be written.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn alerts(&self) -> Result<Vec<AlertReport>, StoreError> {
        let stored = self.store.snapshot()?.alerts()?.into_iter().map(AlertReport::from);
        let failure = self.store.write_failure();
        let unwritable = failure.map(|failure| store_alert(&failure, self.clock.now()));
        Ok(stored.chain(unwritable).collect())
    }

    /// Returns true if the setting `ready_requires_store` applies and the last write to the store failed.
    #[must_use]
    pub fn is_blocked_by_store(&self) -> bool {
        self.settings.ready_requires_store && self.store.write_failure().is_some()
    }

    /// Returns the state of this daemon.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn status(&self) -> Result<StatusReport, StoreError> {
        let definitions = self.mirror.definitions();
        let snapshot = self.store.snapshot()?;
        let mut report = status(&snapshot, &self.current_policy(), &definitions, &self.clock)?;
        let published = self.published();
        report.running = true;
        report.store.limits = self.settings.disk;
        if let Some(failure) = self.store.write_failure() {
            report.alerts.push(store_alert(&failure, self.clock.now()));
            report.store.write_failure = Some(failure);
        }
        report.dropped_log_lines = self.dropped_log_lines.get().map_or(0, |count| count());
        report.ready = published.is_some();
        report.generation = published.as_ref().map(|published| published.generation);
        report.visible = published.map_or(0, |published| published.visible as u64);
        for upstream in &mut report.upstreams {
            let Some((activity, next_attempt)) = self.mirror.progress(&upstream.id) else {
                continue;
            };
            if activity.is_some() {
                upstream.interrupted_at = None;
            }
            (upstream.activity, upstream.next_attempt) = (activity, next_attempt);
        }
        Ok(report)
    }
}
