//! Verifies which namespaces belong to their publishers.
//!
//! ```text
//! handle ──requests, touched names──▶ driver ──▶ service ──▶ lookup ──▶ witnesses, store
//!                                       ├─ state, queue (pure)
//!                                       └─ remarks, titles: alerts
//! ```
//!
//! # What is kept
//! In the store: the verification record of each namespace with when it is due, and the claims of
//! each name. In memory: the queue, the lookups under way, and the alerts that last.
//!
//! # How it changes
//! Names that came or changed, an edit of the overlays, a request, and time queue namespaces;
//! `state` decides which are looked up, and when. Only what was seen is stored; the verdict
//! follows from it and from the pins in force where it is needed.
//!
//! # What a crash leaves
//! What was committed. A crash between an answer and its commit asks once more.
//!
//! # Who reads it
//! Gates, through the dossier. Names of which something else is known now leave through the port
//! `touched`.

mod driver;
mod handle;
mod lookup;
mod queue;
mod remarks;
mod service;
mod state;
mod titles;
mod witnesses;

pub(super) use driver::verify;
pub(super) use handle::Verification;
pub use lookup::{NameReport, ProofReport, prove_once};
pub(super) use service::{Ports, Service};
pub use witnesses::open_witnesses;
