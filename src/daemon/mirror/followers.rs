use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::alerts::{UPSTREAMS, of_upstreams, source_of};
use super::definitions::{
    Client, Reading, Refusals, Refused, all_opened, open_all, read_all, settled,
};
use super::follow::Follower;
use super::handle::{Mirror, Runtime, SyncRequest};
use super::named::fetch_named;
use super::source::Source;
use crate::config::{Origin, Upstream};
use crate::daemon::DaemonError;
use crate::daemon::looks::Failures;
use crate::daemon::runtime::{Bounded, Supervisor, blocking, late, loop_source, report_alerts};
use crate::model::{Escaped, reason};
use crate::store::StoreError;

/// The interval at which the upstream files are read.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// Requests that may wait for a run; further senders block.
const REQUESTS: usize = 16;

/// The look at the files of an upstream: true if one changed, or the reason why one cannot be used.
type Looking = Bounded<Result<bool, String>>;
/// Upstreams with their clients.
type Opened = (Vec<Upstream>, Vec<Result<Client, DaemonError>>);

/// The tasks of the upstreams that the current files define.
pub(in crate::daemon) struct Followers {
    mirror: Arc<Mirror>,
    supervisor: Supervisor,
    stop: CancellationToken,
    /// Stops the tasks of the current definitions.
    current: CancellationToken,
    upstreams: Vec<Upstream>,
    /// The clients of the upstreams, by id, with the look at the files of each.
    sources: BTreeMap<String, (Arc<Source>, Looking)>,
    reading: Bounded<Reading>,
    opening: Bounded<Opened>,
    /// The looks at their tokens and certificates that failed.
    failures: BTreeMap<String, Failures>,
    /// Why the upstream files are refused.
    refused: Refusals,
    /// Why the tokens and certificates that those in use name are.
    unread: Refusals,
    /// True if the alert about it is stored or resolved.
    is_reported: bool,
    tasks: JoinSet<()>,
}

impl Followers {
    pub(in crate::daemon) fn new(
        mirror: &Arc<Mirror>,
        supervisor: &Supervisor,
        stop: &CancellationToken,
    ) -> Self {
        Self {
            mirror: Arc::clone(mirror),
            supervisor: supervisor.clone(),
            stop: stop.clone(),
            current: stop.child_token(),
            upstreams: Vec::new(),
            sources: BTreeMap::new(),
            reading: Bounded::default(),
            opening: Bounded::default(),
            failures: BTreeMap::new(),
            refused: Refusals::new(),
            unread: Refusals::new(),
            is_reported: false,
            tasks: JoinSet::new(),
        }
    }

    /// Starts the tasks of these upstreams.
    ///
    /// # Errors
    /// When an upstream cannot be reached as defined.
    pub(in crate::daemon) async fn replace(
        &mut self,
        upstreams: Vec<Upstream>,
    ) -> Result<(), DaemonError> {
        let settings = Arc::clone(&self.mirror.settings);
        let open = move || (open_all(&upstreams, &[], &settings), upstreams);
        let (opened, upstreams) = blocking(open).await;
        self.follow(upstreams, opened.into_iter().collect::<Result<_, _>>()?).await;
        Ok(())
    }

    /// Replaces the tasks by those of these upstreams. It waits for the old ones to end first: two tasks
    /// must not write one upstream's state.
    async fn follow(&mut self, upstreams: Vec<Upstream>, clients: Vec<Client>) {
        self.current.cancel();
        while self.tasks.join_next().await.is_some() {}
        self.current = self.stop.child_token();
        self.resolve_alerts_of_others(&upstreams).await;
        let mut runtimes = BTreeMap::new();
        let mut followed = Vec::new();
        let mut before = std::mem::take(&mut self.sources);
        for (upstream, client) in upstreams.iter().zip(clients) {
            let (requests, recipient) = mpsc::channel(REQUESTS);
            let definition = upstream.clone();
            let runtime = Runtime { definition, activity: None, next_attempt: None, requests };
            runtimes.insert(upstream.id.clone(), runtime);
            let Some(source) = client else { continue };
            // A look that hangs goes on, and no other begins beside it.
            let looked_at = before.remove(&upstream.id);
            let looked_at = looked_at.filter(|(earlier, _)| Arc::ptr_eq(earlier, &source));
            let look = looked_at.unwrap_or_else(|| (Arc::clone(&source), Bounded::default()));
            self.sources.insert(upstream.id.clone(), look);
            followed.push((upstream.clone(), source, recipient));
        }
        // In one step: a reader must not find an empty map in between.
        *self.mirror.upstreams() = runtimes;
        for (upstream, source, recipient) in followed {
            self.start(&upstream, &source, recipient);
        }
        if upstreams.iter().all(|upstream| !upstream.enabled) {
            self.mirror.stop_waiting();
        }
        self.upstreams = upstreams;
        let mirror = Arc::clone(&self.mirror);
        let reported = blocking(move || {
            mirror.refresh_settling();
            mirror.report_definitions();
        });
        reported.await;
    }

    fn start(
        &mut self,
        upstream: &Upstream,
        source: &Arc<Source>,
        requests: mpsc::Receiver<SyncRequest>,
    ) {
        let follower = {
            let (mirror, upstream, stop) =
                (Arc::clone(&self.mirror), upstream.clone(), self.current.clone());
            let source = Arc::clone(source);
            move || Follower {
                mirror: Arc::clone(&mirror),
                upstream: upstream.clone(),
                source: Arc::clone(&source),
                stop: stop.clone(),
            }
        };
        // Files are read as a whole faster than by name.
        if matches!(upstream.origin, Origin::Registry(_)) {
            let follower = follower.clone();
            let start = move || {
                let Follower { mirror, upstream, source, stop } = follower();
                fetch_named(mirror, upstream.id, source, stop)
            };
            self.keep_running(format!("names of {}", upstream.id), start);
        }
        let requests = Arc::new(Mutex::new(requests));
        let start = move || {
            let (follower, requests) = (follower(), Arc::clone(&requests));
            async move {
                follower.follow(requests).await;
                Ok(())
            }
        };
        self.keep_running(format!("upstream {}", upstream.id), start);
    }

    fn keep_running<W>(&mut self, name: String, start: impl FnMut() -> W + Send + 'static)
    where
        W: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        self.tasks.spawn(self.supervisor.clone().keep_running(name, self.current.clone(), start));
    }

    /// Resolves open alerts about upstreams that are not followed; a file may have been removed while no
    /// daemon ran. A failing store must not prevent the upstreams from being followed.
    async fn resolve_alerts_of_others(&self, upstreams: &[Upstream]) {
        let followed = upstreams.iter().filter(|upstream| upstream.enabled);
        let kept: BTreeSet<String> =
            followed.flat_map(|upstream| sources_of(&upstream.id)).collect();
        let mirror = Arc::clone(&self.mirror);
        let resolved = blocking(move || {
            for gone in sources_of_alerts(&mirror)?.difference(&kept) {
                report_alerts(&mirror.store, &mirror.clock, gone, Vec::new());
            }
            Ok::<(), StoreError>(())
        });
        if let Err(error) = resolved.await {
            warn!(reason = %reason(&error), "alerts about removed upstreams could not be resolved");
        }
    }

    /// Reads the upstream files at intervals, until it is stopped.
    pub(in crate::daemon) async fn supervise(mut self) {
        let stop = self.stop.clone();
        loop {
            let look = async {
                tokio::time::sleep(LOOK_EVERY).await;
                self.look().await;
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = look => {}
            }
        }
        while self.tasks.join_next().await.is_some() {}
    }

    /// Reads what the files of upstreams name, tokens and certificates, and looks at files of entries. An upstream of which
    /// something changed is read at once. One that gives no answer keeps no other from being looked at. Returns the
    /// reasons why some cannot be used.
    async fn look_at_files(&mut self) -> Refusals {
        let looks = self.sources.iter_mut().map(|(id, (source, look))| {
            let source = Arc::clone(source);
            let looked = look.run(|| blocking(move || source.look_at_files()));
            async move { (id, looked.await) }
        });
        let mut failures = std::mem::take(&mut self.failures);
        let mut refusals = Refusals::new();
        for (id, looked) in join_all(looks).await {
            let found = match looked.unwrap_or_else(|| Err(late("its files"))) {
                Ok(is_changed) => {
                    if is_changed {
                        self.mirror.request_run(id);
                    }
                    Vec::new()
                }
                Err(why) => vec![why],
            };
            let mut of_upstream = failures.remove(id).unwrap_or_default();
            let lasting = of_upstream.lasting(found).filter(|reasons| !reasons.is_empty());
            refusals.extend(lasting.map(|reasons| (id.clone(), reasons)));
            self.failures.insert(id.clone(), of_upstream);
        }
        refusals
    }

    /// Reads the upstream files until two readings agree, unless they say what is in use; `None` if they change.
    async fn read(&mut self) -> Option<Reading> {
        let (folder, in_use) = (self.mirror.settings.upstreams.clone(), &self.upstreams);
        let read = || {
            let folder = folder.clone();
            blocking(move || read_all(&folder))
        };
        let is_in_use =
            |found: &Option<Reading>| matches!(found, Some(Ok(found)) if found == in_use);
        let read = settled(&mut self.reading, read, is_in_use).await?;
        Some(read.unwrap_or_else(|| Err(Refused::folder(late("the upstream files")))))
    }

    /// Replaces the upstreams unless their files give no answer.
    ///
    /// # Errors
    /// The reasons, in words, why the upstreams stay as they are.
    async fn take(&mut self, upstreams: Vec<Upstream>) -> Result<(), Refusals> {
        let (settings, opened) = (Arc::clone(&self.mirror.settings), upstreams.clone());
        // The client of an upstream that is defined as before is kept: its files may give no answer now.
        let kept = self.upstreams.iter().filter_map(|upstream| {
            let (source, _) = self.sources.get(&upstream.id)?;
            Some((upstream.clone(), Arc::clone(source)))
        });
        let kept: Vec<_> = kept.collect();
        let open = move || {
            let clients = open_all(&opened, &kept, &settings);
            (opened, clients)
        };
        let opening = self.opening.run(|| blocking(open));
        // One that is late may be of earlier files.
        let opened = opening.await.filter(|(opened, _)| *opened == upstreams);
        let late = || Refused::folder(late("files that the upstream files name")).why;
        let (upstreams, opened) = opened.ok_or_else(late)?;
        let clients = all_opened(&upstreams, opened)?;
        self.follow(upstreams, clients).await;
        info!("the upstream files changed and are active");
        Ok(())
    }

    async fn look(&mut self) {
        let of_definitions = match self.read().await {
            None => self.refused.clone(),
            Some(Ok(upstreams)) if upstreams == self.upstreams => Refusals::new(),
            Some(Ok(upstreams)) => self.take(upstreams).await.err().unwrap_or_default(),
            Some(Err(refused)) => {
                let hiding = refused.applied_to(&self.upstreams);
                let failed =
                    if hiding == self.upstreams { None } else { self.take(hiding).await.err() };
                failed.into_iter().flatten().chain(refused.why).collect()
            }
        };
        // Those in use name files that change too, whatever other definitions wait for.
        let unread = self.look_at_files().await;
        let is_same = self.refused == of_definitions && self.unread == unread;
        if !is_same {
            for (upstream, reasons) in of_definitions.iter().chain(&unread) {
                let reason = reasons.join("; ");
                warn!(upstream = %Escaped(upstream), reason = %Escaped(&reason), "files of an upstream cannot be used; what was read before stays in use");
            }
        }
        let mirror = Arc::clone(&self.mirror);
        // A report reads every alert, so that one without news would cost more than the look.
        let is_known = self.is_reported && is_same;
        (self.refused, self.unread) = (of_definitions, unread);
        let refused = [self.refused.clone(), self.unread.clone()];
        let reported = blocking(move || {
            mirror.refresh_settling();
            mirror.remember_withdrawn();
            let seen = of_upstreams(&refused);
            is_known || report_alerts(&mirror.store, &mirror.clock, UPSTREAMS, seen)
        });
        self.is_reported = reported.await;
    }
}

/// Returns the sources of alerts about one upstream and its loops.
fn sources_of(upstream: &str) -> [String; 3] {
    [
        source_of(upstream),
        loop_source(&format!("upstream {upstream}")),
        loop_source(&format!("names of {upstream}")),
    ]
}

fn sources_of_alerts(mirror: &Mirror) -> Result<BTreeSet<String>, StoreError> {
    let prefixes = sources_of("");
    let is_meant = |source: &str| prefixes.iter().any(|prefix| source.starts_with(prefix));
    let alerts = mirror.store.snapshot()?.alerts()?.into_iter();
    let lasting = alerts.filter(|alert| !alert.is_resolved() && is_meant(&alert.source));
    Ok(lasting.map(|alert| alert.source).collect())
}
