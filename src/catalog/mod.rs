//! The catalogue that clients read: documents, their order, search, pages, and the ledger of served
//! entries.
//!
//! A [`Catalogue`] is one generation. It is immutable, shared by every reader, and has only the
//! visible entries and the tombstones of those that are not served any more. The next generation is
//! built from the previous one, the names that changed and the [`Ledger`]. The result is a catalogue
//! and the changes of the ledger; the caller commits the changes before a reader sees the catalogue.
//!
//! # Timestamps
//! Every generation that changes something has one timestamp, greater than every earlier one, and
//! every changed item carries it as `changedAt`. `updated_since` compares with it alone, so a reader
//! that remembers the greatest timestamp misses nothing, even if clocks disagree.
//!
//! # Forms
//! Lists and single entries carry upstream's `updatedAt`, which editors show as the last release. It is
//! never later than ours. Answers to `updated_since` carry `changedAt` in its place. One JSON is kept, that
//! of the single entry: a list takes a prefix of it, and `updated_since` exchanges the two times.
//!
//! # Latest
//! `isLatest` is computed among visible versions, never copied: upstream's latest may be hidden.

mod catalogue;
mod cursor;
mod document;
mod draft;
mod facts;
mod index;
mod item;
mod latest;
mod ledger;
mod page;
mod query;
mod search;
mod writer;

pub use crate::model::{LedgerEntry, LedgerRecord, Shown};
pub use catalogue::{Candidate, Catalogue, Loaded, NameUpdate};
pub use cursor::{BadCursor, Cursor};
pub use draft::Draft;
pub use facts::Facts;
pub use item::{Form, Item, Source, Tag};
pub use latest::latest_of;
pub use ledger::Ledger;
pub use page::Page;
pub use query::{Query, VersionFilter};

pub use index::IndexedItem;

#[cfg(test)]
mod tests;
