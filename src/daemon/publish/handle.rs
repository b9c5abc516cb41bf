use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};
use tokio::sync::watch;

use super::generation::Published;
use crate::config::Settings;
use crate::daemon::runtime::{Clock, Feed};
use crate::store::Store;

/// The inputs and outputs of publishing, and the current generation for readers.
pub(crate) struct Publication {
    pub(super) settings: Arc<Settings>,
    pub(super) store: Arc<Store>,
    pub(super) clock: Arc<Clock>,
    /// Names with changed rows or verification records.
    pub(super) touched: Feed,
    published: ArcSwapOption<Published>,
    /// The number of the current generation; 0 before the first.
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

    /// Returns the feed of names to evaluate again.
    pub(in crate::daemon) fn touched(&self) -> &Feed {
        &self.touched
    }

    /// Returns the current generation, for the time that one request takes: without touching a
    /// counter that all threads share.
    pub(crate) fn answering(&self) -> Guard<Option<Arc<Published>>> {
        self.published.load()
    }

    /// Returns the current generation; `None` before the first.
    #[must_use]
    pub(crate) fn published(&self) -> Option<Arc<Published>> {
        self.published.load_full()
    }

    /// Subscribes to the number of the current generation.
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
