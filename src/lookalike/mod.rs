//! Comparison of names with protected ones: the matches, their signals and their scores.
//!
//! A [`ScreeningIndex`] contains the protected subjects: internal names, names that were approved exactly, and brands
//! that overlays list. [`compare`] looks up the forms of a suspect, and never iterates over all protected subjects:
//! one name against thousands costs microseconds.
//!
//! Files depend on each other in one direction: `text` and `visual` → `profile`, `registrant`, `host` → `target`,
//! `suspect` → `key` → `index` → `techniques` → `score`, `suppressed` → `compare` → `report`.
//!
//! # Signals
//! A near namespace, the brand of another publisher in a leaf, a leaf with differences that are easy to overlook. Each
//! is a [`Technique`]; its result is a [`Signal`]: the field, the value as published, and the target. A reviewer
//! acknowledges signals as items of evidence, so they contain neither version nor score nor wording.
//!
//! # Limits
//! Words, hosts and targets beyond a limit are not compared. The [`Outcome`] names the profiles that this concerns, so
//! that no caller takes them for compared.
//!
//! # Not a signal
//! A leaf is not an identity: hundreds of namespaces have a server called `mcp`. So an equal leaf alone is not evidence,
//! and a leaf that many namespaces use is suppressed ([`FrequentNames`]). One account or domain may give its servers
//! similar names.

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

pub use compare::{Match, Outcome, compare};
pub use frequent::FrequentNames;
pub use index::ScreeningIndex;
pub use profile::EntryProfile;
pub use score::Level;
pub use signal::{Field, Signal};
pub use suppressed::Suppressed;
pub use target::{Protected, Why};
pub use technique::{Technique, one_of_each_first};

#[cfg(test)]
mod tests;
