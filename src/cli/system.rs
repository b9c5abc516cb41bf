//! Asks the system for what a daemon can go on without, and reports what is refused.

use std::path::Path;
use std::sync::Arc;

use tracing::info;

use crate::config::{Public, Settings};
use crate::daemon::{Services, Watch, fitting_connections, raise_descriptors};
use crate::model::{Escaped, reason};
use crate::store::{Store, restrict_folder};
use crate::threads::available;

/// Returns the watches of the data folder, of the store and the reserve of disk space in it, and of threads.
pub(super) fn watch_data(services: &Services) -> [Watch; 4] {
    let (data, store) = (services.settings.data.clone(), Arc::clone(&services.store));
    let used = Arc::clone(&store);
    [
        Watch::system("store", Arc::new(move || used.displaced().into_iter().collect())),
        Watch::system("data folder", Arc::new(move || close_folder(&data))),
        Watch::system("disk reserve", Arc::new(move || keep_reserve(&store))),
        Watch::system("threads", Arc::new(start_a_thread)),
    ]
}

/// Raises the limit of open files; returns the settings of the registry with connections that fit it, and a watch that
/// says if they are fewer than `[limits] connections`, which lasts until a restart.
pub(super) fn fit_connections(settings: &Settings) -> (Public, Watch) {
    let mut public = settings.public.clone();
    let (files, wanted) = (raise_descriptors(), public.limits.connections);
    let fitting = wanted.min(fitting_connections(files));
    public.limits.connections = fitting;
    // The numbers are items of the alert: an acknowledgement covers these and no others.
    let unfit = (fitting < wanted).then(|| {
        format!(
            "`[limits] connections` is {wanted}, and with {files} open files at most {fitting} are accepted; set it to {fitting} \
             or fewer, or raise `LimitNOFILE=` of the service and restart"
        )
    });
    let look = Arc::new(move || unfit.clone().into_iter().collect());
    (public, Watch::system("connections", look))
}

/// Closes the data folder to other users.
pub(super) fn close_folder(data: &Path) -> Vec<String> {
    let folder = data.to_string_lossy();
    match restrict_folder(data) {
        Ok(false) => Vec::new(),
        Ok(true) => {
            info!(folder = %Escaped(&folder), "the data folder was closed to other users; its mode is 0700");
            Vec::new()
        }
        Err(error) => vec![format!(
            "other users may enter the data folder {folder}; give it to the daemon's user with mode 0700, or name a folder of \
             its own with `data`: {error}"
        )],
    }
}

/// Sees if the system still gives threads.
fn start_a_thread() -> Vec<String> {
    let refused = "the system gives no further thread, so work is done one after the other; raise the limit of processes of \
        the user, the service or the container";
    if available(1) == 0 { vec![refused.to_owned()] } else { Vec::new() }
}

/// Keeps room on the disk for what must be written when it is full.
fn keep_reserve(store: &Store) -> Vec<String> {
    let refused = store.keep_reserve().err();
    let reason = refused.iter().map(|error| reason(error));
    reason
        .map(|reason| format!("the reserve of the data folder cannot be kept: {reason}"))
        .collect()
}
