use std::collections::{BTreeMap, BTreeSet};

use super::locations::Locations;
use crate::lint::{Kind, Node, Place};
use crate::model::Digest;

/// A reading of the settings file, which another reading repeats.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// The digest of the content; `None` if there was no file.
    pub digest: Option<Digest>,
    /// The locations of the command line, and true if it names the file.
    pub(super) given: (Locations, bool),
    /// Each value of the file, by its keys from the root, such as `tls.cert_file`.
    values: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Value {
    place: Place,
    /// The digest of its text: it may be a secret.
    digest: Digest,
}

impl Reading {
    pub(super) fn of(given: (Locations, bool)) -> Self {
        Self { given, ..Self::default() }
    }

    /// Notes all values of a file.
    pub(super) fn note(&mut self, root: &Node) {
        self.add(root, "");
    }

    fn add(&mut self, node: &Node, path: &str) {
        let text = match &node.kind {
            Kind::Scalar { text, .. } => text.as_str(),
            Kind::Null | Kind::Sequence(_) | Kind::Mapping(_) => "",
        };
        let value = Value { place: node.place.clone(), digest: Digest::of(text.as_bytes()) };
        self.values.insert(path.to_owned(), value);
        match &node.kind {
            Kind::Null | Kind::Scalar { .. } => {}
            Kind::Sequence(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.add(item, &format!("{path}[{index}]"));
                }
            }
            Kind::Mapping(members) => {
                for (key, value) in members {
                    let Kind::Scalar { text: key, .. } = &key.kind else { continue };
                    let is_root = path.is_empty();
                    self.add(value, &if is_root { key.clone() } else { format!("{path}.{key}") });
                }
            }
        }
    }

    /// Returns the place of a value, if the file has it.
    pub(super) fn place(&self, path: &str) -> Option<&Place> {
        self.values.get(path).map(|value| &value.place)
    }

    /// Returns the keys of the root whose values differ in another reading.
    #[must_use]
    pub fn different(&self, other: &Self) -> BTreeSet<String> {
        let digest_in =
            |reading: &Self, path: &str| reading.values.get(path).map(|value| value.digest);
        let paths = self.values.keys().chain(other.values.keys());
        let different = paths.filter(|path| digest_in(self, path) != digest_in(other, path));
        let root = |path: &String| path.split(['.', '[']).next().unwrap_or_default().to_owned();
        different.map(root).filter(|key| !key.is_empty()).collect()
    }
}
