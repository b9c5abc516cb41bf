use serde::{Deserialize, Serialize};

use super::Rails;
use crate::model::Instant;

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

impl Absence {
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
}
