use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};
use tokio::sync::watch;

use super::generation::Published;
use crate::config::Settings;
use crate::daemon::runtime::{Clock, Feed};
use crate::store::Store;

/// What a publication reads and writes, and where readers find the generation that answers now.
pub(crate) struct Publication {
    pub(super) settings: Arc<Settings>,
    pub(super) store: Arc<Store>,
    pub(super) clock: Arc<Clock>,
    /// Names whose rows or verification records changed.
    pub(super) touched: Feed,
    published: ArcSwapOption<Published>,
    /// The number of the generation that answers now; 0 before the first.
    generation: watch::Sender<u64>,
}

impl Publication {
    pub(in crate::daemon) fn new(
        settings: Arc<Settings>,
        store: Arc<Store>,
        clock: Arc<Clock>,
    ) -> Self {
        Self {
            settings,
            store,
            clock,
            touched: Feed::default(),
            published: ArcSwapOption::empty(),
            generation: watch::Sender::new(0),
        }
    }

    /// The names to evaluate again.
    pub(in crate::daemon) fn touched(&self) -> &Feed {
        &self.touched
    }

    /// The generation that answers now, for the time that one request takes: without touching a
    /// counter that all threads share.
    pub(crate) fn answering(&self) -> Guard<Option<Arc<Published>>> {
        self.published.load()
    }

    /// The generation that answers now; `None` before the first.
    #[must_use]
    pub(crate) fn published(&self) -> Option<Arc<Published>> {
        self.published.load_full()
    }

    /// Follows the number of the generation that answers.
    pub(in crate::daemon) fn generations(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    pub(super) fn swap(&self, published: Published) {
        let generation = published.generation;
        self.published.store(Some(Arc::new(published)));
        self.generation.send_replace(generation);
    }
}

impl fmt::Debug for Publication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publication").finish_non_exhaustive()
    }
}
