use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::brands::like_a_brand;
use super::commonness::Commonness;
use super::content::Content;
use super::corpus::{Corpus, Home, Target, key_of};
use super::names::like_a_name;
use super::score::{Level, score};
use super::shape::{MAX_LENGTH, deletions, skeleton};
use super::suspect::{Named, Suspect};
use super::technique::Technique;
use crate::model::Digest;

/// A name that resembles something protected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resemblance {
    pub target: String,
    /// The one that weighs most, where it is alike in several ways.
    pub technique: Technique,
    pub level: Level,
    pub score: u8,
    /// What of both is alike, and why the target is protected.
    pub evidence: String,
    /// Why it is nobody's concern, where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet: Option<String>,
    /// Whether that is only because many namespaces call their servers so.
    #[serde(skip)]
    pub is_common: bool,
}

/// As many evidences of other versions are told in words.
const MAX_TOLD: usize = 3;

impl Resemblance {
    /// Puts what matters most first.
    pub fn rank(all: &mut [Self]) {
        all.sort_by(|left, right| (right.score, &left.target).cmp(&(left.score, &right.target)));
    }

    /// What several versions of one name have in common with one target, as one: nothing of it hides behind what
    /// matters more.
    #[must_use]
    pub fn of_all(mut all: Vec<Self>) -> Option<Self> {
        if all.iter().any(|it| it.quiet.is_none()) {
            all.retain(|it| it.quiet.is_none());
        }
        all.sort_by(|left, right| {
            (right.score, &left.evidence).cmp(&(left.score, &right.evidence))
        });
        all.dedup_by(|left, right| left.evidence == right.evidence);
        let mut evidences = all.iter().map(|it| it.evidence.as_str()).skip(1);
        let mut told: Vec<String> = evidences.by_ref().take(MAX_TOLD).map(str::to_owned).collect();
        let rest: Vec<&str> = evidences.collect();
        if !rest.is_empty() {
            let digest = Digest::of(rest.join("\n").as_bytes()).short(8);
            told.push(format!("{} more (evidence {digest})", rest.len()));
        }
        let told: String = told.iter().map(|it| format!("; of another version: {it}")).collect();
        let first = all.into_iter().next()?;
        Some(Self { evidence: first.evidence.clone() + &told, ..first })
    }
}

/// One way in which something is alike, with what was seen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sign {
    pub(super) technique: Technique,
    told: String,
    /// Whether many call their servers so, and it says nothing.
    pub(super) is_common: bool,
}

impl Sign {
    pub(super) const fn new(technique: Technique, told: String) -> Self {
        Self { technique, told, is_common: false }
    }

    pub(super) fn of_common_speech(self) -> Self {
        Self { is_common: true, ..self }
    }
}

/// That the namespaces differ in one character.
pub(super) fn near_namespace(ours: &Home, theirs: &Home) -> Option<Sign> {
    let told = both(&ours.namespace, &theirs.namespace);
    is_near(&ours.namespace, &theirs.namespace).then(|| Sign::new(Technique::NearNamespace, told))
}

pub(super) fn both(left: &str, right: &str) -> String {
    format!("`{left}` and `{right}`")
}

/// Whether two texts differ in one character.
pub(super) fn is_near(left: &str, right: &str) -> bool {
    strsim::osa_distance(left, right) == 1
}

/// The shortest texts that are compared in each way; shorter ones are alike by accident.
pub(super) const CORE: usize = 4;
pub(super) const LOOKS: usize = 5;

/// More targets of one shape are not compared: what weighs most is.
pub(super) const MAX_COMPARED: usize = 500;

impl Corpus {
    /// What a suspect resembles, what matters most first; nothing for what is protected itself.
    ///
    /// What is nobody's concern is among it, with the reason.
    #[must_use]
    pub fn resemblances(&self, suspect: &Suspect<'_>, common: &Commonness) -> Vec<Resemblance> {
        let named = Named::of(suspect.name, self);
        let content = Content::of(suspect.portrait, self);
        let (by_name, by_content) =
            (self.found_by(&self.name_keys(&named)), self.found_by(&content.keys()));
        let candidates: BTreeSet<usize> = by_name.union(&by_content).copied().collect();
        let text = suspect.name.as_str();
        let is_itself = |it: &usize| self.targets[*it].protected.subject.eq_ignore_ascii_case(text);
        if candidates.iter().any(is_itself) {
            return Vec::new();
        }
        let found = candidates.into_iter().take(MAX_COMPARED).filter_map(|index| {
            let target = &self.targets[index];
            let mut signs = Vec::new();
            if by_content.contains(&index) {
                signs = content.signs(target);
            }
            if by_name.contains(&index) {
                signs.extend(suspect.name_signs(&named, target, common));
            }
            let found = target.resembled(suspect, signs)?;
            let quiet = suspect.vouched(&named, target);
            let is_common = found.is_common && quiet.is_none();
            Some(Resemblance { quiet: quiet.or(found.quiet), is_common, ..found })
        });
        let mut found: Vec<Resemblance> = found.collect();
        Resemblance::rank(&mut found);
        found
    }

    /// What targets are found by that resemble a name.
    pub(super) fn name_keys(&self, named: &Named<'_>) -> Vec<u64> {
        let Named { home, shape, .. } = named;
        let told =
            [("label", &home.label), ("words", &shape.sorted.join(" ")), ("label", &shape.core)];
        let told = told.into_iter().filter(|(_, text)| !text.is_empty());
        let mut keys: Vec<u64> = told.map(|(kind, text)| key_of(kind, text)).collect();
        let compact = shape.compact();
        let texts = [&shape.full, &shape.core, &compact, &home.label];
        for text in texts.into_iter().filter(|it| !it.is_empty()) {
            keys.extend(deletions(text).iter().map(|it| key_of("near", it)));
            keys.push(key_of("skeleton", &skeleton(text)));
        }
        keys.push(key_of("home", &skeleton(&home.label)));
        keys.extend(deletions(&home.namespace).iter().map(|it| key_of("namespace", it)));
        for word in &shape.words {
            keys.extend(deletions(word).iter().map(|it| key_of("near", it)));
        }
        // Brands inside the leaf and the home, by every length that a brand has.
        for text in [&compact, &home.label] {
            let characters: Vec<char> = text.chars().take(MAX_LENGTH).collect();
            for length in self.brand_lengths.iter().copied().filter(|it| *it > 0) {
                for window in characters.windows(length) {
                    keys.push(key_of("brand", &window.iter().collect::<String>()));
                }
            }
        }
        keys
    }
}

impl Suspect<'_> {
    /// How its name is like a target, where it is.
    fn name_signs(&self, named: &Named<'_>, target: &Target, common: &Commonness) -> Vec<Sign> {
        let mut signs = match &target.home {
            Some(home) if target.is_name => {
                like_a_name(named, target, home, common).into_iter().collect()
            }
            _ => like_a_brand(named, target),
        };
        signs.retain(|it| it.technique != Technique::SameLeaf || self.is_repository_alike(target));
        signs
    }
}

impl Target {
    /// What is left of the signs: one resemblance, ranked.
    fn resembled(&self, suspect: &Suspect<'_>, mut signs: Vec<Sign>) -> Option<Resemblance> {
        let is_common = signs.iter().all(|it| it.is_common);
        signs.retain(|it| it.is_common == is_common);
        signs.sort_by_key(|it| (std::cmp::Reverse(it.technique.weight()), it.technique));
        let technique = signs.first()?.technique;
        let (subject, why) = (&self.protected.subject, self.protected.why);
        let score = score(technique, why, suspect, suspect.overlaps(&self.protected.portrait));
        let told: Vec<String> =
            signs.iter().map(|it| format!("{}: {}", it.technique, it.told)).collect();
        let evidence = format!("{}; `{subject}` is {}", told.join("; "), why.as_str());
        let quiet = is_common.then(|| "many namespaces call their servers so".to_owned());
        let (target, level) = (subject.clone(), Level::of(score));
        Some(Resemblance { target, technique, level, score, evidence, quiet, is_common })
    }
}
