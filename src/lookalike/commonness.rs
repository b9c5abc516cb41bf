use std::collections::{BTreeSet, HashMap};

use super::corpus::{key_of, leaf};
use super::shape::Shape;
use crate::model::Name;

/// Namespaces beyond this make no difference any more.
const MOST: usize = 7;

/// What many namespaces call their servers.
#[derive(Debug, Clone, Default)]
pub struct Commonness(HashMap<u64, Vec<u64>>);

impl Commonness {
    /// Counts over all names there are.
    #[must_use]
    pub fn of<'n>(names: impl IntoIterator<Item = &'n Name>) -> Self {
        let mut common = Self::default();
        for name in names {
            common.learn(name);
        }
        common
    }

    fn learn(&mut self, name: &Name) {
        let Shape { full, core, .. } = Shape::of(leaf(name.as_str()));
        let namespace = key_of("namespace", &name.namespace().to_ascii_lowercase());
        for shape in BTreeSet::from([full, core]) {
            let known = self.0.entry(key_of("shape", &shape)).or_default();
            if known.len() < MOST && !known.contains(&namespace) {
                known.push(namespace);
            }
        }
    }

    /// How many namespaces use a shape, up to the number from which it makes no difference.
    pub(super) fn count(&self, shape: &str) -> usize {
        self.0.get(&key_of("shape", shape)).map_or(0, Vec::len)
    }
}
