//! What the enterprise says about servers: reviewed statements, their lint, and their merging.
//!
//! A statement selects names, and versions of them, and gives them a tier, a classification, an
//! owner, labels, an approval. [`read`] turns files into statements and findings; one error
//! refuses the whole set, since half a policy is another policy. [`OverlaySet`] answers what all
//! statements together say of one entry.
//!
//! - Each field is taken from the most specific statement that has it: name before version before
//!   upstream. An approval is taken whole. Equal rank with different values is a contradiction
//!   and refused, both places named.
//! - A denial or suspension wins over every approval, and matches whatever it cannot exclude.
//! - A refused set can still hide: its denials apply on top of the last good set.

mod approval;
mod changes;
mod conflict;
mod coverage;
mod document;
mod ownership;
mod protected;
mod protection;
mod range;
mod reading;
mod selector;
mod set;
mod statement;

pub use changes::Changes;
pub use coverage::Coverage;
pub use document::read;
pub use ownership::OwnershipStatement;
pub use protection::{NoLookalike, Protection, Selected};
pub use range::{BadRange, Range};
pub use reading::{Context, Reading};
pub use selector::{BadPattern, BadVersions, NamePattern, VersionPattern};
pub use set::{About, OverlaySet, Ruling, Standing};
pub use statement::{Approval, Classification, State, Statement, Terms, Track};

#[cfg(test)]
mod tests;
