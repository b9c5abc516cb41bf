use std::time::Duration;

use super::record::VerificationRecord;
use crate::model::{Digest, Timestamp};

/// The order in which namespaces are checked again, first to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Overlays mention it: it is served, or waits for verification.
    Mentioned,
    /// One of its names resembles something protected.
    Resembling,
    Rest,
}

const HOUR: Duration = Duration::from_hours(1);
/// Time between two checks: of namespaces that overlays mention, and of the rest.
const MENTIONED: Duration = Duration::from_hours(24);
const REST: Duration = Duration::from_hours(7 * 24);
/// A missing account is looked up again after this time, so that three lookups fit well into two days.
const MISSING: Duration = Duration::from_hours(8);
const FIRST_RETRY: Duration = Duration::from_mins(10);
/// The longest time between two lookups of a mentioned namespace without an answer of every place: what an outage of
/// the resolvers hides comes back soon after it, and what waits for an answer is served.
const LAST_RETRY: Duration = HOUR;
/// Missing keys are looked up again after this time, and a loss that took effect: the zone may be repaired.
const LOST: Duration = Duration::from_mins(30);

/// Returns when a namespace is checked again. The time is spread by a fifth, by the namespace's own name, so
/// that namespaces that were found together are not checked together for ever.
#[must_use]
pub fn next_check(
    namespace: &str,
    record: &VerificationRecord,
    priority: Priority,
    now: Timestamp,
) -> Timestamp {
    let interval = if priority == Priority::Rest { REST } else { MENTIONED };
    let usual = match record.returned_at {
        _ if record.on_hold => FIRST_RETRY,
        _ if priority == Priority::Rest && record.is_gone() => interval,
        Some(first) if record.is_gone() => first.plus(HOUR).since(now),
        _ if record.is_gone() => LOST,
        _ if record.negatives.is_some() && priority == Priority::Rest => MISSING,
        _ if record.negatives.is_some() && record.account().is_none() => LOST,
        _ if record.negatives.is_some() => MISSING,
        _ => interval,
    };
    let open = record.open_lookups();
    let wait = if open > 0 {
        let longest = if priority == Priority::Rest { interval } else { LAST_RETRY };
        (FIRST_RETRY * 2_u32.saturating_pow(open.min(8) - 1)).min(longest).min(usual)
    } else {
        usual
    };
    let seed = [namespace.as_bytes(), &now.as_micros().to_le_bytes()].concat();
    let share = Digest::of(&seed).as_bytes().first().map_or(0, |byte| u32::from(*byte));
    now.plus(wait.max(FIRST_RETRY).min(30 * 24 * HOUR) * (256 + share / 5) / 256)
}
