use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// A point in time in UTC, in whole microseconds: the finest that upstream writes.
///
/// It is read from RFC 3339 only; what is finer than a microsecond is cut off. It is written with
/// six digits, so that equal widths sort as text too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

/// A text that is no RFC 3339 date and time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("an RFC 3339 date and time is needed, such as 2026-08-05T14:30:00Z")]
pub struct BadInstant;

impl Instant {
    /// Before every instant that can be read.
    pub const MIN: Self = Self(i64::MIN);
    /// The smallest step between two instants.
    pub const TICK: Duration = Duration::from_micros(1);

    /// Reads an RFC 3339 date and time (section 5.6: `date-time`).
    ///
    /// # Errors
    /// [`BadInstant`] for everything else, among it ISO 8601 forms that RFC 3339 leaves out.
    pub fn parse(text: &str) -> Result<Self, BadInstant> {
        if !has_rfc3339_shape(text.as_bytes()) {
            return Err(BadInstant);
        }
        let stamp: Timestamp = text.parse().map_err(|_| BadInstant)?;
        Ok(Self(stamp.as_microsecond()))
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

    /// How long after `earlier` this is; zero when it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let micros = self.0.saturating_sub(earlier.0).max(0);
        Duration::from_micros(micros.unsigned_abs())
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// `YYYY-MM-DDThh:mm:ss[.f…](Z|±hh:mm)`; the ranges of the numbers are left to the calendar.
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

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
        let stamp = Timestamp::from_microsecond(self.0).unwrap_or(if self.0 < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        });
        f.write_str(&PRINTER.timestamp_to_string(&stamp))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
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
        assert_eq!(Instant::parse(text).map(|instant| instant.to_string()), Ok(written.into()));
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
    fn anything_else_is_refused(#[case] text: &str) {
        assert_eq!(Instant::parse(text), Err(BadInstant));
    }
}
