use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::model::Name;
use crate::overlay::Changes;
use crate::store::{Snapshot, Store, StoreError};

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

/// Names that came, for somebody who takes them when there is time.
#[derive(Debug, Default)]
pub(super) struct News(Mutex<BTreeSet<Name>>);

impl News {
    pub(super) fn add<'n>(&self, names: impl IntoIterator<Item = &'n Name>) {
        self.lock().extend(names.into_iter().cloned());
    }

    pub(super) fn any(&self, is_so: impl Fn(&Name) -> bool) -> bool {
        self.lock().iter().any(is_so)
    }

    pub(super) fn take(&self) -> BTreeSet<Name> {
        std::mem::take(&mut self.lock())
    }

    /// The names, if any, and the store with what is new of them: they are told of after it was stored, so
    /// they are taken first. When it cannot be read they stay.
    pub(super) fn take_with(
        &self,
        store: &Store,
    ) -> Result<Option<(BTreeSet<Name>, Snapshot)>, StoreError> {
        let names = self.take();
        if names.is_empty() {
            return Ok(None);
        }
        match store.snapshot() {
            Ok(snapshot) => Ok(Some((names, snapshot))),
            Err(error) => {
                self.lock().extend(names);
                Err(error)
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<Name>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
