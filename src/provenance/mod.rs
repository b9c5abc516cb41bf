//! Judges who built a package, and from what.
//!
//! An attestation whose signature was verified is a [`Finding`]. [`judge()`] compares the findings about one file with
//! what an entry and the owner of its namespace say ([`Expected`]), and returns a [`Verdict`]. A [`ProvenanceRecord`]
//! keeps the last definite verdict and says when to check again; [`drift()`] compares a later verdict with a build that
//! was verified.
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
pub use record::{OVERDUE, ProvenanceRecord};
pub use repository::Repository;
pub use verdict::{Build, Failure, Verdict};
