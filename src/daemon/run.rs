use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::lookout::look_out;
use super::mirror::Followers;
use super::notify::Notify;
use super::prove::prove_loop;
use super::publish::publish_loop;
use super::runtime::{Supervisor, run_on_own_thread};
use super::watch::{tell, watch_overlays};
use super::{DaemonError, Shared, retry_quarantine};
use crate::config::{Settings, Upstream};
use crate::remote::{Enquiry, Reach, Witnesses};
use crate::store::StoreError;

/// Requests that may wait for a lookup; the senders of more wait.
const REQUESTS: usize = 16;

/// Runs all loops until `stop`.
///
/// # Errors
/// When the loops cannot be started. A loop that fails later is started again.
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
    if shared.settings.ownership.policy.enabled {
        shared.store.begin_proving(shared.clock.now())?;
    }
    let witnesses = Arc::new(open_witnesses(&shared.settings)?);
    let notify = Notify::open(&shared.settings, &shared.store, &shared.clock)?;
    let supervisor = Supervisor::new(&shared.store, &shared.clock);
    let mut followers = Followers::new(&shared.mirror, &supervisor, &stop);
    followers.replace(upstreams).await?;
    let (requests, receiver) = mpsc::channel(REQUESTS);
    shared.take_proofs(requests);
    let receiver = Arc::new(Mutex::new(receiver));
    let mut loops = Loops { supervisor, shared, stop, tasks: JoinSet::new() };
    loops.tasks.spawn(followers.supervise());
    loops.keep("publish", publish_loop);
    loops.keep("watch", |shared, stop| async move {
        watch_overlays(shared, stop).await;
        Ok(())
    });
    // On threads of their own: working out what is next takes a while with many names.
    loops.keep("prove", move |shared, stop| {
        let (witnesses, receiver) = (Arc::clone(&witnesses), Arc::clone(&receiver));
        run_on_own_thread(prove_loop(shared, witnesses, receiver, stop))
    });
    loops.keep("lookout", |shared, stop| run_on_own_thread(look_out(shared, stop)));
    loops.keep("notify", move |_, stop| {
        let notify = notify.clone();
        async move {
            notify.run(stop).await;
            Ok(())
        }
    });
    while let Some(ended) = loops.tasks.join_next().await {
        ended?;
    }
    Ok(())
}

/// The loops of a daemon; each is started again by itself.
struct Loops {
    supervisor: Supervisor,
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Loops {
    fn keep<W>(
        &mut self,
        name: &str,
        mut start: impl FnMut(Arc<Shared>, CancellationToken) -> W + Send + 'static,
    ) where
        W: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        let (shared, stop) = (Arc::clone(&self.shared), self.stop.clone());
        let start = move || start(Arc::clone(&shared), stop.clone());
        let supervisor = self.supervisor.clone();
        self.tasks.spawn(supervisor.keep_running(name.to_owned(), self.stop.clone(), start));
    }
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
