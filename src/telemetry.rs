//! Logs: readable text on a terminal, one JSON object per line otherwise.

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use indicatif::MultiProgress;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

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
/// sets the filter, `info` by default.
pub fn start(format: LogFormat, bars: &MultiProgress) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let writer = BesideBars(bars.clone());
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
        // A closed log must not stop the daemon.
        let _ = self.0.suspend(|| io::stderr().write_all(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = io::stderr().flush();
        Ok(())
    }
}
