use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use indicatif::MultiProgress;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::client::Addresses;
use super::error::CliError;
use super::prepared::{Listeners, Prepared};
use super::progress::show_first_syncs;
use super::replacement::Replacement;
use super::starting::Started;
use super::stopping::step;
use super::surroundings::{Earlier, Surroundings};
use super::system::{close_folder, fit_connections, watch_data};
use crate::api::{
    Door, LocalOperations, Tls, TokenFile, operations, registry, serve as serve_http,
};
use crate::config::Public;
use crate::daemon::{DaemonError, Services, Watch, run, try_blocking};
use crate::model::reason;

/// The time for which connections wait for the first generation of a daemon that replaces another.
const LONGEST_SILENCE: Duration = Duration::from_secs(10);
/// The process stops within five seconds, whatever happens.
const LONGEST_STOP: Duration = Duration::from_secs(3);

/// The end of a daemon.
pub(super) enum Ended {
    Stopped,
    /// Other settings replace those that it had.
    Replaced(Box<Prepared>),
}

/// Serves and follows until the stop, or until other settings are ready to replace these.
pub(super) async fn run_started(
    started: Started,
    earlier: &Earlier,
    surroundings: &Surroundings,
    bars: Option<&MultiProgress>,
) -> Result<Ended, CliError> {
    let Started { services, token, upstreams, sources, tls, listeners, is_first } = started;
    let (settings, store) = (Arc::clone(&services.settings), Arc::clone(&services.store));
    let data = settings.data.clone();
    // Before anything answers; a watch says what is refused.
    step(move || Ok(close_folder(&data))).await?;
    // Whatever may fail comes before the first task, which would be left behind.
    let open_sources = Arc::clone(&surroundings.open_sources);
    let replacement = Replacement::beside(&services, listeners.again()?, open_sources);
    // Also without TLS: an earlier process may have left an alert.
    let files = tls.as_ref().map_or_else(|| Watch::files("tls", Arc::new(Vec::new)), Tls::watch);
    let (doors, system) = Doors::take(&services, listeners, tls, is_first).await?;
    let system = system.into_iter().filter(|_| !surroundings.is_demo);
    let watches = std::iter::once(files).chain(system).collect();

    let stop = surroundings.stopping.stop.child_token();
    tokio::spawn(show_first_syncs(Arc::clone(&services), bars.cloned(), stop.clone()));
    tokio::spawn(forget(earlier.clone(), Arc::clone(&services), stop.clone()));
    let servers = doors.open(&services, token, &stop);
    // A task of its own: it begins with work on the store, which may hang.
    let loops = tokio::spawn(run(services, upstreams, sources, watches, stop.clone()));
    let mut loops = pin!(in_time(async { loops.await? }, &stop));
    let (ended, next) = tokio::select! {
        ended = &mut loops => (ended, None),
        next = replacement.next() => {
            stop.cancel();
            (loops.await, Some(next))
        }
    };
    stop.cancel();
    for server in servers {
        // One that panicked has logged so; there is nothing left to wait for.
        let _ = server.await;
    }
    Addresses::remove(&settings.data);
    if next.is_some() {
        // What is left behind may hang in the system, and the next daemon waits for it.
        tokio::spawn(try_blocking(move || store.close()));
    }
    if let Err(error) = &ended {
        error!(%error, "the daemon cannot go on");
    }
    ended?;
    info!("stopped");
    Ok(next.map_or(Ended::Stopped, |next| Ended::Replaced(Box::new(next))))
}

/// Everything that answers from outside.
struct Doors {
    /// Of the registry, and of operations.
    sockets: (TcpListener, TcpListener),
    local: LocalOperations,
    public: Public,
    tls: Option<Tls>,
    is_first: bool,
}

impl Doors {
    /// Takes the sockets, and tells commands and people where they are. Returns with them the watches of what the system may
    /// refuse to the daemon.
    async fn take(
        services: &Services,
        listeners: Listeners,
        tls: Option<Tls>,
        is_first: bool,
    ) -> Result<(Self, Vec<Watch>), CliError> {
        let settings = &services.settings;
        let addresses = Addresses {
            pid: std::process::id(),
            registry: listeners.registry.address(),
            operations: listeners.operations.address(),
        };
        let sockets = (listeners.registry.accept()?, listeners.operations.accept()?);
        let local = LocalOperations::open(settings.ops_socket(), settings.data.clone()).await;
        let (public, connections) = fit_connections(settings);
        let watches = watch_data(services).into_iter().chain([local.watch(), connections]);
        let watches = watches.collect();
        if let Err(error) = addresses.write(&settings.data) {
            warn!(reason = %reason(&error), "commands do not find this daemon; name its address with --ops-listen");
        }
        info!(registry = %addresses.registry, operations = %addresses.operations, "listening");
        Ok((Self { sockets, local, public, tls, is_first }, watches))
    }

    /// Serves until `stop`.
    fn open(
        self,
        services: &Arc<Services>,
        token: Arc<TokenFile>,
        stop: &CancellationToken,
    ) -> [JoinHandle<()>; 3] {
        let Self { sockets: (registry_socket, operations_socket), local, public, tls, is_first } =
            self;
        let pressure = || Arc::clone(&services.pressure);
        tokio::spawn(Arc::clone(&token).follow(stop.clone()));
        let private: Router = operations(Arc::clone(services), token);
        let local = local.serve(private.clone(), stop.clone());
        let door = Door { public, answers_at_once: true, tls, pressure: pressure() };
        let public =
            serve_http(registry_socket, registry(Arc::clone(services)), door, stop.clone());
        let waiting = (!is_first).then(|| Arc::clone(services));
        let public = async move {
            // Clients of a daemon that this one replaces wait, and are not told that nothing is known yet.
            if let Some(services) = waiting {
                let _ = timeout(LONGEST_SILENCE, services.wait_until_published()).await;
            }
            public.await;
        };
        let door = Door::operations(pressure());
        let private = serve_http(operations_socket, private, door, stop.clone());
        [tokio::spawn(public), tokio::spawn(private), tokio::spawn(local)]
    }
}

/// Forgets the daemon before when this one serves, or ends.
async fn forget(earlier: Earlier, services: Arc<Services>, stop: CancellationToken) {
    tokio::select! {
        () = services.wait_until_published() => drop(earlier.take()),
        () = stop.cancelled() => {}
    }
}

/// Lets the loops end by themselves, and gives up on one that is stuck in the system: an operator who stops the daemon
/// must not wait for a mount that hangs.
async fn in_time(
    run: impl Future<Output = Result<(), DaemonError>>,
    stop: &CancellationToken,
) -> Result<(), DaemonError> {
    let too_late = async {
        stop.cancelled().await;
        tokio::time::sleep(LONGEST_STOP).await;
    };
    tokio::select! {
        ended = run => ended,
        () = too_late => {
            warn!("a loop did not end in time and is left behind");
            Ok(())
        }
    }
}

#[cfg(test)]
#[path = "running_tests.rs"]
mod tests;
