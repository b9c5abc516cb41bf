use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::model::Name;

/// What has to be published again. Touching twice costs nothing, and nobody waits.
#[derive(Debug, Default)]
pub(super) struct Pending {
    touched: Mutex<Touched>,
    notify: Notify,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Touched {
    pub(super) everything: bool,
    pub(super) names: BTreeSet<Name>,
}

impl Pending {
    pub(super) fn touch(&self, names: impl IntoIterator<Item = Name>) {
        self.lock().names.extend(names);
        self.notify.notify_one();
    }

    pub(super) fn touch_everything(&self) {
        self.lock().everything = true;
        self.notify.notify_one();
    }

    pub(super) fn take(&self) -> Touched {
        std::mem::take(&mut self.lock())
    }

    pub(super) fn everything(&self) -> bool {
        self.lock().everything
    }

    pub(super) async fn wait(&self) {
        self.notify.notified().await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Touched> {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
