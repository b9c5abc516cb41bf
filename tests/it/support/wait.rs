//! Waits for conditions instead of fixed times.

use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_mins(3);
const BETWEEN: Duration = Duration::from_millis(20);

/// Polls `look` until it returns a value.
///
/// # Panics
/// After three minutes; the message names the condition.
pub(crate) async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = poll(look).await;
    found.unwrap_or_else(|| panic!("timed out while waiting until {what}"))
}

/// Polls `look` until it returns a value; `None` after three minutes.
pub(crate) async fn poll<T>(mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    while begun.elapsed() < DEADLINE {
        if let Some(found) = look().await {
            return Some(found);
        }
        tokio::time::sleep(BETWEEN).await;
    }
    None
}
