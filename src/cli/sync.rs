use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::client::Operator;
use super::error::{CliError, Exit};
use super::print::{as_json, counted, err, out};
use super::progress::Shown;
use super::stopping::{Stopping, step};
use super::target::clock_of;
use crate::api::SyncReport;
use crate::config::{Origin, Settings, Upstream, read_upstreams};
use crate::daemon::{
    Clock, RunOptions, ask_how_late_it_is, open_source, retry_quarantine, run_sync,
};
use crate::model::Escaped;
use crate::store::{Store, StoreError};
use crate::sync::{NotApplied, RunReport, SyncKind};

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
    print(&report, json);
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

fn print(report: &SyncReport, json: bool) {
    if json {
        return as_json(report);
    }
    report.runs.iter().for_each(|run| lines(run).iter().for_each(|line| out(line)));
    for (upstream, reason) in &report.failures {
        err(&format!("{upstream}: the sync run failed: {}", Escaped(reason)));
    }
}

/// Returns what a run read and applied, and of what it did not apply, why, and how to see it.
fn lines(run: &RunReport) -> Vec<String> {
    let RunReport { upstream, tally, not_applied, .. } = run;
    let NotApplied { waiting, set, discarded, out_of_room } = not_applied;
    let kind = match run.kind {
        SyncKind::Full => "full sync".to_owned(),
        SyncKind::Incremental { since } => format!("incremental sync since {since}"),
    };
    let dry = if run.dry_run { ", dry run: nothing was written, no limit was applied" } else { "" };
    let (rows, pages) = (counted(run.rows, "row", "rows"), counted(run.pages, "page", "pages"));
    let mut lines = vec![format!("{upstream}: {kind}, {rows} in {pages}{dry}")];
    let mut count = |what: &str, count: u64, more: &str| {
        lines.push(format!("  {what:<11} {count}{more}"));
    };
    count("added", tally.added, "");
    count("updated", tally.updated, "");
    count("deleted", tally.deleted, "");
    count("unchanged", tally.unchanged, "");
    count("quarantined", tally.quarantined, "");
    if let Some(id) = set {
        count("on hold", *waiting, &format!("  `vidimus sync --show {upstream}@{id}` lists them"));
    }
    if *discarded > 0 {
        count("discarded", *discarded, &format!("  `vidimus sync --show {upstream}` lists them"));
    }
    if let Some(limit) = out_of_room {
        let (found, allowed) = (limit.found(), limit.allowed());
        count("left out", limit.rows, &format!("  {found}; allowed: {allowed}"));
    }
    let reasons = run.on_hold.iter().map(|why| format!("{upstream}: on hold: {}", Escaped(why)));
    lines.extend(reasons);
    lines
}
