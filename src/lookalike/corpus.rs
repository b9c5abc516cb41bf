use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::shape::{Shape, deletions, label, registrant, skeleton};
use crate::model::Name;
use crate::ownership::{Claim, SharedHosts};

/// Something that others must not be taken for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Protected {
    /// A server's name, or a brand.
    pub subject: String,
    pub why: Why,
    /// The namespace that a brand belongs to, where that is known.
    pub home: Option<String>,
}

/// Why something is protected; the first weighs most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

/// What many namespaces call their servers.
#[derive(Debug, Default)]
pub struct Commonness(HashMap<String, usize>);

impl Commonness {
    /// Counts over all names there are.
    #[must_use]
    pub fn of<'n>(names: impl IntoIterator<Item = &'n Name>) -> Self {
        let mut namespaces: HashMap<String, BTreeSet<String>> = HashMap::new();
        for name in names {
            let Shape { full, core, .. } = Shape::of(leaf(name.as_str()));
            for shape in BTreeSet::from([full, core]) {
                let namespace = name.namespace().to_ascii_lowercase();
                namespaces.entry(shape).or_default().insert(namespace);
            }
        }
        Self(namespaces.into_iter().map(|(shape, all)| (shape, all.len())).collect())
    }

    pub(super) fn count(&self, shape: &str) -> usize {
        self.0.get(shape).copied().unwrap_or_default()
    }
}

/// Everything that is protected, ready to be compared with.
#[derive(Debug, Default)]
pub struct Corpus {
    pub(super) targets: Vec<Target>,
    /// Targets by the digests of their shapes.
    pub(super) index: HashMap<u64, Vec<usize>>,
    pub(super) brand_lengths: BTreeSet<usize>,
    pub(super) common: Commonness,
    hosts: SharedHosts,
}

#[derive(Debug)]
pub(super) struct Target {
    pub(super) protected: Protected,
    pub(super) is_name: bool,
    pub(super) home: Option<Home>,
    pub(super) shape: Shape,
}

/// The namespace of a name, and who stands behind it.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) namespace: String,
    pub(super) registrant: String,
    pub(super) label: String,
}

/// What targets are found by: a kind of shape and a text. Two of one digest are told apart by the comparison.
pub(super) fn key_of(kind: &str, text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind, text).hash(&mut hasher);
    hasher.finish()
}

impl Corpus {
    #[must_use]
    pub fn new(
        protected: impl IntoIterator<Item = Protected>,
        common: Commonness,
        hosts: SharedHosts,
    ) -> Self {
        let mut corpus = Self { common, hosts, ..Self::default() };
        let mut unique: BTreeMap<String, Protected> = BTreeMap::new();
        for it in protected {
            let known = unique.entry(it.subject.clone()).or_insert_with(|| it.clone());
            known.why = known.why.min(it.why);
        }
        unique.into_values().for_each(|it| corpus.add(it));
        corpus
    }

    fn add(&mut self, protected: Protected) {
        let index = self.targets.len();
        let name = Name::parse(&protected.subject).ok();
        let shape = Shape::of(leaf(&protected.subject));
        let home = match (&name, &protected.home) {
            (Some(name), _) => Some(self.home(name)),
            (None, Some(namespace)) => Some(self.home_of(namespace)),
            (None, None) => None,
        };
        let mut keys = BTreeSet::from([key_of("words", &shape.sorted.join(" "))]);
        let near = |keys: &mut BTreeSet<u64>, text: &str| {
            keys.extend(deletions(text).iter().map(|it| key_of("near", it)));
            keys.insert(key_of("skeleton", &skeleton(text)));
        };
        near(&mut keys, &shape.full);
        near(&mut keys, &shape.core);
        if let Some(home) = &home {
            keys.extend(deletions(&home.namespace).iter().map(|it| key_of("namespace", it)));
        }
        if let (Some(_), Some(home)) = (&name, &home) {
            keys.insert(key_of("label", &home.label));
        } else {
            let compact = shape.compact();
            near(&mut keys, &compact);
            if compact.chars().count() >= TWO_FROM {
                // Two characters may differ.
                let twice = deletions(&compact).into_iter().flat_map(|it| deletions(&it));
                keys.extend(twice.map(|it| key_of("near", &it)));
            }
            self.brand_lengths.insert(compact.chars().count());
            keys.insert(key_of("brand", &compact));
            keys.insert(key_of("label", &shape.core));
        }
        for key in keys {
            self.index.entry(key).or_default().push(index);
        }
        self.targets.push(Target { protected, is_name: name.is_some(), home, shape });
    }

    pub(super) fn home(&self, name: &Name) -> Home {
        self.home_of(name.namespace())
    }

    fn home_of(&self, namespace: &str) -> Home {
        let namespace = namespace.to_ascii_lowercase();
        let registrant = registrant(&Claim::of(&namespace, &self.hosts), &namespace);
        Home { label: label(&registrant), registrant, namespace }
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

/// From this length on two characters of a brand may differ.
pub(super) const TWO_FROM: usize = 8;

pub(super) fn leaf(name: &str) -> &str {
    name.split_once('/').map_or(name, |(_, leaf)| leaf)
}
