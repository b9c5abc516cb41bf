//! The domain types: name, version, entry, digest and timestamp, and the validation that turns
//! received bytes into them.
//!
//! Everything here is a value. Nothing here knows a clock, a store, a network or an overlay.
//! Types with an invariant ([`Name`], [`Version`], [`Digest`], [`Timestamp`]) are only built through
//! a fallible constructor; code that has one need not check it again.

mod access;
mod bytes;
mod characters;
mod damage;
mod difference;
mod difference_text;
mod digest;
mod entry;
mod failure;
mod history;
mod host;
mod ledger;
mod legible;
mod manifest;
mod name;
mod namespace;
mod not_benign;
mod number;
mod reason;
mod secret;
mod sent;
mod status;
mod template;
mod text;
mod timestamp;
mod tombstone;
mod version;
mod wellformed;

pub use access::{Actor, BadTokenName, Denied, Role, TokenName, TokenRecord, authenticate};
pub use bytes::Bytes;
pub use characters::{as_seen, is_unseen};
pub use damage::Damage;
pub use difference::{FIRST_CHANGES, all_changes, changed_members};
pub use digest::{BadDigest, Digest};
pub use entry::{Entry, Head, Identity, MAX_ENTRY_BYTES, Official, Quarantined, is_deletion};
pub use failure::{FailureClass, RoomLimit};
pub use history::{Difference, Earlier, Item, difference_since, remember};
pub use host::{is_loopback, is_public_name};
pub use ledger::{Approved, LedgerEntry, LedgerRecord, Shown};
pub use manifest::Manifest;
pub use name::{BadName, Name};
pub use namespace::{BadNamespace, NamespacePattern, NamespaceRules};
pub use not_benign::NotBenign;
pub use reason::reason;
pub use secret::Secret;
pub use sent::OFFICIAL_META;
pub use status::Status;
pub use template::{MAX_AUTHORITY, Unfillable, fill, given_values};
pub use text::{Escaped, EscapedWhole, is_hidden};
pub use timestamp::{BadTimestamp, Timestamp};
pub use tombstone::TombstoneStub;
pub use version::{BadVersion, Version};
pub use wellformed::{ValidationError, ValidationRule, check_text, members};
