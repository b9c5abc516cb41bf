use std::fmt;

use serde::{Deserialize, Serialize};

use super::profile::EntryProfile;
use super::target::Why;
use super::technique::Technique;
use crate::ownership::Verdict;

/// The severity of a match, for people.
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

    /// Returns the level of a score.
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
        let word = Self::WORDS.iter().find(|(_, level)| level == self);
        f.write_str(word.map_or("", |(word, _)| word))
    }
}

/// Returns the points of a match. The technique counts most, then the reason of the protection. The verdict on the
/// namespace, the age, and claims to things of the target move it within its level, or to the next.
pub(super) fn score(
    technique: Technique,
    why: Why,
    verdict: Option<Verdict>,
    is_young: bool,
    overlaps: bool,
) -> u8 {
    let target = match why {
        Why::Internal => 12,
        Why::Listed => 10,
        Why::Approved => 0,
    };
    let mut points = technique.weight() + target;
    points += if is_young { 4 } else { 0 };
    points += if overlaps { 6 } else { 0 };
    match verdict {
        Some(Verdict::Revoked) => points + 10,
        // A verified owner can be contacted, but the name is equally similar.
        Some(Verdict::Verified) => points - 4,
        _ => points,
    }
}

/// Returns true if a profile claims a repository, package or host of the target.
pub(super) fn overlaps(ours: &EntryProfile, theirs: &EntryProfile) -> bool {
    let repositories = ours.repository.as_ref().zip(theirs.repository.as_ref());
    let is_same_repository = repositories.is_some_and(|(ours, theirs)| {
        ours.owner.eq_ignore_ascii_case(&theirs.owner)
            && ours.name.eq_ignore_ascii_case(&theirs.name)
    });
    is_same_repository
        || !ours.packages.is_disjoint(&theirs.packages)
        || !ours.hosts.is_disjoint(&theirs.hosts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_follows_the_score() {
        let levels = [0, 19, 20, 29, 30, 255].map(Level::of);
        let wanted =
            [Level::Low, Level::Low, Level::Medium, Level::Medium, Level::High, Level::High];
        assert_eq!(levels, wanted);
    }

    #[rstest::rstest]
    #[case(r#""repository": {"url": "https://github.com/Acme/Tool"}"#, true)]
    #[case(r#""repository": {"url": "https://github.com/other/tool"}"#, false)]
    #[case(r#""packages": [{"registryType": "npm", "identifier": "tool"}]"#, true)]
    #[case(r#""packages": [{"registryType": "pypi", "identifier": "tool"}]"#, false)]
    #[case(r#""websiteUrl": "https://acme.example/x""#, true)]
    #[case(r#""websiteUrl": "https://other.example""#, false)]
    fn claim_to_things_of_the_target_overlaps(#[case] members: &str, #[case] wanted: bool) {
        let read = |members: &str| {
            EntryProfile::read(&format!(r#"{{"name": "a.b/c", {members}}}"#)).expect("an entry")
        };
        let target = read(
            r#""repository": {"url": "https://github.com/acme/tool"},
                "packages": [{"registryType": "npm", "identifier": "tool"}],
                "websiteUrl": "https://acme.example""#,
        );
        assert_eq!(overlaps(&read(members), &target), wanted);
    }
}
