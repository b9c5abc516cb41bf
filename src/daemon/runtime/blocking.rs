//! The gateway for work that blocks: the store, the file system, long computations. `clippy.toml`
//! bans the calls below everywhere else.
#![expect(clippy::disallowed_methods, reason = "this is the one place that starts blocking work")]

use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::task::{JoinError, spawn_blocking};

use crate::threads::available;

/// Runs work on a thread that may block, and resumes its panic.
pub(in crate::daemon) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// Runs work on a thread that may block, and returns its panic as an error.
///
/// # Errors
/// When the work panicked.
pub(crate) async fn try_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    spawn_blocking(work).await
}

/// Starts threads that may block until there are so many, or as many as the system gives now: later it may give none.
/// Returns how many there are. They last until the process ends.
pub(in crate::daemon) fn start_threads(wanted: usize) -> usize {
    static STARTED: Mutex<usize> = Mutex::new(0);
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    let missing = wanted.saturating_sub(*started);
    *started += available(missing);
    if missing == 0 {
        return *started;
    }
    let gate = Arc::new(Mutex::new(()));
    let closed = gate.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..*started {
        let gate = Arc::clone(&gate);
        // Each keeps its thread busy until the last one was asked for.
        drop(spawn_blocking(move || drop(gate.lock().unwrap_or_else(PoisonError::into_inner))));
    }
    drop(closed);
    *started
}

/// Runs a future on a thread of its own, for a loop that blocks often, and resumes its panic.
pub(in crate::daemon) async fn run_on_own_thread<F>(future: F) -> F::Output
where
    F: Future<Output: Send> + Send + 'static,
{
    blocking(move || Handle::current().block_on(future)).await
}
