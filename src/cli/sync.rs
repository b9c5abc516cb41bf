use std::collections::BTreeMap;
use std::sync::Arc;

use super::client::Operator;
use super::error::{CliError, Exit};
use super::print;
use super::progress::Shown;
use super::stopping::Stopping;
use super::target::clock_of;
use crate::api::SyncReport;
use crate::config::{Settings, Upstream, read_upstreams};
use crate::daemon::{Clock, RunOptions, open_source, retry_quarantine, run_sync};
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
        Ok(store) => here(&settings, &upstreams, store, full, dry_run).await?,
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
    full: bool,
    dry_run: bool,
) -> Result<SyncReport, CliError> {
    let (clock, store) = (Arc::new(clock_of(&store)?), Arc::new(store.limited(settings.disk)));
    if !dry_run {
        retry_quarantine(&store, &clock)?;
    }
    let stop = Stopping::listen().stop;
    let mut report = SyncReport { runs: Vec::new(), failures: BTreeMap::new() };
    for upstream in upstreams.iter().filter(|upstream| upstream.enabled) {
        let source = open_source(upstream, &settings.egress)?;
        let options = RunOptions::of(upstream, &settings.views, full, dry_run);
        let shown = Shown::new(&upstream.id);
        let ended = run_sync(&store, &clock, &source, &options, &stop, shown.clone()).await;
        shown.finish();
        match ended {
            Ok(run) => report.runs.push(run),
            Err(failure) => {
                report.failures.insert(upstream.id.clone(), failure.reason());
            }
        }
    }
    Ok(report)
}
