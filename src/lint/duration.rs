use std::time::Duration;

/// The allowed durations.
pub const DURATION: &str =
    "a whole number and a unit, from 100ms to 366d, such as 500ms, 90s, 5m, 24h or 7d";

/// Reads a whole number and a unit: `250ms`, `90s`, `5m`, `24h`, `7d`; from 100 milliseconds to 366 days.
///
/// # Errors
/// The allowed durations.
pub fn duration(text: &str) -> Result<Duration, &'static str> {
    const LEAST: Duration = Duration::from_millis(100);
    const MOST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60 * 1_000,
        "h" => 60 * 60 * 1_000,
        "d" => 24 * 60 * 60 * 1_000,
        _ => return Err(DURATION),
    };
    let number: Option<u64> = number.parse().ok();
    let read =
        number.and_then(|number| number.checked_mul(milliseconds)).map(Duration::from_millis);
    read.filter(|read| (LEAST..=MOST).contains(read)).ok_or(DURATION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_with_a_unit_is_read_between_its_limits() {
        for (text, milliseconds) in [
            ("100ms", 100),
            ("1500ms", 1_500),
            ("1s", 1_000),
            ("90s", 90_000),
            ("5m", 300_000),
            ("24h", 86_400_000),
            ("366d", 31_622_400_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in [
            "",
            "5",
            "s",
            "ms",
            "99ms",
            "0s",
            "-1s",
            "+1s",
            "1.5s",
            "1 s",
            "367d",
            "1w",
            "1S",
            "18446744073709551615d",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
