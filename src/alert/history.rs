//! What an alert rested on before. An acknowledgement carries the digest of what a person was shown; when the alert has
//! moved on, the person is told which items came and which went, as long as that state is remembered.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::evidence::Evidence;
use super::identity::UnresolvedId;
use crate::model::{Digest, Escaped};

/// How many states before the present one are remembered: a person who waits longer lists the alert again.
const MAX_EARLIER: usize = 16;
/// A step in which more items differ ends what is remembered.
const MAX_DIFFERING: usize = 200;
/// More items are counted in a message.
const MAX_NAMED: usize = 10;

/// A state before the present one, and how the next one differs from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earlier {
    /// The digest of what was shown then.
    shown: Digest,
    /// The items that came after it.
    came: BTreeSet<Digest>,
    /// The items that went after it.
    went: BTreeSet<Evidence>,
}

/// The items that came and went since a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub came: Vec<Evidence>,
    pub went: Vec<Evidence>,
}

/// Returns the states before `now` when the one before it showed `shown` and rested on `before`, itself after `earlier`.
pub(super) fn history(
    earlier: &[Earlier],
    shown: Digest,
    before: &[Evidence],
    now: &[Evidence],
) -> Vec<Earlier> {
    let mut history = earlier.to_vec();
    let (old, new): (BTreeSet<_>, BTreeSet<_>) = (before.iter().collect(), now.iter().collect());
    if old != new {
        let came: BTreeSet<_> = new.difference(&old).map(|item| item.digest()).collect();
        let went: BTreeSet<_> = old.difference(&new).map(|item| (*item).clone()).collect();
        if came.len() + went.len() > MAX_DIFFERING {
            return Vec::new();
        }
        history.push(Earlier { shown, came, went });
    }
    let forgotten = history.len().saturating_sub(MAX_EARLIER);
    history.drain(..forgotten);
    history
}

/// Returns what changed between the state that showed `shown` and `now`, which follows on `earlier`; nothing where that
/// state is not remembered.
pub(super) fn difference_since(
    earlier: &[Earlier],
    shown: Digest,
    now: &[Evidence],
) -> Option<Difference> {
    let from = earlier.iter().rposition(|earlier| earlier.shown == shown)?;
    let now: BTreeSet<&Evidence> = now.iter().collect();
    let mut then = now.clone();
    for Earlier { came, went, .. } in earlier[from..].iter().rev() {
        then.retain(|item| !came.contains(&item.digest()));
        then.extend(went);
    }
    let items = |set: BTreeSet<&Evidence>, other: &BTreeSet<&Evidence>| {
        set.into_iter().filter(|item| !other.contains(item)).cloned().collect()
    };
    let (came, went) = (items(now.clone(), &then), items(then, &now));
    Some(Difference { came, went })
}

/// Why an alert was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAcknowledged {
    Unresolved(UnresolvedId),
    /// The alert rests on other items than those that were shown.
    MovedOn {
        id: String,
        /// Nothing where the digest is none of the alert's, or too old.
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
            "the alert {id} was not acknowledged: `--seen` is not the digest of what it shows now; "
        )?;
        match difference {
            None => f.write_str("it is of no state that is remembered")?,
            Some(Difference { came, went }) => {
                named(f, "came", came)?;
                f.write_str("; ")?;
                named(f, "went", went)?;
            }
        }
        f.write_str("; look at it again with `vidimus alerts`")
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
