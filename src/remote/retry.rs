use std::future::Future;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use tracing::debug;

use crate::sync::FetchFailure;

const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// `Retry-After` is a request, not an order: it is obeyed this long.
const LONGEST_OBEYED: Duration = Duration::from_mins(5);
const RETRIES: usize = 4;

/// Asks again, ever later and with jitter, as long as it can help.
pub(super) async fn retried<T, F>(ask: impl FnMut() -> F) -> Result<T, FetchFailure>
where
    F: Future<Output = Result<T, FetchFailure>>,
{
    let waits = ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(FIRST_WAIT)
        .with_max_delay(LONGEST_WAIT)
        .with_max_times(RETRIES);
    ask.retry(waits)
        .when(FetchFailure::is_transient)
        .adjust(|failure: &FetchFailure, wait| match failure.retry_after() {
            None => wait,
            Some(asked) => wait.map(|wait| wait.max(asked.min(LONGEST_OBEYED))),
        })
        .notify(|failure, wait| {
            debug!(%failure, wait_seconds = wait.as_secs_f64(), "upstream is asked again");
        })
        .await
}
