use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant as Moment;
use tokio_util::sync::CancellationToken;

use super::handle::Advisories;
use crate::config::{Folder, KnownFiles, read_advisories};
use crate::daemon::runtime::blocking;
use crate::store::StoreError;

/// The interval at which the folder is looked at: an advisory has to take effect within two seconds.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The time between two readings that have to agree.
const SETTLE: Duration = Duration::from_millis(150);
/// The time after which advisories are judged and kept again that could not be.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Looks at the folder of own advisories until `stop`, and takes up what changed. A look that hangs delays the next one,
/// and nothing else.
///
/// # Errors
/// Never: what could not be judged or kept is tried again.
pub(in crate::daemon) async fn watch_own(
    advisories: Arc<Advisories>,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let mut known = KnownFiles::new();
    let mut taken: Option<Folder> = None;
    let mut candidate: Option<Folder> = None;
    let mut retry_at: Option<Moment> = None;
    loop {
        let path = advisories.settings.advisories.clone();
        let folder;
        (folder, known) = blocking(move || look(&path, known)).await;
        let is_settled = candidate.as_ref() == Some(&folder);
        let is_due = retry_at.is_some_and(|at| at <= Moment::now());
        let wait = if taken.as_ref() == Some(&folder) && !is_due {
            candidate = None;
            LOOK_EVERY
        } else if is_settled {
            candidate = None;
            let (taking, read) = (Arc::clone(&advisories), folder.clone());
            let is_kept = blocking(move || taking.take(read)).await;
            // A change in the meantime does not wait for that.
            retry_at = (!is_kept).then(|| Moment::now() + RETRY_AFTER);
            taken = Some(folder);
            LOOK_EVERY
        } else {
            candidate = Some(folder);
            SETTLE
        };
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(wait) => {}
        }
    }
}

fn look(path: &Path, mut known: KnownFiles) -> (Folder, KnownFiles) {
    #[expect(clippy::disallowed_methods, reason = "it is compared with times of the file system")]
    let folder = read_advisories(path, &mut known, SystemTime::now());
    (folder, known)
}
