use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// One way in which an entry resembles something protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Technique {
    /// The namespaces differ in one character.
    NearNamespace,
    /// A brand is in the leaf of another publisher's name.
    BrandInLeaf,
    /// A brand is in the domain or account of another publisher.
    BrandInHome,
    /// A brand is inside a longer word.
    BrandWithin,
    /// The leaf is the name of the registrant of the target.
    ForeignBrand,
    /// The registrants have the same name: another top level, or a domain and an account.
    SwappedHome,
    /// The texts look alike: 0 and o, rn and m, repeated characters.
    Confusable,
    /// The leaves differ in separators, affixes and stop words.
    Affix,
    /// The leaves have the same words in another order.
    SwappedWords,
    /// One character differs, or two for long brands.
    Distance,
    /// The leaves are equal; this counts only if the repositories have the same name too.
    SameLeaf,
    /// Characters of other scripts make a word, or a host, look like the target.
    Homograph,
    /// A host can be mistaken for a domain of the owner of the target.
    NearHost,
    /// The host is the same under another suffix.
    SwappedHost,
    /// A brand is in another publisher's host.
    BrandInHost,
    /// The title is the brand, or contains it.
    BrandInTitle,
    /// A package belongs to the target.
    ForeignPackage,
}

impl Technique {
    pub const WORDS: [(&str, Self); 17] = [
        ("near-namespace", Self::NearNamespace),
        ("brand-in-leaf", Self::BrandInLeaf),
        ("brand-in-home", Self::BrandInHome),
        ("brand-within", Self::BrandWithin),
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
        ("brand-in-host", Self::BrandInHost),
        ("brand-in-title", Self::BrandInTitle),
        ("foreign-package", Self::ForeignPackage),
    ];

    /// Returns the word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        let found = Self::WORDS.iter().find(|(_, technique)| *technique == self);
        found.map_or("", |(word, _)| word)
    }

    /// Returns its points.
    pub(super) const fn weight(self) -> u8 {
        match self {
            Self::NearNamespace | Self::BrandInLeaf | Self::Homograph => 30,
            Self::ForeignBrand | Self::Confusable | Self::Affix | Self::SwappedWords => 20,
            Self::BrandInHome | Self::NearHost | Self::ForeignPackage => 20,
            Self::SwappedHome | Self::Distance | Self::SameLeaf => 10,
            Self::BrandWithin | Self::SwappedHost | Self::BrandInHost | Self::BrandInTitle => 10,
        }
    }
}

/// Puts one item of each technique before the repetitions, the heaviest technique first; items of one technique keep
/// their order.
pub fn one_of_each_first<T>(
    items: impl IntoIterator<Item = T>,
    technique: impl Fn(&T) -> Option<Technique>,
) -> Vec<T> {
    let mut known = BTreeSet::new();
    let mut ranked: Vec<(_, T)> = Vec::new();
    for item in items {
        let technique = technique(&item);
        let is_repetition = !known.insert(technique);
        ranked.push(((is_repetition, Reverse(technique.map(Technique::weight)), technique), item));
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, item)| item).collect()
}

impl fmt::Display for Technique {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
