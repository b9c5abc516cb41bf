use std::fmt;

use serde::{Deserialize, Serialize};

use super::corpus::Why;
use super::suspect::Suspect;
use super::technique::Technique;
use crate::ownership::Verdict;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Low,
    Medium,
    High,
}

const MEDIUM: u8 = 20;
const HIGH: u8 = 30;

impl Level {
    pub const WORDS: [(&str, Self); 3] =
        [("low", Self::Low), ("medium", Self::Medium), ("high", Self::High)];

    /// The level of a score.
    #[must_use]
    pub const fn of(score: u8) -> Self {
        match score {
            HIGH.. => Self::High,
            MEDIUM.. => Self::Medium,
            _ => Self::Low,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::WORDS.iter().find(|(_, it)| it == self);
        f.write_str(word.map_or("", |(word, _)| word))
    }
}

/// How much a resemblance matters, in points: what it is weighs most, then what it resembles; who did it, how
/// new it is and whether it claims what belongs to the target move it within, or to the next level.
pub(super) fn score(technique: Technique, why: Why, suspect: &Suspect<'_>, overlaps: bool) -> u8 {
    let target = match why {
        Why::Internal => 12,
        Why::Listed => 10,
        Why::Approved => 0,
    };
    let mut points = technique.weight() + target;
    points += if suspect.is_young { 4 } else { 0 };
    points += if overlaps { 6 } else { 0 };
    match suspect.verdict {
        Some(Verdict::Refuted) => points + 10,
        // Somebody stands behind it, who can be asked; that makes it no less alike.
        Some(Verdict::Held) => points - 4,
        _ => points,
    }
}
