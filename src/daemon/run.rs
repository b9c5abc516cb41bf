use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::advisories::{Feeds, read_feeds};
use super::artefacts::{Looking, look_at_packages, open_verifier};
use super::effects::log_rule_effects;
use super::looks::{Look, Watch};
use super::mirror::{Followers, complete_facts, retry_quarantine};
use super::notify::Notify;
use super::policy::{LOOK_WITHIN, Policy, Watcher, from_disk, report_overlays, watch_expiry};
use super::publish::{self, enforce_denials, publish};
use super::runtime::{
    Clock, Feed, Supervisor, blocking, keep_time, report_pressure, run_on_own_thread,
    start_threads, watch_folder,
};
use super::screening::{self, screen};
use super::settings_file::SettingsFile;
use super::verification::{self, Service, verify};
use super::{DaemonError, Services};
use crate::config::{Upstream, read_advisories, read_evidence};
use crate::model::{Name, reason};
use crate::overlay::NamePattern;
use crate::remote::OwnershipSources;
use crate::store::{PurgedPruning, RowKey, Store, StoreError};

/// Building the screening index takes a fraction of this; if it takes longer, the first generation
/// does not wait for it.
pub(super) const LONGEST_INDEXING: Duration = Duration::from_secs(5);
/// A time far beyond the last use of the store is used after this, if no upstream has said that it is wrong.
const LONGEST_DOUBT: Duration = Duration::from_secs(3);
/// The loops below that have threads of their own.
pub const THREADS_OF_LOOPS: usize = 4;
/// The threads that are started for other work that blocks, and those that it needs, beside one for each upstream.
const THREADS: usize = 12;
const LEAST_THREADS: usize = 4;
const MOST_UPSTREAMS: usize = 256;
/// The interval at which old events are removed.
const PRUNE_EVERY: Duration = Duration::from_hours(24);

/// Runs all services until `stop`, and looks at what `watches` name.
///
/// # Errors
/// When the services cannot be started. A loop that fails later restarts.
pub async fn run(
    services: Arc<Services>,
    upstreams: Vec<Upstream>,
    sources: OwnershipSources,
    watches: Vec<Watch>,
    stop: CancellationToken,
) -> Result<(), DaemonError> {
    start_all_threads(upstreams.len())?;
    let (store, clock) = (&services.store, &services.clock);
    let retrying = (Arc::clone(store), Arc::clone(clock));
    let retried = blocking(move || retry_quarantine(&retrying.0, &retrying.1)).await;
    let released = retried.unwrap_or_else(|error| {
        error!(reason = %reason(&error), "rows in quarantine could not be validated again");
        0
    });
    if released > 0 {
        info!(released, "rows were released from quarantine");
    }
    report_overlays(store, clock, &services.current_policy().overlays);
    if services.settings.ownership.policy.enabled {
        // A store that cannot be written is served as it is; the next start tries again.
        if let Err(error) = store.begin_ownership_checks(&services.settings.views, clock.now()) {
            error!(reason = %reason(&error), "the start of ownership checks could not be stored");
        }
    }
    let looking = Arc::new(looking(&services, &sources)?);
    let verification = Arc::new(verification(&services, sources));
    let feeds = Arc::new(feeds(&services)?);
    let notify = Notify::open(&services.settings, store, clock)?;
    let supervisor = Supervisor::new(store, clock);
    let looks = file_looks((&verification, &looking), &feeds, &notify, &services.settings_file);
    let mut followers = Followers::new(&services.mirror, &supervisor, &stop);
    followers.replace(upstreams).await?;
    let mut loops = Loops { supervisor, stop, tasks: JoinSet::new() };
    loops.tasks.spawn(followers.supervise());
    loops.tasks.spawn(become_ready(Arc::clone(&services), loops.stop.clone()));
    let (publication, inputs) = (Arc::clone(&services.publication), publish_inputs(&services));
    loops.keep("publish", move |stop| publish(Arc::clone(&publication), inputs.clone(), stop));
    let (publication, policy) = (Arc::clone(&services.publication), services.policy.subscribe());
    loops.keep("denials", move |stop| {
        enforce_denials(Arc::clone(&publication), policy.clone(), stop)
    });
    let watcher = watcher(&services);
    loops.keep("policy", move |stop| {
        let watcher = watcher.clone();
        async move {
            watcher.watch(stop).await;
            Ok(())
        }
    });
    let (folder, advisories) =
        (services.settings.advisories.clone(), Arc::clone(&services.advisories));
    loops.keep("own-advisories", move |stop| {
        let advisories = Arc::clone(&advisories);
        watch_folder(folder.clone(), read_advisories, move |read| advisories.take(read), stop)
    });
    let (folder, scans) = (services.settings.evidence.clone(), Arc::clone(&services.scans));
    loops.keep("scans", move |stop| {
        let scans = Arc::clone(&scans);
        watch_folder(folder.clone(), read_evidence, move |read| scans.take(read), stop)
    });
    // On a thread of its own: a reading of a large feed takes a while.
    loops.keep("advisories", move |stop| run_on_own_thread(read_feeds(Arc::clone(&feeds), stop)));
    let (expiring, days) = (Arc::clone(&services), services.settings.expiry_alerts.clone());
    loops.keep("expiry", move |stop| {
        let (store, clock) = (Arc::clone(&expiring.store), Arc::clone(&expiring.clock));
        let publication = Arc::clone(&expiring.publication);
        let is_served = move |name: &NamePattern| match name {
            NamePattern::Exact(name) => {
                publication.published().is_some_and(|published| published.has(name))
            }
            // Any of the names that it selects may be.
            _ => true,
        };
        watch_expiry(store, clock, expiring.policy.subscribe(), days.clone(), is_served, stop)
    });
    // On threads of their own: choosing the next work takes a while with many names.
    loops.keep("verification", move |stop| {
        run_on_own_thread(verify(Arc::clone(&verification), stop))
    });
    loops.keep("packages", move |stop| {
        run_on_own_thread(look_at_packages(Arc::clone(&looking), stop))
    });
    let inputs = Arc::new(screening_inputs(&services));
    loops.keep("screening", move |stop| run_on_own_thread(screen(Arc::clone(&inputs), stop)));
    loops.keep("notify", move |stop| {
        let notify = notify.clone();
        async move {
            notify.run(stop).await;
            Ok(())
        }
    });
    let files = looks.into_iter().map(|(user, look)| Watch::files(user, look));
    loops.keep_reports(files.chain(watches), &services);
    let owing = Arc::clone(&services);
    loops.keep("facts", move |stop| {
        let (store, clock) = (Arc::clone(&owing.store), Arc::clone(&owing.clock));
        complete_facts(store, clock, owing.mirror.settling(), stop)
    });
    loops.keep_store(&services);
    while let Some(ended) = loops.tasks.join_next().await {
        ended?;
    }
    Ok(())
}

/// Starts the threads that may block, of which each sync run has one.
fn start_all_threads(upstreams: usize) -> Result<(), DaemonError> {
    let with = |others| THREADS_OF_LOOPS + upstreams.min(MOST_UPSTREAMS) + others;
    let (found, needed) = (start_threads(with(THREADS)), with(LEAST_THREADS));
    if found < needed { Err(DaemonError::TooFewThreads { found, needed }) } else { Ok(()) }
}

/// Returns the users of files that the settings name, each with what reads its files again.
fn file_looks(
    (verification, looking): (&Arc<Service>, &Arc<Looking>),
    feeds: &Arc<Feeds>,
    notify: &Notify,
    settings: &Arc<SettingsFile>,
) -> [(&'static str, Look); 5] {
    let settings = Arc::clone(settings);
    let (verification, looking) = (Arc::clone(verification), Arc::clone(looking));
    let (feeds, notify) = (Arc::clone(feeds), notify.clone());
    [
        ("ownership", Arc::new(move || verification.sources.look_at_files())),
        ("provenance", Arc::new(move || looking.verifier.look().err().into_iter().collect())),
        ("feeds", Arc::new(move || feeds.look_at_files())),
        ("webhooks", Arc::new(move || notify.look_at_files())),
        ("settings", Arc::new(move || settings.look())),
    ]
}

/// Removes events and tombstones that are too old, and what was purged of names that are gone, at the start and once a day, until `stop`.
///
/// # Errors
/// When the store cannot be read or written.
async fn prune(
    store: Arc<Store>,
    clock: Arc<Clock>,
    policy: Arc<Policy>,
    touched: Feed,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    loop {
        let (pruned, now) = (Arc::clone(&store), clock.now());
        blocking(move || pruned.prune_history(now)).await?;
        let mut rest = Some(RowKey::default());
        while let Some(from) = rest.take().filter(|_| !stop.is_cancelled()) {
            let pruned = Arc::clone(&store);
            let (names, next) = blocking(move || pruned.prune_tombstones(&from, now)).await?;
            rest = next;
            touched.touch(names);
        }
        let mut rest = Some(PurgedPruning::default());
        while let Some(begun) = rest.take().filter(|_| !stop.is_cancelled()) {
            let (pruned, policy) = (Arc::clone(&store), policy.current());
            let has_rule = move |name: &Name| !policy.set.rules_for(name).is_silent();
            rest = blocking(move || pruned.prune_purged(begun, has_rule, now)).await?;
        }
        tokio::select! {
            () = tokio::time::sleep(PRUNE_EVERY) => {}
            () = stop.cancelled() => return Ok(()),
        }
    }
}

/// Waits until enough is known of the upstreams, and for at most [`LONGEST_INDEXING`] until names can
/// be compared: clients would read a list without the names that wait for it as complete.
async fn become_ready(services: Arc<Services>, stop: CancellationToken) {
    let ready = async {
        services.mirror.wait_until_known().await;
        services.know_the_time(LONGEST_DOUBT).await;
        let mut screening = services.screening.subscribe();
        let indexed = screening.wait_for(|screening| screening.protection.is_some());
        // The sender is a field of the services, so it is not dropped meanwhile.
        let _ = tokio::time::timeout(LONGEST_INDEXING, indexed).await;
        services.ready.send_replace(true);
        services.confirm_the_time().await;
    };
    tokio::select! {
        () = ready => {}
        () = stop.cancelled() => {}
    }
}

pub(super) fn publish_inputs(services: &Services) -> publish::Inputs {
    publish::Inputs {
        policy: services.policy.subscribe(),
        screening: services.screening.subscribe(),
        ready: services.ready.subscribe(),
        settling: services.mirror.settling(),
    }
}

fn watcher(services: &Services) -> Watcher {
    Watcher {
        settings: Arc::clone(&services.settings),
        store: Arc::clone(&services.store),
        clock: Arc::clone(&services.clock),
        policy: Arc::clone(&services.policy),
        read: from_disk(),
        look_within: LOOK_WITHIN,
    }
}

fn looking(services: &Services, sources: &OwnershipSources) -> Result<Looking, DaemonError> {
    let ownership = &services.settings.ownership;
    Ok(Looking {
        store: Arc::clone(&services.store),
        clock: Arc::clone(&services.clock),
        policy: services.policy.subscribe(),
        settings: ownership.artefacts,
        is_enabled: ownership.artefacts.bundles || ownership.packages.urls().next().is_some(),
        packages: sources.packages(),
        verifier: Arc::new(open_verifier(&ownership.provenance)?),
        evaluated: services.publication.evaluated().clone(),
        touched: services.publication.touched().clone(),
    })
}

fn feeds(services: &Services) -> Result<Feeds, DaemonError> {
    let touched = services.publication.touched().clone();
    Feeds::new(
        Arc::clone(&services.settings),
        Arc::clone(&services.store),
        Arc::clone(&services.clock),
        Box::new(move |names| touched.touch(names)),
    )
}

fn verification(services: &Arc<Services>, sources: OwnershipSources) -> Service {
    let (served, screening) = (Arc::clone(&services.publication), services.screening.clone());
    let touched = services.publication.touched().clone();
    Service {
        settings: Arc::clone(&services.settings),
        store: Arc::clone(&services.store),
        clock: Arc::clone(&services.clock),
        policy: services.policy.subscribe(),
        sources,
        ports: verification::Ports {
            is_served: Box::new(move |name| {
                served.published().is_some_and(|published| published.has(name))
            }),
            touched: Box::new(move |names| {
                screening.touch(names.iter().cloned());
                touched.touch(names);
            }),
        },
        handle: services.verification.clone(),
    }
}

pub(super) fn screening_inputs(services: &Services) -> screening::Inputs {
    let verification = services.verification.clone();
    screening::Inputs {
        store: Arc::clone(&services.store),
        clock: Arc::clone(&services.clock),
        policy: services.policy.subscribe(),
        settling: services.mirror.settling(),
        generation: services.publication.generations(),
        resembling: Box::new(move |names| verification.resembling(names)),
        handle: services.screening.clone(),
    }
}

/// The loops of a daemon; each restarts by itself.
struct Loops {
    supervisor: Supervisor,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Loops {
    /// Keeps the loops that report what persons should look at.
    fn keep_reports(&mut self, watches: impl Iterator<Item = Watch>, services: &Arc<Services>) {
        for watch in watches {
            let (store, clock) = (Arc::clone(&services.store), Arc::clone(&services.clock));
            self.keep(&watch.name(), move |stop| {
                watch.clone().run((Arc::clone(&store), Arc::clone(&clock)), stop)
            });
        }
        let pressed = Arc::clone(services);
        self.keep("connections", move |stop| {
            let (store, clock) = (Arc::clone(&pressed.store), Arc::clone(&pressed.clock));
            report_pressure(store, clock, Arc::clone(&pressed.pressure), stop)
        });
        let rules = Arc::clone(services);
        self.keep("rules", move |stop| log_rule_effects(Arc::clone(&rules), stop));
    }

    /// Keeps the loops that look after the store itself.
    fn keep_store(&mut self, services: &Services) {
        let (store, clock) = (Arc::clone(&services.store), Arc::clone(&services.clock));
        let (publication, policy) =
            (Arc::clone(&services.publication), Arc::clone(&services.policy));
        let timed = (Arc::clone(&store), Arc::clone(&clock), Arc::clone(&policy));
        self.keep("history", move |stop| {
            let touched = publication.touched().clone();
            prune(Arc::clone(&store), Arc::clone(&clock), Arc::clone(&policy), touched, stop)
        });
        let (store, clock, policy) = timed;
        self.keep("clock", move |stop| {
            let policy = Arc::clone(&policy);
            let unconfirmed = move |unconfirmed| policy.confirm_all_but(unconfirmed);
            keep_time(Arc::clone(&store), Arc::clone(&clock), unconfirmed, stop)
        });
    }

    fn keep<W>(
        &mut self,
        name: &str,
        mut start: impl FnMut(CancellationToken) -> W + Send + 'static,
    ) where
        W: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        let stop = self.stop.clone();
        let start = move || start(stop.clone());
        let supervisor = self.supervisor.clone();
        self.tasks.spawn(supervisor.keep_running(name.to_owned(), self.stop.clone(), start));
    }
}
