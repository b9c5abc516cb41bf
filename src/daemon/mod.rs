//! The services that keep a mirror: fetch, decide, commit, publish.
//!
//! ```text
//! overlay folder ─▶ policy ◀──definitions── mirror ◀── upstreams
//!                     │ snapshot              │ touched names
//!        ┌────────────┼────────────────┬──────┘ to the same three
//!        ▼            ▼                ▼
//!    screening ──▶ publish ◀───── verification ◀── DNS, GitHub, packages
//!       what was      │      touched names
//!       compared      ▼
//!            catalogues, swapped as one ──▶ api
//! ```
//!
//! Services read and write the store; `notify` delivers what they report as alerts.
//!
//! - `policy`: the overlays, upstream definitions and settings in force, as one watched snapshot.
//! - `mirror`: follows each upstream, fetches the names that overlays spell out, and completes
//!   facts.
//! - `verification`: looks up which namespaces belong to their publishers.
//! - `screening`: compares names of other parties with what is protected.
//! - `publish`: the only loop that builds generations. It evaluates the names that something
//!   changed for, commits the ledger's difference and swaps all views.
//! - `notify`: delivers notices about alerts to webhooks.
//! - `query`: answers lists, explanations and status from one snapshot of the store.
//! - `runtime`: the ground under all of them.
//!
//! `run` composes the services and starts their loops; `services` holds the handles that servers
//! and commands use. Each service owns its state; what is next it decides in a pure step. It reaches
//! the others by handles, watched values and ports, which are functions that are passed in.
//!
//! # What is kept in memory
//! The catalogues that are published, names and ledgers, the policy in force, the index that names
//! are compared with and what was found, the verification queue. All of it can be built from the
//! store, and is, at each start; nothing in memory says "in progress" that would outlive the
//! process. Heads, bodies, dossiers and evaluations are not kept.
//!
//! # What a crash leaves
//! What was committed, and nothing between. A sync run goes on from its cursor; rows that were
//! committed and not published are marked, and a start evaluates them; a ledger that was committed
//! before its generation was swapped leads to the same generation again.
//!
//! # A loop that fails
//! It is started again after a wait, with an alert; the others go on, and the last generation is
//! served meanwhile. Requests to it wait in its handle.

mod error;
mod mirror;
mod notify;
mod policy;
mod publish;
mod query;
mod run;
mod runtime;
mod screening;
mod services;
mod verification;

pub use error::DaemonError;
pub use mirror::{
    Activity, HeldDecision, Observer, PassFailure, PassPlan, SyncOutcome, open_source,
    retry_quarantine, run_pass,
};
pub use notify::open_webhooks;
pub use policy::{InForce, LoadedOverlays, combine, load_overlays, starter_warning};
pub use publish::Published;
pub use query::{
    Listed, QuarantineReport, StatusReport, UpstreamReport, WebhookReport, explain_name,
    known_names, list, quarantine, status,
};
pub use run::run;
pub use runtime::Clock;
pub(crate) use runtime::try_blocking;
pub use screening::{Lookalike, Screenings, lookalikes_of};
pub use services::Services;
pub use verification::{NameReport, ProofReport, open_witnesses, prove_once};
