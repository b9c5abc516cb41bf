use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::source::FetchFailure;
use crate::model::Timestamp;

/// After so many definite refusals of `updated_since` in a row, the upstream is read fully at its interval.
const REFUSALS: u32 = 3;

/// The refusals of incremental syncs since the last one that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    pub times: u32,
    /// The time of the last one.
    pub at: Timestamp,
}

impl Refused {
    /// Counts another one.
    #[must_use]
    pub fn again(before: Option<Self>, now: Timestamp) -> Self {
        let times = before.map_or(0, |before| before.times);
        Self { times: times.saturating_add(1), at: now }
    }

    /// Returns true if full syncs take the place of incremental ones: until `retry_after` has gone by, since a registry
    /// may learn the parameter.
    #[must_use]
    pub fn is_final(self, now: Timestamp, retry_after: Duration) -> bool {
        self.times >= REFUSALS && now.since(self.at) < retry_after
    }
}

/// Returns true if a status says that the request cannot be answered, and not that it may be later or by others.
#[must_use]
pub(super) fn is_definite_refusal(failure: &FetchFailure) -> bool {
    let FetchFailure::Status { status, .. } = failure else { return false };
    matches!(status, 400 | 404 | 405 | 410 | 414 | 422 | 501)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn some_refusals_in_a_row_are_final_for_a_while() {
        let at = Timestamp::parse("2026-06-01T00:00:00Z").expect("a time");
        let mut refused = None;
        for times in 1..=4 {
            let now = Refused::again(refused, at);
            assert_eq!(now.is_final(at.plus(DAY / 2), DAY), times >= 3, "{times}");
            assert!(!now.is_final(at.plus(DAY), DAY));
            refused = Some(now);
        }
    }

    #[rstest::rstest]
    #[case(400, true)]
    #[case(422, true)]
    #[case(401, false)]
    #[case(403, false)]
    #[case(408, false)]
    #[case(429, false)]
    #[case(500, false)]
    #[case(503, false)]
    fn only_a_definite_answer_is_a_refusal(#[case] status: u16, #[case] is_refusal: bool) {
        let failure = FetchFailure::Status { status, retry_after: None, excerpt: String::new() };
        assert_eq!(is_definite_refusal(&failure), is_refusal);
    }
}
