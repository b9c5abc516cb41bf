use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::error::CliError;
use crate::daemon::try_blocking;

/// The phase that a stop ends at a first start.
pub(super) const BEFORE_START: &str = "stopped before it had started";

/// The demand of a service manager, or of a person at the terminal, that the process ends. A second one is not made to
/// wait for anything.
#[derive(Debug, Clone, Default)]
pub(super) struct Stopping {
    pub stop: CancellationToken,
    at_once: CancellationToken,
}

impl Stopping {
    /// Listens from now on: the first process of a container has no other answer to a signal.
    ///
    /// A terminal that is closed ends a command that a person waits for, and no daemon.
    pub(super) fn listen(is_daemon: bool) -> Self {
        let stopping = Self::default();
        // Without it a signal ends the process, whatever it does.
        if let Ok(signals) = Signals::new() {
            tokio::spawn(signals.obey(stopping.clone(), is_daemon));
        }
        stopping
    }

    /// Works until a stop; then the work is left behind, the log says in which phase, and `None` is returned.
    pub(super) async fn unless_stopped<T>(
        &self,
        work: impl Future<Output = T>,
        phase: &str,
    ) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.stop.cancelled() => {
                info!("{phase}");
                None
            }
        }
    }

    /// Works to the end, which a stop leads to; at a second demand the work is left behind, and `None` is returned.
    pub(super) async fn unless_insisted<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.at_once.cancelled() => {
                info!("stopped at once");
                None
            }
        }
    }
}

/// The signals that end the process.
struct Signals {
    terminated: Signal,
    interrupted: Signal,
    /// A terminal that is closed ends a demo, which removes its folder; tools that rotate logs send it to daemons.
    hung_up: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminated: signal(SignalKind::terminate())?,
            interrupted: signal(SignalKind::interrupt())?,
            hung_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self, is_daemon: bool) {
        loop {
            tokio::select! {
                _ = self.terminated.recv() => return,
                _ = self.interrupted.recv() => return,
                _ = self.hung_up.recv() => {
                    if !is_daemon {
                        return;
                    }
                    info!("a hang-up changes nothing");
                }
            }
        }
    }

    async fn obey(mut self, stopping: Stopping, is_daemon: bool) {
        self.next(is_daemon).await;
        info!("stopping");
        stopping.stop.cancel();
        self.next(is_daemon).await;
        stopping.at_once.cancel();
    }
}

/// Does a step of the start on a thread that may block: what it reads may hang, and a stop does not wait for it.
pub(super) async fn step<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CliError> + Send + 'static,
) -> Result<T, CliError> {
    match try_blocking(work).await {
        Ok(done) => done,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn first_demand_ends_a_start_and_only_the_second_one_ends_what_goes_on() {
        let stopping = Stopping::default();
        assert_eq!(stopping.unless_stopped(ready(1), BEFORE_START).await, Some(1));
        stopping.stop.cancel();
        assert_eq!(stopping.unless_stopped(pending::<u8>(), BEFORE_START).await, None);
        assert_eq!(stopping.unless_insisted(ready(2)).await, Some(2));
        stopping.at_once.cancel();
        assert_eq!(stopping.unless_insisted(pending::<u8>()).await, None);
    }
}
