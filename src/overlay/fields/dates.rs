/// The allowed values of `reviewed`.
pub(in crate::overlay) const REVIEWED: &str = "a date such as 2026-01-31, which covers what was there before that day began in \
                                   UTC, or an RFC 3339 date and time, which covers up to itself";
/// The allowed values of `expires`.
pub(in crate::overlay) const EXPIRES: &str = "a date such as 2026-01-31, which means the end of that day in UTC, or an RFC 3339 \
                                  date and time";
