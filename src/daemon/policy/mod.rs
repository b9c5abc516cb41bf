//! Maintains the current policy: reads the overlay folder, and combines it with upstream definitions
//! and settings into one immutable snapshot.
//!
//! # What is kept
//! In memory: the current snapshot with the findings of the lint, behind a watch channel. In the
//! store: the last good overlay set.
//!
//! # How it changes
//! The folder is read until two readings agree, since an editor's half-written file can be a
//! valid but different policy. A good set is stored and becomes current; after a refused one the
//! last good set stays current, with the readable denials of the refused one on top. The mirror
//! supplies the definitions of upstreams when their files change. Every change is one new snapshot
//! with its own revision, a digest that is equal across restarts.
//!
//! # What a crash leaves
//! The last good set. A restart reads the folder against it before it serves anything.
//!
//! # Readers
//! Publish, screening, verification and mirror follow the channel; queries take the current value.
//! Publish compares its revision with the one that the last generation was committed under, so it
//! also notices a value that it did not see itself.

mod current;
mod overlays;
mod watch;

pub(super) use current::Policy;
pub use current::{CurrentPolicy, combine};
pub use overlays::{LoadedOverlays, load_overlays, starter_warning};
pub(super) use watch::{Watcher, report_overlays};
