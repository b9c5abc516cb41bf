use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::corpus::{Corpus, Home, TWO_FROM, Target, Why, key_of, leaf};
use super::shape::{MAX_LENGTH, Shape, deletions, skeleton};
use crate::model::Name;

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
}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Low,
    Medium,
    High,
}

/// A name that resembles something protected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resemblance {
    pub target: String,
    pub technique: Technique,
    pub level: Level,
    /// What of both is alike, and why the target is protected.
    pub evidence: String,
}

impl Technique {
    pub const WORDS: [(&str, Self); 9] = [
        ("near-namespace", Self::NearNamespace),
        ("brand-in-leaf", Self::BrandInLeaf),
        ("foreign-brand", Self::ForeignBrand),
        ("swapped-home", Self::SwappedHome),
        ("confusable", Self::Confusable),
        ("affix", Self::Affix),
        ("swapped-words", Self::SwappedWords),
        ("distance", Self::Distance),
        ("same-leaf", Self::SameLeaf),
    ];

    /// How much it weighs when it is about something approved.
    const fn weight(self) -> u8 {
        match self {
            Self::NearNamespace | Self::BrandInLeaf => 3,
            Self::ForeignBrand | Self::Confusable | Self::Affix | Self::SwappedWords => 2,
            Self::SwappedHome | Self::Distance | Self::SameLeaf => 1,
        }
    }
}

impl fmt::Display for Technique {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::WORDS.iter().find(|(_, it)| it == self);
        f.write_str(word.map_or("", |(word, _)| word))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        })
    }
}

/// Namespaces that may call their servers alike before a core is common speech.
const RARE: usize = 3;
/// The same for cores at a distance, where an accident is likelier to be noticed.
const UNCOMMON: usize = 6;
/// The shortest texts that are compared in each way; shorter ones are alike by accident.
const CORE: usize = 4;
const LOOKS: usize = 5;
const NEAR: usize = 6;

impl Corpus {
    /// What a name resembles, what matters most first; nothing for what is protected itself.
    #[must_use]
    pub fn resemblances(&self, name: &Name) -> Vec<Resemblance> {
        let (home, shape) = (self.home(name), Shape::of(leaf(name.as_str())));
        let suspect = Suspect { leaf: leaf(name.as_str()), home, shape };
        let candidates = self.candidates(&suspect);
        let is_itself =
            |it: &&usize| self.targets[**it].protected.subject.eq_ignore_ascii_case(name.as_str());
        if candidates.iter().find(is_itself).is_some() {
            return Vec::new();
        }
        let found = candidates.iter().filter_map(|index| {
            let target = &self.targets[*index];
            let (technique, alike) = match &target.home {
                Some(home) if target.is_name => self.like_a_name(&suspect, target, home)?,
                home => like_a_brand(&suspect, target, home.as_ref())?,
            };
            Some(target.resembled(technique, &alike))
        });
        let mut found: Vec<Resemblance> = found.collect();
        found.sort_by(|left, right| (right.level, &left.target).cmp(&(left.level, &right.target)));
        found
    }

    /// The targets that share any shape with the suspect: the only ones that are looked at.
    fn candidates(&self, suspect: &Suspect<'_>) -> BTreeSet<usize> {
        let Suspect { home, shape, .. } = suspect;
        let mut keys = vec![key_of("label", &home.label), key_of("words", &shape.sorted.join(" "))];
        keys.push(key_of("label", &shape.core));
        for text in [&shape.full, &shape.core, &shape.compact()] {
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
        keys.iter().filter_map(|key| self.index.get(key)).flatten().copied().collect()
    }

    fn like_a_name(
        &self,
        suspect: &Suspect<'_>,
        target: &Target,
        home: &Home,
    ) -> Option<(Technique, String)> {
        if suspect.home.registrant == home.registrant {
            return None;
        }
        let (ours, theirs) = (&suspect.shape, &target.shape);
        let both = |left: &str, right: &str| format!("`{left}` and `{right}`");
        let is_near = |left: &str, right: &str| strsim::osa_distance(left, right) == 1;
        if is_near(&suspect.home.namespace, &home.namespace) {
            return Some((
                Technique::NearNamespace,
                both(&suspect.home.namespace, &home.namespace),
            ));
        }
        let is_brand = home.label.chars().count() >= CORE;
        if is_brand && home.label == ours.core {
            return Some((Technique::ForeignBrand, format!("`{}` in a foreign leaf", home.label)));
        }
        if is_brand && home.label == suspect.home.label {
            return Some((
                Technique::SwappedHome,
                both(&suspect.home.registrant, &home.registrant),
            ));
        }
        let rare = |text: &str, most: usize| self.common.count(text) <= most;
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
}

fn like_a_brand(
    suspect: &Suspect<'_>,
    target: &Target,
    home: Option<&Home>,
) -> Option<(Technique, String)> {
    if home.is_some_and(|home| home.registrant == suspect.home.registrant) {
        return None;
    }
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

struct Suspect<'n> {
    leaf: &'n str,
    home: Home,
    shape: Shape,
}

impl Target {
    fn resembled(&self, technique: Technique, alike: &str) -> Resemblance {
        let why = self.protected.why;
        let weight = technique.weight() + u8::from(why != Why::Approved);
        let level = match weight {
            0 | 1 => Level::Low,
            2 => Level::Medium,
            _ => Level::High,
        };
        let subject = &self.protected.subject;
        let evidence = format!("{technique}: {alike}; `{subject}` is {}", why.as_str());
        Resemblance { target: subject.clone(), technique, level, evidence }
    }
}
