use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{error, warn};

use super::error::CliError;
use super::prepared::{Listeners, Prepared};
use super::stopping::step;
use super::target::{clock_of, first_overlays, ids};
use crate::api::{TOKEN_FILE, Tls, TokenFile};
use crate::config::{Folder, Settings, Upstream, read_overlays};
use crate::daemon::{Services, Shift, load_folder};
use crate::model::reason;
use crate::remote::OwnershipSources;
use crate::store::{Store, StoreError, remove_left_copies};
use crate::telemetry::dropped_lines;

/// The time between two readings of the overlay folder that must be equal at a start, and their number at most.
const BETWEEN_READINGS: Duration = Duration::from_millis(150);
const MOST_READINGS: usize = 10;
/// The time that what is left of an earlier daemon, or a command that found none meanwhile, may have the store silently.
const SILENT_WAIT: Duration = Duration::from_secs(5);
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);

/// A daemon that has read everything that it needs, and runs nothing yet.
pub(super) struct Started {
    pub services: Arc<Services>,
    pub token: Arc<TokenFile>,
    pub upstreams: Vec<Upstream>,
    pub sources: OwnershipSources,
    pub tls: Option<Tls>,
    pub listeners: Listeners,
    /// True for the first one of the process.
    pub is_first: bool,
}

/// Opens the store and reads the overlays, on threads that may block. The `first` daemon of a process does not wait for a
/// store that another process has.
pub(super) async fn start(
    prepared: Prepared,
    shift: Shift,
    is_first: bool,
) -> Result<Started, CliError> {
    let Prepared { settings, upstreams, sources, tls, listeners } = prepared;
    let (settings, upstreams) = step(move || {
        if !Store::exists(&settings.data) {
            // Refused files must leave nothing behind, so they are refused before a store is made.
            first_overlays(&settings, &upstreams, shift.now())?;
        }
        Ok((settings, upstreams))
    })
    .await?;
    let store = open_store(&settings, shift, is_first).await?.limited(settings.disk);
    if is_first {
        remove_left_copies(&settings.data);
    }
    let clock = clock_of(&store)?.shifted(shift);
    let hears = upstreams.iter().any(Upstream::states_time);
    let clock = if hears { clock.awaiting_a_date() } else { clock };
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
        Ok(Started { services, token, upstreams, sources, tls, listeners, is_first })
    })
    .await
}

/// Opens the store. One that is not the first of the process waits while a command, or what is left of an earlier daemon,
/// has it: that is no fault of the settings.
async fn open_store(settings: &Settings, shift: Shift, is_first: bool) -> Result<Store, CliError> {
    let (begun, mut is_logged) = (Instant::now(), false);
    loop {
        let data = settings.data.clone();
        match step(move || Ok(Store::create(&data, shift.now())?)).await {
            Err(CliError::Store(StoreError::Locked { .. })) if !is_first => {
                if begun.elapsed() > SILENT_WAIT && !is_logged {
                    warn!("the store is still in use; the daemon starts when it is free");
                    is_logged = true;
                }
                tokio::time::sleep(BETWEEN_ATTEMPTS).await;
            }
            opened => return opened,
        }
    }
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
