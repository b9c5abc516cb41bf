//! Decides which delivery of a lane is next, and how long the lane rests.

use std::collections::VecDeque;
use std::time::Duration;

use crate::alert::{Refusal, RefusalScope};
use crate::model::Timestamp;

/// The interval at which an idle lane reads again.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The recipient may work again, or deliveries that were given up may be due again.
const LONGEST_REST: Duration = Duration::from_mins(1);

/// The state of one lane of a recipient. After a failed delivery the lane rests until that one is due
/// again, since the next would fail too.
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

/// The outcome of a delivery, as far as it matters for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It was accepted, or refused for its content.
    Settled,
    /// It was not accepted, or its outcome could not be stored; it is due again then.
    Blocked(Timestamp),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect<D> {
    Deliver(D),
    /// The lane reads again what is due after this.
    Rest(Duration),
}

impl Ending {
    /// Derives the ending. `stored` is when the delivery is due again, if at all, or that the outcome
    /// could not be stored.
    pub(super) fn of<E>(
        outcome: &Result<(), Refusal>,
        stored: &Result<Option<Timestamp>, E>,
        now: Timestamp,
    ) -> Self {
        let is_refused_for_content =
            matches!(outcome, Err(refusal) if refusal.scope == RefusalScope::Delivery);
        match stored {
            Ok(Some(until)) if !is_refused_for_content => Self::Blocked(*until),
            // It was given up, and others that wait may have to be given up too.
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

    pub(super) fn step(&mut self, event: Event<D>, now: Timestamp) -> Effect<D> {
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

    const NOW: Timestamp = Timestamp::from_micros(0);

    fn rest(seconds: u64) -> Effect<char> {
        Effect::Rest(Duration::from_secs(seconds))
    }

    fn blocked(seconds: u64) -> Event<char> {
        Event::Ended(Ending::Blocked(NOW.plus(Duration::from_secs(seconds))))
    }

    #[test]
    fn lane_delivers_one_by_one_and_then_rests() {
        let mut lane = LaneState::new();
        assert_eq!(lane.step(Event::Read(vec!['a', 'b']), NOW), Effect::Deliver('a'));
        assert_eq!(lane.step(Event::Ended(Ending::Settled), NOW), Effect::Deliver('b'));
        assert_eq!(lane.step(Event::Ended(Ending::Settled), NOW), rest(1));
        assert_eq!(lane.step(Event::Read(Vec::new()), NOW), rest(1));
    }

    #[test]
    fn blocked_delivery_delays_later_ones() {
        let mut lane = LaneState::new();
        lane.step(Event::Read(vec!['a', 'b']), NOW);
        assert_eq!(lane.step(blocked(20), NOW), rest(20));
        assert_eq!(lane.step(Event::Read(vec!['b']), NOW), Effect::Deliver('b'));
    }

    #[test]
    fn rest_doubles_up_to_a_minute_until_a_delivery_succeeds() {
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
    fn only_a_failing_recipient_blocks_its_lane() {
        let refused = |scope| Err(Refusal { scope, why: String::new(), retry_after: None });
        let later = NOW.plus(Duration::from_secs(9));
        let table = [
            (Ok(()), Ok(None), Ending::Settled),
            (refused(RefusalScope::Delivery), Ok(Some(later)), Ending::Settled),
            (refused(RefusalScope::Recipient), Ok(Some(later)), Ending::Blocked(later)),
            (refused(RefusalScope::Recipient), Ok(None), Ending::Blocked(NOW)),
            (Ok(()), Err(()), Ending::Blocked(NOW)),
        ];
        for (outcome, stored, ending) in table {
            assert_eq!(Ending::of(&outcome, &stored, NOW), ending, "{outcome:?} {stored:?}");
        }
    }
}
