use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify_debouncer_full::notify::{RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use tokio::sync::watch;
use tracing::warn;

use crate::config::{Folder, KnownFiles, read_changed_overlays};
use crate::model::Escaped;

/// The function that reads the folder; a test has one that hangs.
pub(in crate::daemon) type ReadFolder = Arc<dyn Fn(&Path, &mut KnownFiles) -> Folder + Send + Sync>;

/// Returns the function that reads the folder from the file system.
pub(in crate::daemon) fn from_disk() -> ReadFolder {
    Arc::new(read_changed_overlays)
}

type Notifier = Debouncer<RecommendedWatcher, RecommendedCache>;

/// The overlay folder with its notifier, and the files as they were read last. Every call may block
/// while the file system does.
pub(super) struct WatchedFolder {
    path: PathBuf,
    read: ReadFolder,
    pub(super) known: KnownFiles,
    changed: watch::Sender<()>,
    notifier: Option<Notifier>,
    is_tried: bool,
}

impl WatchedFolder {
    pub(super) fn new(path: PathBuf, read: ReadFolder, changed: watch::Sender<()>) -> Self {
        Self { path, read, known: KnownFiles::new(), changed, notifier: None, is_tried: false }
    }

    /// Reads the files whose stamps changed, and watches the folder if it can be watched.
    pub(super) fn look(&mut self, settle: Duration) -> Folder {
        // The folder may have been replaced by another one.
        if !self.path.is_dir() {
            self.notifier = None;
            self.is_tried = false;
        } else if !self.is_tried {
            self.notifier = notifier_of(&self.path, &self.changed, settle);
            self.is_tried = true;
        }
        (self.read)(&self.path, &mut self.known)
    }
}

fn notifier_of(folder: &Path, changed: &watch::Sender<()>, settle: Duration) -> Option<Notifier> {
    let notify = changed.clone();
    let handle = move |events: DebounceEventResult| {
        // Reading the folder is an event too.
        if events.map_or(true, |events| events.iter().any(|event| !event.kind.is_access())) {
            notify.send_replace(());
        }
    };
    let watcher = new_debouncer(settle, None, handle);
    let watch = |mut watcher: Notifier| {
        // The folder, not its files: after an atomic replacement a watch on a file reports nothing.
        watcher.watch(PathBuf::from(folder), RecursiveMode::Recursive)?;
        Ok(watcher)
    };
    match watcher.and_then(watch) {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            warn!(folder = %Escaped(&folder.to_string_lossy()), %error, "the overlay folder cannot be watched; it is looked at every `overlays_poll` instead");
            None
        }
    }
}
