use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant as Deadline;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::Shared;
use super::publisher::Publisher;
use super::runtime::blocking;
use crate::model::{Instant, reason};
use crate::store::StoreError;

/// Walks touch names all the time; clients see them in steps of this.
const BETWEEN_GENERATIONS: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_secs(5);
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// Publishes generations until it is stopped.
pub(super) async fn publish_loop(
    shared: Arc<Shared>,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let mut publisher = Publisher::load(&shared)?;
    tokio::select! {
        () = shared.wait_until_known() => {}
        () = stop.cancelled() => return Ok(()),
    }
    tokio::select! {
        () = shared.wait_until_compared() => {}
        () = stop.cancelled() => return Ok(()),
    }
    shared.pending.touch_everything();
    let mut not_before = Deadline::now();
    loop {
        tokio::select! {
            () = shared.pending.wait() => {}
            () = until(publisher.next_expiry(), &shared) => {}
            () = stop.cancelled() => return Ok(()),
        }
        if !shared.pending.is_urgent() {
            tokio::select! {
                () = tokio::time::sleep_until(not_before) => {}
                () = stop.cancelled() => return Ok(()),
            }
        }
        let (next, published) = publish_once(publisher, &shared, &stop).await?;
        publisher = next;
        not_before = Deadline::now() + if published { BETWEEN_GENERATIONS } else { Duration::ZERO };
    }
}

/// Publishes what is pending, on a thread that may block. When it fails, everything is pending
/// again and what is published stays.
async fn publish_once(
    mut publisher: Publisher,
    shared: &Arc<Shared>,
    stop: &CancellationToken,
) -> Result<(Publisher, bool), StoreError> {
    let task = Arc::clone(shared);
    let (publisher, outcome) = blocking(move || {
        let touched = task.pending.take();
        let outcome = publisher.publish(&task, touched);
        (publisher, outcome)
    })
    .await;
    match outcome {
        Ok(published) => Ok((publisher, published)),
        Err(failure) => {
            error!(reason = %reason(&failure), "no generation could be published; the last one is served on");
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                () = stop.cancelled() => {}
            }
            shared.pending.touch_everything();
            Ok((publisher.anew(shared)?, false))
        }
    }
}

async fn until(expiry: Option<Instant>, shared: &Shared) {
    match expiry {
        None => std::future::pending().await,
        // Served up to and with that instant. A machine that sleeps stops the timer and not the
        // clock, so the clock is looked at now and then.
        Some(at) => {
            while shared.clock.now() <= at {
                let wait = at.plus(Instant::TICK).since(shared.clock.now());
                tokio::time::sleep(wait.min(LONGEST_SLEEP)).await;
            }
        }
    }
}
