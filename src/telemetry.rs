//! Logs: readable text on a terminal, one JSON object per line otherwise.
//!
//! Lines go through a bounded queue to a thread of their own. A log that nothing reads, such as a
//! full pipe or a stopped terminal, delays no other thread: what does not fit is dropped and counted.

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use clap::ValueEnum;
use indicatif::MultiProgress;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// The log lines that may wait: minutes of a busy daemon, in a few MiB.
const QUEUE: usize = 8 * 1024;

static DROPPED: OnceLock<ErrorCounter> = OnceLock::new();

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

impl LogFormat {
    /// Returns the requested format, or the default for the output: text on a terminal, JSON otherwise.
    #[must_use]
    pub fn or_suitable(requested: Option<Self>) -> Self {
        match requested {
            Some(format) => format,
            None if io::stderr().is_terminal() => Self::Text,
            None => Self::Json,
        }
    }
}

/// Starts logging to standard error. Lines do not disturb the progress bars of `bars`. `RUST_LOG`
/// sets the filter, `info` by default. Dropping the guard writes what still waits, for a second at
/// most.
pub fn start(format: LogFormat, bars: &MultiProgress) -> WorkerGuard {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let (writer, guard) = queue(BesideBars(bars.clone()), QUEUE);
    DROPPED.get_or_init(|| writer.error_counter());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(io::stderr().is_terminal())
        .log_internal_errors(false);
    // A second start, such as in tests of the library, has no effect.
    let _ = match format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    guard
}

/// Returns the number of log lines that were dropped, since nothing read the log fast enough.
#[must_use]
pub fn dropped_lines() -> u64 {
    DROPPED.get().map_or(0, |counter| counter.dropped_lines() as u64)
}

fn queue(writer: impl Write + Send + 'static, lines: usize) -> (NonBlocking, WorkerGuard) {
    let builder = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(lines);
    builder.thread_name("log").finish(writer)
}

#[derive(Debug)]
struct BesideBars(MultiProgress);

impl Write for BesideBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let write = || io::stderr().write_all(bytes);
        // A closed log must not stop the daemon. Bars that are not drawn need no lock, which a
        // stalled write would hold.
        let _ = if self.0.is_hidden() { write() } else { self.0.suspend(write) };
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = io::stderr().flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A log that is read line by line.
    struct Stalled {
        began: Sender<()>,
        go_on: Receiver<()>,
    }

    impl Write for Stalled {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = (self.began.send(()), self.go_on.recv());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// P29.
    #[test]
    fn lines_that_a_stalled_log_does_not_take_are_dropped_and_counted() {
        let (began, begun) = channel();
        let (_go_on, go_on) = channel::<()>();
        let (mut log, _guard) = queue(Stalled { began, go_on }, 4);
        log.write_all(b"first").expect("queued");
        begun.recv().expect("the thread of the log writes");
        for _ in 0..10 {
            log.write_all(b"line").expect("queued or dropped");
        }
        assert_eq!(log.error_counter().dropped_lines(), 6);
    }
}
