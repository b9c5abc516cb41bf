use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::alerts::{UPSTREAMS, observe, of_upstreams, source_of};
use super::follow::follow;
use super::lookout::look_out;
use super::named::fetch_named;
use super::post::{Route, post_loop};
use super::prove::prove_loop;
use super::publish::publish_loop;
use super::shared::Runtime;
use super::watch::{tell, watch_overlays};
use super::{Shared, retry_quarantine};
use crate::alert::Receiver;
use crate::config::{Egress, HiddenError, Origin, Settings, Upstream, Webhook, read_upstreams};
use crate::lint::{Finding, Severity};
use crate::model::{Name, reason};
use crate::remote::{
    Access, AccessError, Address, Courier, Enquiry, Files, Reach, RegistryApi, Witnesses,
};
use crate::store::StoreError;
use crate::sync::{FetchFailure, FetchedPage, PageRequest, PageSource};

/// How often the upstream files are looked at.
const UPSTREAMS_EVERY: Duration = Duration::from_secs(5);
/// Requests that may wait for a pass; more wait for their turn to wait.
const REQUESTS: usize = 16;

/// Why the daemon ended although nobody stopped it.
#[derive(Debug, Error)]
pub enum DaemonError {
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("the upstream {id} cannot be reached as configured")]
    Access { id: String, source: AccessError },
    #[error(
        "owners cannot be proven as `[ownership]`, `[github]`, `[packages]` and `[egress]` say"
    )]
    Witnesses { source: AccessError },
    #[error("the webhook `{name}` cannot be used")]
    Hidden { name: String, source: HiddenError },
    #[error("the webhook `{name}` cannot be used")]
    Webhook { name: String, source: AccessError },
    #[error("the loop `{0}` ended")]
    Ended(&'static str),
    #[error("a loop panicked")]
    Panicked(#[from] tokio::task::JoinError),
}

/// Runs all loops until `stop`.
///
/// # Errors
/// When a loop ends by itself: then the process must end too, since nothing would move any more.
pub async fn run(
    shared: Arc<Shared>,
    upstreams: Vec<Upstream>,
    stop: CancellationToken,
) -> Result<(), DaemonError> {
    let released = retry_quarantine(&shared.store, &shared.clock)?;
    if released > 0 {
        info!(released, "rows left the quarantine");
    }
    tell(&shared, &shared.in_force());
    let mut loops: JoinSet<Result<&'static str, DaemonError>> = JoinSet::new();
    if shared.settings.ownership.policy.enabled {
        shared.store.begin_proving(shared.clock.now())?;
    }
    let witnesses = Arc::new(open_witnesses(&shared.settings)?);
    let routes = open_webhooks(&shared.settings)?;
    let receivers: Vec<Receiver> = routes.iter().map(|(receiver, _)| receiver.clone()).collect();
    shared.store.enlist(&receivers, shared.clock.now())?;
    let mut followers = Followers::new(&shared, &stop);
    followers.replace(upstreams).await?;
    let (task, token) = (Arc::clone(&shared), stop.clone());
    loops.spawn(async move { Ok(publish_loop(task, token).await.map(|()| "publish")?) });
    let (task, token) = (Arc::clone(&shared), stop.clone());
    loops.spawn(async move {
        watch_overlays(task, token).await;
        Ok("watch")
    });
    let (requests, receiver) = mpsc::channel(REQUESTS);
    shared.take_proofs(requests);
    let (task, token) = (Arc::clone(&shared), stop.clone());
    // On a thread of its own: working out whose turn it is takes a while with many names.
    let prove = prove_loop(task, witnesses, receiver, token);
    let prove = tokio::task::spawn_blocking(move || Handle::current().block_on(prove));
    loops.spawn(async move { Ok(prove.await?.map(|()| "prove")?) });
    let look_out = look_out(Arc::clone(&shared), stop.clone());
    let look_out = tokio::task::spawn_blocking(move || Handle::current().block_on(look_out));
    loops.spawn(async move { Ok(look_out.await?.map(|()| "lookout")?) });
    let (task, token) = (Arc::clone(&shared), stop.clone());
    loops.spawn(async move {
        post_loop(task, routes, token).await;
        Ok("post")
    });
    loops.spawn(followers.supervise());
    let ended = loops.join_next().await;
    if stop.is_cancelled() {
        while loops.join_next().await.is_some() {}
        return Ok(());
    }
    stop.cancel();
    match ended {
        Some(outcome) => Err(DaemonError::Ended(outcome??)),
        None => Ok(()),
    }
}

/// What an upstream is read through.
#[derive(Debug)]
pub enum Source {
    Registry(Box<RegistryApi>),
    Files(Files),
}

impl PageSource for Source {
    async fn page(&self, request: &PageRequest) -> Result<FetchedPage, FetchFailure> {
        match self {
            Self::Registry(registry) => registry.page(request).await,
            Self::Files(files) => files.page(request).await,
        }
    }

    async fn versions(&self, name: &Name) -> Result<Option<FetchedPage>, FetchFailure> {
        match self {
            Self::Registry(registry) => registry.versions(name).await,
            Self::Files(files) => files.versions(name).await,
        }
    }
}

/// The client of an upstream, as its file and `[egress]` say.
///
/// # Errors
/// When a certificate or token file cannot be used.
pub fn open_source(upstream: &Upstream, egress: &Egress) -> Result<Arc<Source>, DaemonError> {
    let root = match &upstream.origin {
        Origin::Files(path) => return Ok(Arc::new(Source::Files(Files::new(path)))),
        Origin::Registry(root) => root,
    };
    let ca_files = upstream.ca_file.iter().chain(&egress.ca_file).cloned().collect();
    let token_file = upstream.token_file.clone();
    let access = Access {
        proxy: egress.proxy.clone(),
        ca_files,
        token_file,
        requests_per_hour: upstream.requests_per_hour,
    };
    RegistryApi::new(root, &access)
        .map(|registry| Arc::new(Source::Registry(Box::new(registry))))
        .map_err(|source| DaemonError::Access { id: upstream.id.clone(), source })
}

/// Those who are asked about owners, as the configuration says.
///
/// # Errors
/// When a certificate or token file, or a resolver, cannot be used.
pub fn open_witnesses(settings: &Settings) -> Result<Witnesses, DaemonError> {
    let ownership = &settings.ownership;
    let enquiry = Enquiry {
        resolvers: ownership.resolvers.clone(),
        github: ownership.github.url.clone(),
        github_token: ownership.github.token_file.clone(),
        packages: ownership.packages.clone(),
        proxy: settings.egress.proxy.clone(),
        ca_files: settings.egress.ca_file.iter().cloned().collect(),
        reach: Reach::default(),
    };
    Witnesses::new(&enquiry).map_err(|source| DaemonError::Witnesses { source })
}

/// Who is told of alerts, and how, as the configuration says: reads addresses and secrets.
///
/// # Errors
/// When one of them cannot be read or used.
pub fn open_webhooks(settings: &Settings) -> Result<Vec<Route>, DaemonError> {
    let open = |webhook: &Webhook| {
        let name = || webhook.name.clone();
        let hidden = |source| DaemonError::Hidden { name: name(), source };
        let url = webhook.url.read().map_err(hidden)?;
        let secret = webhook.secret.as_ref().map(|it| it.read().map_err(hidden)).transpose()?;
        let receiver = Receiver {
            name: name(),
            format: webhook.format,
            url: url.to_string(),
            secret: secret.as_ref().map(ToString::to_string),
            kinds: webhook.kinds.clone(),
            give_up_after_seconds: webhook.give_up_after.as_secs(),
        };
        let address = Address {
            url,
            secret,
            timeout: webhook.timeout,
            allow_http: webhook.allow_http,
            proxy: settings.egress.proxy.clone(),
            ca_files: settings.egress.ca_file.iter().cloned().collect(),
        };
        let courier = Courier::new(&address)
            .map_err(|source| DaemonError::Webhook { name: name(), source })?;
        Ok((receiver, Arc::new(courier)))
    };
    let mut routes: Vec<Route> =
        settings.webhooks.iter().map(open).collect::<Result<_, DaemonError>>()?;
    routes.sort_by(|(left, _), (right, _)| left.name.cmp(&right.name));
    Ok(routes)
}

/// The tasks of the upstreams as their files are now.
struct Followers {
    shared: Arc<Shared>,
    stop: CancellationToken,
    /// Stops the tasks of the definitions that are in force.
    current: CancellationToken,
    upstreams: Vec<Upstream>,
    tasks: JoinSet<Result<(), StoreError>>,
}

impl Followers {
    fn new(shared: &Arc<Shared>, stop: &CancellationToken) -> Self {
        Self {
            shared: Arc::clone(shared),
            stop: stop.clone(),
            current: stop.child_token(),
            upstreams: Vec::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Starts the tasks of these upstreams in place of those before.
    /// They are awaited first: two tasks must not write one upstream's state.
    async fn replace(&mut self, upstreams: Vec<Upstream>) -> Result<(), DaemonError> {
        let mut sources = Vec::new();
        for upstream in &upstreams {
            sources.push(open_source(upstream, &self.shared.settings.egress)?);
        }
        self.current.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended??;
        }
        self.current = self.stop.child_token();
        let followed = upstreams.iter().filter(|upstream| upstream.enabled);
        let followed: Vec<String> = followed.map(|upstream| source_of(&upstream.id)).collect();
        for gone in self.sources_of_alerts()?.difference(&followed.into_iter().collect()) {
            // Nobody looks at it any more, so nothing about it lasts.
            observe(&self.shared.store, &self.shared.clock, gone, Vec::new());
        }
        let mut runtimes = BTreeMap::new();
        let mut followed = Vec::new();
        for (upstream, source) in upstreams.iter().zip(sources) {
            let (requests, receiver) = mpsc::channel(REQUESTS);
            let definition = upstream.clone();
            let runtime = Runtime { definition, activity: None, next_attempt: None, requests };
            runtimes.insert(upstream.id.clone(), runtime);
            if upstream.enabled {
                followed.push((upstream.clone(), source, receiver));
            }
        }
        // In one step: whoever looks in between must not find that there are no upstreams.
        *self.shared.upstreams() = runtimes;
        for (upstream, source, receiver) in followed {
            // Files are walked faster than they are asked for names.
            if matches!(upstream.origin, Origin::Registry(_)) {
                let (shared, token) = (Arc::clone(&self.shared), self.current.clone());
                let id = upstream.id.clone();
                self.tasks.spawn(fetch_named(shared, id, Arc::clone(&source), token));
            }
            let (shared, token) = (Arc::clone(&self.shared), self.current.clone());
            let following = follow(shared, upstream, source, receiver, token);
            self.tasks.spawn(async move {
                following.await;
                Ok(())
            });
        }
        if upstreams.iter().all(|upstream| !upstream.enabled) {
            // Nobody will ever be asked, so nothing more will be known.
            self.shared.hear_nobody();
        }
        self.upstreams = upstreams;
        self.shared.pending.touch_everything();
        Ok(())
    }

    /// The upstreams that lasting alerts are about; a file may have gone while nothing ran.
    fn sources_of_alerts(&self) -> Result<BTreeSet<String>, StoreError> {
        let alerts = self.shared.store.snapshot()?.alerts()?.into_iter();
        let of_upstreams =
            alerts.filter(|it| !it.is_over() && it.source.starts_with(&source_of("")));
        Ok(of_upstreams.map(|alert| alert.source).collect())
    }

    /// Looks at the upstream files now and then, and ends when a task does by itself.
    async fn supervise(mut self) -> Result<&'static str, DaemonError> {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => {
                    while self.tasks.join_next().await.is_some() {}
                    return Ok("upstreams");
                }
                Some(ended) = self.tasks.join_next() => {
                    ended??;
                    // Tasks of replaced definitions end when they are told to.
                }
                () = tokio::time::sleep(UPSTREAMS_EVERY) => self.look().await,
            }
        }
    }

    async fn look(&mut self) {
        let refused = match read_upstreams(&self.shared.settings.upstreams) {
            Ok(upstreams) if upstreams == self.upstreams => None,
            Ok(upstreams) => match self.replace(upstreams).await {
                Ok(()) => {
                    info!("the upstream files changed and are in force");
                    None
                }
                Err(error) => Some(reason(&error)),
            },
            Err(findings) => {
                findings.iter().find(|it| it.severity == Severity::Error).map(Finding::to_string)
            }
        };
        let seen = of_upstreams(refused.as_deref());
        observe(&self.shared.store, &self.shared.clock, UPSTREAMS, seen);
    }
}
