use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::compare::CORE;
use super::content::{Domain, Seen};
use super::portrait::Portrait;
use super::shape::{Shape, deletions, label, registrant, skeleton};
use crate::model::Name;
use crate::ownership::{Claim, SharedHosts};

/// Something that others must not be taken for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protected {
    /// A server's name, or a brand.
    pub subject: String,
    pub why: Why,
    /// The namespace that a brand belongs to, where that is known.
    pub home: Option<String>,
    /// What its own entry says, where it has one.
    pub portrait: Portrait,
}

impl Protected {
    #[must_use]
    pub fn new(subject: impl Into<String>, why: Why) -> Self {
        Self { subject: subject.into(), why, home: None, portrait: Portrait::default() }
    }

    /// The same, with the namespace that it belongs to.
    #[must_use]
    pub fn of(self, namespace: &str) -> Self {
        Self { home: Some(namespace.to_owned()), ..self }
    }

    /// The same, with what its own entry says.
    #[must_use]
    pub fn shown(self, portrait: Portrait) -> Self {
        Self { portrait, ..self }
    }
}

/// Why something is protected; the first weighs most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    Internal,
    /// An overlay lists it under `protect`.
    Listed,
    /// An overlay approves it by its name.
    Approved,
}

impl Why {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Listed => "protected by an overlay",
            Self::Approved => "approved by its name",
        }
    }
}

/// Everything that is protected, ready to be compared with.
#[derive(Debug, Default)]
pub struct Corpus {
    pub(super) targets: Vec<Target>,
    /// Targets by the digests of their shapes, in order: a fifth of what a map of lists takes.
    index: Vec<(u64, u32)>,
    pub(super) brand_lengths: BTreeSet<usize>,
    shared: SharedHosts,
}

#[derive(Debug)]
pub(super) struct Target {
    pub(super) protected: Protected,
    pub(super) is_name: bool,
    pub(super) home: Option<Home>,
    pub(super) shape: Shape,
    /// All its words in one piece.
    pub(super) compact: String,
    /// The brand, or whoever stands behind the name, where that is long enough to be told from a word.
    pub(super) called: Option<Seen>,
    /// Domains that are its owner's.
    pub(super) domains: Vec<Domain>,
    /// Its owner, and whoever's hosts its own entry points to.
    pub(super) registrants: BTreeSet<String>,
}

/// The namespace of a name, and who stands behind it.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) namespace: String,
    pub(super) registrant: String,
    /// What that is called.
    pub(super) label: String,
    pub(super) words: Vec<String>,
}

/// What targets are found by: a kind of shape and a text. Two of one digest are told apart by the comparison.
pub(super) fn key_of(kind: &str, text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind, text).hash(&mut hasher);
    hasher.finish()
}

impl Corpus {
    #[must_use]
    pub fn new(protected: impl IntoIterator<Item = Protected>, shared: SharedHosts) -> Self {
        let mut corpus = Self { shared, ..Self::default() };
        let mut unique: BTreeMap<String, Protected> = BTreeMap::new();
        for it in protected {
            let known = unique.entry(it.subject.clone()).or_insert_with(|| it.clone());
            known.why = known.why.min(it.why);
        }
        let mut owners: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        for it in unique.values() {
            for package in &it.portrait.packages {
                let owner = it.subject.split('/').next().unwrap_or_default().to_owned();
                owners.entry(package.clone()).or_default().insert(owner);
            }
        }
        for it in unique.values_mut() {
            // What several offer belongs to none of them.
            it.portrait.packages.retain(|package| owners[package].len() <= SEVERAL);
        }
        // What weighs most is looked at first, should there be more than is looked at.
        let mut ordered: Vec<Protected> = unique.into_values().collect();
        ordered.sort_by_key(|it| it.why);
        ordered.into_iter().for_each(|it| corpus.add(it));
        corpus.index.sort_unstable();
        corpus.index.shrink_to_fit();
        corpus
    }

    /// The targets that have any of these shapes: the only ones that are looked at.
    pub(super) fn found_by(&self, keys: &[u64]) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        for key in keys {
            let first = self.index.partition_point(|(it, _)| it < key);
            let same = self.index[first..].iter().take_while(|(it, _)| it == key);
            found.extend(same.map(|(_, target)| *target as usize));
        }
        found
    }

    fn add(&mut self, protected: Protected) {
        let Ok(index) = u32::try_from(self.targets.len()) else { return };
        let target = self.target(protected);
        let Target { shape, home, compact, .. } = &target;
        let mut keys = BTreeSet::from([key_of("words", &shape.sorted.join(" "))]);
        let near = |keys: &mut BTreeSet<u64>, text: &str| {
            keys.extend(deletions(text).iter().map(|it| key_of("near", it)));
            keys.insert(key_of("skeleton", &skeleton(text)));
        };
        near(&mut keys, &shape.full);
        near(&mut keys, &shape.core);
        if let Some(home) = home {
            keys.extend(deletions(&home.namespace).iter().map(|it| key_of("namespace", it)));
        }
        if let (true, Some(home)) = (target.is_name, home) {
            keys.insert(key_of("label", &home.label));
            keys.insert(key_of("home", &skeleton(&home.label)));
        } else if !target.is_name {
            near(&mut keys, compact);
            if compact.chars().count() >= TWO_FROM {
                // Two characters may differ.
                let twice = deletions(compact).into_iter().flat_map(|it| deletions(&it));
                keys.extend(twice.map(|it| key_of("near", &it)));
            }
            self.brand_lengths.insert(compact.chars().count());
            keys.insert(key_of("brand", compact));
            keys.insert(key_of("label", &shape.core));
        }
        keys.extend(target.content_keys());
        self.index.extend(keys.into_iter().map(|key| (key, index)));
        self.targets.push(target);
    }

    fn target(&self, protected: Protected) -> Target {
        let name = Name::parse(&protected.subject).ok();
        let namespace = name.as_ref().map(Name::namespace).or(protected.home.as_deref());
        let home = namespace.map(|it| self.home_of(it));
        let mut domains: BTreeSet<String> = BTreeSet::new();
        let mut registrants: BTreeSet<String> = BTreeSet::new();
        if let Some(home) = &home {
            registrants.insert(home.registrant.clone());
            for host in self.hosts(&protected.portrait) {
                // A page elsewhere is its owner's too when it is called like the owner.
                if host.label == home.label {
                    domains.insert(host.registrant.clone());
                }
                registrants.insert(host.registrant);
            }
            domains.insert(home.registrant.clone());
        }
        domains.retain(|it| !it.starts_with("github:"));
        let shape = match &home {
            // A namespace is known by what its owner is called.
            Some(home) if home.namespace.eq_ignore_ascii_case(&protected.subject) => {
                label(&home.registrant)
            }
            _ => Shape::of(leaf(&protected.subject)),
        };
        let called = match (&home, &name) {
            (Some(home), Some(_)) => home.label.as_str(),
            _ => shape.core.as_str(),
        };
        Target {
            called: (called.chars().count() >= CORE).then(|| Seen::of(called)),
            domains: domains.into_iter().filter_map(Domain::of).collect(),
            is_name: name.is_some(),
            protected,
            home,
            compact: shape.compact(),
            shape,
            registrants,
        }
    }

    pub(super) fn home(&self, name: &Name) -> Home {
        self.home_of(name.namespace())
    }

    fn home_of(&self, namespace: &str) -> Home {
        let namespace = namespace.to_ascii_lowercase();
        let registrant = registrant(&Claim::of(&namespace, &self.shared), &namespace);
        let Shape { core, words, .. } = label(&registrant);
        Home { label: core, words, registrant, namespace }
    }

    /// Who stands behind a domain that is written backwards; `None` when it is nobody's.
    pub(super) fn registrant(&self, namespace: &str) -> Option<String> {
        match Claim::of(namespace, &self.shared) {
            Claim::Unprovable { .. } => None,
            claim => Some(registrant(&claim, namespace)),
        }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }
}

/// A package of more owners than this is nobody's own.
const SEVERAL: usize = 3;

/// From this length on two characters of a brand may differ.
pub(super) const TWO_FROM: usize = 8;

pub(super) fn leaf(name: &str) -> &str {
    name.split_once('/').map_or(name, |(_, leaf)| leaf)
}
