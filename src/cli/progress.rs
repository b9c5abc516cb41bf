use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;

use crate::daemon::Shared;

const REFRESH: Duration = Duration::from_millis(200);

/// Draws the first walk of each upstream on a terminal, and stops when it is over.
pub(super) async fn show_progress(
    shared: Arc<Shared>,
    bars: MultiProgress,
    stop: CancellationToken,
) {
    if !std::io::stderr().is_terminal() {
        return;
    }
    let mut bar: Option<ProgressBar> = None;
    loop {
        tokio::select! {
            () = tokio::time::sleep(REFRESH) => {}
            () = stop.cancelled() => break,
        }
        match shared.first_walk() {
            Some((id, activity)) => {
                let bar = bar.get_or_insert_with(|| spinner(&bars));
                let elapsed = shared.clock.now().since(activity.begun);
                let rate =
                    activity.rows * 1000 / u64::try_from(elapsed.as_millis()).unwrap_or(1).max(1);
                bar.set_message(format!(
                    "{id}: first walk, {} rows in {} pages, {rate} rows/s, {} s",
                    activity.rows,
                    activity.pages,
                    elapsed.as_secs()
                ));
                bar.tick();
            }
            None if bar.is_some() => break,
            None => {}
        }
    }
    if let Some(bar) = bar {
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
