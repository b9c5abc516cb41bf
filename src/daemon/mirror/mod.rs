//! Keeps a copy of each upstream: full and incremental syncs, fetches of single names, and the change
//! sets on hold.
//!
//! ```text
//! followers ──▶ follow ──▶ run ──▶ ingest ──▶ committer ──▶ store
//!     │            └─ schedule (pure)  └─ safety
//!     └───────▶ named ────────────────────────────────────▶ store
//! ```
//!
//! # What is kept
//! In memory, in the [`Mirror`]: the definitions of upstreams, the run under way and the next one,
//! the reports of upstreams so far, and whether an upstream may still claim names for the first time
//! ([`Settling`]). In the store: rows, the cursor and state of each upstream, staged rows, change
//! sets on hold.
//!
//! # How it changes
//! `followers` reads the upstream files every few seconds and replaces its tasks when they differ.
//! `follow` performs the runs that `schedule` decides on; `named` fetches names that overlays list;
//! `facts` computes what gates read of each content, where a first sync or other rules left that
//! open.
//!
//! # What a crash leaves
//! Each batch is one transaction with the cursor behind it and the marks of the names that it
//! changes: a run resumes there, and repeats at most the batches that were under way.
//!
//! # Readers
//! The mirror does not depend on any other service: touched names and changed definitions leave
//! through its [`Ports`]. Publish, screening and the first generation wait for its reports of the
//! upstreams.

mod activity;
mod alerts;
mod committer;
mod definitions;
#[cfg(test)]
mod drive_tests;
mod facts;
mod failed_run;
mod follow;
mod followers;
mod handle;
mod hold;
mod ingest;
mod limit;
mod named;
mod options;
mod quarantine;
mod quarantine_room;
mod readiness;
#[cfg(test)]
mod released_rewind_tests;
mod repeated;
mod rows;
mod run;
mod safety;
mod schedule;
mod settling;
mod source;

pub use activity::Activity;
#[cfg(test)]
pub(super) use drive_tests::{define, is_known, sync};
pub(super) use facts::complete_facts;
pub(super) use followers::Followers;
pub use handle::SyncOutcome;
pub(super) use handle::{Mirror, Ports};
pub(super) use limit::limit_now;
pub use options::{Observer, RunOptions, SyncFailure};
pub use quarantine::retry_quarantine;
pub use run::run_sync;
pub(super) use settling::Settling;
pub use source::open_source;
