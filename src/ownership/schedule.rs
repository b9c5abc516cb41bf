use std::time::Duration;

use super::holding::Holding;
use super::verdict::{Pins, Verdict};
use crate::model::{Digest, Instant};

/// Whose turn comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Overlays speak of it: it is served, or waits for a proof.
    Spoken,
    /// A name of it resembles something protected.
    Resembling,
    Rest,
}

const HOUR: Duration = Duration::from_hours(1);
/// How long a verdict holds for what overlays speak of, and for the rest.
const SPOKEN: Duration = Duration::from_hours(24);
const REST: Duration = Duration::from_hours(7 * 24);
/// A proof that seems to be gone is looked for again, so that three looks fit well into two days.
const DOUBTFUL: Duration = Duration::from_hours(8);
const FIRST_RETRY: Duration = Duration::from_mins(10);

/// When a namespace is looked at again. It is spread over a fifth of the time, by the namespace's own
/// name: what was found together is not asked for together for ever.
#[must_use]
pub fn next_check(
    namespace: &str,
    holding: &Holding,
    pins: &Pins,
    urgency: Urgency,
    now: Instant,
) -> Instant {
    let lasting = if urgency == Urgency::Rest { REST } else { SPOKEN };
    let (verdict, _) = holding.verdict(pins);
    let wait = match () {
        () if holding.unclear > 0 => {
            (FIRST_RETRY * 2_u32.saturating_pow(holding.unclear.min(8) - 1)).min(lasting)
        }
        () if holding.negatives.is_some() && verdict != Verdict::Refuted => DOUBTFUL.min(lasting),
        () => lasting,
    };
    let seed = [namespace.as_bytes(), &now.as_micros().to_le_bytes()].concat();
    let share = Digest::of(&seed).as_bytes().first().map_or(0, |byte| u32::from(*byte));
    now.plus(wait.max(FIRST_RETRY).min(30 * 24 * HOUR) * (256 + share / 5) / 256)
}
