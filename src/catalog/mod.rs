//! What clients see: documents, their order, search, pages, and the ledger of what was served.
//!
//! A [`Catalogue`] is one generation: immutable once built, shared by every reader, holding only
//! what is visible and the tombstones of what was. Building the next one takes the previous one,
//! the names that changed and the [`Ledger`]; it yields a catalogue and the ledger's changes, and
//! the caller commits those before anyone sees the catalogue.
//!
//! # Instants
//! Every generation that changes something has one instant, greater than every earlier one, and
//! whatever changed in it carries that instant as `changedAt`. `updated_since` compares with it
//! alone, so a reader that remembers the greatest it saw misses nothing, however clocks disagree.
//! `updatedAt` is served as the later of upstream's and ours; since nothing is served before
//! upstream changed it, that is ours, also when upstream's clock runs ahead.
//!
//! # Latest
//! `isLatest` is computed among what is visible, never copied: upstream's latest may be hidden.

mod catalogue;
mod cursor;
mod document;
mod item;
mod latest;
mod ledger;
mod page;
mod query;
mod shelf;
mod texts;

pub use crate::model::{LedgerEntry, LedgerRecord, Shown};
pub use catalogue::{Candidate, Catalogue, Draft, Loaded, NameUpdate};
pub use cursor::{BadCursor, Cursor};
pub use document::Facts;
pub use item::{Item, Source, Tag};
pub use ledger::Ledger;
pub use page::Page;
pub use query::{Query, VersionFilter};

pub use shelf::Slot;

#[cfg(test)]
mod tests;
