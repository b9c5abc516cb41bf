use std::collections::BTreeSet;

use super::handle::Mirror;
use crate::model::{Name, Timestamp};
use crate::store::{Store, StoreError};
use crate::sync::SafetyLimits;

/// The decision of an operator about a change set on hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldDecision {
    /// Accept exactly this set.
    Release,
    /// Drop it, and do not raise an alert about the same set again.
    Discard,
}

impl HoldDecision {
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

    /// Applies it to the change set of this id; returns `None` when another one, or none, is on hold.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn apply(
        self,
        store: &Store,
        upstream: &str,
        id: &str,
        safety_limits: &SafetyLimits,
        now: Timestamp,
    ) -> Result<Option<BTreeSet<Name>>, StoreError> {
        match self {
            Self::Release => store.release_hold(upstream, id, safety_limits, now),
            Self::Discard => store.discard_hold(upstream, id, now),
        }
    }
}

impl Mirror {
    /// Applies a decision about a change set on hold, publishes the changes, and resolves its alert.
    /// Returns the number of touched names.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(in crate::daemon) fn decide_hold(
        &self,
        upstream: &str,
        id: &str,
        decision: HoldDecision,
    ) -> Result<Option<usize>, StoreError> {
        let Some(definition) = self.definition(upstream) else { return Ok(None) };
        let now = self.clock.now();
        let decided = decision.apply(&self.store, upstream, id, &definition.safety_limits, now)?;
        let Some(touched) = decided else { return Ok(None) };
        let count = touched.len();
        self.ports.touched(touched);
        self.report_upstream(&definition)?;
        Ok(Some(count))
    }
}
