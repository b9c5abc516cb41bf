//! Names that resemble others: which, how, and how much it matters.
//!
//! A [`ScreeningIndex`] holds what is protected: internal names, names that were approved exactly, and brands
//! that overlays list. [`compare`] looks the forms of a suspect up, and never goes through all that is protected:
//! one name against thousands costs microseconds.
//!
//! Files build on each other in one direction: `text` and `visual` → `profile`, `registrant`, `host` → `target`,
//! `suspect` → `key` → `index` → `techniques` → `score`, `suppressed` → `compare` → `report`.
//!
//! # What is not a signal
//! A leaf is not an identity: hundreds of namespaces have a server called `mcp`, so an equal leaf alone says nothing,
//! and a leaf that many namespaces use is suppressed ([`FrequentNames`]). One account or domain may name
//! its servers alike.
//!
//! # What is
//! A near namespace, another's brand in a foreign leaf, a leaf that differs only in what the eye skips. Each is a
//! [`Technique`]; what it finds is a [`Signal`]: the field, the value as published, and the target. A reviewer
//! acknowledges signals as items of evidence, so they hold neither version nor score nor wording.

mod compare;
mod frequent;
mod host;
mod index;
mod key;
mod profile;
mod registrant;
mod report;
mod score;
mod signal;
mod stopwords;
mod suppressed;
mod suspect;
mod target;
mod technique;
mod techniques;
mod text;
mod visual;

pub use compare::{Match, compare};
pub use frequent::FrequentNames;
pub use index::ScreeningIndex;
pub use profile::EntryProfile;
pub use score::Level;
pub use signal::{Field, Signal};
pub use suppressed::Suppressed;
pub use target::{Protected, Why};
pub use technique::Technique;

#[cfg(test)]
mod tests;
