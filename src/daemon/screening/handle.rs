use std::sync::Arc;

use tokio::sync::watch;

use crate::curation::Screening;
use crate::daemon::runtime::Feed;
use crate::model::Name;

/// What other services tell the screening, and read of it. It keeps what it is told while the loop does
/// not run.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct ScreeningHandle {
    pub(super) touched: Feed,
    pub(super) acknowledged: watch::Sender<u64>,
    pub(super) screening: watch::Sender<Arc<Screening>>,
}

impl ScreeningHandle {
    pub(in crate::daemon) fn new() -> Self {
        Self {
            touched: Feed::default(),
            acknowledged: watch::Sender::new(0),
            screening: watch::Sender::new(Arc::default()),
        }
    }

    /// Tells that names came or changed, or that something else is known of their namespaces.
    pub(in crate::daemon) fn touch(&self, names: impl IntoIterator<Item = Name>) {
        self.touched.touch(names);
    }

    /// Tells that a person acknowledged an alert.
    pub(in crate::daemon) fn acknowledge(&self) {
        self.acknowledged.send_modify(|count| *count += 1);
    }

    /// The screening of this moment.
    pub(in crate::daemon) fn current(&self) -> Arc<Screening> {
        Arc::clone(&self.screening.borrow())
    }

    pub(in crate::daemon) fn subscribe(&self) -> watch::Receiver<Arc<Screening>> {
        self.screening.subscribe()
    }
}
