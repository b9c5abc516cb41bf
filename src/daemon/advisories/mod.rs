//! Reads advisories and passes them on: those of feeds to the store, those of the organisation to the policy.
//!
//! # Feeds
//! `service` reads one feed after another, each at its interval, on a thread that may block; `reading` compares each
//! document with the stored one and stores what changed, a batch at a time. The names with a package that changed are
//! passed to publication after each batch, so an advisory takes effect while the rest of its feed is still read.
//!
//! What a reading adds is true by itself. What it removes shows more, so that waits for the end of a whole reading that
//! has at least half of the advisories. A feed that fails or shrinks removes nothing, and raises an alert.
//! A crash leaves the feed without its new mark, and the next start reads it again.
//!
//! # Own advisories
//! `runtime::watch_folder` looks at the folder all the time. Two readings have to agree. Each file stands by itself: one with an error
//! keeps its last valid text, which the store has. An advisory that alone would hide much of what is served waits:
//! `judge` decides that once for each text, and an operator may release it.
//!
//! # Memory
//! The store keeps one hash for each package that an advisory names. A reading has two hashes for each document, and
//! the names by package; both end with it.

mod alerts;
mod handle;
mod judge;
mod on_disk;
mod reading;
#[cfg(test)]
mod reading_tests;
mod service;

pub(super) use handle::Advisories;
pub use handle::{ReleaseRefused, release_offline};
pub use judge::{lint_own, load_own};
pub(super) use service::{Feeds, read_feeds};
