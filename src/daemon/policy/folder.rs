use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

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
    #[expect(clippy::disallowed_methods, reason = "it is compared with times of the file system")]
    Arc::new(|folder, known| read_changed_overlays(folder, known, SystemTime::now()))
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
    /// The device and the inode of the folder that the notifier was made for.
    watched: Option<(u64, u64)>,
}

impl WatchedFolder {
    pub(super) fn new(path: PathBuf, read: ReadFolder, changed: watch::Sender<()>) -> Self {
        Self { path, read, known: KnownFiles::new(), changed, notifier: None, watched: None }
    }

    /// Reads the files whose stamps changed, and watches the folder if it can be watched.
    pub(super) fn look(&mut self, settle: Duration) -> Folder {
        // The folder may have been replaced by another one, of which its notifier knows nothing.
        let folder = self.path.metadata().ok().filter(Metadata::is_dir);
        let folder = folder.map(|folder| (folder.dev(), folder.ino()));
        if folder != self.watched {
            self.notifier = folder.and_then(|_| notifier_of(&self.path, &self.changed, settle));
            self.watched = folder;
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
