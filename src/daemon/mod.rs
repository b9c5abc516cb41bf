//! The services that keep a mirror: fetch, decide, commit, publish.
//!
//! ```text
//! mirror ──rows──▶ store ◀──last good set── watch
//!    │ touched names            everything │
//!    └───────────▶ pending ◀───────────────┘
//!                     │
//!                  publish ──▶ catalogue (swapped atomically)
//! ```
//!
//! - `mirror`: follows each upstream, and fetches the names that overlays spell out. It writes rows
//!   and tells which names it touched.
//! - `watch`: notices changed overlay files.
//! - `verification`: looks up which namespaces belong to their publishers, and tells which names
//!   that concerns.
//! - `lookout`: compares names from outside with what is protected.
//! - `notify`: delivers notices about alerts.
//! - `publish`: the only task that builds generations. It collects what was touched, runs the
//!   gates for those names, commits the ledger's difference and swaps the catalogue.
//! - `runtime`: the ground under all of them.
//!
//! A service knows the others only through the handles and ports that `run` gives to it.
//!
//! # What is kept in memory
//! The published catalogue, the overlays in force, the heads of all entries, the ledger. All of it
//! can be built from the store, and is, at each start; nothing in memory says "in progress" that
//! would outlive the process.
//!
//! # What a crash leaves
//! Whatever was committed. A pass goes on from its cursor; a ledger that was committed before its
//! generation was swapped leads to the same generation again.
//!
//! A loop that ends before it was stopped is started again after a wait, with an alert; the others
//! go on. The last generation is served meanwhile.

mod alerts;
mod content;
mod decided;
mod doubts;
mod error;
mod likeness;
mod lookout;
mod mirror;
mod notes;
mod notify;
mod outside;
mod overlays;
mod pending;
mod publish;
mod publisher;
mod report;
mod review;
mod run;
mod runtime;
mod shared;
mod speakers;
mod tenure;
mod verification;
mod watch;

pub use doubts::Doubts;
pub use error::DaemonError;
pub use likeness::{Lookalike, lookalikes_of};
pub use mirror::{
    Activity, HeldDecision, Observer, PassFailure, PassPlan, SyncOutcome, open_source,
    retry_quarantine, run_pass,
};
pub use notify::open_webhooks;
pub use overlays::{InForce, load_overlays, starter_warning};
pub use report::{StatusReport, UpstreamReport, WebhookReport, status};
pub use review::{Listed, QuarantineReport, explain_name, known_names, list, quarantine};
pub use run::run;
pub use runtime::Clock;
pub(crate) use runtime::try_blocking;
pub use shared::{Published, Shared};
pub use verification::{NameReport, ProofReport, open_witnesses, prove_once};
