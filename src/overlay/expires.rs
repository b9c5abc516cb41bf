use super::fields::EXPIRES;
use crate::model::Timestamp;

/// Reads a date, which means the end of that day in UTC, or an RFC 3339 date and time.
pub(super) fn last_moment(text: &str) -> Result<Timestamp, &'static str> {
    let is_day = text.len() == "2026-01-31".len();
    let whole = if is_day { format!("{text}T23:59:59.999999Z") } else { text.to_owned() };
    Timestamp::parse(&whole).map_err(|_| EXPIRES)
}
