//! Keeps a copy of each upstream: full and incremental runs, names fetched by themselves, and the
//! change sets on hold.
//!
//! ```text
//! followers ──▶ follow ──▶ pass ──▶ ingest ──▶ committer ──▶ store
//!     │            └─ schedule (pure)   └─ safety
//!     └───────▶ named ─────────────────────────────────────▶ store
//! ```
//!
//! The [`Mirror`] holds what is true of upstreams only while the process lives; everything else is
//! in the store. A run goes on from its cursor after a crash. The mirror knows no other service:
//! names that it touched and changed definitions leave through its [`Ports`].

mod activity;
mod committer;
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
pub(super) use followers::Followers;
pub use handle::SyncOutcome;
pub(super) use handle::{Mirror, Ports};
pub use hold::HeldDecision;
pub use pass::run_pass;
pub use plan::{Observer, PassFailure, PassPlan};
pub use quarantine::retry_quarantine;
pub use source::open_source;
