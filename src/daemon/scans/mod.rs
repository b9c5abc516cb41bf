//! Reads scan results and passes them to the policy.
//!
//! `runtime::watch_folder` looks at the evidence folder all the time. Each file stands by itself: `judge` keeps the last
//! valid text of one with an error, which the store has. A result ends with its file, by its expiry, or when a later one
//! of its tool replaces it; an unreadable folder ends nothing.
//!
//! # Memory
//! The texts of the folder as they were read last, the texts that count, and the results that they state: at most 32 MiB
//! of text each.

mod handle;
mod judge;

pub(super) use handle::Scans;
pub use judge::{lint_scans, load_scans};
