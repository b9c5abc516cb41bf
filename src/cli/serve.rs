use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::MultiProgress;
use tokio::time::timeout;
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
use crate::daemon::{
    DaemonError, Services, SettingsFile, Shift, Watch, open_sources, run, try_blocking,
};
use crate::lint::summarize;
use crate::model::{Escaped, reason};
use crate::store::StoreError;

/// The time for which connections wait for the first generation of a daemon that replaces another.
const LONGEST_SILENCE: Duration = Duration::from_secs(10);
/// The time that files and the store have to answer before other settings replace those in use.
const LONGEST_PREPARATION: Duration = Duration::from_secs(10);
const BETWEEN_PREPARATIONS: Duration = Duration::from_secs(3);
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

/// The settings and the sockets of the daemon before, until the one that replaced it serves.
type Earlier = Arc<Mutex<Option<(Settings, Listeners)>>>;

fn locked(earlier: &Earlier) -> MutexGuard<'_, Option<(Settings, Listeners)>> {
    earlier.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a daemon, and another one each time that the settings file has other settings, until a stop. A daemon that does
/// not start leaves its place to one with the earlier settings.
pub(super) async fn run_daemons(
    prepared: Prepared,
    surroundings: &Surroundings,
    bars: Option<&MultiProgress>,
) -> Result<Exit, CliError> {
    let mut prepared = prepared;
    let (mut is_first, earlier, mut refused) = (true, Earlier::default(), None);
    loop {
        let settings = prepared.settings.clone();
        let listeners = prepared.listeners.again()?;
        let stopping = &surroundings.stopping;
        let starting = Box::pin(start(prepared, surroundings.shift, is_first));
        is_first = false;
        let Some(started) = stopping.unless_stopped(starting).await else { return Ok(Exit::Done) };
        let ended = match started {
            Ok(started) => {
                if let Some((settings, reason)) = refused.take() {
                    started.services.settings_file.refuse(&settings, reason, true);
                }
                let running = Box::pin(run_started(started, &earlier, surroundings, bars));
                stopping.unless_insisted(running).await.unwrap_or(Ok(Ended::Stopped))
            }
            Err(error) => Err(error),
        };
        let before = locked(&earlier).take();
        prepared = match (ended, before) {
            (Ok(Ended::Stopped), _) => return Ok(Exit::Done),
            (Ok(Ended::Replaced(next)), _) => {
                *locked(&earlier) = Some((settings, listeners));
                *next
            }
            (Err(error), None) => return Err(error),
            (Err(error), Some((before, listeners))) => {
                let reason = described(&error);
                error!(reason = %Escaped(&reason), "the daemon does not start with these settings; the earlier ones are used again");
                refused = Some((settings, reason));
                let again = prepare_again(before, &listeners, &surroundings.open_sources);
                let Some(prepared) = stopping.unless_stopped(again).await else {
                    return Ok(Exit::Done);
                };
                prepared
            }
        };
    }
}

/// Serves and follows until the stop, or until other settings are ready to replace these.
async fn run_started(
    started: Started,
    earlier: &Earlier,
    surroundings: &Surroundings,
    bars: Option<&MultiProgress>,
) -> Result<Ended, CliError> {
    let Started { services, token, upstreams, sources, tls, listeners, is_first } = started;
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
    tokio::spawn(forget(Arc::clone(earlier), Arc::clone(&services), stop.clone()));
    let (store, clock) = (Arc::clone(&services.store), Arc::clone(&services.clock));
    let replaced = Replaced {
        file: Arc::clone(&services.settings_file),
        sockets: listeners.again()?,
        open_sources: Arc::clone(&surroundings.open_sources),
        is_store_usable: Arc::new(move || store.record_use(clock.settle().as_ref(), clock.now())),
    };
    let store = Arc::clone(&services.store);
    let pressure = Arc::clone(&services.pressure);
    let door = Door { public, answers_at_once: true, tls, pressure };
    let public = registry(Arc::clone(&services));
    let public = serve_http(listeners.registry.accept()?, public, door, stop.clone());
    // Clients of a daemon that this one replaces wait, and are not told that nothing is known yet.
    let waiting = Arc::clone(&services);
    let public = async move {
        if !is_first {
            let _ = timeout(LONGEST_SILENCE, waiting.wait_until_published()).await;
        }
        drop(waiting);
        public.await;
    };
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
        next = replaced.next() => {
            info!("the settings file has other settings; the daemon starts again with them");
            stop.cancel();
            (loops.await, Some(next))
        }
    };
    stop.cancel();
    // A server that panicked has logged so; there is nothing left to wait for.
    let _ = (public.await, private.await, local.await);
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

/// Prepares a daemon with settings that were in use, as often as it takes: other files may have changed with them.
async fn prepare_again(
    settings: Settings,
    sockets: &Listeners,
    open_sources: &OpenSources,
) -> Prepared {
    loop {
        match Prepared::new(settings.clone(), Some(sockets), open_sources).await {
            Ok(prepared) => return prepared,
            Err(error) => {
                let reason = described(&error);
                error!(reason = %Escaped(&reason), "the earlier settings cannot be used either; they are tried again");
            }
        }
        tokio::time::sleep(BETWEEN_PREPARATIONS).await;
    }
}

/// Forgets the settings and closes the sockets of the daemon before when this one serves, or ends.
async fn forget(earlier: Earlier, services: Arc<Services>, stop: CancellationToken) {
    tokio::select! {
        () = services.wait_until_published() => {
            locked(&earlier).take();
        }
        () = stop.cancelled() => {}
    }
}

/// The parts of a running daemon that other settings are compared with.
struct Replaced {
    file: Arc<SettingsFile>,
    sockets: Listeners,
    open_sources: OpenSources,
    is_store_usable: Arc<dyn Fn() -> Result<(), StoreError> + Send + Sync>,
}

impl Replaced {
    /// Waits for other settings with which a daemon can start, as far as that is known beside the one that runs.
    async fn next(self) -> Prepared {
        loop {
            let settings = self.file.next().await;
            let prepared = timeout(LONGEST_PREPARATION, self.prepare((*settings).clone())).await;
            match prepared {
                Ok(Ok(prepared)) => return prepared,
                Ok(Err(reason)) => self.file.refuse(&settings, reason, false),
                Err(_) => {
                    let late = "a file that it names, or the store, gives no answer; it is tried again when it changes";
                    self.file.refuse(&settings, late.to_owned(), true);
                }
            }
        }
    }

    async fn prepare(&self, settings: Settings) -> Result<Prepared, String> {
        let prepared = Prepared::new(settings, Some(&self.sockets), &self.open_sources).await;
        let prepared = prepared.map_err(|error| described(&error))?;
        // Now it is served from memory; another daemon could not start without the store.
        let is_usable = Arc::clone(&self.is_store_usable);
        step(move || Ok(is_usable()?)).await.map_err(|error| described(&error))?;
        Ok(prepared)
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
