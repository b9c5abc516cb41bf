//! Takes steps of the mirror one by one, over a source of pages in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use tokio::runtime::Runtime as Tokio;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::handle::{Mirror, Runtime};
use super::options::{Observer, RunOptions, SyncFailure};
use super::readiness::Reported;
use super::run::run_sync;
use crate::config::Upstream;
use crate::model::Name;
use crate::sync::{PageSource, RunReport, SyncRun};

/// Replaces the definitions of upstreams, as `followers` does.
pub(in crate::daemon) fn define(mirror: &Mirror, upstreams: Vec<Upstream>) {
    let runtimes = upstreams.into_iter().map(|definition| {
        let (requests, _) = mpsc::channel(1);
        let id = definition.id.clone();
        (id, Runtime { definition, activity: None, next_attempt: None, requests })
    });
    *mirror.upstreams() = runtimes.collect::<BTreeMap<_, _>>();
    mirror.report_definitions();
    mirror.refresh_settling();
}

/// Returns true if enough is known for a first generation.
pub(in crate::daemon) fn is_known(mirror: &Mirror) -> bool {
    let waiting = pin!(mirror.wait_until_known());
    waiting.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// Performs one run of an upstream and reports it, as `follow` does.
pub(in crate::daemon) fn sync<S: PageSource>(
    tokio: &Tokio,
    mirror: &Arc<Mirror>,
    upstream: &str,
    source: &Arc<S>,
    full: bool,
) -> Result<RunReport, SyncFailure> {
    let definition = mirror.definition(upstream).expect("a defined upstream");
    let options = RunOptions::of(&definition, &mirror.settings.views, full, false);
    let observer = Following { mirror: Arc::clone(mirror), upstream: upstream.to_owned() };
    let stop = CancellationToken::new();
    let run = run_sync(&mirror.store, &mirror.clock, source, &options, &stop, observer);
    let outcome = tokio.block_on(run);
    mirror.refresh_settling();
    // The next report tries again.
    let _ = mirror.report_upstream(&definition);
    if outcome.is_ok() {
        mirror.receive(upstream, Reported::FullSync);
    }
    outcome
}

struct Following {
    mirror: Arc<Mirror>,
    upstream: String,
}

impl Observer for Following {
    fn touched(&self, names: BTreeSet<Name>) {
        self.mirror.receive(&self.upstream, Reported::Answer);
        self.mirror.ports.touched(names);
    }

    fn progress(&self, _: &SyncRun) {}
}
