//! Asks package registries: which server a package claims to belong to, which files it consists of, and which
//! attestations they have.
//!
//! One file for each ecosystem has both questions; `client.rs` has the bounds, the redirects and the addresses for all.
//! Answers are read into the few members that are needed: most of a document is a stranger's. An answer that is not
//! understood is unclear, with its reason. `referrers.rs` has the attestations of images, which take several requests.

mod answers;
mod ask;
mod bundle;
mod client;
mod documents;
mod image;
mod npm;
mod pypi;
mod referrers;

pub use ask::{AttestationAnswer, Packages};
