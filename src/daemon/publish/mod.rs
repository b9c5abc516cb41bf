//! Publishes generations: evaluates the names that a change affects, renders the changed entries,
//! commits the ledger's difference, and swaps all views as one.
//!
//! # What is kept
//! In memory: the stored names, the ledgers, the catalogues, the alerts about single names, the
//! withheld names, and the times at which time alone changes an evaluation. All of it is built from
//! the store at each start. Heads and evaluations are not kept.
//!
//! # How it changes
//! `state` is pure and selects the names to evaluate: the difference between its inputs and those
//! that the last generation was committed under. A publication reads one snapshot, so an entry that
//! the upstream replaces between evaluation and rendering is rendered as it was evaluated. Names that
//! are marked in the store are read every five seconds: a commit of rows may have succeeded although it
//! reported an error, and then nothing else reports them.
//!
//! # What hides does not wait for the store
//! What leaves a view is taken from the published generation before the ledger is committed; its
//! tombstones are shown after the commit and carry its time, so a reader of changes misses none. When
//! the commit fails, the entries stay hidden, and the publication is tried again after a wait. It is
//! unknown if the store has the changes of a commit that failed, so the ledgers of these names are read
//! again. What a policy denies for every upstream is hidden from memory as soon as the policy is the
//! current one, also while a publication under an earlier policy is under way.
//!
//! # What a crash leaves
//! Ledger, authorities, `holds_until` and the settled marks are committed in one transaction before
//! anything new is shown; after a crash between the two the restart builds the same generation.
//! A start evaluates every name that could be visible.
//!
//! # Readers
//! The API takes the current generation; screening follows its number, and verification asks whether
//! a name is served.

mod candidates;
mod described;
#[cfg(test)]
mod drive_tests;
mod generation;
mod handle;
mod history;
mod lifecycle_alerts;
mod name_alerts;
mod newness;
mod open_alerts;
mod package_alerts;
mod publisher;
mod renames;
mod service;
mod state;
mod view;
mod waiting;

pub(super) use described::{LatestUpstream, SuccessorViews, Successors, load};
#[cfg(test)]
pub(super) use drive_tests::{PublishDrive, Turn};
pub use generation::Published;
pub(crate) use handle::Publication;
pub(super) use service::{Inputs, enforce_denials, publish};

#[cfg(test)]
mod evaluator_tests;
#[cfg(test)]
mod publisher_tests;
#[cfg(test)]
mod state_tests;
