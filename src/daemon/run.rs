use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::lookout::look_out;
use super::mirror::Followers;
use super::notify::Notify;
use super::publish::publish_loop;
use super::runtime::{Supervisor, run_on_own_thread};
use super::verification::{self, Service, open_witnesses, verify};
use super::watch::{tell, watch_overlays};
use super::{DaemonError, Shared, retry_quarantine};
use crate::config::Upstream;
use crate::store::StoreError;

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
    let verification = Arc::new(verification(&shared)?);
    let notify = Notify::open(&shared.settings, &shared.store, &shared.clock)?;
    let supervisor = Supervisor::new(&shared.store, &shared.clock);
    let mut followers = Followers::new(&shared.mirror, &supervisor, &stop);
    followers.replace(upstreams).await?;
    let mut loops = Loops { supervisor, shared, stop, tasks: JoinSet::new() };
    loops.tasks.spawn(followers.supervise());
    loops.keep("publish", publish_loop);
    loops.keep("policy", |shared, stop| async move {
        watch_overlays(shared, stop).await;
        Ok(())
    });
    // On threads of their own: working out what is next takes a while with many names.
    loops.keep("verification", move |_, stop| {
        run_on_own_thread(verify(Arc::clone(&verification), stop))
    });
    loops.keep("screening", |shared, stop| run_on_own_thread(look_out(shared, stop)));
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

fn verification(shared: &Arc<Shared>) -> Result<Service, DaemonError> {
    let (mirror, served, pending) =
        (Arc::clone(&shared.mirror), Arc::clone(shared), Arc::clone(shared));
    Ok(Service {
        settings: Arc::clone(&shared.settings),
        store: Arc::clone(&shared.store),
        clock: Arc::clone(&shared.clock),
        policy: shared.overlays_changed(),
        witnesses: open_witnesses(&shared.settings)?,
        ports: verification::Ports {
            speakers: Box::new(move || mirror.speakers()),
            is_served: Box::new(move |name| {
                served.published().is_some_and(|published| published.has(name))
            }),
            touched: Box::new(move |names| pending.rejudge(names)),
        },
        handle: shared.verification.clone(),
    })
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
