use std::time::Duration;

use crate::model::Timestamp;
use crate::overlay::Reviewed;

/// A part of the time that has passed by our clock alone, such as a stop of a year that no other clock confirms. Approvals
/// end by our clock; what waits for a time begins later, by as much as is not confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UnconfirmedTime {
    pub length: Duration,
    /// The time of our clock when that was noted. A person who dates a review after it has the same clock.
    pub noted: Timestamp,
}

impl UnconfirmedTime {
    /// All of the time is confirmed.
    pub const NONE: Self = Self { length: Duration::ZERO, noted: Timestamp::MIN };

    /// Returns the time of our clock at which a moment has come for sure.
    #[must_use]
    pub fn begin(self, moment: Timestamp) -> Timestamp {
        moment.plus(self.length)
    }

    /// Returns the time of our clock at which a review has begun for sure.
    #[must_use]
    pub fn begin_review(self, reviewed: Reviewed) -> Timestamp {
        let start = reviewed.start();
        if start < self.noted { self.begin(start) } else { start }
    }

    /// Returns true if a review may be ahead.
    #[must_use]
    pub fn is_ahead(self, reviewed: Reviewed, now: Timestamp) -> bool {
        reviewed.is_ahead(now)
            || (reviewed.start() < self.noted && reviewed.is_ahead(now.minus(self.length)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn review_within_the_time_that_is_not_confirmed_begins_later_and_one_after_it_at_once() {
        let at = |text: &str| Timestamp::parse(text).expect("a time");
        let (noted, hour) = (at("2026-06-10T00:00:00Z"), Duration::from_hours(1));
        let nine_days = UnconfirmedTime { length: hour * 24 * 9, noted };
        let review = |text: &str| Reviewed::At(at(text));
        for (reviewed, begins) in [
            ("2026-05-01T00:00:00Z", "2026-05-10T00:00:00Z"),
            ("2026-06-05T00:00:00Z", "2026-06-14T00:00:00Z"),
            ("2026-06-10T08:00:00Z", "2026-06-10T08:00:00Z"),
        ] {
            let (reviewed, begins) = (review(reviewed), at(begins));
            assert_eq!(nine_days.begin_review(reviewed), begins);
            assert!(nine_days.is_ahead(reviewed, begins.minus(hour)), "{reviewed:?}");
            assert!(!nine_days.is_ahead(reviewed, begins), "{reviewed:?}");
        }
        let early = review("2026-06-05T00:00:00Z");
        assert!(!UnconfirmedTime::NONE.is_ahead(early, early.start()));
    }
}
