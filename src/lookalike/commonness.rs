use std::collections::{BTreeSet, HashMap};

use super::corpus::{key_of, leaf};
use super::shape::Shape;
use crate::model::Name;

/// Namespaces beyond this make no difference any more.
const MOST: usize = 7;

/// What many namespaces call their servers: shapes that more than one uses, and how many do.
#[derive(Debug, Clone, Default)]
pub struct Commonness(HashMap<u64, u8>);

impl Commonness {
    /// Counts over all names there are.
    #[must_use]
    pub fn of<'n>(names: impl IntoIterator<Item = &'n Name>) -> Self {
        let mut uses: Vec<(u64, u64)> = Vec::new();
        for name in names {
            let Shape { full, core, .. } = Shape::of(leaf(name.as_str()));
            let namespace = key_of("namespace", &name.namespace().to_ascii_lowercase());
            let shapes = BTreeSet::from([full, core]);
            uses.extend(shapes.iter().map(|shape| (key_of("shape", shape), namespace)));
        }
        uses.sort_unstable();
        uses.dedup();
        let by_shape = uses.chunk_by(|left, right| left.0 == right.0);
        let common = by_shape
            .filter(|them| them.len() > 1)
            .filter_map(|them| Some((them.first()?.0, u8::try_from(them.len().min(MOST)).ok()?)));
        Self(common.collect())
    }

    /// How many namespaces use a shape, up to the number from which it makes no difference.
    pub(super) fn count(&self, shape: &str) -> u8 {
        self.0.get(&key_of("shape", shape)).copied().unwrap_or(1)
    }
}
