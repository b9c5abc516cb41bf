use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::client::Operator;
use super::error::{CliError, Exit};
use super::print;
use super::progress::Shown;
use super::stopping::{Stopping, step};
use super::target::clock_of;
use crate::api::SyncReport;
use crate::config::{Origin, Settings, Upstream, read_upstreams};
use crate::daemon::{
    Clock, RunOptions, ask_how_late_it_is, open_source, retry_quarantine, run_sync,
};
use crate::store::{Store, StoreError};

/// Synchronises every enabled upstream once, or has the daemon do it, and prints what changed.
pub(super) async fn sync(
    settings: Settings,
    full: bool,
    dry_run: bool,
    json: bool,
) -> Result<Exit, CliError> {
    // Read before a store is made, so that what is refused leaves nothing behind.
    let upstreams = read_upstreams(&settings.upstreams).map_err(CliError::Findings)?;
    let opened = if dry_run && !Store::exists(&settings.data) {
        Store::ephemeral(Clock::system())
    } else {
        Store::create(&settings.data, Clock::system())
    };
    let report = match opened {
        Ok(store) => {
            let stopping = Stopping::listen(false);
            let running = here(&settings, &upstreams, store, (full, dry_run), &stopping.stop);
            stopping.unless_insisted(running).await.ok_or_else(|| {
                CliError::Declined("stopped at once; what was stored before is kept".to_owned())
            })??
        }
        Err(StoreError::Locked { .. }) => {
            let flag = |set| if set { "true" } else { "false" };
            let query = [("full", flag(full)), ("dry_run", flag(dry_run))];
            Operator::of(&settings).post(&["ops", "sync"], &query).await?
        }
        Err(error) => return Err(error.into()),
    };
    print::sync(&report, json);
    Ok(if report.failures.is_empty() { Exit::Done } else { Exit::Failed })
}

async fn here(
    settings: &Settings,
    upstreams: &[Upstream],
    store: Store,
    (full, dry_run): (bool, bool),
    stop: &CancellationToken,
) -> Result<SyncReport, CliError> {
    let (clock, store) = (clock_of(&store)?, Arc::new(store.limited(settings.disk)));
    let enabled: Vec<&Upstream> = upstreams.iter().filter(|upstream| upstream.enabled).collect();
    let mut sources = Vec::new();
    for upstream in &enabled {
        let (read, egress) = ((*upstream).clone(), settings.egress.clone());
        let source = step(move || Ok(open_source(&read, &egress)?)).await?;
        sources.push((upstream.id.clone(), source));
    }
    let states_time = |upstream: &&Upstream| matches!(upstream.origin, Origin::Registry(_));
    let is_awaiting = enabled.iter().any(states_time);
    let clock = Arc::new(if is_awaiting { clock.awaiting_a_date() } else { clock });
    ask_how_late_it_is(&sources, &clock).await;
    if !dry_run {
        retry_quarantine(&store, &clock)?;
    }
    let mut report = SyncReport { runs: Vec::new(), failures: BTreeMap::new() };
    for (upstream, (_, source)) in enabled.into_iter().zip(&sources) {
        let options = RunOptions::of(upstream, &settings.views, full, dry_run);
        let shown = Shown::new(&upstream.id);
        let ended = run_sync(&store, &clock, source, &options, stop, shown.clone()).await;
        shown.finish();
        match ended {
            Ok(run) => report.runs.push(run),
            Err(failure) => {
                report.failures.insert(upstream.id.clone(), failure.reason());
            }
        }
    }
    if let Some(agreed) = clock.settle().filter(|_| !dry_run) {
        store.record_clock(&agreed, clock.now())?;
    }
    Ok(report)
}
