//! Looks at the registries of the packages that entries name, and records their files with their attestations.
//!
//! ```text
//! names that were evaluated ──▶ driver ──▶ named (which packages), state (when, pure) ──▶ look ──▶ registry
//!                                                                                     └▶ store
//! ```
//!
//! # State
//! In the store: a record for each package, with its next look. In memory: the packages of each name that an exact rule
//! selects or a view shows, and those that need provenance. Those that a view shows come first, each in the order of its next
//! look. The requests of the day.
//!
//! # Changes
//! Each generation passes the names that it evaluated; their packages are read again. A new package is due at once, every
//! other one at its stored time. What a look finds is stored, and names with other facts are evaluated again through the
//! port `touched`.
//!
//! # After a crash
//! A look that was not committed is repeated. The requests of the day are counted from the stored times of the looks.
//!
//! # Readers
//! Gates, alerts and `_meta`, through the dossier. Nothing here decides.

mod budget;
mod driver;
mod look;
mod named;
mod state;
mod trust;

pub(super) use driver::{Looking, look_at_packages};
pub use trust::check_trust;
pub(super) use trust::open_verifier;
