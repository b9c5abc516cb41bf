use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::frequent::FrequentNames;
use super::index::ScreeningIndex;
use super::profile::EntryProfile;
use super::score::{Level, overlaps, score};
use super::signal::Signal;
use super::suppressed::Suppressed;
use super::suspect::{SuspectContent, SuspectName};
use super::target::{Target, Why};
use super::technique::{Technique, one_of_each_first};
use super::techniques::{content_signals, is_frequent, is_repository_alike, name_signals};
use crate::model::Name;
use crate::ownership::Verdict;

/// Targets that are compared with one profile, at most; those with the highest weight come first.
pub(super) const MAX_COMPARED: usize = 500;

/// A protected name or brand that a name resembles, with the evidence of all its versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    pub target: String,
    pub why: Why,
    pub level: Level,
    pub score: u8,
    /// All signals, each once: one of each technique, the heaviest first, then the others.
    pub signals: Vec<Signal>,
    /// The reason for which it is not reported, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<Suppressed>,
}

impl Match {
    /// Returns the heaviest technique.
    #[must_use]
    pub fn technique(&self) -> Option<Technique> {
        self.signals.first().map(|signal| signal.technique)
    }
}

/// The result of comparing a name and the profiles of its versions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// The matches, the highest score first, including suppressed ones.
    pub matches: Vec<Match>,
    /// The positions of the profiles that were compared only in part: they exceed a limit, or resemble too many targets.
    pub incomplete: BTreeSet<usize>,
}

/// Compares a name and the profiles of its versions with everything protected.
///
/// A protected name matches nothing, unless it is protected in part, and never itself. A name without profiles is compared
/// alone.
#[must_use]
pub fn compare<'p>(
    index: &ScreeningIndex,
    frequent: &FrequentNames,
    name: &Name,
    profiles: impl IntoIterator<Item = &'p EntryProfile>,
    verdict: Option<Verdict>,
    is_young: bool,
) -> Outcome {
    let mut comparison = Comparison::of(index, frequent, name, verdict, is_young);
    let own = |number: &&usize| is_protected(name, index.target(**number));
    match comparison.by_name.iter().find(own).copied() {
        Some(own) if index.target(own).protected.in_part => comparison.own = Some(own),
        Some(_) => return Outcome::default(),
        None => {}
    }
    let (mut is_alone, mut incomplete) = (true, BTreeSet::new());
    for (position, profile) in profiles.into_iter().enumerate() {
        is_alone = false;
        if !comparison.add(profile) {
            incomplete.insert(position);
        }
    }
    if is_alone {
        comparison.add(&EntryProfile::default());
    }
    Outcome { matches: comparison.matches(), incomplete }
}

fn is_protected(name: &Name, target: &Target) -> bool {
    target.subject().eq_ignore_ascii_case(name.as_str())
}

/// The comparison of one name with the index.
#[derive(Debug)]
struct Comparison<'c> {
    index: &'c ScreeningIndex,
    suspect: SuspectName<'c>,
    verdict: Option<Verdict>,
    is_young: bool,
    /// The targets that the name may resemble.
    by_name: BTreeSet<usize>,
    /// The target that is the name itself.
    own: Option<usize>,
    /// The signals of the name, which every version has.
    named: BTreeMap<usize, Vec<Weighed>>,
    found: BTreeMap<usize, Found>,
}

impl<'c> Comparison<'c> {
    fn of(
        index: &'c ScreeningIndex,
        frequent: &FrequentNames,
        name: &'c Name,
        verdict: Option<Verdict>,
        is_young: bool,
    ) -> Self {
        let suspect = SuspectName::of(name, index.shared());
        let by_name = index.by_name(&suspect);
        let named = by_name.iter().take(MAX_COMPARED).map(|number| {
            let target = index.target(*number);
            let signals = name_signals(&suspect, target).into_iter().map(|signal| {
                let is_frequent = is_frequent(&signal, &suspect, target, frequent);
                Weighed { signal, is_frequent }
            });
            (*number, signals.collect())
        });
        let named = named.collect();
        let (own, found) = (None, BTreeMap::new());
        Self { index, suspect, verdict, is_young, by_name, own, named, found }
    }

    /// Compares one profile; returns false if a limit leaves a part of it, or some targets, out.
    fn add(&mut self, profile: &EntryProfile) -> bool {
        let content = SuspectContent::of(profile, self.index.shared());
        let by_content = self.index.by_content(&content);
        let candidates = self.by_name.union(&by_content).copied();
        let candidates: BTreeSet<usize> =
            candidates.filter(|number| self.own != Some(*number)).collect();
        let is_complete = content.is_complete && candidates.len() <= MAX_COMPARED;
        for number in candidates.into_iter().take(MAX_COMPARED) {
            let target = self.index.target(number);
            let theirs = &target.protected.profile;
            let named = self.named.get(&number).into_iter().flatten();
            let counts = |weighed: &&Weighed| {
                weighed.signal.technique != Technique::SameLeaf
                    || is_repository_alike(profile, theirs)
            };
            let mut signals: Vec<Weighed> = named.filter(counts).cloned().collect();
            if by_content.contains(&number) {
                signals.extend(content_signals(&content, target).into_iter().map(Weighed::rare));
            }
            if !signals.is_empty() {
                let overlaps = overlaps(profile, theirs);
                let (why, verdict, is_young) = (target.protected.why, self.verdict, self.is_young);
                let points = |technique| score(technique, why, verdict, is_young, overlaps);
                self.found.entry(number).or_default().add(signals, points);
            }
        }
        is_complete
    }

    /// Returns what was found, the highest score first.
    fn matches(self) -> Vec<Match> {
        let matches = self.found.into_iter().map(|(number, found)| {
            let target = self.index.target(number);
            found.into_match(target, Suppressed::by_target(&self.suspect, target, self.verdict))
        });
        let mut matches: Vec<Match> = matches.collect();
        matches
            .sort_by(|left, right| (right.score, &left.target).cmp(&(left.score, &right.target)));
        matches
    }
}

/// A signal, and whether many names have it in common.
#[derive(Debug, Clone)]
struct Weighed {
    signal: Signal,
    is_frequent: bool,
}

impl Weighed {
    const fn rare(signal: Signal) -> Self {
        Self { signal, is_frequent: false }
    }
}

/// The signals of one target in the profiles that were compared so far.
#[derive(Debug, Default)]
struct Found {
    rare: Gathered,
    /// Signals of profiles that have only frequent signals.
    frequent: Gathered,
}

#[derive(Debug, Default)]
struct Gathered {
    signals: BTreeSet<Signal>,
    score: u8,
}

impl Found {
    /// Adds the signals of one profile; frequent ones count only if all are frequent.
    fn add(&mut self, mut signals: Vec<Weighed>, points: impl Fn(Technique) -> u8) {
        let is_frequent = signals.iter().all(|weighed| weighed.is_frequent);
        signals.retain(|weighed| weighed.is_frequent == is_frequent);
        let gathered = if is_frequent { &mut self.frequent } else { &mut self.rare };
        let heaviest = signals.iter().map(|weighed| points(weighed.signal.technique)).max();
        gathered.score = gathered.score.max(heaviest.unwrap_or_default());
        gathered.signals.extend(signals.into_iter().map(|weighed| weighed.signal));
    }

    fn into_match(self, target: &Target, suppressed: Option<Suppressed>) -> Match {
        let is_frequent = self.rare.signals.is_empty();
        let Gathered { signals, score } = if is_frequent { self.frequent } else { self.rare };
        Match {
            target: target.subject().to_owned(),
            why: target.protected.why,
            level: Level::of(score),
            score,
            signals: one_of_each_first(signals, |signal| Some(signal.technique)),
            suppressed: suppressed.or_else(|| is_frequent.then_some(Suppressed::FrequentName)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookalike::signal::Field;

    fn signal(technique: Technique, value: &str) -> Signal {
        let (value, target) = (value.to_owned(), "stripe".to_owned());
        Signal { technique, field: Field::Host, value, target }
    }

    #[test]
    fn one_of_each_technique_comes_before_repetitions() {
        let near = |value: &str| signal(Technique::NearHost, value);
        let swapped = signal(Technique::SwappedHost, "z");
        let homograph = signal(Technique::Homograph, "y");
        let signals = [near("b"), near("a"), swapped.clone(), homograph.clone(), near("c")];
        let wanted = [homograph, near("a"), swapped, near("b"), near("c")];
        assert_eq!(
            one_of_each_first(BTreeSet::from(signals), |signal| Some(signal.technique)),
            wanted
        );
    }

    #[test]
    fn frequent_signals_are_dropped_beside_rare_ones() {
        let (common, rare) = (signal(Technique::Affix, "a"), signal(Technique::NearHost, "b"));
        let points = |technique: Technique| technique.weight();
        let mut found = Found::default();
        let frequent = |signal: &Signal| Weighed { signal: signal.clone(), is_frequent: true };
        found.add(vec![frequent(&common), Weighed::rare(rare.clone())], points);
        found.add(vec![frequent(&common)], points);
        assert_eq!(found.rare.signals, BTreeSet::from([rare]));
        assert_eq!(found.frequent.signals, BTreeSet::from([common]));
    }
}
