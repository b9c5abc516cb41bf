//! The loops that keep a mirror: fetch, decide, commit, publish.
//!
//! ```text
//! follow ──rows──▶ store ◀──last good set── watch
//!    │ touched names            everything │
//!    └───────────▶ pending ◀───────────────┘
//!                     │
//!                  publish ──▶ catalogue (swapped atomically)
//! ```
//!
//! - `follow`: one task for each upstream, and beside it one that fetches the names that
//!   overlays spell out. They write rows and say which names they touched.
//! - `watch`: notices changed overlay and upstream files.
//! - `prove`: asks who owns the namespaces there are, and says which names that concerns.
//! - `lookout`: compares names from outside with what is protected.
//! - `post`: tells receivers of alerts.
//! - `publish`: the only task that builds generations. It collects what was touched, runs the
//!   gates for those names, commits the ledger's difference and swaps the catalogue.
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
//! A loop that ends although nobody stopped it ends the process: a daemon that answers and does
//! not move would look healthy.

mod alerts;
mod content;
mod decided;
mod doubts;
mod enquiry;
mod error;
mod likeness;
mod lookout;
mod mirror;
mod notes;
mod notify;
mod outside;
mod overlays;
mod pending;
mod proof;
mod prove;
mod publish;
mod publisher;
mod remarks;
mod report;
mod review;
mod run;
mod runtime;
mod shared;
mod speakers;
mod tenure;
mod titles;
mod turns;
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
pub use proof::{NameReport, ProofReport, prove_once};
pub use report::{StatusReport, UpstreamReport, WebhookReport, status};
pub use review::{Listed, QuarantineReport, explain_name, known_names, list, quarantine};
pub use run::{open_witnesses, run};
pub use runtime::Clock;
pub(crate) use runtime::try_blocking;
pub use shared::{Published, Shared};
