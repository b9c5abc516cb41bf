use std::sync::Arc;

use tracing::info;

use super::error::CliError;
use super::prepared::{Listeners, OpenSources, Prepared};
use super::stopping::step;
use crate::config::Settings;
use crate::daemon::{Bounded, Services, SettingsFile, late};
use crate::lint::summarize;
use crate::model::reason;
use crate::store::StoreError;

/// The parts of a running daemon that other settings are compared with.
#[derive(Clone)]
pub(super) struct Replacement {
    file: Arc<SettingsFile>,
    sockets: Arc<Listeners>,
    open_sources: OpenSources,
    is_store_usable: Arc<dyn Fn() -> Result<(), StoreError> + Send + Sync>,
}

impl Replacement {
    pub(super) fn beside(
        services: &Services,
        sockets: Listeners,
        open_sources: OpenSources,
    ) -> Self {
        let (store, clock) = (Arc::clone(&services.store), Arc::clone(&services.clock));
        Self {
            file: Arc::clone(&services.settings_file),
            sockets: Arc::new(sockets),
            open_sources,
            is_store_usable: Arc::new(move || {
                store.record_use(clock.settle().as_ref(), clock.now())
            }),
        }
    }

    /// Waits for other settings with which a daemon can start, as far as that is known beside the one that runs.
    pub(super) async fn next(self) -> Prepared {
        let (mut preparing, mut before) = (Bounded::default(), None);
        loop {
            let settings = self.file.next().await;
            // Those that hang must not keep the corrected ones from being tried.
            if before.as_ref() != Some(&settings) {
                preparing = Bounded::default();
                before = Some(settings.clone());
            }
            let (replacement, meant) = (self.clone(), (*settings).clone());
            let prepared = preparing.run(|| async move { replacement.prepare(meant).await }).await;
            match prepared {
                Some(Ok(prepared)) => {
                    let keys = self.file.different(&settings);
                    info!(
                        keys,
                        "the settings file has other settings; the daemon starts again with them"
                    );
                    return prepared;
                }
                Some(Err(reason)) => self.file.refuse(&settings, reason, false),
                None => {
                    let reason = late("a file that it names, or the store,");
                    self.file.refuse(&settings, reason, false);
                }
            }
        }
    }

    async fn prepare(self, settings: Settings) -> Result<Prepared, String> {
        let prepared = Prepared::new(settings, Some(&self.sockets), &self.open_sources).await;
        let prepared = prepared.map_err(|error| described(&error))?;
        // Now it is served from memory; another daemon could not start without the store.
        let is_usable = Arc::clone(&self.is_store_usable);
        step(move || Ok(is_usable()?)).await.map_err(|error| described(&error))?;
        Ok(prepared)
    }
}

/// Returns the reason of an error with the findings of files.
pub(super) fn described(error: &CliError) -> String {
    match error {
        CliError::Findings(findings) => summarize(findings),
        error => reason(error),
    }
}
