use std::fmt;

use serde::{Deserialize, Serialize};

/// One way in which a name resembles another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Technique {
    /// The namespaces differ in one character.
    NearNamespace,
    /// A brand stands in the leaf of somebody else's name.
    BrandInLeaf,
    /// A brand stands in what somebody else's domain or account is called.
    BrandInHome,
    /// The same inside a longer word.
    BrandWithin,
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
    /// A brand stands in somebody else's host.
    BrandInHost,
    /// The title is what somebody else is called.
    BrandInTitle,
    /// A package that belongs to the target.
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

    /// How much it weighs when it is about something approved.
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

impl fmt::Display for Technique {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::WORDS.iter().find(|(_, it)| it == self);
        f.write_str(word.map_or("", |(word, _)| word))
    }
}
