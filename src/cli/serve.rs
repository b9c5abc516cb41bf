use std::sync::Arc;
use std::time::Duration;

use indicatif::MultiProgress;
use tracing::{error, info};

use super::error::{CliError, Exit};
use super::prepared::{Listeners, OpenSources, Prepared};
use super::replacement::described;
use super::running::{Ended, run_started};
use super::starting::start;
use super::stopping::{BEFORE_START, Stopping};
use super::surroundings::{Earlier, Surroundings};
use crate::config::Settings;
use crate::daemon::{Shift, open_sources};
use crate::model::Escaped;

const BETWEEN_PREPARATIONS: Duration = Duration::from_secs(3);

/// Runs the daemon until it is interrupted.
pub(super) async fn serve(
    settings: Settings,
    bars: Option<&MultiProgress>,
    stopping: Stopping,
) -> Result<Exit, CliError> {
    if settings.reading.digest.is_none() {
        let file = settings.file.to_string_lossy();
        info!(file = %Escaped(&file), "there is no settings file; flags, variables and defaults are used");
    }
    let open_sources: OpenSources = Arc::new(|settings| Ok(open_sources(settings)?));
    let surroundings = Surroundings { open_sources, shift: Shift::NONE, is_demo: false, stopping };
    let opening = Prepared::new(settings, None, &surroundings.open_sources);
    let Some(prepared) = surroundings.stopping.unless_stopped(opening, BEFORE_START).await else {
        return Ok(Exit::Done);
    };
    Box::pin(run_daemons(prepared?, &surroundings, bars)).await
}

/// Runs a daemon, and another one each time that the settings file has other settings, until a stop. A daemon that does
/// not start leaves its place to one with the earlier settings, which is tried until it starts: it did before.
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
        let phase = if is_first { BEFORE_START } else { BEFORE_NEXT };
        is_first = false;
        let Some(started) = stopping.unless_stopped(starting, phase).await else {
            return Ok(Exit::Done);
        };
        let ended = match started {
            Ok(started) => {
                if let Some((settings, reason)) = refused.take() {
                    started.services.settings_file.refuse(&settings, reason, true);
                    // It starts; what ends it later is no fault of settings.
                    earlier.take();
                }
                let running = Box::pin(run_started(started, &earlier, surroundings, bars));
                stopping.unless_insisted(running).await.unwrap_or(Ok(Ended::Stopped))
            }
            Err(error) => Err(error),
        };
        let before = earlier.take();
        prepared = match (ended, before) {
            (Ok(Ended::Stopped), _) => return Ok(Exit::Done),
            (Ok(Ended::Replaced(next)), _) => {
                earlier.keep(settings, listeners);
                *next
            }
            (Err(error), None) => return Err(error),
            (Err(error), Some((before, listeners))) => {
                let reason = described(&error);
                let again = prepare_again(
                    before.clone(),
                    (&listeners, &surroundings.open_sources),
                    (reason.clone(), refused.is_some()),
                );
                refused = refused.or(Some((settings, reason)));
                let Some(prepared) = stopping.unless_stopped(again, BEFORE_NEXT).await else {
                    return Ok(Exit::Done);
                };
                earlier.keep(before, listeners);
                prepared
            }
        };
    }
}

/// The phase that a stop ends while other settings replace those in use.
const BEFORE_NEXT: &str = "stopped before it had started again with other settings";

/// Prepares a daemon with settings that were in use, as often as it takes: other files may have changed with them. The
/// reason says why a daemon did not start, and with it comes true if that one had these settings already.
async fn prepare_again(
    settings: Settings,
    (sockets, open_sources): (&Listeners, &OpenSources),
    (mut reason, mut had_these): (String, bool),
) -> Prepared {
    loop {
        if had_these {
            error!(reason = %Escaped(&reason), "the earlier settings cannot be used either; they are tried again");
            tokio::time::sleep(BETWEEN_PREPARATIONS).await;
        } else {
            error!(reason = %Escaped(&reason), "the daemon does not start with these settings; the earlier ones are used again");
        }
        match Prepared::new(settings.clone(), Some(sockets), open_sources).await {
            Ok(prepared) => return prepared,
            Err(error) => (reason, had_these) = (described(&error), true),
        }
    }
}
