use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::runtime::Clock;
use crate::sync::{PageRequest, PageSource};

/// An upstream that answers later says nothing before the first write.
const LONGEST: Duration = Duration::from_secs(10);

/// Asks upstreams how late it is before anything is written, until one of them says so, if the clock is far beyond the
/// last use of the store. After that the system's clock is used as far as none contradicted it.
pub async fn ask_how_late_it_is<S: PageSource>(sources: &[(String, Arc<S>)], clock: &Clock) {
    if !clock.awaits_date() {
        return;
    }
    let request = PageRequest::first(None, 1);
    for (upstream, source) in sources {
        let Ok(Ok(page)) = timeout(LONGEST, source.page(&request)).await else { continue };
        if let Some(date) = page.present() {
            clock.hear(upstream, date);
            return;
        }
    }
    clock.stop_waiting();
}
