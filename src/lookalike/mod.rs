//! Names that resemble others: which, how, and how much it matters.
//!
//! A [`Corpus`] holds what is protected: internal names, names that were approved exactly, and brands
//! that overlays list. A suspect is compared with all of it by looking its own shapes up, never by going
//! through the corpus: one name against thousands costs microseconds.
//!
//! # What is no sign
//! A leaf is no identity: hundreds of namespaces have a server called `mcp`, so an equal leaf alone says nothing,
//! and what many namespaces call their servers is common speech ([`Commonness`]). One account or domain may name
//! its servers alike.
//!
//! # What is
//! A near namespace, another's brand in a foreign leaf, a leaf that differs only in what the eye skips. Each is a
//! [`Technique`] with its evidence.

mod brands;
mod commonness;
mod compare;
mod content;
mod corpus;
mod names;
mod portrait;
mod score;
mod shape;
mod suspect;
mod technique;

pub use commonness::Commonness;
pub use compare::Resemblance;
pub use corpus::{Corpus, Protected, Why};
pub use portrait::Portrait;
pub use score::Level;
pub use suspect::Suspect;
pub use technique::Technique;

#[cfg(test)]
mod tests;
