use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use indicatif::MultiProgress;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::client::Addresses;
use super::error::{CliError, Exit};
use super::progress::show_first_syncs;
use super::stopping::{Stopping, step};
use super::system::{close_folder, fit_connections, watch_data};
use super::target::{clock_of, first_overlays, ids};
use crate::api::{
    Door, LocalOperations, TOKEN_FILE, Tls, TokenFile, operations, registry, serve as serve_http,
};
use crate::config::{Folder, Origin, Settings, Upstream, read_overlays, read_upstreams};
use crate::daemon::{
    DaemonError, Services, Shift, Watch, load_folder, open_source, open_sources, open_webhooks, run,
};
use crate::model::reason;
use crate::remote::OwnershipSources;
use crate::store::Store;
use crate::telemetry::dropped_lines;

/// The process stops within five seconds, whatever happens.
const LONGEST_STOP: Duration = Duration::from_secs(3);
/// The time between two readings of the overlay folder that must be equal at a start, and their number at most.
const BETWEEN_READINGS: Duration = Duration::from_millis(150);
const MOST_READINGS: usize = 10;

/// Runs the daemon until it is interrupted.
pub(super) async fn serve(
    settings: Settings,
    bars: Option<&MultiProgress>,
    stopping: Stopping,
) -> Result<Exit, CliError> {
    let opening = async {
        let opened = step(move || {
            let upstreams = read_upstreams(&settings.upstreams).map_err(CliError::Findings)?;
            let sources = open_sources(&settings)?;
            Ok((settings, upstreams, sources))
        });
        let (settings, upstreams, sources) = opened.await?;
        let listeners = Listeners {
            registry: listen("the registry", settings.listen, "--listen").await?,
            operations: listen("operations", settings.ops_listen, "--ops-listen").await?,
        };
        Ok::<_, CliError>((settings, upstreams, sources, listeners))
    };
    let Some(opened) = stopping.unless_stopped(opening).await else { return Ok(Exit::Done) };
    let (settings, upstreams, sources, listeners) = opened?;
    let surroundings = Surroundings { sources, shift: Shift::NONE, is_demo: false, stopping };
    run_daemon(settings, upstreams, listeners, surroundings, bars).await
}

/// The sockets that a daemon answers on.
pub(super) struct Listeners {
    pub registry: TcpListener,
    pub operations: TcpListener,
}

/// The surroundings of a daemon. `demo` passes doubles; no setting does.
pub(super) struct Surroundings {
    pub sources: OwnershipSources,
    /// The difference of its clock from the system's.
    pub shift: Shift,
    /// True if it raises no alert about what the system refuses: it ends soon, with its folder.
    pub is_demo: bool,
    pub stopping: Stopping,
}

/// A daemon that has read everything that it needs, and runs nothing yet.
struct Started {
    services: Arc<Services>,
    token: Arc<TokenFile>,
    tls: Option<Tls>,
}

/// Runs a daemon until it is interrupted or stopped.
pub(super) async fn run_daemon(
    settings: Settings,
    upstreams: Vec<Upstream>,
    listeners: Listeners,
    surroundings: Surroundings,
    bars: Option<&MultiProgress>,
) -> Result<Exit, CliError> {
    let starting = start(settings, upstreams.clone(), surroundings.shift);
    let stopping = surroundings.stopping.clone();
    let Some(started) = stopping.unless_stopped(starting).await else { return Ok(Exit::Done) };
    let running = Box::pin(run_started(started?, upstreams, listeners, surroundings, bars));
    stopping.unless_insisted(running).await.unwrap_or(Ok(Exit::Done))
}

/// Reads the files and opens the store, on threads that may block.
async fn start(
    settings: Settings,
    upstreams: Vec<Upstream>,
    shift: Shift,
) -> Result<Started, CliError> {
    let opened = step(move || {
        for upstream in upstreams.iter().filter(|upstream| upstream.enabled) {
            open_source(upstream, &settings.egress)?;
        }
        open_webhooks(&settings)?;
        let tls = check_exposure(&settings)?;
        if !Store::exists(&settings.data) {
            // Refused files must leave nothing behind, so they are refused before a store is made.
            first_overlays(&settings, &upstreams, shift.now())?;
        }
        let store = Store::create(&settings.data, shift.now())?.limited(settings.disk);
        let clock = clock_of(&store)?.shifted(shift);
        let hears = |upstream: &Upstream| {
            upstream.enabled && matches!(upstream.origin, Origin::Registry(_))
        };
        let clock = if upstreams.iter().any(hears) { clock.awaiting_a_date() } else { clock };
        Ok((settings, upstreams, tls, store, clock))
    });
    let (settings, upstreams, tls, store, clock) = opened.await?;
    let folder = settled(&settings.overlays).await?;
    step(move || {
        let load = |keep| {
            let (ids, now) = (ids(&upstreams), clock.now());
            load_folder(&settings, folder.clone(), Some(&ids), Some(&store), now, keep)
        };
        let overlays = match load(true) {
            // A full disk must not keep denials from being read.
            Err(error) => {
                error!(reason = %reason(&error), "the overlays could not be stored as the last valid set");
                load(false)?
            }
            loaded => loaded?,
        };
        let overlays = overlays.map_err(CliError::Findings)?;
        let token = TokenFile::open(&settings.data)
            .map_err(|source| CliError::File { path: settings.data.join(TOKEN_FILE), source })?;
        let services = Services::new(settings, Arc::new(store), Arc::new(clock), overlays)?;
        services.count_dropped_log_lines(dropped_lines);
        Ok(Started { services, token, tls })
    })
    .await
}

/// Serves and follows until the stop.
async fn run_started(
    started: Started,
    upstreams: Vec<Upstream>,
    listeners: Listeners,
    surroundings: Surroundings,
    bars: Option<&MultiProgress>,
) -> Result<Exit, CliError> {
    let Started { services, token, tls } = started;
    let (settings, stop) = (Arc::clone(&services.settings), &surroundings.stopping.stop);
    let data = settings.data.clone();
    // Before anything answers; a watch says what is refused.
    step(move || Ok(close_folder(&data))).await?;
    let local = LocalOperations::open(settings.ops_socket(), settings.data.clone()).await;
    let (public, connections) = fit_connections(&settings);
    let system = watch_data(&services).into_iter().chain([local.watch(), connections]);
    let system = system.filter(|_| !surroundings.is_demo);
    // Also without TLS: an earlier process may have left an alert.
    let files = tls.as_ref().map_or_else(|| Watch::files("tls", Arc::new(Vec::new)), Tls::watch);
    let watches = std::iter::once(files).chain(system).collect();
    let addresses = Addresses {
        pid: std::process::id(),
        registry: address(&listeners.registry, settings.listen),
        operations: address(&listeners.operations, settings.ops_listen),
    };
    if let Err(error) = addresses.write(&settings.data) {
        warn!(reason = %reason(&error), "commands do not find this daemon; name its address with --ops-listen");
    }
    info!(registry = %addresses.registry, operations = %addresses.operations, "listening");

    tokio::spawn(show_first_syncs(Arc::clone(&services), bars.cloned(), stop.clone()));
    let pressure = Arc::clone(&services.pressure);
    let door = Door { public, answers_at_once: true, tls, pressure };
    let public = registry(Arc::clone(&services));
    let public = serve_http(listeners.registry, public, door, stop.clone());
    tokio::spawn(Arc::clone(&token).follow(stop.clone()));
    let private = operations(Arc::clone(&services), token);
    let local = tokio::spawn(local.serve(private.clone(), stop.clone()));
    let door = Door::operations(Arc::clone(&services.pressure));
    let private = serve_http(listeners.operations, private, door, stop.clone());
    let (public, private) = (tokio::spawn(public), tokio::spawn(private));
    // A task of its own: it begins with work on the store, which may hang.
    let loops = tokio::spawn(run(services, upstreams, surroundings.sources, watches, stop.clone()));
    let ended = in_time(async { loops.await? }, stop).await;
    stop.cancel();
    // A server that panicked has logged so; there is nothing left to wait for.
    let _ = (public.await, private.await, local.await);
    Addresses::remove(&settings.data);
    if let Err(error) = &ended {
        error!(%error, "the daemon cannot go on");
    }
    ended?;
    info!("stopped");
    Ok(Exit::Done)
}

/// Refuses addresses that would carry answers unprotected; returns the certificate of the registry.
pub(super) fn check_exposure(settings: &Settings) -> Result<Option<Tls>, CliError> {
    let public = &settings.public;
    if public.tls.is_none() && public.is_exposed(settings.listen) {
        return Err(CliError::Exposed { address: settings.listen });
    }
    if public.is_exposed(settings.ops_listen) {
        return Err(CliError::ExposedOperations { address: settings.ops_listen });
    }
    Ok(public.tls.as_ref().map(Tls::load).transpose()?)
}

/// Reads the overlay folder until two readings are equal, but not for long: a file may be half-written, and its denials
/// come last. Returns the last one: another would be one that was not compared.
async fn settled(folder: &Path) -> Result<Folder, CliError> {
    let read = || {
        let folder = folder.to_owned();
        step(move || Ok(read_overlays(&folder)))
    };
    let mut before = read().await?;
    for _ in 0..MOST_READINGS {
        tokio::time::sleep(BETWEEN_READINGS).await;
        let now = read().await?;
        if now == before {
            return Ok(now);
        }
        before = now;
    }
    warn!(
        "the overlay folder changes all the time; what is half-written is judged when it has settled"
    );
    Ok(before)
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

pub(super) async fn listen(
    what: &'static str,
    address: SocketAddr,
    flag: &'static str,
) -> Result<TcpListener, CliError> {
    TcpListener::bind(address).await.map_err(|source| CliError::Listen {
        what,
        address,
        flag,
        source,
    })
}

fn address(listener: &TcpListener, asked: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(asked)
}
