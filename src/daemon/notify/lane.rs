//! Decides which delivery of a lane is next, and how long the lane rests.

use std::collections::VecDeque;
use std::time::Duration;

use crate::alert::{Refusal, Whose};
use crate::model::Instant;

/// How often a lane that has nothing to deliver looks for more.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The receiver may work again, or deliveries that were given up may be due again.
const LONGEST_REST: Duration = Duration::from_mins(1);

/// One of the lanes of a receiver. A lane whose delivery is not taken rests until that one is due
/// again, since the next would fare no better.
#[derive(Debug)]
pub(super) struct LaneState<D> {
    failures: u32,
    due: VecDeque<D>,
}

#[derive(Debug)]
pub(super) enum Event<D> {
    /// These deliveries are due, in this order.
    Read(Vec<D>),
    Ended(Ending),
}

/// What became of a delivery, as far as it matters for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It was taken, or refused for what it says.
    Settled,
    /// It was not taken, or its end could not be stored; it is due again then.
    Blocked(Instant),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect<D> {
    Deliver(D),
    /// The lane reads again what is due after this.
    Rest(Duration),
}

impl Ending {
    /// `stored` says when it is due again, if at all, or that this could not be stored.
    pub(super) fn of<E>(
        outcome: &Result<(), Refusal>,
        stored: &Result<Option<Instant>, E>,
        now: Instant,
    ) -> Self {
        let is_its_own_fault = matches!(outcome, Err(refusal) if refusal.whose == Whose::Letter);
        match stored {
            Ok(Some(until)) if !is_its_own_fault => Self::Blocked(*until),
            // It was given up, and the others that wait may be given up with it.
            Ok(None) if outcome.is_err() => Self::Blocked(now),
            Ok(_) => Self::Settled,
            Err(_) => Self::Blocked(now),
        }
    }
}

impl<D> LaneState<D> {
    pub(super) fn new() -> Self {
        Self { failures: 0, due: VecDeque::new() }
    }

    pub(super) fn step(&mut self, event: Event<D>, now: Instant) -> Effect<D> {
        match event {
            Event::Read(due) => self.due = due.into(),
            Event::Ended(Ending::Settled) => self.failures = 0,
            Event::Ended(Ending::Blocked(until)) => {
                self.due.clear();
                // Each delivery waits longer each time, and so does the lane with many of them.
                let doubled = LOOK_EVERY * 2_u32.pow(self.failures.min(16));
                self.failures = self.failures.saturating_add(1);
                let asked = until.since(now);
                return Effect::Rest(asked.max(doubled).clamp(LOOK_EVERY, LONGEST_REST));
            }
        }
        self.due.pop_front().map_or(Effect::Rest(LOOK_EVERY), Effect::Deliver)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_micros(0);

    fn rest(seconds: u64) -> Effect<char> {
        Effect::Rest(Duration::from_secs(seconds))
    }

    fn blocked(seconds: u64) -> Event<char> {
        Event::Ended(Ending::Blocked(NOW.plus(Duration::from_secs(seconds))))
    }

    #[test]
    fn deliveries_are_made_one_by_one_and_then_the_lane_rests() {
        let mut lane = LaneState::new();
        assert_eq!(lane.step(Event::Read(vec!['a', 'b']), NOW), Effect::Deliver('a'));
        assert_eq!(lane.step(Event::Ended(Ending::Settled), NOW), Effect::Deliver('b'));
        assert_eq!(lane.step(Event::Ended(Ending::Settled), NOW), rest(1));
        assert_eq!(lane.step(Event::Read(Vec::new()), NOW), rest(1));
    }

    #[test]
    fn a_blocked_delivery_keeps_the_later_ones_back() {
        let mut lane = LaneState::new();
        lane.step(Event::Read(vec!['a', 'b']), NOW);
        assert_eq!(lane.step(blocked(20), NOW), rest(20));
        assert_eq!(lane.step(Event::Read(vec!['b']), NOW), Effect::Deliver('b'));
    }

    #[test]
    fn a_lane_rests_longer_each_time_up_to_a_minute_until_something_is_taken() {
        let mut lane = LaneState::new();
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(lane.step(blocked(0), NOW), rest(seconds));
        }
        lane.step(Event::Read(vec!['a']), NOW);
        lane.step(Event::Ended(Ending::Settled), NOW);
        assert_eq!(lane.step(blocked(0), NOW), rest(1));
        assert_eq!(lane.step(blocked(3600), NOW), rest(60));
    }

    #[test]
    fn only_a_receiver_that_takes_nothing_blocks_its_lane() {
        let refused = |whose| Err(Refusal { whose, why: String::new(), retry_after: None });
        let later = NOW.plus(Duration::from_secs(9));
        let table = [
            (Ok(()), Ok(None), Ending::Settled),
            (refused(Whose::Letter), Ok(Some(later)), Ending::Settled),
            (refused(Whose::Receiver), Ok(Some(later)), Ending::Blocked(later)),
            (refused(Whose::Receiver), Ok(None), Ending::Blocked(NOW)),
            (Ok(()), Err(()), Ending::Blocked(NOW)),
        ];
        for (outcome, stored, ending) in table {
            assert_eq!(Ending::of(&outcome, &stored, NOW), ending, "{outcome:?} {stored:?}");
        }
    }
}
