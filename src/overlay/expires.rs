use super::fields::EXPIRES;
use crate::model::Timestamp;

/// Reads a date, which means the end of that day in UTC, or an RFC 3339 date and time.
pub(super) fn last_moment(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse_last_moment(text).map_err(|_| EXPIRES)
}
