//! The words of the product: what a name, a version, an entry, a digest and an instant are, and
//! what it takes for received bytes to become one.
//!
//! Everything here is a value. Nothing here knows a clock, a store, a network or an overlay.
//! Types with a law ([`Name`], [`Version`], [`Digest`], [`Instant`]) are only built through a
//! fallible constructor; whoever holds one need not check it again.

mod damage;
mod digest;
mod entry;
mod failure;
mod host;
mod instant;
mod ledger;
mod manifest;
mod name;
mod namespace;
mod number;
mod reason;
mod secret;
mod status;
mod text;
mod version;
mod wellformed;

pub use damage::Damage;
pub use digest::{BadDigest, Digest};
pub use entry::{
    Entry, Head, Identity, MAX_ENTRY_BYTES, OFFICIAL_META, Official, Quarantined, says_deleted,
};
pub use failure::FailureClass;
pub use host::is_loopback;
pub use instant::{BadInstant, Instant};
pub use ledger::{LedgerEntry, LedgerRecord, Shown};
pub use manifest::Manifest;
pub use name::{BadName, Name};
pub use namespace::{BadNamespace, NamespacePattern, NamespaceRules};
pub use reason::reason;
pub use secret::Secret;
pub use status::Status;
pub use text::Escaped;
pub use version::{BadVersion, Version};
pub use wellformed::{Fault, Malformed, members};
