//! Verifies which namespaces belong to their publishers.
//!
//! ```text
//! handle ──requests, touched names──▶ driver ──▶ service ──▶ lookup ──▶ sources, store
//!                                       ├─ state, queue, places (pure)
//!                                       └─ reporter, alerts
//! ```
//!
//! # State
//! In the store: the verification record of each namespace with its next check, and the declarations of
//! each name. In memory: the queue, the lookups under way, the alerts that last, and the brake on losses, which is read
//! from the records at each start.
//!
//! # Changes
//! New or changed names, an edit of the overlays, a request, and time queue namespaces; `state` decides
//! which are looked up, and when. An acknowledgement of exactly the keys that a namespace shows, or of its
//! loss, changes its record. Only evidence is stored; the verdict is derived from it and from the
//! current pins where it is needed.
//!
//! # After a crash
//! Everything committed stays. A crash between an answer and its commit repeats the lookup.
//!
//! # Readers
//! Gates, through the dossier. Names with changed evidence leave through the port `touched`.

mod alerts;
mod brake;
mod driver;
mod handle;
mod lookup;
mod mentioned;
mod places;
mod queue;
mod reporter;
mod service;
mod sources;
mod state;
mod stored;

#[cfg(test)]
pub(super) use driver::drive_tests::VerificationDrive;
pub(super) use driver::verify;
pub(super) use handle::Verification;
pub use lookup::{NameReport, OwnershipReport, verify_once};
pub use mentioned::{MentionedNamespace, mentioned_namespaces};
pub(super) use service::{Ports, Service};
pub use sources::open_sources;
