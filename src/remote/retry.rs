use std::future::Future;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use tracing::debug;

use crate::sync::FetchFailure;

const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The longest `Retry-After` that is obeyed: it is a request, not an order.
const LONGEST_OBEYED: Duration = Duration::from_mins(5);
const RETRIES: usize = 4;
/// A rate limit is not a failure: with half a minute between them, these retries go on for an hour, as
/// long as the window of a rate limit may last.
const RETRIES_WHEN_LIMITED: usize = 120;

/// Retries transient failures, at growing intervals and with jitter.
pub(super) async fn retried<T, F>(ask: impl FnMut() -> F) -> Result<T, FetchFailure>
where
    F: Future<Output = Result<T, FetchFailure>>,
{
    let waits = ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(FIRST_WAIT)
        .with_max_delay(LONGEST_WAIT)
        .with_max_times(RETRIES_WHEN_LIMITED);
    let mut failed = 0;
    ask.retry(waits)
        .when(|failure| {
            failed += usize::from(!failure.is_rate_limit());
            failure.is_transient() && failed <= RETRIES
        })
        .adjust(|failure: &FetchFailure, wait| match failure.retry_after() {
            None => wait,
            Some(asked) => wait.map(|wait| wait.max(asked.min(LONGEST_OBEYED))),
        })
        .notify(|failure, wait| {
            debug!(%failure, wait_seconds = wait.as_secs_f64(), "a request to an upstream is retried");
        })
        .await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    async fn asked(status: u16, failures: usize) -> (usize, bool) {
        let asked = Cell::new(0);
        let outcome = retried(|| {
            asked.set(asked.get() + 1);
            let failure =
                FetchFailure::Status { status, retry_after: None, excerpt: String::new() };
            let answer = if asked.get() > failures { Ok(()) } else { Err(failure) };
            async { answer }
        })
        .await;
        (asked.get(), outcome.is_ok())
    }

    #[tokio::test(start_paused = true)]
    async fn rate_limit_is_retried_longer_than_a_failure() {
        assert_eq!(asked(429, 30).await, (31, true));
        assert_eq!(asked(503, 4).await, (5, true));
        assert_eq!(asked(503, 5).await, (5, false));
        assert_eq!(asked(404, 1).await, (1, false));
        assert_eq!(asked(429, usize::MAX).await, (RETRIES_WHEN_LIMITED + 1, false));
    }
}
