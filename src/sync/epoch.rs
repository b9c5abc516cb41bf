//! Follows the history of an upstream. A registry of our kind sends an epoch, a random word that is another one when its
//! store was made again; and where the store is the same, such as one that was put back from a copy, it asks for a resync
//! with the header `vidimus-resync`: the time since which changes were asked for is of another history.
//!
//! In both cases its changes say nothing of what it lost. So they mean a full sync at once, like any other: staged, judged
//! by the safety limits, and nothing is forgotten. A second one shows whether what the first missed is gone, or was only
//! not read again yet. An upstream that makes up epochs, or asks with every answer, causes one such pair in an hour. A
//! resync that is asked for after a pair is remembered until then: changes since a later time do not repeat it.

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
    /// True if a resync was asked for since the last pair.
    #[serde(default)]
    resync: bool,
}

impl EpochState {
    /// Returns the state after an answer that asks for a resync: a pair of full syncs follows, now or later. Between the
    /// two of a pair nothing more does, since the second one reads everything: changes are asked for since a time before
    /// the first one, less the overlap, which may still be of the other history.
    #[must_use]
    pub fn asked_for_resync(self) -> Self {
        Self { resync: self.resync || !self.second_due, ..self }
    }

    /// Returns true if a pair of full syncs is due now: after an answer with this epoch, or because one was asked for.
    #[must_use]
    pub fn is_replaced_by(&self, seen: Option<&Epoch>, now: Timestamp) -> bool {
        let differs = seen.is_some() && self.known.is_some() && seen != self.known.as_ref();
        (differs || self.resync)
            && self.first_ended.is_none_or(|ended| now.since(ended) >= PAIR_EVERY)
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
            let known = seen.cloned().or_else(|| self.known.clone());
            return Self { known, first_ended: Some(now), second_due: true, resync: false };
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

    #[test]
    fn resync_asks_for_two_full_syncs_of_the_same_epoch() {
        let a = Some(epoch("a"));
        for seen in [None, a.as_ref()] {
            let known = EpochState::default().after_full(at(0), seen, at(1));
            let asked = known.clone().asked_for_resync();
            assert!(!known.is_replaced_by(seen, at(5)) && asked.is_replaced_by(seen, at(5)));
            let first = asked.after_full(at(5), seen, at(6));
            assert_eq!(first.second_at(), Some(at(16)));
            assert!(first.is_second(at(16), seen) && !first.is_second(at(15), seen));
            assert_eq!(first.after_full(at(16), seen, at(17)).second_at(), None);
        }
        let silent = EpochState::default().after_full(at(0), a.as_ref(), at(1)).asked_for_resync();
        let silent = silent.after_full(at(5), None, at(6));
        assert!(!silent.is_replaced_by(a.as_ref(), at(100)), "no epoch is no other one");
    }

    #[test]
    fn resync_with_each_answer_causes_one_pair_an_hour_and_none_is_forgotten() {
        let mut state = EpochState::default().after_incremental(Some(&epoch("a")));
        let mut firsts = Vec::new();
        for minute in 0..180 {
            state = state.asked_for_resync();
            let is_second = state.second_at().is_some_and(|due| at(minute) >= due);
            if state.is_replaced_by(None, at(minute)) {
                firsts.push(minute);
            } else if !is_second {
                state = state.after_incremental(None);
                continue;
            }
            state = state.after_full(at(minute), None, at(minute));
        }
        assert_eq!(firsts, [0, 60, 120]);
        // The last request came within the hour, and no answer repeats it.
        assert!(!state.is_replaced_by(None, at(179)));
        assert!(state.is_replaced_by(None, at(180)));
    }

    #[test]
    fn state_of_an_earlier_release_asks_for_nothing() {
        let state = EpochState::default().after_incremental(Some(&epoch("a")));
        let mut json = serde_json::to_value(&state).expect("JSON");
        json.as_object_mut().expect("an object").remove("resync");
        assert_eq!(serde_json::from_value::<EpochState>(json).expect("a state"), state);
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
