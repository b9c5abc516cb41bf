use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use indicatif::MultiProgress;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::client::Addresses;
use super::error::{CliError, Exit};
use super::prepared::{Listeners, OpenSources, Prepared};
use super::progress::show_first_syncs;
use super::starting::{Started, start};
use super::stopping::{Stopping, step};
use super::system::{close_folder, fit_connections, watch_data};
use crate::api::{Door, LocalOperations, Tls, operations, registry, serve as serve_http};
use crate::config::Settings;
use crate::daemon::{DaemonError, SettingsFile, Shift, Watch, open_sources, run};
use crate::lint::summarize;
use crate::model::{Escaped, reason};

/// The process stops within five seconds, whatever happens.
const LONGEST_STOP: Duration = Duration::from_secs(3);

/// Runs the daemon until it is interrupted.
pub(super) async fn serve(
    settings: Settings,
    bars: Option<&MultiProgress>,
    stopping: Stopping,
) -> Result<Exit, CliError> {
    let open_sources: OpenSources = Arc::new(|settings| Ok(open_sources(settings)?));
    let surroundings = Surroundings { open_sources, shift: Shift::NONE, is_demo: false, stopping };
    let opening = Prepared::new(settings, None, &surroundings.open_sources);
    let Some(prepared) = surroundings.stopping.unless_stopped(opening).await else {
        return Ok(Exit::Done);
    };
    Box::pin(run_daemons(prepared?, &surroundings, bars)).await
}

/// The surroundings of a daemon, which `demo` has of its own.
pub(super) struct Surroundings {
    pub open_sources: OpenSources,
    /// The difference of its clock from the system's.
    pub shift: Shift,
    /// True if it raises no alert about what the system refuses: it ends soon, with its folder.
    pub is_demo: bool,
    pub stopping: Stopping,
}

/// The end of a daemon.
enum Ended {
    Stopped,
    /// Other settings replace those that it had.
    Replaced(Box<Prepared>),
}

/// Runs a daemon, and another one each time that the settings file has other settings, until a stop. A daemon that does
/// not start leaves its place to one with the earlier settings.
pub(super) async fn run_daemons(
    prepared: Prepared,
    surroundings: &Surroundings,
    bars: Option<&MultiProgress>,
) -> Result<Exit, CliError> {
    let mut prepared = prepared;
    let mut earlier: Option<(Settings, Listeners)> = None;
    let mut refused = None;
    loop {
        let settings = prepared.settings.clone();
        let listeners = prepared.listeners.again()?;
        let is_first = earlier.is_none() && refused.is_none();
        let stopping = &surroundings.stopping;
        let starting = Box::pin(start(prepared, surroundings.shift, is_first));
        let Some(started) = stopping.unless_stopped(starting).await else { return Ok(Exit::Done) };
        let ended = match started {
            Ok(started) => {
                if let Some((settings, reason)) = refused.take() {
                    started.services.settings_file.refuse(&settings, reason, true);
                }
                let running = Box::pin(run_started(started, surroundings, bars));
                stopping.unless_insisted(running).await.unwrap_or(Ok(Ended::Stopped))
            }
            Err(error) => Err(error),
        };
        prepared = match (ended, earlier.take()) {
            (Ok(Ended::Stopped), _) => return Ok(Exit::Done),
            (Ok(Ended::Replaced(next)), _) => {
                earlier = Some((settings, listeners));
                *next
            }
            (Err(error @ CliError::Daemon(DaemonError::Panicked(_))), _) | (Err(error), None) => {
                return Err(error);
            }
            (Err(error), Some((before, listeners))) => {
                let reason = described(&error);
                error!(reason = %Escaped(&reason), "the daemon does not start with these settings; the earlier ones are used again");
                refused = Some((settings, reason));
                Prepared::new(before, Some(&listeners), &surroundings.open_sources).await?
            }
        };
    }
}

/// Serves and follows until the stop, or until other settings are ready to replace these.
async fn run_started(
    started: Started,
    surroundings: &Surroundings,
    bars: Option<&MultiProgress>,
) -> Result<Ended, CliError> {
    let Started { services, token, upstreams, sources, tls, listeners } = started;
    let stop = surroundings.stopping.stop.child_token();
    let settings = Arc::clone(&services.settings);
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
        registry: listeners.registry.address(),
        operations: listeners.operations.address(),
    };
    if let Err(error) = addresses.write(&settings.data) {
        warn!(reason = %reason(&error), "commands do not find this daemon; name its address with --ops-listen");
    }
    info!(registry = %addresses.registry, operations = %addresses.operations, "listening");

    tokio::spawn(show_first_syncs(Arc::clone(&services), bars.cloned(), stop.clone()));
    let (store, file) = (Arc::clone(&services.store), Arc::clone(&services.settings_file));
    let kept = listeners.again()?;
    let pressure = Arc::clone(&services.pressure);
    let door = Door { public, answers_at_once: true, tls, pressure };
    let public = registry(Arc::clone(&services));
    let public = serve_http(listeners.registry.accept()?, public, door, stop.clone());
    tokio::spawn(Arc::clone(&token).follow(stop.clone()));
    let private = operations(Arc::clone(&services), token);
    let local = tokio::spawn(local.serve(private.clone(), stop.clone()));
    let door = Door::operations(Arc::clone(&services.pressure));
    let private = serve_http(listeners.operations.accept()?, private, door, stop.clone());
    let (public, private) = (tokio::spawn(public), tokio::spawn(private));
    // A task of its own: it begins with work on the store, which may hang.
    let loops = tokio::spawn(run(services, upstreams, sources, watches, stop.clone()));
    let mut loops = pin!(in_time(async { loops.await? }, &stop));
    let (ended, next) = tokio::select! {
        ended = &mut loops => (ended, None),
        next = replacement(&file, &kept, &surroundings.open_sources) => {
            info!("the settings file has other settings; the daemon starts again with them");
            stop.cancel();
            (loops.await, Some(next))
        }
    };
    stop.cancel();
    // A server that panicked has logged so; there is nothing left to wait for.
    let _ = (public.await, private.await, local.await);
    Addresses::remove(&settings.data);
    store.close();
    if let Err(error) = &ended {
        error!(%error, "the daemon cannot go on");
    }
    ended?;
    info!("stopped");
    Ok(next.map_or(Ended::Stopped, |next| Ended::Replaced(Box::new(next))))
}

/// Waits for other settings with which a daemon can start, as far as that is known beside the one that runs.
async fn replacement(
    file: &SettingsFile,
    kept: &Listeners,
    open_sources: &OpenSources,
) -> Prepared {
    loop {
        let settings = file.next().await;
        match Prepared::new((*settings).clone(), Some(kept), open_sources).await {
            Ok(prepared) => return prepared,
            Err(error) => file.refuse(&settings, described(&error), false),
        }
    }
}

/// Returns the reason of an error with the findings of files.
fn described(error: &CliError) -> String {
    match error {
        CliError::Findings(findings) => summarize(findings),
        error => reason(error),
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
