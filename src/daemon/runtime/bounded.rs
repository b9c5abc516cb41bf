use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// The time that a look at files has; a mount may give no answer.
const LOOK_WITHIN: Duration = Duration::from_secs(10);

/// Returns the reason why a look at files is late.
#[must_use]
pub(crate) fn late(files: &str) -> String {
    let seconds = LOOK_WITHIN.as_secs();
    format!("{files} could not be read within {seconds} seconds; a mount may give no answer")
}

/// Work that may hang: its user waits no longer than [`LOOK_WITHIN`] for it, and no second one begins beside it.
#[derive(Debug)]
pub(crate) struct Bounded<T: 'static> {
    running: JoinSet<T>,
    late_at: Instant,
}

impl<T: Send + 'static> Default for Bounded<T> {
    fn default() -> Self {
        Self { running: JoinSet::new(), late_at: Instant::now() }
    }
}

impl<T: Send + 'static> Bounded<T> {
    /// Returns the result of the work, or `None` if it is late. Late work goes on, and its result is that of a later call,
    /// which waits no more and begins nothing.
    pub(crate) async fn run<F>(&mut self, begin: impl FnOnce() -> F) -> Option<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        if self.running.is_empty() {
            self.late_at = Instant::now() + LOOK_WITHIN;
            self.running.spawn(begin());
        }
        match timeout_at(self.late_at, self.running.join_next()).await {
            Ok(Some(Ok(done))) => Some(done),
            Ok(Some(Err(panicked))) => std::panic::resume_unwind(panicked.into_panic()),
            Ok(None) | Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn late_work_is_waited_for_once_begun_once_and_its_result_is_not_lost() {
        let mut bounded = Bounded::default();
        let start = Instant::now();
        assert_eq!(bounded.run(|| async { 1 }).await, Some(1));
        assert_eq!(start.elapsed(), Duration::ZERO);
        let (answer, hung) = oneshot::channel();
        assert_eq!(bounded.run(|| async { hung.await.expect("an answer") }).await, None);
        assert_eq!(start.elapsed(), LOOK_WITHIN);
        for _ in 0..3 {
            assert_eq!(bounded.run(|| async { unreachable!("one is under way") }).await, None);
        }
        assert_eq!(start.elapsed(), LOOK_WITHIN, "no further wait");
        answer.send(2).expect("it is awaited");
        tokio::task::yield_now().await;
        assert_eq!(bounded.run(|| async { unreachable!("one is under way") }).await, Some(2));
        assert_eq!(bounded.run(|| async { 3 }).await, Some(3));
    }
}
