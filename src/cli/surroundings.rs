use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::prepared::{Listeners, OpenSources};
use super::stopping::Stopping;
use crate::config::Settings;
use crate::daemon::Shift;

/// The surroundings of a daemon, which `demo` has of its own.
pub(super) struct Surroundings {
    pub open_sources: OpenSources,
    /// The difference of its clock from the system's.
    pub shift: Shift,
    /// True if it raises no alert about what the system refuses: it ends soon, with its folder.
    pub is_demo: bool,
    pub stopping: Stopping,
}

/// The settings and the sockets of the daemon before, until the one that replaced it serves.
#[derive(Clone, Default)]
pub(super) struct Earlier(Arc<Mutex<Option<(Settings, Listeners)>>>);

impl Earlier {
    pub(super) fn keep(&self, settings: Settings, sockets: Listeners) {
        *self.locked() = Some((settings, sockets));
    }

    /// Takes them; their sockets are closed when they are dropped.
    pub(super) fn take(&self) -> Option<(Settings, Listeners)> {
        self.locked().take()
    }

    fn locked(&self) -> MutexGuard<'_, Option<(Settings, Listeners)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
