//! Artefacts: the files behind the packages that entries name.
//!
//! An entry names a package; a client downloads a file. A registry may give another file under the same name later,
//! and an entry that names a tag or no version leaves the choice to the registry. So the digests that registries state
//! are recorded, and compared with every later answer.
//!
//! - A [`PackageKey`] is one version of one package at one registry, in the normal form of its ecosystem.
//! - An [`PackageLookup`] comes from outside: files with digests, nothing at all, or something unclear. Only digests count:
//!   an unclear answer changes none.
//! - A [`PackageRecord`] stores the digest of each file with its first and its last sight, and those that it had before;
//!   and the attestations that were found for it, as [`crate::provenance`] keeps them.
//! - A package is [`Floating`] if its entry does not name one content.
//!
//! # Limits
//! A digest says which file it is. It says nothing of who built the file, nor of what it does. A registry that lies to
//! `vidimus` alone, or to a client alone, is not noticed.

mod attestations;
mod checksum;
mod floating;
mod key;
mod record;
mod schedule;
mod stated;

pub use attestations::{FileAttestations, MAX_ATTESTED, MAX_BUNDLES, Signatures, attested_files};
pub use checksum::{Algorithm, BadChecksum, Checksum};
pub use floating::Floating;
pub use key::PackageKey;
pub use record::{ArtefactRecord, EarlierDigest, PackageRecord};
pub use schedule::next_look;
pub use stated::{MAX_FILES, PackageLookup, StatedFile};

#[cfg(test)]
mod tests;
