//! Earlier states of an alert. An acknowledgement contains the digest of what a person was shown; if the alert has
//! changed since, the refusal names the items that were added and removed, while that state is remembered.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::evidence::Evidence;
use super::identity::UnresolvedId;
use super::listing::MAX_ITEMS;
use crate::model::{Digest, Escaped};

/// States before the present one that are remembered; a person who waits longer lists the alert again.
const MAX_EARLIER: usize = 16;
/// Items that all remembered states together may differ in: enough for one step that replaces every item.
const MAX_DIFFERING: usize = 2 * (MAX_ITEMS + 1);
/// A message names at most so many items, and counts the others.
const MAX_NAMED: usize = 10;

/// A state before the present one, and the difference to the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earlier {
    /// The digest of what was shown then.
    shown: Digest,
    /// The items that the next state added.
    added: BTreeSet<Digest>,
    /// The items that the next state removed.
    removed: BTreeSet<Evidence>,
}

/// The items that were added and removed since a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub added: Vec<Evidence>,
    pub removed: Vec<Evidence>,
}

/// Returns the states before `now`: those in `earlier`, then the one that showed `shown` and rested on `before`.
pub(super) fn history(
    earlier: &[Earlier],
    shown: Digest,
    before: &[Evidence],
    now: &[Evidence],
) -> Vec<Earlier> {
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

/// Returns what changed between the state that showed `shown` and `now`, which follows `earlier`; `None` if that state
/// is not remembered.
pub(super) fn difference_since(
    earlier: &[Earlier],
    shown: Digest,
    now: &[Evidence],
) -> Option<Difference> {
    let from = earlier.iter().rposition(|earlier| earlier.shown == shown)?;
    let now: BTreeSet<&Evidence> = now.iter().collect();
    let mut then = now.clone();
    for Earlier { added, removed, .. } in earlier[from..].iter().rev() {
        then.retain(|item| !added.contains(&item.digest()));
        then.extend(removed);
    }
    let items = |set: BTreeSet<&Evidence>, other: &BTreeSet<&Evidence>| {
        set.into_iter().filter(|item| !other.contains(item)).cloned().collect()
    };
    let (added, removed) = (items(now.clone(), &then), items(then, &now));
    Some(Difference { added, removed })
}

/// The reason for which an alert was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAcknowledged {
    Unresolved(UnresolvedId),
    /// The alert rests on other items than those that were shown.
    MovedOn {
        id: String,
        /// `None` if the digest is not one of the alert, or is too old.
        difference: Option<Difference>,
    },
}

impl fmt::Display for NotAcknowledged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, difference) = match self {
            Self::Unresolved(why) => return why.fmt(f),
            Self::MovedOn { id, difference } => (id, difference),
        };
        write!(
            f,
            "the alert {id} was not acknowledged: `--seen` is not the digest of what the alert shows now; "
        )?;
        match difference {
            None => f.write_str("it matches no remembered state")?,
            Some(Difference { added, removed }) => {
                named(f, "added", added)?;
                f.write_str("; ")?;
                named(f, "removed", removed)?;
            }
        }
        f.write_str("; list it again with `vidimus alerts`")
    }
}

fn named(f: &mut fmt::Formatter<'_>, what: &str, items: &[Evidence]) -> fmt::Result {
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
