use std::fmt;

use super::evidence::Evidence;
use super::identity::UnresolvedId;
use crate::model::{Difference, Digest, Item};

impl Item for Evidence {
    fn digest(&self) -> Digest {
        Self::digest(self)
    }
}

/// The reason for which an alert was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAcknowledged {
    Unresolved(UnresolvedId),
    /// The alert rests on other items than those that were shown.
    MovedOn {
        id: String,
        /// `None` if the digest is not one of the alert, or is too old.
        difference: Option<Difference<Evidence>>,
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
            "the alert {id} was not acknowledged: list it again with `vidimus alerts`, since `--seen` is not the digest of \
             what the alert shows now; "
        )?;
        match difference {
            None => f.write_str("it matches no remembered state"),
            Some(difference) => write!(f, "since then {difference}"),
        }
    }
}
