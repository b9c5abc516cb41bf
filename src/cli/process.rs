//! The demands of a process on its system, before it does anything.

use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Duration;

use rustix::process::Signal;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use super::error::CliError;
use crate::daemon::{DaemonError, THREADS_OF_LOOPS};
use crate::threads::available;

/// The threads that a command needs beside the workers of its runtime: a few that may block.
const OF_A_COMMAND: usize = 4;
/// The threads that a daemon needs beside the workers: its loops, the log, the notifier of the overlay folder, and a few
/// for work that blocks.
const OF_A_DAEMON: usize = THREADS_OF_LOOPS + 10;
/// Threads for work that blocks stay: later the system may give no other one.
const FOR_EVER: Duration = Duration::from_hours(365 * 24);

/// The threads that the workers of a runtime may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Workers(usize);

impl Workers {
    /// Returns as many as there are processors, or fewer where the system gives fewer threads.
    ///
    /// # Errors
    /// When the process could not work with those that the system gives.
    pub(super) fn find(is_daemon: bool) -> Result<Self, CliError> {
        let processors = available_parallelism().map_or(1, NonZero::get);
        let others = if is_daemon { OF_A_DAEMON } else { OF_A_COMMAND };
        fitting(processors, others, available(processors + others))
    }

    /// Starts the runtime.
    ///
    /// # Errors
    /// When the system refuses what it needs.
    pub(super) fn start(&self) -> Result<Runtime, CliError> {
        let mut builder = Builder::new_multi_thread();
        builder.enable_all().worker_threads(self.0).thread_keep_alive(FOR_EVER);
        builder.build().map_err(CliError::Runtime)
    }
}

fn fitting(processors: usize, others: usize, available: usize) -> Result<Workers, CliError> {
    match available.checked_sub(others) {
        None | Some(0) => {
            let (found, needed) = (available, others + 1);
            Err(DaemonError::TooFewThreads { found, needed }.into())
        }
        Some(left) => Ok(Workers(left.min(processors))),
    }
}

/// Goes on when a file reaches the limit of its size: the write fails, as on a full disk. Otherwise the signal ends the
/// process.
pub(super) fn outlive_large_files() {
    // The handler stays when what listens is dropped. Without one the process is as it would be.
    let _ = signal(SignalKind::from_raw(Signal::XFSZ.as_raw()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(4, 14, 18, Some(4))]
    #[case(4, 14, 16, Some(2))]
    #[case(4, 14, 15, Some(1))]
    #[case(4, 14, 14, None)]
    #[case(4, 14, 0, None)]
    fn runtime_has_fewer_workers_where_the_system_gives_fewer_threads(
        #[case] processors: usize,
        #[case] others: usize,
        #[case] available: usize,
        #[case] wanted: Option<usize>,
    ) {
        let found = fitting(processors, others, available);
        if wanted.is_none() {
            let refused = found.as_ref().err().map(ToString::to_string).unwrap_or_default();
            assert!(refused.contains(&format!("gives {available} further")), "{refused}");
        }
        assert_eq!(found.ok(), wanted.map(Workers));
    }
}
