use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Digest, Escaped};

/// States before the present one that are remembered; a person who waits longer lists the items again.
const MAX_EARLIER: usize = 16;
/// Items that all remembered states together may differ in: enough for one step that replaces a thousand items.
const MAX_DIFFERING: usize = 2_002;
/// A message names at most so many items, and counts the others.
const MAX_NAMED: usize = 3;

/// One of the items that a person is shown and decides about.
pub trait Item: Ord + Clone {
    /// Returns the SHA-256 of everything in the item.
    fn digest(&self) -> Digest;
}

/// A state before the present one, and the difference to the next one. A decision of a person contains the digest of
/// what was shown; if that has changed since, the refusal names the items that were added and removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Serialize + Ord", deserialize = "T: Deserialize<'de> + Ord"))]
pub struct Earlier<T> {
    /// The digest of what was shown then.
    shown: Digest,
    /// The items that the next state added.
    added: BTreeSet<Digest>,
    /// The items that the next state removed.
    removed: BTreeSet<T>,
}

/// The items that were added and removed since a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference<T> {
    pub added: Vec<T>,
    pub removed: Vec<T>,
}

/// Returns the states before `now`: those in `earlier`, then the one that showed `shown` and had the items `before`.
#[must_use]
pub fn remember<T: Item>(
    earlier: &[Earlier<T>],
    shown: Digest,
    before: &[T],
    now: &[T],
) -> Vec<Earlier<T>> {
    let mut history = earlier.to_vec();
    let (old, new): (BTreeSet<_>, BTreeSet<_>) = (before.iter().collect(), now.iter().collect());
    if old != new {
        let added: BTreeSet<_> = new.difference(&old).map(|item| item.digest()).collect();
        let removed: BTreeSet<_> = old.difference(&new).map(|item| (*item).clone()).collect();
        history.push(Earlier { shown, added, removed });
    }
    let mut differing = 0;
    let remembered = history.iter().rev().take(MAX_EARLIER).take_while(|earlier| {
        differing += earlier.added.len() + earlier.removed.len();
        differing <= MAX_DIFFERING
    });
    let forgotten = history.len() - remembered.count();
    history.drain(..forgotten);
    history
}

/// Returns what changed between the last state that `is_meant` selects and `now`, which follows `earlier`; `None` if no
/// remembered state is selected. `is_meant` gets the digest of what a state showed, and its items.
pub fn difference_since<T: Item>(
    earlier: &[Earlier<T>],
    now: &[T],
    is_meant: impl Fn(Digest, &BTreeSet<&T>) -> bool,
) -> Option<Difference<T>> {
    let now: BTreeSet<&T> = now.iter().collect();
    let mut then = now.clone();
    for Earlier { shown, added, removed } in earlier.iter().rev() {
        then.retain(|item| !added.contains(&item.digest()));
        then.extend(removed);
        if is_meant(*shown, &then) {
            let items = |set: &BTreeSet<&T>, other: &BTreeSet<&T>| {
                set.difference(other).map(|item| (*item).clone()).collect()
            };
            return Some(Difference { added: items(&now, &then), removed: items(&then, &now) });
        }
    }
    None
}

impl<T: fmt::Display> fmt::Display for Difference<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        named(f, "added", &self.added)?;
        f.write_str("; ")?;
        named(f, "removed", &self.removed)
    }
}

fn named<T: fmt::Display>(f: &mut fmt::Formatter<'_>, what: &str, items: &[T]) -> fmt::Result {
    write!(
        f,
        "{} {what}",
        if items.is_empty() { "nothing".to_owned() } else { items.len().to_string() }
    )?;
    for (index, item) in items.iter().take(MAX_NAMED).enumerate() {
        let text = item.to_string();
        write!(f, "{}{}", if index == 0 { ": " } else { ", " }, Escaped(&text))?;
    }
    match items.len().saturating_sub(MAX_NAMED) {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}
