use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::model::Name;
use crate::overlay::Changes;

/// What has to be published again. Touching twice costs nothing, and nobody waits.
#[derive(Debug, Default)]
pub(super) struct Pending {
    touched: Mutex<Touched>,
    notify: Notify,
}

#[derive(Debug, Default)]
pub(super) struct Touched {
    pub(super) everything: bool,
    /// What overlays say differently.
    pub(super) overlays: Vec<Changes>,
    pub(super) names: BTreeSet<Name>,
}

impl Pending {
    pub(super) fn touch(&self, names: impl IntoIterator<Item = Name>) {
        self.lock().names.extend(names);
        self.notify.notify_one();
    }

    pub(super) fn touch_overlays(&self, changes: Changes) {
        self.lock().overlays.push(changes);
        self.notify.notify_one();
    }

    pub(super) fn touch_everything(&self) {
        self.lock().everything = true;
        self.notify.notify_one();
    }

    pub(super) fn take(&self) -> Touched {
        std::mem::take(&mut self.lock())
    }

    /// Whether something must not wait: what a person wrote takes effect at once.
    pub(super) fn is_urgent(&self) -> bool {
        let touched = self.lock();
        touched.everything || !touched.overlays.is_empty()
    }

    pub(super) async fn wait(&self) {
        self.notify.notified().await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Touched> {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
