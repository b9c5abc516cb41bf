//! Logs: readable on a terminal, one JSON object a line everywhere else.

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use indicatif::MultiProgress;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

impl LogFormat {
    /// The format that was asked for, or the one that suits where the log goes.
    #[must_use]
    pub fn or_suitable(asked: Option<Self>) -> Self {
        match asked {
            Some(format) => format,
            None if io::stderr().is_terminal() => Self::Text,
            None => Self::Json,
        }
    }
}

/// Starts logging to standard error. Lines step around whatever `bars` draws there. `RUST_LOG`
/// sets what is logged, `info` by default.
pub fn start(format: LogFormat, bars: &MultiProgress) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let writer = BesideBars(bars.clone());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(io::stderr().is_terminal())
        .log_internal_errors(false);
    // A second start, as in tests of the library, leaves the first in place.
    let _ = match format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}

#[derive(Debug, Clone)]
struct BesideBars(MultiProgress);

impl<'w> MakeWriter<'w> for BesideBars {
    type Writer = Line<'w>;

    fn make_writer(&'w self) -> Line<'w> {
        Line(&self.0)
    }
}

#[derive(Debug)]
struct Line<'w>(&'w MultiProgress);

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A log whose reader has gone must not take the daemon with it.
        let _ = self.0.suspend(|| io::stderr().write_all(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = io::stderr().flush();
        Ok(())
    }
}
