//! Follows the epoch of an upstream: a random word that a registry of our kind sends, and that is another
//! one when its store was made again.
//!
//! After that, its changes say nothing of what it lost. So another epoch means a full sync at once, like
//! any other: staged, judged by the safety limits, and nothing is forgotten. A second one shows whether
//! what the first missed is gone, or was only not read again yet. An upstream that makes up epochs causes
//! one such pair in an hour.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// The wait between the two full syncs of a pair.
const SECOND_AFTER: Duration = Duration::from_mins(10);
/// The least time between two pairs.
const PAIR_EVERY: Duration = Duration::from_hours(1);
/// Our own epochs have 32 characters.
const MAX_BYTES: usize = 64;

/// The epoch of a registry: at most 64 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch(String);

impl Epoch {
    /// Reads the value of a header; `None` for a text that is not an epoch, which says nothing.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_usable = (1..=MAX_BYTES).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_usable.then(|| Self(text.to_owned()))
    }
}

/// The epoch that the stored rows of an upstream are of, and the full syncs that follow another one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EpochState {
    known: Option<Epoch>,
    /// When the first full sync of the last pair ended.
    first_ended: Option<Timestamp>,
    /// True until the second one of that pair has ended.
    second_due: bool,
}

impl EpochState {
    /// Returns true if an answer with this epoch asks for a pair of full syncs now.
    #[must_use]
    pub fn is_replaced_by(&self, seen: Option<&Epoch>, now: Timestamp) -> bool {
        let differs = seen.is_some() && self.known.is_some() && seen != self.known.as_ref();
        differs && self.first_ended.is_none_or(|ended| now.since(ended) >= PAIR_EVERY)
    }

    /// Returns when the second full sync of a pair is due, if one is.
    #[must_use]
    pub fn second_at(&self) -> Option<Timestamp> {
        self.first_ended.filter(|_| self.second_due).map(|ended| ended.plus(SECOND_AFTER))
    }

    /// Returns true if a full sync that began then under this epoch is the second one of a pair: an entry
    /// that it misses too is gone.
    #[must_use]
    pub fn is_second(&self, begun: Timestamp, seen: Option<&Epoch>) -> bool {
        self.second_at().is_some_and(|due| begun >= due) && seen == self.known.as_ref()
    }

    /// Returns the state after an incremental sync was accepted.
    #[must_use]
    pub fn after_incremental(&self, seen: Option<&Epoch>) -> Self {
        Self { known: self.known.clone().or_else(|| seen.cloned()), ..self.clone() }
    }

    /// Returns the state after a full sync was accepted or put on hold.
    #[must_use]
    pub fn after_full(&self, begun: Timestamp, seen: Option<&Epoch>, now: Timestamp) -> Self {
        if self.is_replaced_by(seen, now) {
            return Self { known: seen.cloned(), first_ended: Some(now), second_due: true };
        }
        let has_ended = self.second_at().is_some_and(|due| begun >= due);
        Self { second_due: self.second_due && !has_ended, ..self.after_incremental(seen) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_micros(minute * 60_000_000)
    }

    fn epoch(text: &str) -> Epoch {
        Epoch::parse(text).expect("an epoch")
    }

    /// Returns the state after full syncs under these epochs, each of which takes a minute.
    fn after(syncs: &[(i64, &str)]) -> EpochState {
        syncs.iter().fold(EpochState::default(), |state, (begun, seen)| {
            state.after_full(at(*begun), Some(&epoch(seen)), at(begun + 1))
        })
    }

    #[test]
    fn another_epoch_asks_for_two_full_syncs_ten_minutes_apart() {
        let first = after(&[(0, "a")]);
        assert!(!first.is_replaced_by(Some(&epoch("a")), at(5)));
        assert!(!first.is_replaced_by(None, at(5)), "no epoch says nothing");
        assert!(first.is_replaced_by(Some(&epoch("b")), at(5)));
        let replaced = after(&[(0, "a"), (5, "b")]);
        assert_eq!(replaced.second_at(), Some(at(16)));
        assert!(!replaced.is_second(at(15), Some(&epoch("b"))), "too early");
        assert!(!replaced.is_second(at(16), Some(&epoch("c"))), "yet another store");
        assert!(replaced.is_second(at(16), Some(&epoch("b"))));
        assert_eq!(after(&[(0, "a"), (5, "b"), (15, "b")]).second_at(), Some(at(16)));
        assert_eq!(after(&[(0, "a"), (5, "b"), (16, "b")]).second_at(), None);
    }

    #[test]
    fn new_epoch_with_each_answer_causes_one_pair_an_hour() {
        let replaced = after(&[(0, "a"), (5, "b"), (16, "c"), (30, "d")]);
        assert_eq!(replaced.second_at(), None);
        assert!(!replaced.is_replaced_by(Some(&epoch("e")), at(65)));
        assert!(replaced.is_replaced_by(Some(&epoch("e")), at(66)));
    }

    #[test]
    fn first_epoch_of_an_upstream_replaces_nothing() {
        let unknown = EpochState::default();
        assert!(!unknown.is_replaced_by(Some(&epoch("a")), at(0)));
        let known = unknown.after_incremental(Some(&epoch("a")));
        assert!(known.is_replaced_by(Some(&epoch("b")), at(0)));
        let incremental = known.after_incremental(Some(&epoch("b")));
        assert_eq!(incremental, known, "only a full sync reads all of a store");
    }

    #[rstest::rstest]
    #[case("")]
    #[case("two words")]
    #[case("epoch\u{7f}")]
    #[case("é")]
    fn text_that_is_not_an_epoch_says_nothing(#[case] text: &str) {
        assert_eq!(Epoch::parse(text), None);
        assert_eq!(Epoch::parse(&"x".repeat(MAX_BYTES + 1)), None);
    }
}
