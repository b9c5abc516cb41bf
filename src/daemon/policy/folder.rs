use std::fs::Metadata;
use std::mem::ManuallyDrop;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::watch;

use crate::config::{Folder, KnownFiles, read_changed_overlays};
use crate::threads::available;

/// The function that reads the folder; a test has one that hangs.
pub(in crate::daemon) type ReadFolder = Arc<dyn Fn(&Path, &mut KnownFiles) -> Folder + Send + Sync>;

/// Returns the function that reads the folder from the file system.
pub(in crate::daemon) fn from_disk() -> ReadFolder {
    #[expect(clippy::disallowed_methods, reason = "it is compared with times of the file system")]
    Arc::new(|folder, known| read_changed_overlays(folder, known, SystemTime::now()))
}

/// The overlay folder with its notifier, and the files as they were read last. Every call may block
/// while the file system does.
pub(super) struct WatchedFolder {
    path: PathBuf,
    read: ReadFolder,
    pub(super) known: KnownFiles,
    changed: watch::Sender<()>,
    notifier: Option<Notifier>,
    notify: MakeNotifier,
    /// The reason why the system does not notify of changes, which are then looked for.
    pub(super) unwatched: Option<String>,
    /// When a notifier was last made.
    tried: Option<Instant>,
    /// The device and the inode of the folder that the notifier was made for.
    watched: Option<(u64, u64)>,
    /// True if no file changes without a notification.
    is_notified: bool,
}

/// Makes a notifier; a test has one that fails.
type MakeNotifier = fn(&Path, &watch::Sender<()>) -> notify::Result<Notifier>;

/// The time after which the system is asked again to notify of changes.
const WATCH_AGAIN: Duration = Duration::from_secs(30);

struct Notifier {
    /// It notifies until it is dropped.
    _watcher: RecommendedWatcher,
    /// True after a notification was lost, or a folder below could not be watched.
    has_failed: Arc<AtomicBool>,
}

impl WatchedFolder {
    pub(super) fn new(path: PathBuf, read: ReadFolder, changed: watch::Sender<()>) -> Self {
        let known = KnownFiles::new();
        Self {
            path,
            read,
            known,
            changed,
            notifier: None,
            notify: notifier_of,
            unwatched: None,
            tried: None,
            watched: None,
            is_notified: false,
        }
    }

    /// Reads the files whose stamps changed, and watches the folder if it can be watched. Returns `None`, and reads
    /// nothing, if no look is due, a change of the folder would have been notified, and the files that were read are the
    /// same: one that is changed under another name, by another mount or in memory is not notified of.
    pub(super) fn look(&mut self, is_due: bool) -> Option<Folder> {
        // The folder may have been replaced by another one, of which its notifier knows nothing.
        let folder = self.path.metadata().ok().filter(Metadata::is_dir);
        let folder = folder.map(|folder| (folder.dev(), folder.ino()));
        let is_same = folder == self.watched;
        if is_same && !is_due && self.is_notified && !self.known.have_changed() {
            return None;
        }
        if !is_same || self.must_watch_again() {
            self.watch(folder);
        }
        let read = (self.read)(&self.path, &mut self.known);
        self.is_notified = self.knows_of_changes();
        Some(read)
    }

    fn watch(&mut self, folder: Option<(u64, u64)>) {
        (self.watched, self.tried) = (folder, Some(Instant::now()));
        // The old one goes first: the system counts both.
        (self.notifier, self.unwatched) = (None, None);
        if folder.is_some() {
            match (self.notify)(&self.path, &self.changed) {
                Ok(notifier) => self.notifier = Some(notifier),
                Err(error) => self.unwatched = Some(error.to_string()),
            }
        }
    }

    /// Returns true if the system did not notify of changes when it was asked last, and that was a while ago.
    fn must_watch_again(&mut self) -> bool {
        let has_failed = |notifier: &Notifier| notifier.has_failed.load(Ordering::Relaxed);
        if self.notifier.as_ref().is_some_and(has_failed) {
            let lost = || "a notification was lost, or a folder below cannot be watched".to_owned();
            self.unwatched.get_or_insert_with(lost);
        }
        self.unwatched.is_some() && self.tried.is_none_or(|tried| tried.elapsed() >= WATCH_AGAIN)
    }

    /// Returns true if the notifier works, and every file is on a file system whose changes all pass through it.
    fn knows_of_changes(&self) -> bool {
        let works = |notifier: &Notifier| !notifier.has_failed.load(Ordering::Relaxed);
        self.notifier.as_ref().is_some_and(works)
            && self.watched.is_some_and(|(device, _)| self.known.are_on(device))
            && is_local(&self.path)
    }
}

fn notifier_of(folder: &Path, changed: &watch::Sender<()>) -> notify::Result<Notifier> {
    let has_failed = Arc::new(AtomicBool::new(false));
    let (notify, failed) = (changed.clone(), Arc::clone(&has_failed));
    let handle = move |event: notify::Result<Event>| {
        failed.fetch_or(event.is_err(), Ordering::Relaxed);
        // Reading the folder is an event too.
        if event.map_or(true, |event| !event.kind.is_access()) {
            notify.send_replace(());
        }
    };
    let no_thread = || notify::Error::generic("the system gives no further thread");
    if available(1) == 0 {
        return Err(no_thread());
    }
    // A watcher whose thread was not started panics when it is used, and ends the process when it is dropped.
    let mut watcher = ManuallyDrop::new(notify::recommended_watcher(handle)?);
    // The folder, not its files: after an atomic replacement a watch on a file reports nothing.
    let mut watch = || watcher.watch(folder, RecursiveMode::Recursive);
    let watched = catch_unwind(AssertUnwindSafe(&mut watch)).map_err(|_| no_thread())?;
    let watcher = ManuallyDrop::into_inner(watcher);
    watched.map(|()| Notifier { _watcher: watcher, has_failed })
}

/// Returns true if every change of a file system passes through this kernel, which notifies of it. What other machines,
/// or programs in user space, store may change without a notification.
#[cfg(target_os = "linux")]
fn is_local(folder: &Path) -> bool {
    const BTRFS: u32 = 0x9123_683e;
    const EXT: u32 = 0xef53;
    const F2FS: u32 = 0xf2f5_2010;
    const OVERLAY: u32 = 0x794c_7630;
    const TMPFS: u32 = 0x0102_1994;
    const XFS: u32 = 0x5846_5342;
    const ZFS: u32 = 0x2fc1_2fc1;
    let kind = rustix::fs::statfs(folder).ok().and_then(|found| u32::try_from(found.f_type).ok());
    kind.is_some_and(|kind| [BTRFS, EXT, F2FS, OVERLAY, TMPFS, XFS, ZFS].contains(&kind))
}

#[cfg(not(target_os = "linux"))]
fn is_local(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::refusal::with_threads;

    struct Scene {
        place: tempfile::TempDir,
        folder: WatchedFolder,
        changed: watch::Receiver<()>,
    }

    impl Scene {
        fn new() -> Self {
            let place = tempfile::tempdir().expect("a folder");
            std::fs::create_dir(place.path().join("overlays")).expect("a folder");
            let (sender, changed) = watch::channel(());
            let folder = WatchedFolder::new(place.path().join("overlays"), from_disk(), sender);
            Self { place, folder, changed }
        }

        fn write(&self, file: &str) {
            std::fs::write(self.place.path().join(file), "servers: []").expect("a file");
        }

        fn files(&mut self, is_due: bool) -> Option<usize> {
            self.folder.look(is_due).map(|folder| folder.sources.len())
        }
    }

    #[tokio::test]
    async fn folder_is_read_when_a_look_is_due_or_it_was_replaced_and_changes_are_notified() {
        let mut scene = Scene::new();
        scene.write("overlays/a.yaml");
        assert_eq!(scene.files(false), Some(1), "the first look");
        if !scene.folder.is_notified {
            // The file system of the temporary folder does not notify of everything.
            assert_eq!(scene.files(false), Some(1));
            return;
        }
        assert_eq!(scene.files(false), None);
        assert_eq!(scene.files(true), Some(1));
        scene.changed.mark_unchanged();
        scene.write("overlays/b.yaml");
        scene.changed.changed().await.expect("a notification");
        assert_eq!(scene.files(true), Some(2));
        std::fs::rename(scene.place.path().join("overlays"), scene.place.path().join("before"))
            .expect("renamed");
        std::fs::create_dir(scene.place.path().join("overlays")).expect("a folder");
        assert_eq!(scene.files(false), Some(0), "another folder");
        assert_eq!(scene.files(false), None);
    }

    #[test]
    fn folder_without_a_notifier_is_read_at_each_look() {
        let mut scene = Scene::new();
        assert_eq!(scene.files(true), Some(0));
        let notifier = scene.folder.notifier.take();
        scene.write("overlays/a.yaml");
        assert_eq!(scene.files(true), Some(1));
        assert_eq!(scene.files(false), Some(1));
        scene.folder.notifier = notifier;
        scene.folder.notifier.iter().for_each(|notifier| {
            notifier.has_failed.store(true, Ordering::Relaxed);
        });
        assert_eq!(scene.files(true), Some(1));
        assert_eq!(scene.files(false), Some(1), "it may have lost a notification");
    }

    /// P26: the denial came half a minute later.
    #[test]
    fn file_that_is_changed_under_another_name_is_found_without_a_notification() {
        let mut scene = Scene::new();
        scene.write("elsewhere.yaml");
        let elsewhere = scene.place.path().join("elsewhere.yaml");
        let linked = scene.place.path().join("overlays/a.yaml");
        std::fs::hard_link(&elsewhere, linked).expect("a link");
        assert_eq!(scene.files(true), Some(1));
        if !scene.folder.is_notified {
            return;
        }
        assert_eq!(scene.files(false), None);
        std::fs::write(&elsewhere, "servers: [] # changed").expect("a file");
        assert_eq!(scene.files(false), Some(1));
        assert_eq!(scene.files(false), None);
    }

    /// The process ended.
    #[test]
    fn notifier_without_a_thread_is_refused_and_the_folder_is_looked_at() {
        let mut scene = Scene::new();
        scene.write("overlays/a.yaml");
        let found = with_threads(0, || (scene.files(true), scene.files(false)));
        assert_eq!(found, (Some(1), Some(1)));
        assert_eq!(scene.folder.unwatched.as_deref(), Some("the system gives no further thread"));
        scene.folder.tried = Instant::now().checked_sub(WATCH_AGAIN);
        scene.files(false);
        assert_eq!(scene.folder.unwatched, None);
    }

    #[test]
    fn system_that_notifies_of_nothing_is_asked_again_after_a_while() {
        let mut scene = Scene::new();
        scene.folder.notify = |_, _| Err(notify::Error::generic("no more watches"));
        assert_eq!(scene.files(true), Some(0));
        assert_eq!(scene.folder.unwatched.as_deref(), Some("no more watches"));
        scene.write("overlays/a.yaml");
        assert_eq!(scene.files(false), Some(1), "it is looked for");
        scene.folder.notify = notifier_of;
        assert_eq!(scene.files(false), Some(1));
        assert!(scene.folder.unwatched.is_some(), "not asked so soon");
        scene.folder.tried = Instant::now().checked_sub(WATCH_AGAIN);
        assert_eq!(scene.files(false), Some(1));
        assert_eq!(scene.folder.unwatched, None);
    }
}
