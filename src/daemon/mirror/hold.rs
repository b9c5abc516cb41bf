use std::collections::BTreeSet;

use super::handle::Mirror;
use crate::model::{Instant, Name};
use crate::store::{Store, StoreError};
use crate::sync::Rails;

/// What a person decides about a held set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldDecision {
    /// Accept exactly this set.
    Release,
    /// Drop it, and raise no alert about the same one again.
    Discard,
}

impl HeldDecision {
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Discard => "discard",
        }
    }

    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Release, Self::Discard].into_iter().find(|decision| decision.word() == word)
    }

    /// Applies it to the set of this id; `None` when that is not what is held.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn apply(
        self,
        store: &Store,
        upstream: &str,
        id: &str,
        rails: &Rails,
        now: Instant,
    ) -> Result<Option<BTreeSet<Name>>, StoreError> {
        match self {
            Self::Release => store.release_held(upstream, id, rails, now),
            Self::Discard => store.discard_held(upstream, id, now),
        }
    }
}

impl Mirror {
    /// Applies a decision about a held set, publishes what it changes, and ends its alert. Returns
    /// how many names were touched.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(in crate::daemon) fn decide_held(
        &self,
        upstream: &str,
        id: &str,
        decision: HeldDecision,
    ) -> Result<Option<usize>, StoreError> {
        let Some(definition) = self.definition(upstream) else { return Ok(None) };
        let now = self.clock.now();
        let decided = decision.apply(&self.store, upstream, id, &definition.rails, now)?;
        let Some(touched) = decided else { return Ok(None) };
        let count = touched.len();
        self.ports.touched(touched);
        self.observe(&definition)?;
        Ok(Some(count))
    }
}
