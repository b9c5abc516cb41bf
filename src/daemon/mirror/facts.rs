use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::settling::Settling;
use crate::daemon::runtime::{Clock, blocking};
use crate::store::{Store, StoreError};

/// A check is one read when nothing is due.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// Computes the facts that a first sync left open, and those that other rules computed, until `stop`.
///
/// # Errors
/// When the store cannot be read or written.
pub(in crate::daemon) async fn complete_facts(
    store: Arc<Store>,
    clock: Arc<Clock>,
    mut settling: watch::Receiver<Settling>,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    loop {
        let completed = async {
            // A first sync needs the processor.
            if settling.wait_for(|settling| !settling.any()).await.is_err() {
                return Ok(());
            }
            refresh(&store, &clock).await
        };
        tokio::select! {
            completed = completed => completed?,
            () = stop.cancelled() => return Ok(()),
        }
        // A first sync that failed is tried again without settling again.
        tokio::select! {
            changed = settling.changed() => if changed.is_err() { stop.cancelled().await },
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = stop.cancelled() => return Ok(()),
        }
    }
}

async fn refresh(store: &Arc<Store>, clock: &Arc<Clock>) -> Result<(), StoreError> {
    let mut cursor = None;
    loop {
        let (store, clock) = (Arc::clone(store), Arc::clone(clock));
        cursor = blocking(move || store.refresh_facts(cursor, clock.now())).await?;
        if cursor.is_none() {
            return Ok(());
        }
    }
}
