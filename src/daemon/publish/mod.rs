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
//! the upstream replaces between evaluation and rendering is rendered as it was evaluated. After a
//! failure everything is loaded and rendered again; the published generation stays until then. Names
//! that are marked in the store are read every five seconds: a commit may have succeeded although it
//! reported an error, and then nothing else reports them.
//!
//! # What a crash leaves
//! Ledger, authorities, `holds_until` and the settled marks are committed in one transaction before
//! the generation is swapped; after a crash between the two the restart builds the same generation.
//! A start evaluates every name that could be visible.
//!
//! # Readers
//! The API takes the current generation; screening follows its number, and verification asks whether
//! a name is served.

mod candidates;
mod generation;
mod handle;
mod name_alerts;
mod open_alerts;
mod publisher;
mod service;
mod state;
mod view;

pub use generation::Published;
pub(crate) use handle::Publication;
pub(super) use service::{Inputs, publish};

#[cfg(test)]
mod evaluator_tests;
#[cfg(test)]
mod publisher_tests;
#[cfg(test)]
mod state_tests;
