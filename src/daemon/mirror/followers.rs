use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::alerts::{UPSTREAMS, of_upstreams, source_of};
use super::follow::Follower;
use super::handle::{Mirror, Runtime, SyncRequest};
use super::named::fetch_named;
use super::source::{Source, open_source};
use crate::config::{Origin, Upstream, read_upstreams};
use crate::daemon::DaemonError;
use crate::daemon::looks::Failures;
use crate::daemon::runtime::{Supervisor, blocking, loop_source, report_alerts};
use crate::lint::{Finding, Severity};
use crate::model::{Escaped, reason};
use crate::store::StoreError;

/// The interval at which the upstream files are read.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// Requests that may wait for a run; further senders block.
const REQUESTS: usize = 16;

/// The tasks of the upstreams that the current files define.
pub(in crate::daemon) struct Followers {
    mirror: Arc<Mirror>,
    supervisor: Supervisor,
    stop: CancellationToken,
    /// Stops the tasks of the current definitions.
    current: CancellationToken,
    upstreams: Vec<Upstream>,
    /// The clients of the upstreams, by id.
    sources: BTreeMap<String, Arc<Source>>,
    /// The looks at their tokens and certificates that failed.
    failures: Failures,
    /// The reason for which files are refused, if they are.
    refused: Option<String>,
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
            failures: Failures::default(),
            refused: None,
            is_reported: false,
            tasks: JoinSet::new(),
        }
    }

    /// Replaces the tasks by those of these upstreams. It waits for the old ones to end first: two tasks
    /// must not write one upstream's state.
    ///
    /// # Errors
    /// When an upstream cannot be reached as defined; then the old tasks go on.
    pub(in crate::daemon) async fn replace(
        &mut self,
        upstreams: Vec<Upstream>,
    ) -> Result<(), DaemonError> {
        let (settings, opened) = (Arc::clone(&self.mirror.settings), upstreams.clone());
        // It reads files of certificates and tokens.
        let open = move || {
            let opened = opened.iter().map(|upstream| open_source(upstream, &settings.egress));
            opened.collect::<Result<Vec<Arc<Source>>, DaemonError>>()
        };
        let sources = blocking(open).await?;
        self.current.cancel();
        while self.tasks.join_next().await.is_some() {}
        self.current = self.stop.child_token();
        self.resolve_alerts_of_others(&upstreams).await;
        let mut runtimes = BTreeMap::new();
        let mut followed = Vec::new();
        self.sources.clear();
        for (upstream, source) in upstreams.iter().zip(sources) {
            self.sources.insert(upstream.id.clone(), Arc::clone(&source));
            let (requests, recipient) = mpsc::channel(REQUESTS);
            let definition = upstream.clone();
            let runtime = Runtime { definition, activity: None, next_attempt: None, requests };
            runtimes.insert(upstream.id.clone(), runtime);
            if upstream.enabled {
                followed.push((upstream.clone(), source, recipient));
            }
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
        Ok(())
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
        loop {
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = tokio::time::sleep(LOOK_EVERY) => self.look().await,
            }
        }
        while self.tasks.join_next().await.is_some() {}
    }

    async fn look_at_files(&mut self) -> Option<String> {
        let (mirror, sources) = (Arc::clone(&self.mirror), self.sources.clone());
        let failures = blocking(move || look_at_files(&mirror, &sources)).await;
        self.failures.lasting(failures).into_iter().flatten().next()
    }

    async fn look(&mut self) {
        let folder = self.mirror.settings.upstreams.clone();
        let refused = match blocking(move || read_upstreams(&folder)).await {
            Ok(upstreams) if upstreams == self.upstreams => self.look_at_files().await,
            Ok(upstreams) => match self.replace(upstreams).await {
                Ok(()) => {
                    info!("the upstream files changed and are active");
                    None
                }
                Err(error) => Some(reason(&error)),
            },
            Err(findings) => {
                let mut findings = findings.iter();
                findings.find(|finding| finding.severity == Severity::Error).map(Finding::to_string)
            }
        };
        if let Some(reason) = refused.as_ref().filter(|_| self.refused != refused) {
            warn!(reason = %Escaped(reason), "files of upstreams cannot be used; what was read before stays in use");
        }
        let mirror = Arc::clone(&self.mirror);
        // A report reads every alert, so that one without news would cost more than the look.
        let is_known = self.is_reported && self.refused == refused;
        self.refused.clone_from(&refused);
        let reported = blocking(move || {
            mirror.refresh_settling();
            let seen = of_upstreams(refused.as_deref());
            is_known || report_alerts(&mirror.store, &mirror.clock, UPSTREAMS, seen)
        });
        self.is_reported = reported.await;
    }
}

/// Reads what the files of upstreams name, tokens and certificates, and looks at files of entries. An upstream of which
/// something changed is read at once. Returns the reasons why some cannot be used.
fn look_at_files(mirror: &Mirror, sources: &BTreeMap<String, Arc<Source>>) -> Vec<String> {
    let mut refused = Vec::new();
    for (id, source) in sources {
        match source.look_at_files() {
            Ok(true) => mirror.request_run(id),
            Ok(false) => {}
            Err(why) => refused.push(format!("the upstream {id}: {why}")),
        }
    }
    refused
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
