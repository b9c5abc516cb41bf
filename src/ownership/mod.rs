//! Namespace ownership: claims, evidence, and the verdicts that follow over time.
//!
//! The upstream checked ownership once, at publication. Domains lapse, logins are renamed and registered
//! by other people, packages change hands; so namespaces are checked again and again.
//!
//! - A [`Claim`] is read from the namespace alone: a GitHub account, or a domain with its parents.
//! - A [`Lookup`] comes from outside: keys at a domain, an account, nothing at all, or something unclear.
//!   Only a definite answer counts: an unclear one changes nothing.
//! - An answer is definite only when no unanswered question could have changed it. Absence counts after three lookups
//!   over a day, and within a [`LossBudget`]: many losses at once wait for a person.
//! - The record keeps what each place showed last. Trust, a loss and its end follow only from places that answered.
//! - A published key can be copied. From the first other set of keys, a [`KeyChange`] stops wildcards until a person
//!   accepts exactly the set that is shown.
//! - A [`VerificationRecord`] stores the evidence of one namespace. The verdict is derived from it and from
//!   the pins of the overlays when it is needed: an overlay takes effect without another lookup.
//! - A [`DeclarationRecord`] stores the evidence of one name: the contents that its owner's repository
//!   declares, and the packages that name another server.
//!
//! # Limits
//! A verified namespace means that its publisher shows its key, or has its account, now. It says nothing
//! of who wrote an entry, nor of what the entry does.

mod absence;
mod account;
mod address;
mod addresses;
mod admission;
mod advice;
mod basis;
mod change;
mod claim;
mod declaration;
mod hosts;
mod invalid;
mod lookup;
mod observed;
mod offer;
mod outcome;
mod record;
mod registries;
mod relatives;
mod rotation;
mod schedule;
mod shown;
mod txt;
mod verdict;

pub use absence::{LossBudget, Negatives};
pub use account::Account;
pub use address::is_public;
pub use addresses::Addresses;
pub use admission::Obstacle;
pub use advice::{advice, pin};
pub use basis::Basis;
pub use change::{KeyChange, Seen};
pub use claim::{Claim, Unverifiable};
pub use declaration::{ContentLookup, Declaration, DeclarationRecord, Declaring};
pub use hosts::SharedHosts;
pub use invalid::InvalidRecords;
pub use lookup::{
    ForgeAnswer, Hint, KeyLookup, Lookup, Named, Repository, Resolved, ShownKeys, Texts, agreed,
};
pub use observed::OwnershipFacts;
pub use offer::{Offer, Package, RepositoryLink, host, image};
pub use outcome::shortened;
pub use record::VerificationRecord;
pub use registries::{PackageRegistries, is_registry_of};
pub use relatives::Relatives;
pub use schedule::{Priority, next_check};
pub use shown::{Means, Shown};
pub use txt::{KEY_SHAPE, Key, KeyRecords, WRONG_SELECTORS, key_records};
pub use verdict::{Pins, Requirement, Verdict, Waiver};

/// The limits of a verdict, shown with every verdict.
pub const CAVEAT: &str = "Verification shows who controls the namespace now. It says nothing of who wrote an entry, nor of what it does.";

#[cfg(test)]
mod matrix_tests;
#[cfg(test)]
mod record_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod year_tests;
