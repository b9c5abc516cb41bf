use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use indicatif::MultiProgress;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::client::Addresses;
use super::error::{CliError, Exit};
use super::progress::show_progress;
use super::target::{clock_of, first_overlays, overlays};
use crate::api::{Door, TOKEN_FILE, Tls, make_token, operations, registry, serve as serve_http};
use crate::config::{Settings, read_upstreams};
use crate::daemon::{
    Clock, DaemonError, Services, open_source, open_webhooks, open_witnesses, run,
};
use crate::store::Store;

/// The process stops within five seconds, whatever happens.
const LONGEST_STOP: Duration = Duration::from_secs(3);

/// Runs the daemon until it is interrupted.
pub(super) async fn serve(
    settings: Settings,
    bars: Option<&MultiProgress>,
) -> Result<Exit, CliError> {
    let upstreams = read_upstreams(&settings.upstreams).map_err(CliError::Findings)?;
    for upstream in upstreams.iter().filter(|upstream| upstream.enabled) {
        open_source(upstream, &settings.egress)?;
    }
    open_witnesses(&settings)?;
    open_webhooks(&settings)?;
    let tls = listeners(&settings)?;
    let public = listen("the registry", settings.listen, "--listen").await?;
    let private_listener = listen("operations", settings.ops_listen, "--ops-listen").await?;
    if !Store::exists(&settings.data) {
        // What is refused must leave nothing behind, so it is refused before a store is made.
        first_overlays(&settings, &upstreams)?;
    }
    let store = Store::create(&settings.data, Clock::system())?;
    let clock = clock_of(&store)?;
    let overlays = overlays(&settings, &upstreams, &store, clock.now(), true)?;
    let token = make_token(&settings.data)
        .map_err(|source| CliError::File { path: settings.data.join(TOKEN_FILE), source })?;
    let addresses = Addresses {
        pid: std::process::id(),
        registry: address(&public, settings.listen),
        operations: address(&private_listener, settings.ops_listen),
    };
    addresses.write(&settings.data)?;
    let data = settings.data.clone();
    let services = Services::new(settings, Arc::new(store), Arc::new(clock), overlays)?;
    info!(registry = %addresses.registry, operations = %addresses.operations, "listening");

    let stop = CancellationToken::new();
    tokio::spawn(stop_at_signal(stop.clone()));
    if let Some(bars) = bars {
        tokio::spawn(show_progress(Arc::clone(&services), bars.clone(), stop.clone()));
    }
    if let Some(tls) = tls.clone() {
        tokio::spawn(tls.follow_files(stop.clone()));
    }
    let settings = &services.settings.public;
    let door = Door { public: settings.clone(), answers_at_once: true, tls };
    let public = serve_http(public, registry(Arc::clone(&services)), door, stop.clone());
    let private = operations(Arc::clone(&services), token);
    let private = serve_http(private_listener, private, Door::plain(), stop.clone());
    let (public, private) = (tokio::spawn(public), tokio::spawn(private));
    let ended = in_time(run(services, upstreams, stop.clone()), &stop).await;
    stop.cancel();
    // A server that panicked has told so; there is nobody left to wait for.
    let _ = (public.await, private.await);
    Addresses::remove(&data);
    if let Err(error) = &ended {
        error!(%error, "the daemon cannot go on");
    }
    ended?;
    info!("stopped");
    Ok(Exit::Done)
}

/// Whether the addresses may be served as they are configured, and the registry's certificate.
pub(super) fn listeners(settings: &Settings) -> Result<Option<Tls>, CliError> {
    let public = &settings.public;
    if public.tls.is_none() && public.is_exposed(settings.listen) {
        return Err(CliError::Exposed { address: settings.listen });
    }
    if public.is_exposed(settings.ops_listen) {
        return Err(CliError::ExposedOperations { address: settings.ops_listen });
    }
    Ok(public.tls.as_ref().map(Tls::load).transpose()?)
}

/// Lets the loops end by themselves, and gives up on one that is stuck in the system: whoever said
/// stop must not wait for a mount that hangs.
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

async fn listen(
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

async fn stop_at_signal(stop: CancellationToken) {
    let Ok(mut terminated) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
    info!("stopping");
    stop.cancel();
}
