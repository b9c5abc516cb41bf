//! Keeps a copy of each upstream: full and incremental runs, names fetched by themselves, and the
//! change sets on hold.
//!
//! ```text
//! followers ──▶ follow ──▶ pass ──▶ ingest ──▶ committer ──▶ store
//!     │            └─ schedule (pure)   └─ safety
//!     └───────▶ named ─────────────────────────────────────▶ store
//! ```
//!
//! # What is kept
//! In memory, in the [`Mirror`]: the definitions of upstreams, the run under way and the next one,
//! what was heard so far, and whether an upstream may still claim names for the first time
//! ([`Settling`]). In the store: rows, the cursor and state of each upstream, staged rows, change
//! sets on hold.
//!
//! # How it changes
//! `followers` reads the upstream files every few seconds and replaces its tasks when they differ.
//! `follow` makes the runs that `schedule` decides on; `named` fetches names that overlays spell
//! out; `facts` computes what gates read of each content, where a first sync or other rules left
//! that open.
//!
//! # What a crash leaves
//! Each batch is one transaction with the cursor behind it and the marks of the names that it
//! changes: a run goes on from there, and repeats at most the batches that were on their way.
//!
//! # Who reads it
//! The mirror knows no other service: names that it touched and changed definitions leave through
//! its [`Ports`]. Publish, screening and the first generation wait for what it knows of the
//! upstreams.

mod activity;
mod committer;
mod facts;
mod follow;
mod followers;
mod handle;
mod hold;
mod ingest;
mod known;
mod named;
mod observe;
mod pass;
mod plan;
mod quarantine;
mod rows;
mod safety;
mod schedule;
mod settling;
mod source;

pub use activity::Activity;
pub(super) use facts::complete_facts;
pub(super) use followers::Followers;
pub use handle::SyncOutcome;
pub(super) use handle::{Mirror, Ports};
pub use hold::HeldDecision;
pub use pass::run_pass;
pub use plan::{Observer, PassFailure, PassPlan};
pub use quarantine::retry_quarantine;
pub(super) use settling::Settling;
pub use source::open_source;
