//! Asks the system for what a daemon can go on without, and reports what is refused.

use std::path::Path;
use std::sync::Arc;

use tracing::info;

use crate::config::{Public, Settings};
use crate::daemon::{Services, Watch, fitting_connections, raise_descriptors};
use crate::model::{Escaped, reason};
use crate::store::{Store, restrict_folder};

/// Returns the watches of the data folder and of the reserve of disk space.
pub(super) fn watch_data(services: &Services) -> [Watch; 2] {
    let (data, store) = (services.settings.data.clone(), Arc::clone(&services.store));
    [
        Watch::system("data folder", Arc::new(move || close_folder(&data))),
        Watch::system("disk reserve", Arc::new(move || keep_reserve(&store))),
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

/// Keeps room on the disk for what must be written when it is full.
fn keep_reserve(store: &Store) -> Vec<String> {
    let refused = store.keep_reserve().err();
    let reason = refused.iter().map(|error| reason(error));
    reason
        .map(|reason| format!("the reserve of the data folder cannot be kept: {reason}"))
        .collect()
}
