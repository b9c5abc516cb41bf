use std::hash::{Hash, Hasher};

use super::NamePattern;
use super::fields::NOT_LOOKALIKE;
use crate::lint::{Kind, Node, Place, Reader};
use crate::lookalike::{Protected, Why};
use crate::model::NamespacePattern;

/// The rules of overlays about lookalikes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Protection {
    /// Listed brands and names, each with the namespace that lists it.
    pub listed: Vec<Protected>,
    pub not_lookalikes: Vec<NoLookalike>,
}

/// A reviewer's decision that these names are not lookalikes of the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoLookalike {
    pub place: Place,
    pub who: Selected,
    pub target: String,
    pub reason: String,
    pub reviewer: String,
}

/// Comparisons depend on what it says, and not on where it stands.
impl Hash for NoLookalike {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Self { place: _, who, target, reason, reviewer } = self;
        (who, target, reason, reviewer).hash(hasher);
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selected {
    Names(NamePattern),
    Namespace(NamespacePattern),
}

/// Reads the `protect` of a namespace: brands and names that belong to it.
pub(super) fn read_protect(
    reader: &mut Reader,
    node: &Node,
    namespace: &NamespacePattern,
) -> Vec<Protected> {
    let home = namespace.namespace().to_owned();
    let protected = |subject: String| Protected::new(subject, Why::Listed).of(&home);
    if matches!(&node.kind, Kind::Scalar { .. }) {
        // The name of the namespace itself.
        const ALLOWED: &str =
            "a list of brands and names, such as [stripe], or `true` for the namespace itself";
        let meant = reader.parsed(node, |text| text.parse::<bool>().map_err(|_| ALLOWED));
        return (meant == Some(true)).then(|| protected(home.clone())).into_iter().collect();
    }
    let items = reader.list(node).iter();
    items.filter_map(|item| reader.parsed(item, brand)).map(protected).collect()
}

/// Reads a `not_lookalike`.
pub(super) fn read_not_lookalike(
    reader: &mut Reader,
    node: &Node,
    who: Selected,
) -> Option<NoLookalike> {
    let fields = reader.mapping(node, &NOT_LOOKALIKE)?;
    let mut needed = |key: &str| {
        let Some(node) = fields.get(key) else {
            let found = format!("a `not_lookalike` without `{key}`");
            reader.error(node, found, "give `target`, `reason` and `reviewer`");
            return None;
        };
        reader.text(node).map(str::to_owned)
    };
    let (target, reason, reviewer) = (needed("target"), needed("reason"), needed("reviewer"));
    let place = node.place.clone();
    Some(NoLookalike { place, who, target: target?, reason: reason?, reviewer: reviewer? })
}

/// Reads a brand, which needs enough characters to be distinct from a common word.
fn brand(text: &str) -> Result<String, &'static str> {
    let usable = text.chars().filter(|character| character.is_alphanumeric()).count() >= 3;
    let short = text.chars().count() <= 200;
    if usable && short {
        Ok(text.to_owned())
    } else {
        Err("a brand or a server's name, 3 to 200 characters")
    }
}
