//! Verifies attestations offline: reads documents of package registries, verifies the bundles in them under a trust
//! root, and returns what they say as [`crate::provenance::Finding`].
//!
//! `verifier.rs` is the only file that names the crate behind it. That crate reads the clock, for log entries with a
//! time in the future, so this module is above the pure ones. It verifies that a signature belongs to a digest; names,
//! predicates, issuers and builders are compared by [`crate::provenance::judge()`].

mod documents;
mod keys;
#[cfg(test)]
mod tests;
mod verifier;

pub use documents::{Form, collect};
pub use verifier::{BadTrust, Verifier};
