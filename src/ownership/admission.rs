use std::collections::BTreeSet;

use super::change::KeyChange;
use super::record::{READING, VerificationRecord};
use super::txt::Key;
use super::verdict::Pins;
use crate::model::Timestamp;

/// The reason why a wildcard admits no content now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// The namespace shows another set of keys since then, and the content is newer.
    KeysChanged(KeyChange),
    /// No complete lookup showed the evidence since the content came.
    NotShownSince,
    /// A key is shown that the overlay does not pin.
    NotPinned,
}

impl VerificationRecord {
    /// Returns the last lookup that showed the evidence while every place answered: it confirms what came before it.
    #[must_use]
    pub fn confirmed_at(&self) -> Option<Timestamp> {
        // Earlier releases did not record if every place answered.
        let is_recorded = self.reading >= READING && self.keys().is_some();
        if is_recorded { self.complete_at } else { self.last_shown() }
    }

    /// Returns the reason why a wildcard does not admit content that was first seen at a time, although the verdict is
    /// enough.
    #[must_use]
    pub fn obstacle(&self, first_seen: Timestamp, pins: &Pins) -> Option<Obstacle> {
        if let Some(change) = self.open_change(pins).filter(|change| change.stops(first_seen)) {
            return Some(Obstacle::KeysChanged(change));
        }
        let accepted = self.accepted.iter().chain(&self.change);
        if let Some(change) = accepted.copied().find(|change| change.taints(first_seen)) {
            return Some(Obstacle::KeysChanged(change));
        }
        let is_pinned = |keys: &BTreeSet<Key>| pins.keys.is_empty() || keys.is_subset(&pins.keys);
        if self.keys().is_some_and(|keys| !is_pinned(keys)) {
            return Some(Obstacle::NotPinned);
        }
        (self.confirmed_at() < Some(first_seen)).then_some(Obstacle::NotShownSince)
    }
}
