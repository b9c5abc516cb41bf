use std::sync::Arc;

use tokio::sync::watch;

use crate::curation::Screening;
use crate::daemon::runtime::Feed;
use crate::model::Name;

/// The interface of the screening for other services. It keeps reported changes while the loop does
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

    /// Reports names that are new or changed, or that have a new verification record of their namespace.
    pub(in crate::daemon) fn touch(&self, names: impl IntoIterator<Item = Name>) {
        self.touched.touch(names);
    }

    /// Reports that a person acknowledged an alert.
    pub(in crate::daemon) fn acknowledge(&self) {
        self.acknowledged.send_modify(|count| *count += 1);
    }

    /// Returns the current screening.
    pub(in crate::daemon) fn current(&self) -> Arc<Screening> {
        Arc::clone(&self.screening.borrow())
    }

    pub(in crate::daemon) fn subscribe(&self) -> watch::Receiver<Arc<Screening>> {
        self.screening.subscribe()
    }
}
