/// The allowed sizes.
pub const SIZE: &str =
    "a whole number and a unit, from 0MiB to 1024TiB, such as 500KiB, 512MiB or 4GiB";

/// Reads a whole number and a unit of bytes: `500KiB`, `512MiB`, `4GiB`, `1TiB`; at most 1024 TiB.
///
/// # Errors
/// The allowed sizes.
pub fn size(text: &str) -> Result<u64, &'static str> {
    const MOST: u64 = 1024 << 40;
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(SIZE),
    };
    let number: Option<u64> = number.parse().ok();
    number.and_then(|number| number.checked_mul(unit)).filter(|bytes| *bytes <= MOST).ok_or(SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_with_a_unit_of_bytes_is_read_up_to_its_limit() {
        for (text, bytes) in [
            ("0MiB", 0),
            ("1KiB", 1 << 10),
            ("512MiB", 512 << 20),
            ("4GiB", 4 << 30),
            ("1024TiB", 1024 << 40),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "5",
            "MiB",
            "5MB",
            "5mib",
            "1.5GiB",
            "-1MiB",
            "+1MiB",
            "1 MiB",
            "1025TiB",
            "18446744073709551615KiB",
        ] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
