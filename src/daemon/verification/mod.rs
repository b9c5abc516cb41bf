//! Verifies which namespaces belong to their publishers.
//!
//! ```text
//! handle ──requests, touched names──▶ driver ──▶ service ──▶ lookup ──▶ witnesses, store
//!                                       ├─ state, queue (pure)
//!                                       └─ remarks, titles: alerts
//! ```
//!
//! In the store: the verification record of each namespace, and when it is due. In memory: the
//! verification queue, and the alerts that last. A crash between an answer and its commit asks once
//! more.

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
