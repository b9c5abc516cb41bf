use std::time::Duration;

use super::key::PackageKey;
use crate::model::{Digest, Timestamp};

const HOUR: Duration = Duration::from_hours(1);
/// The time between two looks at a package.
const WEEK: Duration = Duration::from_hours(7 * 24);
/// The longest time between two looks at a package that gave no answer.
const LAST_RETRY: Duration = Duration::from_hours(24);

/// Returns when a package is looked at again: after a week, or after an hour that doubles with each consecutive failure,
/// up to a day. It is up to a fifth earlier, by the package, so that packages that were found together are not looked at
/// together for ever.
#[must_use]
pub fn next_look(key: &PackageKey, failures: u32, now: Timestamp) -> Timestamp {
    let wait = match failures {
        0 => WEEK,
        failures => (HOUR * 2_u32.saturating_pow(failures.min(8) - 1)).min(LAST_RETRY),
    };
    let digest = Digest::of(key.to_string().as_bytes());
    let share = digest.as_bytes().first().map_or(0, |byte| u32::from(*byte));
    now.plus(wait * (256 - share / 5) / 256)
}
