use std::fmt;
use std::time::Duration;

use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// A moment in time in UTC, in whole microseconds: the finest unit that the official registry writes.
///
/// It is read from RFC 3339 only; digits below a microsecond are cut off.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A text that is not an RFC 3339 date and time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("an RFC 3339 date and time is needed, such as 2026-08-05T14:30:00Z")]
pub struct BadTimestamp;

impl Timestamp {
    /// Before every timestamp that can be read.
    pub const MIN: Self = Self(i64::MIN);
    /// The first of the years with four digits, 0000-01-01T00:00:00Z, which is written for every earlier one.
    const EARLIEST: Self = Self(-62_167_219_200_000_000);
    /// The smallest step between two timestamps.
    pub const TICK: Duration = Duration::from_micros(1);

    /// Reads an RFC 3339 date and time (section 5.6: `date-time`).
    ///
    /// # Errors
    /// [`BadTimestamp`] for everything else, including ISO 8601 forms that RFC 3339 leaves out.
    pub fn parse(text: &str) -> Result<Self, BadTimestamp> {
        if !has_rfc3339_shape(text.as_bytes()) {
            return Err(BadTimestamp);
        }
        let stamp: jiff::Timestamp = text.parse().map_err(|_| BadTimestamp)?;
        let read = Self(stamp.as_microsecond());
        // An offset may lead beyond the years of four digits, and what cannot be written again is no date.
        if read < Self::EARLIEST { Err(BadTimestamp) } else { Ok(read) }
    }

    /// Reads a date, which means the end of that day in UTC, or an RFC 3339 date and time.
    ///
    /// # Errors
    /// [`BadTimestamp`] for everything else.
    pub fn parse_last_moment(text: &str) -> Result<Self, BadTimestamp> {
        let is_day = text.len() == "2026-01-31".len();
        if is_day { Self::parse(&format!("{text}T23:59:59.999999Z")) } else { Self::parse(text) }
    }

    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }

    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }

    /// Returns the time since `earlier`; zero if this is not later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let micros = self.0.saturating_sub(earlier.0).max(0);
        Duration::from_micros(micros.unsigned_abs())
    }

    /// Returns the text for programs, which [`Timestamp::parse`] reads, with six digits below the second: texts of equal width sort as
    /// the timestamps do, and no digit is lost.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        self.written(6)
    }

    /// Returns the day only, for tables that people read.
    #[must_use]
    pub fn day(self) -> String {
        let mut text = self.written(0);
        text.truncate("2026-01-31".len());
        text
    }

    fn written(self, digits: u8) -> String {
        let printer = DateTimePrinter::new().precision(Some(digits));
        let written = self.max(Self::EARLIEST).0;
        let stamp = jiff::Timestamp::from_microsecond(written).unwrap_or(jiff::Timestamp::MAX);
        printer.timestamp_to_string(&stamp)
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Accepts `YYYY-MM-DDThh:mm:ss[.f…](Z|±hh:mm)`; leaves the ranges of the numbers to the calendar.
fn has_rfc3339_shape(text: &[u8]) -> bool {
    const PATTERN: &[u8] = b"dddd-dd-ddTdd:dd:dd";
    let Some((stem, rest)) = text.split_at_checked(PATTERN.len()) else {
        return false;
    };
    let fits = |text: &[u8], pattern: &[u8]| {
        text.len() == pattern.len()
            && text.iter().zip(pattern).all(|(byte, wanted)| match wanted {
                b'd' => byte.is_ascii_digit(),
                _ => byte.eq_ignore_ascii_case(wanted),
            })
    };
    let zone = match rest {
        [b'.', fraction @ ..] => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            &fraction[digits..]
        }
        zone => zone,
    };
    fits(stem, PATTERN) && (fits(zone, b"Z") || fits(zone, b"+dd:dd") || fits(zone, b"-dd:dd"))
}

/// Writes the text for people: whole seconds, cut off.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written(0))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&self.to_rfc3339())
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return Deserialize::deserialize(deserializer).map(Self);
        }
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("2026-04-13T17:32:20.852269Z", "2026-04-13T17:32:20.852269Z")]
    #[case("2026-04-13T17:32:20.852Z", "2026-04-13T17:32:20.852000Z")]
    #[case("2026-04-13t17:32:20z", "2026-04-13T17:32:20.000000Z")]
    #[case("2026-04-13T19:32:20+02:00", "2026-04-13T17:32:20.000000Z")]
    #[case("2026-04-13T17:32:20.123456789Z", "2026-04-13T17:32:20.123456Z")]
    fn rfc_3339_is_read_and_written_in_utc(#[case] text: &str, #[case] written: &str) {
        assert_eq!(Timestamp::parse(text).map(Timestamp::to_rfc3339), Ok(written.into()));
    }

    #[rstest::rstest]
    #[case("")]
    #[case("2026-04-13")]
    #[case("2026-04-13T17:32:20")]
    #[case("2026-04-13 17:32:20Z")]
    #[case("2026-04-13T17:32Z")]
    #[case("2026-04-13T17:32:20.Z")]
    #[case("2026-02-30T17:32:20Z")]
    #[case("2026-04-13T25:00:00Z")]
    #[case("+002026-04-13T17:32:20Z")]
    #[case("2026-04-13T17:32:20Z[UTC]")]
    #[case("0000-01-01T00:00:00+14:00")]
    #[case("9999-12-31T23:59:59-14:00")]
    fn other_time_formats_are_rejected(#[case] text: &str) {
        assert_eq!(Timestamp::parse(text), Err(BadTimestamp));
    }

    /// One header `Age` of thousands of years was written as a date that could not be read, and damaged the state of its
    /// upstream.
    #[rstest::rstest]
    #[case(Timestamp::MIN)]
    #[case(Timestamp(i64::MAX))]
    #[case(Timestamp::EARLIEST.minus(Timestamp::TICK))]
    #[case(Timestamp::EARLIEST)]
    #[case(Timestamp(253_402_300_799_999_999))]
    #[case(Timestamp(0).minus(Duration::from_secs(100_000_000_000)))]
    fn whatever_is_written_can_be_read(#[case] at: Timestamp) {
        let read = Timestamp::parse(&at.to_rfc3339()).expect("what was written");
        assert!(Timestamp::parse(&at.to_string()).is_ok());
        assert_eq!(read.to_rfc3339(), at.to_rfc3339());
    }
}
