use serde::{Deserialize, Serialize};

use super::Rails;
use crate::model::{Head, Instant};

/// That an entry was not seen in complete walks, one after another.
///
/// Removal has two steps, since registries were seen to lose names and to find them again: after
/// several walks the entry is hidden as missing, and only after a grace period it is purged. Seen
/// again before that, it comes back as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    /// How many complete walks in a row missed it.
    pub walks: u32,
    /// When the first of them ended.
    pub since: Instant,
    /// When it was hidden.
    pub hidden: Option<Instant>,
}

/// What to write of an entry that a complete walk did not see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Miss {
    /// The absence is counted; where it hides the entry now, that is its head.
    Counted { absence: Absence, hidden: Option<Head> },
    /// The entry is purged. Its head is remembered, unless an earlier one is: what it replaced is what
    /// it is compared with when it comes back.
    Purged { remembered: Option<Head> },
}

impl Absence {
    /// Decides about an entry that one more walk missed.
    #[must_use]
    pub fn missed(head: Head, before: Option<Self>, rails: &Rails, now: Instant) -> Miss {
        let absence = Self::again(before, rails, now);
        if absence.is_final(rails, now) {
            return Miss::Purged { remembered: (!head.replaced).then_some(head) };
        }
        let hides = absence.is_hidden() && !head.missing;
        Miss::Counted { absence, hidden: hides.then_some(Head { missing: true, ..head }) }
    }

    /// Returns the head of an entry that is seen again, where that shows it.
    #[must_use]
    pub fn over(head: Head) -> Option<Head> {
        head.missing.then_some(Head { missing: false, ..head })
    }

    /// The absence after one more walk that missed the entry.
    #[must_use]
    pub fn again(before: Option<Self>, rails: &Rails, now: Instant) -> Self {
        let walks = before.map_or(1, |before| before.walks.saturating_add(1));
        let hidden = before.and_then(|before| before.hidden);
        Self {
            walks,
            since: before.map_or(now, |before| before.since),
            hidden: hidden.or((walks >= rails.missing_walks).then_some(now)),
        }
    }

    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.hidden.is_some()
    }

    /// Whether the grace period is over.
    #[must_use]
    pub fn is_final(&self, rails: &Rails, now: Instant) -> bool {
        self.hidden.is_some_and(|hidden| now.since(hidden) >= rails.purge_after)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Digest, Status};

    #[test]
    fn an_entry_is_hidden_after_several_walks_and_purged_after_a_grace_period() {
        let rails =
            Rails { missing_walks: 3, purge_after: Duration::from_micros(10), ..Rails::default() };
        let at = Instant::from_micros;
        let first = Absence::again(None, &rails, at(1));
        let second = Absence::again(Some(first), &rails, at(2));
        assert!(!first.is_hidden() && !second.is_hidden());
        let third = Absence::again(Some(second), &rails, at(3));
        assert_eq!(third, Absence { walks: 3, since: at(1), hidden: Some(at(3)) });
        let later = Absence::again(Some(third), &rails, at(12));
        assert_eq!(later.hidden, third.hidden);
        assert!(!later.is_final(&rails, at(12)));
        assert!(later.is_final(&rails, at(13)));
    }

    fn head(missing: bool, replaced: bool) -> Head {
        let at = Instant::from_micros(1);
        Head {
            status: Status::Active,
            missing,
            rewritten: false,
            replaced,
            published_at: at,
            updated_at: at,
            first_seen: at,
            received: Digest::of(b"x"),
            sent: Digest::of(b"y"),
        }
    }

    #[test]
    fn missed_entry_is_counted_then_hidden_once_then_purged() {
        let rails =
            Rails { missing_walks: 2, purge_after: Duration::from_micros(10), ..Rails::default() };
        let at = Instant::from_micros;
        let first = Absence { walks: 1, since: at(1), hidden: None };
        let second = Absence { walks: 2, since: at(1), hidden: Some(at(2)) };
        let third = Absence { walks: 3, ..second };
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
            assert_eq!(Absence::missed(head, before, &rails, at(now)), expected, "at {now}");
        }
    }

    #[test]
    fn only_a_hidden_entry_is_shown_again() {
        assert_eq!(Absence::over(head(true, false)), Some(head(false, false)));
        assert_eq!(Absence::over(head(false, false)), None);
    }
}
