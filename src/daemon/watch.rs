use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify_debouncer_full::notify::{RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{Debouncer, RecommendedCache, new_debouncer};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::alerts::{OVERLAYS, observe, of_overlays};
use super::overlays::load_overlays;
use super::runtime::blocking;
use super::{InForce, Shared};
use crate::config::read_overlays;
use crate::model::reason;

/// An editor writes a file in several steps, and what stands there between them may be a policy of
/// its own: a set is only enforced when it was read the same twice, this far apart.
const SETTLE: Duration = Duration::from_millis(150);
const SETTLED_WITHIN: u32 = 20;
/// Network file systems and mounted secrets tell nobody of their changes.
const LOOK_ANYWAY: Duration = Duration::from_secs(10);

/// Enforces changed overlays as soon as they are written.
pub(super) async fn watch_overlays(shared: Arc<Shared>, stop: CancellationToken) {
    let folder = shared.settings.overlays.clone();
    let changed = Arc::new(Notify::new());
    let mut watcher = None;
    loop {
        // The folder may have been moved away and come back as another one.
        if watcher.as_ref().is_none_or(|_: &Watcher| !folder.is_dir()) {
            watcher = watcher_of(&folder, &changed);
        }
        tokio::select! {
            () = changed.notified() => {}
            () = tokio::time::sleep(LOOK_ANYWAY) => {}
            () = stop.cancelled() => return,
        }
        settled(&folder).await;
        let task = Arc::clone(&shared);
        blocking(move || look(&task)).await;
    }
}

/// Waits until two readings of the folder are the same, or have never been for some seconds: a file
/// that is written to all the time must not keep a denial from being read.
async fn settled(folder: &Path) {
    let mut before = read_overlays(folder);
    for _ in 0..SETTLED_WITHIN {
        tokio::time::sleep(SETTLE).await;
        let now = read_overlays(folder);
        if now == before {
            return;
        }
        before = now;
    }
}

type Watcher = Debouncer<RecommendedWatcher, RecommendedCache>;

fn watcher_of(folder: &Path, changed: &Arc<Notify>) -> Option<Watcher> {
    let notify = Arc::clone(changed);
    let watcher = new_debouncer(SETTLE, None, move |_| notify.notify_one());
    let watch = |mut watcher: Watcher| {
        // The folder itself, not its files: an atomic replacement makes a watch on a file deaf.
        watcher.watch(PathBuf::from(folder), RecursiveMode::Recursive)?;
        Ok(watcher)
    };
    match watcher.and_then(watch) {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            let seconds = LOOK_ANYWAY.as_secs();
            warn!(folder = %folder.display(), %error, seconds, "the folder is not watched but looked at every few seconds");
            None
        }
    }
}

/// Reads the folder again when it could say something else, and enforces what it says. A store
/// that cannot keep the new set leaves the old one in force until the next look.
fn look(shared: &Shared) {
    let (ids, now) = (shared.upstream_ids(), shared.clock.now());
    let before = shared.in_force();
    if !before.is_outdated(&shared.settings, &ids) {
        return;
    }
    let next = match load_overlays(&shared.settings, Some(&ids), Some(&shared.store), now, true) {
        Ok(Ok(next)) => next,
        Ok(Err(findings)) => InForce::nothing(findings),
        Err(error) => {
            let reason = reason(&error);
            warn!(%reason, "changed overlays cannot be kept; those before stay in force");
            return;
        }
    };
    if next.differs_from(&before) {
        tell(shared, &next);
        shared.enforce(next);
    }
}

/// Says what became of the folder, once for each change.
pub(super) fn tell(shared: &Shared, in_force: &InForce) {
    for finding in &in_force.findings {
        warn!(%finding, "overlay");
    }
    observe(&shared.store, &shared.clock, OVERLAYS, of_overlays(in_force));
    let statements = in_force.set.statements().len();
    if !in_force.refused {
        info!(statements, "overlays are in force");
    }
}
