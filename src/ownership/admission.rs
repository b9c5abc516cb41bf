use super::change::KeyChange;
use super::record::{READING, VerificationRecord};
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

    /// Returns true if a key that these pins do not have is shown, at any place that gives rights to the namespace.
    #[must_use]
    pub fn shows_unpinned(&self, pins: &Pins) -> bool {
        !pins.keys.is_empty() && self.set().is_some_and(|keys| !keys.is_subset(&pins.keys))
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
        if self.shows_unpinned(pins) {
            return Some(Obstacle::NotPinned);
        }
        (self.confirmed_at() < Some(first_seen)).then_some(Obstacle::NotShownSince)
    }
}
