use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::print::{counted, err};
use crate::daemon::{Activity, Observer, Services, try_blocking};
use crate::model::Name;
use crate::sync::SyncRun;

/// The interval at which the line on a terminal is drawn again.
const REFRESH: Duration = Duration::from_millis(200);
/// The interval at which a line is written elsewhere: a log is read later, line by line.
const LOG_EVERY: Duration = Duration::from_secs(30);

/// Shows how far a first sync has come: one line that is drawn again on a terminal, a line every 30 seconds elsewhere.
pub(super) struct Progress {
    line: Line,
    begun: Instant,
    written: Instant,
    /// The rows when it began: a sync that goes on after a restart is measured from there.
    before: Option<u64>,
}

enum Line {
    Bar(ProgressBar),
    Log { write: fn(&str), every: Duration },
}

impl Progress {
    /// Draws on `bars` where standard error is a terminal, and writes with `log` elsewhere.
    pub(super) fn new(bars: Option<&MultiProgress>, log: fn(&str)) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        Self::of(match bars.filter(|_| is_terminal) {
            Some(bars) => Line::Bar(spinner(bars)),
            None => Line::Log { write: log, every: LOG_EVERY },
        })
    }

    fn of(line: Line) -> Self {
        let now = Instant::now();
        Self { line, begun: now, written: now, before: None }
    }

    pub(super) fn show(&mut self, upstream: &str, activity: &Activity) {
        let before = *self.before.get_or_insert(activity.rows);
        match &self.line {
            Line::Bar(bar) => {
                bar.set_message(self.message(upstream, activity, before));
                bar.tick();
            }
            Line::Log { write, every } if self.written.elapsed() >= *every => {
                write(&self.message(upstream, activity, before));
                self.written = Instant::now();
            }
            Line::Log { .. } => {}
        }
    }

    pub(super) fn finish(self) {
        if let Line::Bar(bar) = self.line {
            bar.finish_and_clear();
        }
    }

    fn message(&self, upstream: &str, activity: &Activity, before: u64) -> String {
        let elapsed = self.begun.elapsed();
        let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = activity.rows.saturating_sub(before).saturating_mul(1000) / milliseconds;
        format!(
            "{upstream}: {}, {} in {}, {rate} rows/s, {} s",
            activity.kind.words(),
            counted(activity.rows, "row", "rows"),
            counted(activity.pages, "page", "pages"),
            elapsed.as_secs()
        )
    }
}

/// Shows the first sync of each upstream that a daemon follows, until all of them have had one.
pub(super) async fn show_first_syncs(
    services: Arc<Services>,
    bars: Option<MultiProgress>,
    stop: CancellationToken,
) {
    let mut progress: Option<(String, Progress)> = None;
    loop {
        tokio::select! {
            () = tokio::time::sleep(REFRESH) => {}
            () = stop.cancelled() => break,
        }
        let reader = Arc::clone(&services);
        match try_blocking(move || reader.first_sync()).await.unwrap_or(Some(false)) {
            // The upstreams are not followed yet.
            None => {}
            Some(false) => break,
            Some(true) => {
                let Some((upstream, activity)) = services.activity() else { continue };
                // The rate of one upstream says nothing of the next.
                if let Some((_, ended)) = progress.take_if(|(shown, _)| *shown != upstream) {
                    ended.finish();
                }
                let (_, mut shown) = progress
                    .take()
                    .unwrap_or_else(|| (upstream.clone(), Progress::new(bars.as_ref(), log)));
                // A terminal may be stopped.
                let drawn = try_blocking(move || {
                    shown.show(&upstream, &activity);
                    (upstream, shown)
                });
                progress = drawn.await.ok();
            }
        }
    }
    if let Some((_, progress)) = progress {
        progress.finish();
    }
}

fn log(line: &str) {
    info!("{line}");
}

/// Shows the sync run of a command.
#[derive(Clone)]
pub(super) struct Shown {
    upstream: String,
    progress: Arc<Mutex<Option<Progress>>>,
}

impl Shown {
    pub(super) fn new(upstream: &str) -> Self {
        let progress = Progress::new(Some(&MultiProgress::new()), err);
        Self { upstream: upstream.to_owned(), progress: Arc::new(Mutex::new(Some(progress))) }
    }

    pub(super) fn finish(&self) {
        if let Some(progress) = self.progress.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            progress.finish();
        }
    }
}

impl Observer for Shown {
    fn touched(&self, _: BTreeSet<Name>) {}

    fn progress(&self, run: &SyncRun) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(progress) = progress.as_mut() {
            progress.show(&self.upstream, &Activity::of(run));
        }
    }
}

fn spinner(bars: &MultiProgress) -> ProgressBar {
    let bar = bars.add(ProgressBar::new_spinner());
    match ProgressStyle::with_template("{spinner} {msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::model::Timestamp;
    use crate::sync::{SyncKind, Tally};

    static WRITTEN: AtomicUsize = AtomicUsize::new(0);

    fn count(line: &str) {
        assert!(line.starts_with("official: full sync, 1 row in 2 pages, "), "{line}");
        WRITTEN.fetch_add(1, Ordering::Relaxed);
    }

    #[test]
    fn log_line_is_written_once_for_each_interval() {
        let (pages, tally) = (2, Tally::default());
        let activity =
            Activity { kind: SyncKind::Full, begun: Timestamp::MIN, pages, rows: 1, tally };
        for (every, written) in [(LOG_EVERY, 0), (Duration::ZERO, 2)] {
            let mut progress = Progress::of(Line::Log { write: count, every });
            progress.show("official", &activity);
            progress.show("official", &activity);
            assert_eq!(WRITTEN.load(Ordering::Relaxed), written);
        }
    }
}
