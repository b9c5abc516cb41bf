//! Who owns a name: what a namespace claims, what was seen of it, and what follows over time.
//!
//! Upstream checked ownership once, when something was published. Domains lapse, logins are renamed
//! and registered by somebody else, packages change hands; so it is checked again, and again.
//!
//! - A [`Claim`] is read off the namespace alone: a GitHub account, or a domain with its parents.
//! - What is seen ([`Sight`]) comes in from outside: keys at a domain, an account, nothing at all, or
//!   something unclear. Only a definite answer says anything: an unclear one changes nothing.
//! - A [`Holding`] is what is remembered of one namespace. The verdict is derived from it and from what
//!   overlays pin, at the moment it is needed: an overlay takes effect without asking anybody again.
//! - A [`Naming`] is what is remembered of one name: whose repository and which packages name it back.
//!
//! # What a proof does not say
//! That a namespace is held says that somebody shows its key, or has its account, now. It says
//! nothing of who wrote an entry, nor of what the entry does.

mod account;
mod address;
mod advice;
mod basis;
mod claim;
mod declaration;
mod holding;
mod hosts;
mod schedule;
mod sight;
mod txt;
mod verdict;

pub use account::Account;
pub use address::is_public;
pub use advice::{advice, pin};
pub use basis::Basis;
pub use claim::{Claim, Unprovable};
pub use declaration::{
    ContentSight, Declaration, Naming, Offer, Package, RepositoryLink, host, image,
};
pub use holding::{Holding, Means, Negatives, Shown};
pub use hosts::SharedHosts;
pub use schedule::{Urgency, next_check};
pub use sight::{Forged, Look, Named, Repository, Resolved, Sight, agreed};
pub use txt::{KEY_SHAPE, Key, KeyRecords, WRONG_SELECTORS, key_records};
pub use verdict::{Pins, Requirement, Verdict, Waiver};

/// What every proof is told with.
pub const CAVEAT: &str = "A proof says who holds the namespace now. It says nothing of who wrote an entry, nor of what it does.";

#[cfg(test)]
mod tests;
