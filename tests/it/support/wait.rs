//! Waits for conditions instead of fixed times.

use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_mins(3);
const BETWEEN: Duration = Duration::from_millis(20);

/// Polls `look` until it returns a value.
///
/// # Panics
/// After three minutes; the message names the condition.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < DEADLINE, "timed out while waiting until {what}");
        tokio::time::sleep(BETWEEN).await;
    }
}
