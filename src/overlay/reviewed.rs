use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::model::{BadTimestamp, Timestamp};

const DAY: Duration = Duration::from_hours(24);
/// The lead of the easternmost time zone: a day begins there this long before it begins in UTC.
const EASTERNMOST: Duration = Duration::from_hours(14);

/// The time of a review, as its file states it: what an approval covers ends there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reviewed {
    /// A bare date, by the start of that day in UTC. The hour of the review is unknown, so that the day itself is
    /// not covered.
    Day(Timestamp),
    At(Timestamp),
}

impl Reviewed {
    /// Reads a date such as 2026-01-31, or an RFC 3339 date and time.
    ///
    /// # Errors
    /// [`BadTimestamp`] for every other text.
    pub(super) fn parse(text: &str) -> Result<Self, BadTimestamp> {
        if text.len() == "2026-01-31".len() {
            Timestamp::parse(&format!("{text}T00:00:00Z")).map(Self::Day)
        } else {
            Timestamp::parse(text).map(Self::At)
        }
    }

    /// Returns the moment from which the term of the approval counts.
    #[must_use]
    pub const fn start(self) -> Timestamp {
        match self {
            Self::Day(start) | Self::At(start) => start,
        }
    }

    /// Returns true if the review covers content that counts from this time. The organisation controls its own
    /// upstreams, so that a bare date covers their content to the end of the day.
    #[must_use]
    pub fn covers(self, counts_from: Timestamp, is_internal: bool) -> bool {
        match self {
            Self::Day(start) if is_internal => counts_from < start.plus(DAY),
            Self::Day(start) => counts_from < start,
            Self::At(at) => counts_from <= at,
        }
    }

    /// Returns true if it covers whatever another review covers, wherever the content comes from.
    pub(super) fn covers_all_of(self, other: Self) -> bool {
        match (self, other) {
            (Self::Day(start), Self::Day(other)) => start >= other,
            (Self::Day(start), Self::At(other)) => start > other,
            (Self::At(at), Self::Day(other)) => at >= other.plus(DAY),
            (Self::At(at), Self::At(other)) => at >= other,
        }
    }

    /// Returns true if content is not covered only because the review is given as the day of its publication.
    #[must_use]
    pub fn is_day_of(self, counts_from: Timestamp) -> bool {
        matches!(self, Self::Day(start) if counts_from >= start && counts_from < start.plus(DAY))
    }

    /// Returns true if it is a moment that has not come: until then the approval admits nothing.
    #[must_use]
    pub fn is_ahead(self, now: Timestamp) -> bool {
        matches!(self, Self::At(at) if at > now)
    }

    /// Returns the moment before which it cannot have taken place: for a day, its start in the easternmost time zone.
    pub(super) fn begins(self) -> Timestamp {
        match self {
            Self::Day(start) => start.minus(EASTERNMOST),
            Self::At(at) => at,
        }
    }
}

/// Writes it as a file could state it.
impl fmt::Display for Reviewed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(start) => f.write_str(&start.day()),
            Self::At(at) => write!(f, "{at}"),
        }
    }
}

impl Serialize for Reviewed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    #[rstest::rstest]
    //     reviewed              counts from                    external internal
    #[case("2026-03-15", "2026-03-14T23:59:59.999999Z", true, true)]
    #[case("2026-03-15", "2026-03-15T00:00:00Z", false, true)]
    #[case("2026-03-15", "2026-03-15T23:59:59.999999Z", false, true)]
    #[case("2026-03-15", "2026-03-16T00:00:00Z", false, false)]
    #[case("2026-03-15T12:00:00+02:00", "2026-03-15T10:00:00Z", true, true)]
    #[case("2026-03-15T12:00:00+02:00", "2026-03-15T10:00:00.000001Z", false, false)]
    fn date_covers_what_came_before_its_day_and_a_timestamp_what_came_up_to_itself(
        #[case] reviewed: &str,
        #[case] counts_from: &str,
        #[case] external: bool,
        #[case] internal: bool,
    ) {
        let reviewed = Reviewed::parse(reviewed).expect("a review");
        let covers = |is_internal| reviewed.covers(at(counts_from), is_internal);
        assert_eq!((covers(false), covers(true)), (external, internal));
    }

    #[rstest::rstest]
    //     reviewed              now                    impossible ahead
    #[case("2026-06-02", "2026-06-01T10:00:00Z", false, false)]
    #[case("2026-06-02", "2026-06-01T09:59:59Z", true, false)]
    #[case("2026-06-01T10:00:01Z", "2026-06-01T10:00:00Z", false, true)]
    #[case("2026-06-01T10:00:00Z", "2026-06-01T10:00:00Z", false, false)]
    fn day_has_to_have_begun_somewhere_and_a_timestamp_admits_nothing_before_itself(
        #[case] reviewed: &str,
        #[case] now: &str,
        #[case] is_impossible: bool,
        #[case] is_ahead: bool,
    ) {
        let reviewed = Reviewed::parse(reviewed).expect("a review");
        let is_impossible_now = matches!(reviewed, Reviewed::Day(_)) && at(now) < reviewed.begins();
        let found = (is_impossible_now, reviewed.is_ahead(at(now)));
        assert_eq!(found, (is_impossible, is_ahead));
    }
}
