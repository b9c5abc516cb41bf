//! Maintains the current policy: reads the overlay folder, and combines it with upstream definitions
//! and settings into one immutable snapshot.
//!
//! # What is kept
//! In memory: the current snapshot with the findings of the lint and the parsed files, behind a watch channel. In the
//! store: the last good overlay set, its approvals that ended, and texts of refused files whose denials
//! outlast them.
//!
//! # How it changes
//! The folder is looked at when the file system notifies. Where a change may come without a notification, as on a file
//! system of another machine, it is looked at every `overlays_poll`, and elsewhere every half minute. Only files with
//! another stamp are read, and only files with another text are parsed. `state.rs` decides about each reading. A file whose last two readings are
//! equal counts, since an editor's half-written file can be a valid but different policy: its denials
//! apply at once. When all files have settled, or after a while without those that are still written,
//! the set is linted beside the loop, enforced, stored and reported, in this order, so that neither a
//! long lint nor a store or log that hangs delays a denial.
//!
//! After a refused set the last good set stays current, with the readable denials of the refused one on
//! top, and without approvals that its readable files do not give any more. A denial of a refused set
//! ends when a whole file no longer gives it, not when its file breaks. The mirror supplies the
//! definitions of upstreams when their files change. Every change is one new snapshot with its own
//! revision, a digest that is equal across restarts.
//!
//! # What a crash leaves
//! The last good set, and what refused ones changed of it. A restart reads the folder against them before it
//! serves anything.
//!
//! # Readers
//! Publish, screening, verification and mirror follow the channel; queries take the current value.
//! Publish compares its revision with the one that the last generation was committed under, so it
//! also notices a value that it did not see itself.

mod current;
mod denying;
#[cfg(test)]
mod drive_tests;
mod expiry;
mod folder;
mod last_good;
mod overlays;
mod proposal;
mod report;
mod state;
mod watch;

pub(super) use current::Policy;
pub use current::{CurrentPolicy, combine};
#[cfg(test)]
pub(super) use drive_tests::PolicyDrive;
pub(super) use expiry::watch_expiry;
pub(super) use folder::from_disk;
pub use overlays::{LoadedOverlays, load_folder, load_overlays, starter_warning};
pub use proposal::{
    MAX_PROPOSAL_BYTES, MAX_SET_BYTES, OverlayFile, Proposal, ProposedChange, last_good_overlays,
};
pub(super) use report::report_overlays;
pub(super) use watch::{LOOK_WITHIN, Watcher};
