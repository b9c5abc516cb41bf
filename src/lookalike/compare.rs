use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::commonness::Commonness;
use super::content::Content;
use super::corpus::{Corpus, Home, TWO_FROM, Target, key_of, leaf};
use super::score::{Level, score};
use super::shape::{MAX_LENGTH, deletions, skeleton};
use super::suspect::{Named, Suspect};

/// One way in which a name resembles another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Technique {
    /// The namespaces differ in one character.
    NearNamespace,
    /// A brand stands in the leaf of somebody else's name.
    BrandInLeaf,
    /// What the registrant of the target is called stands alone in a foreign leaf.
    ForeignBrand,
    /// The registrants are called alike: another top level, or a domain and an account.
    SwappedHome,
    /// The leaves look alike: 0 and o, rn and m, letters repeated.
    Confusable,
    /// The leaves differ in separators, affixes and words that tell nobody apart.
    Affix,
    /// The same words in another order.
    SwappedWords,
    /// One character differs; of long brands two.
    Distance,
    /// The same leaf, which counts only where the repositories are called alike too.
    SameLeaf,
    /// Letters of other scripts make a word of the content, or a host, look like what is protected.
    Homograph,
    /// A host that can be taken for a domain of the target's owner.
    NearHost,
    /// The same host under another ending.
    SwappedHost,
    /// The title is what somebody else is called.
    BrandInTitle,
    /// A package that belongs to the target.
    ForeignPackage,
}

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
}

/// One way in which something is alike, with what was seen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sign {
    pub(super) technique: Technique,
    pub(super) told: String,
}

impl Sign {
    pub(super) const fn new(technique: Technique, told: String) -> Self {
        Self { technique, told }
    }
}

impl Technique {
    pub const WORDS: [(&str, Self); 14] = [
        ("near-namespace", Self::NearNamespace),
        ("brand-in-leaf", Self::BrandInLeaf),
        ("foreign-brand", Self::ForeignBrand),
        ("swapped-home", Self::SwappedHome),
        ("confusable", Self::Confusable),
        ("affix", Self::Affix),
        ("swapped-words", Self::SwappedWords),
        ("distance", Self::Distance),
        ("same-leaf", Self::SameLeaf),
        ("homograph", Self::Homograph),
        ("near-host", Self::NearHost),
        ("swapped-host", Self::SwappedHost),
        ("brand-in-title", Self::BrandInTitle),
        ("foreign-package", Self::ForeignPackage),
    ];

    /// How much it weighs when it is about something approved.
    pub(super) const fn weight(self) -> u8 {
        match self {
            Self::NearNamespace | Self::BrandInLeaf | Self::Homograph => 30,
            Self::ForeignBrand | Self::Confusable | Self::Affix | Self::SwappedWords => 20,
            Self::NearHost | Self::ForeignPackage => 20,
            Self::SwappedHome | Self::Distance | Self::SameLeaf => 10,
            Self::SwappedHost | Self::BrandInTitle => 10,
        }
    }
}

impl fmt::Display for Technique {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::WORDS.iter().find(|(_, it)| it == self);
        f.write_str(word.map_or("", |(word, _)| word))
    }
}

/// Namespaces that may call their servers alike before a core is common speech.
const RARE: usize = 3;
/// The same for cores at a distance, where an accident is likelier to be noticed.
const UNCOMMON: usize = 6;
/// The shortest texts that are compared in each way; shorter ones are alike by accident.
pub(super) const CORE: usize = 4;
pub(super) const LOOKS: usize = 5;
const NEAR: usize = 6;

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
                signs.extend(like_its_name(&named, target, common).filter(|it| {
                    it.technique != Technique::SameLeaf || suspect.is_repository_alike(target)
                }));
            }
            let found = target.resembled(suspect, signs)?;
            Some(Resemblance { quiet: suspect.vouched(&named, target), ..found })
        });
        let mut found: Vec<Resemblance> = found.collect();
        found.sort_by(|left, right| (right.score, &left.target).cmp(&(left.score, &right.target)));
        found
    }

    /// What targets are found by that resemble a name.
    fn name_keys(&self, named: &Named<'_>) -> Vec<u64> {
        let Named { home, shape, .. } = named;
        let told =
            [("label", &home.label), ("words", &shape.sorted.join(" ")), ("label", &shape.core)];
        let told = told.into_iter().filter(|(_, text)| !text.is_empty());
        let mut keys: Vec<u64> = told.map(|(kind, text)| key_of(kind, text)).collect();
        let texts = [&shape.full, &shape.core, &shape.compact()];
        for text in texts.into_iter().filter(|it| !it.is_empty()) {
            keys.extend(deletions(text).iter().map(|it| key_of("near", it)));
            keys.push(key_of("skeleton", &skeleton(text)));
        }
        keys.extend(deletions(&home.namespace).iter().map(|it| key_of("namespace", it)));
        for word in &shape.words {
            keys.extend(deletions(word).iter().map(|it| key_of("near", it)));
        }
        // Brands inside the leaf, by every length that a brand has.
        let compact: Vec<char> = shape.compact().chars().take(MAX_LENGTH).collect();
        for length in self.brand_lengths.iter().copied().filter(|it| *it > 0) {
            for window in compact.windows(length) {
                keys.push(key_of("brand", &window.iter().collect::<String>()));
            }
        }
        keys
    }
}

/// How a name is like a target's, where it is.
fn like_its_name(suspect: &Named<'_>, target: &Target, common: &Commonness) -> Option<Sign> {
    let (technique, told) = match &target.home {
        Some(home) if target.is_name => like_a_name(suspect, target, home, common)?,
        home => like_a_brand(suspect, target, home.as_ref())?,
    };
    Some(Sign::new(technique, told))
}

fn like_a_name(
    suspect: &Named<'_>,
    target: &Target,
    home: &Home,
    common: &Commonness,
) -> Option<(Technique, String)> {
    let (ours, theirs) = (&suspect.shape, &target.shape);
    let both = |left: &str, right: &str| format!("`{left}` and `{right}`");
    let is_near = |left: &str, right: &str| strsim::osa_distance(left, right) == 1;
    if is_near(&suspect.home.namespace, &home.namespace) {
        return Some((Technique::NearNamespace, both(&suspect.home.namespace, &home.namespace)));
    }
    let is_brand = home.label.chars().count() >= CORE;
    if is_brand && home.label == ours.core {
        return Some((Technique::ForeignBrand, format!("`{}` in a foreign leaf", home.label)));
    }
    if is_brand && home.label == suspect.home.label {
        return Some((Technique::SwappedHome, both(&suspect.home.registrant, &home.registrant)));
    }
    let rare = |text: &str, most: usize| common.count(text) <= most;
    let same = |left: &str, right: &str| left == right && left.chars().count() >= CORE;
    // Where both lost words to get there, as `home-assistant` and `home-services`, they are not alike.
    let telling = ours.core == ours.full || theirs.core == theirs.full;
    let equal = same(&ours.core, &theirs.core) && telling && rare(&theirs.core, RARE)
        || same(&ours.full, &theirs.full) && rare(&theirs.full, RARE);
    if equal {
        let is_same = suspect.leaf.eq_ignore_ascii_case(leaf(&target.protected.subject));
        let technique = if is_same { Technique::SameLeaf } else { Technique::Affix };
        return Some((technique, both(suspect.leaf, leaf(&target.protected.subject))));
    }
    let long = |text: &str, least: usize| text.chars().count() >= least;
    if ours.core != theirs.core
        && long(&theirs.core, LOOKS)
        && skeleton(&ours.core) == skeleton(&theirs.core)
    {
        return Some((Technique::Confusable, both(&ours.core, &theirs.core)));
    }
    if ours.sorted.len() > 1 && ours.sorted == theirs.sorted && ours.core != theirs.core {
        return Some((Technique::SwappedWords, both(&ours.core, &theirs.core)));
    }
    let pairs = [(&ours.core, &theirs.core), (&ours.full, &theirs.full)];
    let near = pairs.into_iter().find(|(left, right)| {
        let is_plural =
            left.strip_suffix('s') == Some(right) || right.strip_suffix('s') == Some(left);
        let most = if is_plural { 1 } else { UNCOMMON };
        long(left, NEAR) && long(right, NEAR) && is_near(left, right) && rare(right, most)
    });
    near.map(|(left, right)| (Technique::Distance, both(left, right)))
}

fn like_a_brand(
    suspect: &Named<'_>,
    target: &Target,
    home: Option<&Home>,
) -> Option<(Technique, String)> {
    if let Some(home) = home
        && strsim::osa_distance(&suspect.home.namespace, &home.namespace) == 1
    {
        let alike = format!("`{}` and `{}`", suspect.home.namespace, home.namespace);
        return Some((Technique::NearNamespace, alike));
    }
    let (ours, brand) = (&suspect.shape, &target.shape);
    let (compact, wanted) = (ours.compact(), brand.compact());
    let length = wanted.chars().count();
    if suspect.home.label == brand.core && length >= CORE {
        let alike = format!("`{}` is called so", suspect.home.registrant);
        return Some((Technique::SwappedHome, alike));
    }
    let holds_words = ours.words.windows(brand.words.len().max(1)).any(|it| it == brand.words);
    let holds = holds_words || (length >= LOOKS && compact.contains(&wanted));
    if holds || (brand.core == ours.core && brand.core.chars().count() >= CORE) {
        return Some((Technique::BrandInLeaf, format!("`{}` in `{}`", wanted, suspect.leaf)));
    }
    let both = || format!("`{}` and `{}`", suspect.leaf, target.protected.subject);
    if length >= CORE && skeleton(&compact) == skeleton(&wanted) {
        return Some((Technique::Confusable, both()));
    }
    if ours.words.len() > 1 && ours.words.len() == brand.words.len() {
        let sorted = |words: &[String]| words.iter().cloned().collect::<BTreeSet<_>>();
        if sorted(&ours.words) == sorted(&brand.words) {
            return Some((Technique::SwappedWords, both()));
        }
    }
    let bound = match length {
        0..CORE => return None,
        CORE..TWO_FROM => 1,
        _ => 2,
    };
    let texts = [&compact, &ours.full, &ours.core];
    let near = texts.into_iter().any(|it| strsim::osa_distance(it, &wanted) <= bound)
        || length >= LOOKS && ours.words.iter().any(|it| strsim::osa_distance(it, &wanted) == 1);
    near.then(|| (Technique::Distance, both()))
}

impl Target {
    /// What is left of the signs: one resemblance, ranked.
    fn resembled(&self, suspect: &Suspect<'_>, mut signs: Vec<Sign>) -> Option<Resemblance> {
        signs.sort_by_key(|it| (std::cmp::Reverse(it.technique.weight()), it.technique));
        let technique = signs.first()?.technique;
        let (subject, why) = (&self.protected.subject, self.protected.why);
        let score = score(technique, why, suspect, suspect.overlaps(&self.protected.portrait));
        let told: Vec<String> =
            signs.iter().map(|it| format!("{}: {}", it.technique, it.told)).collect();
        let evidence = format!("{}; `{subject}` is {}", told.join("; "), why.as_str());
        let level = Level::of(score);
        Some(Resemblance {
            target: subject.clone(),
            technique,
            level,
            score,
            evidence,
            quiet: None,
        })
    }
}
