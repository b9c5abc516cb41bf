use serde::{Deserialize, Serialize};

use super::SafetyLimits;
use crate::model::{Head, Timestamp};

/// The absence of an entry from consecutive full syncs.
///
/// Removal has two steps, since registries have lost names and found them again: after several full
/// syncs the entry is hidden as missing, and only after a grace period it is purged. Seen again
/// before that, it comes back as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    /// Consecutive full syncs that missed it.
    pub missed: u32,
    /// When the first of them ended.
    pub since: Timestamp,
    /// When it was hidden.
    pub hidden: Option<Timestamp>,
}

/// The change to an entry that a full sync did not see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Miss {
    /// The absence is counted; `hidden` is the new head if the entry is hidden now.
    Counted { absence: Absence, hidden: Option<Head> },
    /// The entry is purged. Its head is remembered, unless an earlier one already is: when the entry
    /// comes back, it is compared with the content that was purged first.
    Purged { remembered: Option<Head> },
}

impl Absence {
    /// Decides about an entry that one more full sync missed.
    #[must_use]
    pub fn missed(
        head: Head,
        before: Option<Self>,
        safety_limits: &SafetyLimits,
        now: Timestamp,
    ) -> Miss {
        let absence = Self::again(before, safety_limits, now);
        if absence.is_final(safety_limits, now) {
            return Miss::Purged {
                remembered: (!head.replaced && !head.contentless).then_some(head),
            };
        }
        let hides = absence.is_hidden() && !head.missing;
        Miss::Counted { absence, hidden: hides.then_some(Head { missing: true, ..head }) }
    }

    /// Returns the new head of an entry that is seen again, if that makes it visible.
    #[must_use]
    pub fn end(head: Head) -> Option<Head> {
        head.missing.then_some(Head { missing: false, ..head })
    }

    /// Returns the absence after one more full sync that missed the entry.
    #[must_use]
    pub fn again(before: Option<Self>, safety_limits: &SafetyLimits, now: Timestamp) -> Self {
        let missed = before.map_or(1, |before| before.missed.saturating_add(1));
        let hidden = before.and_then(|before| before.hidden);
        Self {
            missed,
            since: before.map_or(now, |before| before.since),
            hidden: hidden.or((missed >= safety_limits.missing_syncs).then_some(now)),
        }
    }

    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.hidden.is_some()
    }

    /// Returns true if the grace period has ended.
    #[must_use]
    pub fn is_final(&self, safety_limits: &SafetyLimits, now: Timestamp) -> bool {
        self.hidden.is_some_and(|hidden| now.since(hidden) >= safety_limits.purge_after)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Digest, Status};

    #[test]
    fn missed_entry_is_hidden_after_several_full_syncs_and_purged_after_the_grace_period() {
        let safety_limits = SafetyLimits {
            missing_syncs: 3,
            purge_after: Duration::from_micros(10),
            ..SafetyLimits::default()
        };
        let at = Timestamp::from_micros;
        let first = Absence::again(None, &safety_limits, at(1));
        let second = Absence::again(Some(first), &safety_limits, at(2));
        assert!(!first.is_hidden() && !second.is_hidden());
        let third = Absence::again(Some(second), &safety_limits, at(3));
        assert_eq!(third, Absence { missed: 3, since: at(1), hidden: Some(at(3)) });
        let later = Absence::again(Some(third), &safety_limits, at(12));
        assert_eq!(later.hidden, third.hidden);
        assert!(!later.is_final(&safety_limits, at(12)));
        assert!(later.is_final(&safety_limits, at(13)));
    }

    fn head(missing: bool, replaced: bool) -> Head {
        let at = Timestamp::from_micros(1);
        Head {
            status: Status::Active,
            missing,
            rewritten: false,
            replaced,
            contentless: false,
            status_since: None,
            initial: false,
            published_at: at,
            updated_at: at,
            first_seen: at,
            received: Digest::of(b"x"),
            sent: Digest::of(b"y"),
        }
    }

    #[test]
    fn missed_entry_is_counted_then_hidden_once_then_purged() {
        let safety_limits = SafetyLimits {
            missing_syncs: 2,
            purge_after: Duration::from_micros(10),
            ..SafetyLimits::default()
        };
        let at = Timestamp::from_micros;
        let first = Absence { missed: 1, since: at(1), hidden: None };
        let second = Absence { missed: 2, since: at(1), hidden: Some(at(2)) };
        let third = Absence { missed: 3, ..second };
        let counted = |absence, hidden| Miss::Counted { absence, hidden };
        let cases = [
            (head(false, false), None, 1, counted(first, None)),
            (head(false, false), Some(first), 2, counted(second, Some(head(true, false)))),
            (head(true, false), Some(second), 3, counted(third, None)),
            (
                head(true, false),
                Some(second),
                12,
                Miss::Purged { remembered: Some(head(true, false)) },
            ),
            (head(true, true), Some(second), 12, Miss::Purged { remembered: None }),
        ];
        for (head, before, now, expected) in cases {
            assert_eq!(
                Absence::missed(head, before, &safety_limits, at(now)),
                expected,
                "at {now}"
            );
        }
    }

    #[test]
    fn only_hidden_entry_is_shown_again() {
        assert_eq!(Absence::end(head(true, false)), Some(head(false, false)));
        assert_eq!(Absence::end(head(false, false)), None);
    }
}
