use std::sync::{PoisonError, RwLock};

/// The packages that any advisory names, as sorted hashes: eight bytes each. It may have more packages than the store,
/// never fewer, so a package that is not in it needs no look at the store.
#[derive(Debug, Default)]
pub(super) struct Advised(RwLock<Option<Vec<u64>>>);

impl Advised {
    /// Returns true if an advisory may name the package; `load` returns the hashes of all at the first call.
    pub(super) fn contains<E>(
        &self,
        hash: u64,
        load: impl FnOnce() -> Result<Vec<u64>, E>,
    ) -> Result<bool, E> {
        let known = |hashes: &[u64]| hashes.binary_search(&hash).is_ok();
        if let Some(hashes) = self.0.read().unwrap_or_else(PoisonError::into_inner).as_deref() {
            return Ok(known(hashes));
        }
        let mut hashes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if hashes.is_none() {
            *hashes = Some(sorted(load()?));
        }
        Ok(hashes.as_deref().is_some_and(known))
    }

    /// Adds packages, before the store has them.
    pub(super) fn add<E>(
        &self,
        more: impl IntoIterator<Item = u64>,
        load: impl FnOnce() -> Result<Vec<u64>, E>,
    ) -> Result<(), E> {
        let mut hashes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut all = match hashes.take() {
            Some(hashes) => hashes,
            None => load()?,
        };
        all.extend(more);
        *hashes = Some(sorted(all));
        Ok(())
    }
}

fn sorted(mut hashes: Vec<u64>) -> Vec<u64> {
    hashes.sort_unstable();
    hashes.dedup();
    hashes.shrink_to_fit();
    hashes
}
