//! Keeps the policy in force: reads the overlay folder, and combines it with upstream definitions
//! and settings into one immutable snapshot.
//!
//! # What is kept
//! In memory the snapshot in force with the findings of the lint, behind a watch channel; in the
//! store the last good overlay set.
//!
//! # How it changes
//! The folder is read until two readings agree, since an editor's half-written file can be a
//! policy of its own. A good set is stored and put in force; a refused one leaves the last good
//! set in force, with the readable denials on top. The mirror hands in the definitions of
//! upstreams when their files change. Every change is one new snapshot with its own revision, a
//! digest that is equal across restarts.
//!
//! # What a crash leaves
//! The last good set. A restart reads the folder against it before anything is served.
//!
//! # Who reads it
//! Publish, screening, verification and mirror follow the channel; queries take the current value.
//! Publish compares its revision with the one that the last generation was committed under, so a
//! value that was overtaken is not missed.

mod in_force;
mod overlays;
mod watch;

pub(super) use in_force::Policy;
pub use in_force::{InForce, combine};
pub use overlays::{LoadedOverlays, load_overlays, starter_warning};
pub(super) use watch::{Watcher, report_overlays};
