use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;

use crate::daemon::Services;
use crate::model::Instant;

const REFRESH: Duration = Duration::from_millis(200);

/// Draws the first walk of each upstream on a terminal, and stops when it is over.
pub(super) async fn show_progress(
    services: Arc<Services>,
    bars: MultiProgress,
    stop: CancellationToken,
) {
    if !std::io::stderr().is_terminal() {
        return;
    }
    let mut bar: Option<(ProgressBar, Instant, u64)> = None;
    while services.is_first_sync() {
        tokio::select! {
            () = tokio::time::sleep(REFRESH) => {}
            () = stop.cancelled() => break,
        }
        let Some((id, activity)) = services.activity() else { continue };
        // A walk that goes on after a restart is measured from here on.
        let (bar, begun, before) =
            bar.get_or_insert_with(|| (spinner(&bars), services.clock.now(), activity.rows));
        let elapsed = services.clock.now().since(*begun);
        let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = activity.rows.saturating_sub(*before) * 1000 / milliseconds;
        bar.set_message(format!(
            "{id}: first walk, {} rows in {} pages, {rate} rows/s, {} s",
            activity.rows,
            activity.pages,
            elapsed.as_secs()
        ));
        bar.tick();
    }
    if let Some((bar, ..)) = bar {
        bar.finish_and_clear();
    }
}

fn spinner(bars: &MultiProgress) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg}");
    let bar = ProgressBar::new_spinner();
    bars.add(match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    })
}
