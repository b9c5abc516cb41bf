use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::verdict::Verdict;
use crate::model::{Digest, Timestamp};

const USUAL: Duration = Duration::from_hours(7 * 24);
const FIRST_RETRY: Duration = Duration::from_hours(1);
const LAST_RETRY: Duration = Duration::from_hours(24);
/// Attestations that are unavailable for this time are an alert.
pub const OVERDUE: Duration = Duration::from_hours(7 * 24);

/// The last definite verdict on a package, and when it was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProvenanceRecord {
    /// Unavailable only until the first definite one: silence changes no verdict.
    pub verdict: Verdict,
    pub checked_at: Timestamp,
    /// Consecutive checks that failed or learned nothing.
    #[serde(default)]
    pub failures: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable_since: Option<Timestamp>,
    /// The digest of the trust of the last check.
    pub trust: Digest,
}

impl ProvenanceRecord {
    /// Returns the record after another check.
    #[must_use]
    pub fn after(before: Option<Self>, verdict: Verdict, trust: Digest, now: Timestamp) -> Self {
        let is_failure = matches!(verdict, Verdict::Failed { .. } | Verdict::Unavailable);
        let earlier = before.as_ref().map_or(0, |before| before.failures);
        let failures = if is_failure { earlier.saturating_add(1) } else { 0 };
        let since = before.as_ref().and_then(|before| before.unavailable_since).unwrap_or(now);
        let unavailable_since = (!verdict.is_definite()).then_some(since);
        let verdict = match before {
            Some(before) if !verdict.is_definite() => before.verdict,
            _ => verdict,
        };
        Self { verdict, checked_at: now, failures, unavailable_since, trust }
    }

    /// Returns when to check again under the present trust: weekly, sooner after a failure, at once if the trust changed.
    #[must_use]
    pub fn next_check(&self, trust: Digest) -> Timestamp {
        if self.trust != trust {
            return self.checked_at;
        }
        let wait = match self.failures {
            0 => USUAL,
            failures => (FIRST_RETRY * 2_u32.saturating_pow(failures.min(8) - 1)).min(LAST_RETRY),
        };
        self.checked_at.plus(wait)
    }

    /// Returns true if no definite answer came for so long that a person should know.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.unavailable_since.is_some_and(|since| now.since(since) >= OVERDUE)
    }
}
