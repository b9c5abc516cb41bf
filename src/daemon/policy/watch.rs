use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant as Moment, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::current::{CurrentPolicy, Policy};
use super::folder::{ReadFolder, WatchedFolder};
use super::last_good;
use super::overlays::{LoadedOverlays, judge_folder};
use super::report::{report_folder, report_overlays};
use super::state::{Lint, State};
use crate::config::{Folder, Settings};
use crate::daemon::runtime::{Clock, blocking};
use crate::lint::{Finding, Source};
use crate::model::reason;
use crate::overlay::{Context, Reading, parse};
use crate::store::{LastGood, Store};

/// The time between two readings that must be equal.
const SETTLE: Duration = Duration::from_millis(150);
/// The time after which a folder is looked at although the file system notifies of its changes: nothing depends on it, as
/// far as is known.
const LOOK_ANYWAY: Duration = Duration::from_secs(30);
/// A folder that takes longer is reported; it says nothing until it was read.
pub(in crate::daemon) const LOOK_WITHIN: Duration = Duration::from_secs(10);

/// Enforces changed overlays soon after they are written.
#[derive(Clone)]
pub(in crate::daemon) struct Watcher {
    pub(in crate::daemon) settings: Arc<Settings>,
    pub(in crate::daemon) store: Arc<Store>,
    pub(in crate::daemon) clock: Arc<Clock>,
    pub(in crate::daemon) policy: Arc<Policy>,
    pub(in crate::daemon) read: ReadFolder,
    pub(in crate::daemon) look_within: Duration,
}

/// The end of work that may block, and so runs beside the loop.
enum Done {
    /// The folder, if it was read.
    Looked(Box<WatchedFolder>, Option<Folder>),
    Judged(Box<LoadedOverlays>, Folder, Vec<String>),
    /// The last good set that the store has; `None` if it could not be written.
    Kept(Option<LastGood>),
    FolderReported,
}

/// The loop: one look at the folder and one lint at a time, each beside the other.
struct Running {
    watcher: Watcher,
    state: State,
    /// The last good set that the store has; `None` until a failed write is made up for.
    stored: Option<LastGood>,
    tasks: JoinSet<Done>,
    /// The folder between two looks.
    resting: Option<Box<WatchedFolder>>,
    next_look: Moment,
    last_look: Moment,
    /// True after a notification that no look followed yet.
    is_notified: bool,
    /// The time at which the folder is read in any case.
    read_anyway_at: Moment,
    is_unsettled: bool,
    /// The time at which the look under way is reported as late.
    late_at: Option<Moment>,
    is_late: bool,
    /// The part of the folder that is reported as unread, and why nothing notifies of its changes; `None` before the first
    /// look, since an earlier process may have left the alerts.
    reported: Option<(Vec<Finding>, Option<String>)>,
}

impl Watcher {
    /// Watches the folder until `stop`.
    pub(in crate::daemon) async fn watch(self, stop: CancellationToken) {
        // The receiver outlives every notifier, so sending cannot fail.
        let (sender, mut changed) = watch::channel(());
        let mut running = Running::new(self, sender);
        loop {
            let (at, late_at) = (running.next_look, running.late_at);
            tokio::select! {
                () = stop.cancelled() => return,
                Ok(()) = changed.changed() => running.be_notified(),
                () = sleep_until(at), if running.resting.is_some() => running.look(),
                () = sleep_until(late_at.unwrap_or(at)), if late_at.is_some() => running.be_late(),
                Some(done) = running.tasks.join_next() => running.take(done).await,
            }
        }
    }
}

impl Running {
    fn new(watcher: Watcher, changed: watch::Sender<()>) -> Self {
        let current = watcher.policy.current();
        let overlays = &current.overlays;
        let state = State::new(overlays.read.clone(), overlays.refused, watcher.clock.now());
        let path = watcher.settings.overlays.clone();
        let folder = WatchedFolder::new(path, Arc::clone(&watcher.read), changed);
        Self {
            state,
            stored: overlays.is_kept.then(|| overlays.last_good.clone()),
            tasks: JoinSet::new(),
            resting: Some(Box::new(folder)),
            next_look: Moment::now(),
            last_look: Moment::now(),
            is_notified: false,
            read_anyway_at: Moment::now(),
            is_unsettled: false,
            late_at: None,
            is_late: false,
            reported: None,
            watcher,
        }
    }

    /// Looks at the folder soon. Looks lie apart, since two of them must be equal, and since a file may be written to all
    /// the time.
    fn be_notified(&mut self) {
        self.is_notified = true;
        self.next_look = self.next_look.min(self.last_look + SETTLE);
    }

    fn look(&mut self) {
        let Some(mut folder) = self.resting.take() else { return };
        let now = Moment::now();
        (self.last_look, self.late_at) = (now, Some(now + self.watcher.look_within));
        let is_notified = std::mem::take(&mut self.is_notified);
        let is_due = is_notified || self.is_unsettled || now >= self.read_anyway_at;
        self.tasks.spawn(blocking(move || {
            let read = folder.look(is_due);
            Done::Looked(folder, read)
        }));
    }

    /// Reports a folder that could not be read in time. That is no verdict: what was read stays.
    fn be_late(&mut self) {
        (self.late_at, self.is_late) = (None, true);
        let unwatched = self.reported.as_ref().and_then(|(_, unwatched)| unwatched.clone());
        self.report_folder(Vec::new(), unwatched);
    }

    fn report_folder(&mut self, unread: Vec<Finding>, unwatched: Option<String>) {
        let Watcher { store, clock, settings, .. } = self.watcher.clone();
        let is_late = self.is_late;
        self.reported = Some((unread.clone(), unwatched.clone()));
        self.tasks.spawn(blocking(move || {
            let folder = &settings.overlays;
            report_folder(&store, &clock, folder, is_late, &unread, unwatched.as_deref());
            Done::FolderReported
        }));
    }

    async fn take(&mut self, done: Result<Done, JoinError>) {
        match done {
            Ok(Done::Looked(folder, read)) => self.take_reading(folder, read).await,
            Ok(Done::Judged(loaded, folder, upstreams)) => {
                self.enforce(*loaded, folder, upstreams).await;
            }
            Ok(Done::Kept(stored)) => {
                self.stored = stored;
                self.state.finish();
            }
            Ok(Done::FolderReported) => {}
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    async fn take_reading(&mut self, mut folder: Box<WatchedFolder>, read: Option<Folder>) {
        self.late_at = None;
        let unread = folder.known.unread.clone();
        let found = (unread.clone(), folder.unwatched.clone());
        if std::mem::take(&mut self.is_late) || self.reported.as_ref() != Some(&found) {
            self.report_folder(found.0, found.1);
        }
        let current = self.watcher.policy.current();
        let upstreams = upstream_ids(&current);
        let now = self.watcher.clock.now();
        let step = match read {
            Some(read) => {
                // What could not be looked at is looked at again with the next look.
                let wait = if unread.is_empty() { LOOK_ANYWAY } else { Duration::ZERO };
                self.read_anyway_at = Moment::now() + wait;
                self.state.read(read, &upstreams, now)
            }
            None => self.state.unchanged(&upstreams, now),
        };
        self.is_unsettled = step.is_unsettled;
        if self.is_unsettled {
            folder.known.retain(|source| self.state.is_settled(source));
        }
        // A change without a notification is effective within the interval: after two readings.
        let poll = self.watcher.settings.overlays_poll.saturating_sub(3 * SETTLE);
        let is_soon = self.is_unsettled || self.is_notified;
        self.next_look = Moment::now() + if is_soon { SETTLE } else { poll.max(SETTLE) };
        self.resting = Some(folder);
        if !step.hide.is_empty() {
            let watcher = self.watcher.clone();
            blocking(move || watcher.policy.hide(&watcher.denials(&step.hide))).await;
        }
        if let Some(lint) = step.lint {
            let watcher = self.watcher.clone();
            self.tasks.spawn(blocking(move || watcher.judge(lint, upstreams)));
        } else if self.stored.is_none() && self.state.begin() {
            self.keep(current.overlays.last_good.clone(), None);
        }
    }

    /// Enforces linted overlays, with the denials of files that the lint did not see; then stores and
    /// reports them. A store or a log that hangs delays no denial.
    async fn enforce(&mut self, loaded: LoadedOverlays, folder: Folder, upstreams: Vec<String>) {
        let now = self.watcher.clock.now();
        let unseen = self.state.linted(folder, upstreams, loaded.refused, now);
        let last_good = loaded.last_good.clone();
        let watcher = self.watcher.clone();
        let changed = blocking(move || {
            let before = watcher.policy.current();
            let is_changed = loaded.differs_from(&before.overlays);
            let reported = is_changed.then(|| loaded.clone());
            if is_changed || !loaded.set.has_same_rules(&before.set) {
                watcher.policy.enforce(loaded.hiding(&watcher.denials(&unseen)));
            }
            reported
        });
        let changed = changed.await;
        self.keep(last_good, changed);
    }

    fn keep(&mut self, last_good: LastGood, changed: Option<LoadedOverlays>) {
        let (watcher, stored) = (self.watcher.clone(), self.stored.take());
        self.tasks.spawn(blocking(move || {
            let Watcher { store, clock, .. } = &watcher;
            let kept = if stored.as_ref() == Some(&last_good) {
                Ok(())
            } else {
                last_good::keep(store, &watcher.settings.overlays, &last_good, clock.now())
            };
            if let (Err(error), Some(_)) = (&kept, &changed) {
                let reason = reason(error);
                warn!(%reason, "changed overlays are active and cannot be stored; it is tried again");
            }
            if let Some(changed) = changed {
                report_overlays(store, clock, &changed);
            }
            Done::Kept(kept.is_ok().then_some(last_good))
        }));
    }
}

impl Watcher {
    fn judge(&self, lint: Lint, upstreams: Vec<String>) -> Done {
        let before = self.policy.current();
        let last_good = lint.with_applied(&before.overlays.last_good);
        let (settings, folder, now) = (&self.settings, lint.folder, self.clock.now());
        let parsed = &before.overlays.parsed;
        let judged =
            judge_folder(settings, folder.clone(), Some(&upstreams), &last_good, now, parsed);
        let loaded = judged.unwrap_or_else(LoadedOverlays::nothing);
        Done::Judged(Box::new(loaded), folder, upstreams)
    }

    /// Reads files by themselves, for their denials.
    fn denials(&self, sources: &[Arc<Source>]) -> Reading {
        let (terms, now) = (self.settings.terms, self.clock.now());
        parse(sources, &Context { terms, now, upstreams: None })
    }
}

fn upstream_ids(current_policy: &CurrentPolicy) -> Vec<String> {
    current_policy.snapshot.upstreams.iter().map(|upstream| upstream.id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;
    use crate::alert::AlertKind;
    use crate::config::KnownFiles;
    use crate::daemon::policy::overlays::Parsed;
    use crate::model::{Name, Version};
    use crate::overlay::State as ApprovalState;
    use crate::store::stuck_disk::StuckDisk;

    /// A watcher over a folder that a test hands to it, reading by reading.
    struct Scene {
        watcher: Watcher,
        readings: Sender<Folder>,
        stop: CancellationToken,
        disk: StuckDisk,
        _free: Sender<()>,
    }

    fn folder(files: &[(&str, &str)]) -> Folder {
        let sources = files.iter().map(|(file, text)| Source::new(*file, *text)).collect();
        Folder { sources, ..Folder::default() }
    }

    const APPROVED: &str = "servers: [{name: com.a/x, approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}]";
    const DENIED: &str = "servers: [{name: com.a/x, approval: {state: denied}}]";

    impl Scene {
        fn new() -> Self {
            let (disk, free) = StuckDisk::new();
            let store =
                Arc::new(Store::on_backend(disk.clone(), Clock::system()).expect("a store"));
            let settings = Arc::new(Settings {
                // Nothing notifies of what the test hands over.
                overlays: "absent".into(),
                overlays_poll: Duration::from_millis(1),
                ..Settings::default()
            });
            let clock = Arc::new(Clock::starting_at(Clock::system()));
            let good = folder(&[("a.yaml", APPROVED)]);
            let (last_good, parsed) = (LastGood::default(), Parsed::default());
            let loaded = judge_folder(&settings, good, Some(&[]), &last_good, clock.now(), &parsed);
            let loaded = LoadedOverlays { is_kept: true, ..loaded.expect("a good set") };
            let policy = Policy::new(Arc::clone(&settings), loaded);
            let (readings, read) = channel();
            let read: Mutex<Receiver<Folder>> = Mutex::new(read);
            let read: ReadFolder = Arc::new(move |_: &Path, _: &mut KnownFiles| {
                let read = read.lock().expect("one reader");
                // Blocks as a mount that hangs; the end of the test ends it.
                read.recv().unwrap_or_default()
            });
            let (policy, look_within) = (Arc::new(policy), Duration::from_millis(50));
            let watcher = Watcher { settings, store, clock, policy, read, look_within };
            Self { watcher, readings, stop: CancellationToken::new(), disk, _free: free }
        }

        fn start(&self) {
            tokio::spawn(self.watcher.clone().watch(self.stop.clone()));
        }

        fn reads_twice(&self, files: &[(&str, &str)]) {
            for _ in 0..2 {
                self.readings.send(folder(files)).expect("a reader");
            }
        }

        async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
            for _ in 0..2_000 {
                if is_so(self) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            panic!("not in 10 s: {what}");
        }

        fn is_hidden(&self) -> bool {
            let current = self.watcher.policy.current();
            let rules = current.set.rules_for(&Name::parse("com.a/x").expect("a name"));
            let version = Version::parse("1.0.0").expect("a version");
            let effective = rules.effective(&version, "official");
            let state = effective.approval.map(|(_, approval)| approval.state);
            effective.hidden_by.is_some() || state != Some(ApprovalState::Approved)
        }

        fn has_alert(&self, kind: AlertKind) -> bool {
            let alerts = self
                .watcher
                .store
                .snapshot()
                .and_then(|snapshot| snapshot.alerts())
                .expect("alerts");
            alerts.iter().any(|alert| alert.kind() == kind && !alert.is_resolved())
        }
    }

    impl Drop for Scene {
        fn drop(&mut self) {
            self.stop.cancel();
        }
    }

    /// P26.
    #[tokio::test(flavor = "multi_thread")]
    async fn folder_that_cannot_be_read_in_time_raises_an_alert_and_changes_nothing() {
        let scene = Scene::new();
        scene.start();
        scene.until("an alert", |scene| scene.has_alert(AlertKind::OverlaysUnread)).await;
        assert!(!scene.is_hidden(), "what could not be read is no verdict");
        scene.reads_twice(&[("a.yaml", APPROVED)]);
        scene.reads_twice(&[("a.yaml", APPROVED), ("deny.yaml", DENIED)]);
        scene.until("the denial", Scene::is_hidden).await;
    }

    /// P26.
    #[tokio::test(flavor = "multi_thread")]
    async fn denial_is_enforced_while_the_store_hangs() {
        let scene = Scene::new();
        scene.disk.stick();
        scene.start();
        // The first set changes an approval, and hangs in the store; the denial comes behind it.
        let changed = APPROVED.replace("x,", "y,");
        scene.reads_twice(&[("a.yaml", APPROVED), ("b.yaml", &changed)]);
        scene
            .until("the first set", |scene| scene.watcher.policy.current().set.rules().len() == 2)
            .await;
        scene.reads_twice(&[("a.yaml", APPROVED), ("b.yaml", &changed), ("deny.yaml", DENIED)]);
        scene.until("the denial", Scene::is_hidden).await;
        let stored = scene.watcher.store.snapshot().and_then(|snapshot| snapshot.overlays());
        assert_eq!(stored.expect("a store"), LastGood::default(), "nothing could be stored yet");
    }

    /// P26.
    #[tokio::test(flavor = "multi_thread")]
    async fn approval_that_a_refused_set_no_longer_gives_ends_and_deleting_its_file_does_not_revive_it()
     {
        let scene = Scene::new();
        scene.start();
        scene.reads_twice(&[("a.yaml", "# nothing"), ("b.yaml", "servers: [{nmae: x}]")]);
        scene.until("the approval ended", Scene::is_hidden).await;
        scene.until("an alert", |scene| scene.has_alert(AlertKind::ApprovalsEnded)).await;
        scene.reads_twice(&[("b.yaml", "servers: [{nmae: y}]")]);
        let is_judged = |scene: &Scene| {
            let current = scene.watcher.policy.current();
            current.overlays.findings.iter().any(|finding| finding.place.source.text.contains('y'))
        };
        scene.until("the next refused set", is_judged).await;
        assert!(scene.is_hidden());
        let stored = || scene.watcher.store.snapshot().and_then(|now| now.overlays());
        let ended = || stored().expect("a store").ended;
        scene.until("it is stored", |_| !ended().is_empty()).await;
        scene.reads_twice(&[("a.yaml", APPROVED)]);
        scene.until("the good set", |scene| !scene.is_hidden()).await;
        scene.until("it is forgotten", |_| ended().is_empty()).await;
    }
}
