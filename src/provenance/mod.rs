//! Judges who built a package, and from what.
//!
//! An attestation whose signature was verified is a [`Finding`]. [`judge()`] compares the findings about one file with
//! what an entry and the owner of its namespace say ([`Expected`]), and returns a [`Verdict`]. An
//! [`AttestationRecord`] keeps the findings, and those before; [`drift()`] compares a verdict with a build that was
//! verified.
//!
//! A signature shows where bytes were built, and not that they are harmless: a release that an attacker builds in the
//! publisher's own workflow has valid provenance.

mod attested;
mod drift;
mod expected;
mod explanation;
mod file_name;
mod finding;
mod judge;
mod record;
mod repository;
#[cfg(test)]
mod tests;
mod verdict;

pub use attested::{Attested, Release, Subject};
pub use drift::{Drift, drift};
pub use expected::{Artefact, ArtefactDigest, Expected, Holder};
pub use finding::{Evidence, Finding, Refusal, Signer, Workload};
pub use judge::judge;
pub use record::AttestationRecord;
pub use repository::Repository;
pub use verdict::{Build, Failure, Verdict};
